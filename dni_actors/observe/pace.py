"""A run's pace, simulated: what its boxes, links and cores would make of another lag (timing/)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.observe.spent import Cost
from dni_actors.protocol.layout import on_the_line
from dni_actors.timing.lag import least_lag, period
from dni_actors.timing.scene import SECOND, Rule, Scene, Work, no_noise, uniform, whole

THIRDS = ("forward", "backward", "update")  # emulated work falls on these


class Pace(NamedTuple):
    """Of K boxes; times are seconds."""

    rule: Rule
    costs: tuple[Cost, ...]
    links: tuple[float, ...]
    """[K-1] there and back; without `line`"""
    line: float
    """for which a tick's states occupy a narrow link"""
    work: tuple[float, float]
    """that is emulated: least and most, part of `costs`"""
    delay: tuple[float, float]
    """one way that is emulated: least and most, part of `links`"""
    cores: float

    def scene(self, lag: int, noise: Array | None = None) -> Scene:
        """`noise`: factors by which work that is not emulated differs from tick to tick.

        Boxes that share cores work in turns: every phase takes longer, as much as a whole tick does.
        """
        boxes, third = len(self.costs), sum(self.work) / 2 / len(THIRDS)
        needed = sum(cost.cpu for cost in self.costs) / self.cores
        stretch = max(1.0, needed / max(cost.tick for cost in self.costs))
        phases = [(of.prepare, of.train, of.forward, 0.0, of.backward, of.update) for of in self.costs]
        asleep = [np.full(boxes, third * (name in THIRDS)) for name in Work._fields]
        latency = np.array(self.links) / 2
        own = max(0.0, float(latency.mean() if boxes > 1 else 0.0) - sum(self.delay) / 2)
        return Scene(
            update=self.rule,
            lag=lag,
            pieces=1,
            work=Work(*whole(np.array(phases).T * stretch * SECOND)),
            asleep=Work(*whole(np.array(asleep) * SECOND)),
            latency=whole(latency * SECOND),
            sending=np.full(boxes - 1, round(self.line * SECOND)),
            noise=no_noise() if noise is None else noise,
            emulated=uniform(*self.work),
            jitter=uniform(own + self.delay[0], own + self.delay[1]),
            warm=True,
        )


def pace(config: RunConfig, costs: Sequence[Cost], links: Sequence[float], cores: float) -> Pace:
    """Of a run whose boxes cost so much, with links as above."""
    rule = "truncated" if config.learning.update == "noise" else config.learning.update  # which take as long
    line, _ = on_the_line(config)
    work, delay = config.compute_delay, config.link_delay
    return Pace(rule, tuple(costs), tuple(links), line, work, delay, cores)


class Better(NamedTuple):
    """A larger lag, or the same."""

    lag: int
    now: float
    """seconds a tick, simulated"""
    then: float


@lru_cache(maxsize=8)
def larger(of: Pace, lag: int) -> Better:
    """The least lag that is enough, if that is more. Cached, because the live console asks for it with every frame."""
    enough = max(lag, least_lag(of.scene(lag)))
    return Better(enough, *(period(of.scene(one)) / SECOND for one in (lag, enough)))
