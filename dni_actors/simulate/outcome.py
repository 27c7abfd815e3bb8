"""What a simulated rule comes to: figures for the table."""

from dataclasses import replace
from typing import NamedTuple

from dni_actors.nn.streams import Stream, generator
from dni_actors.simulate import events
from dni_actors.simulate.cycle import critical, loads
from dni_actors.simulate.rivals import Together
from dni_actors.simulate.setting import DEATHS, LONG, SHORT, Setting
from dni_actors.simulate.words import CHAINS, LAGGED
from dni_actors.timing import recurrence
from dni_actors.timing.lag import least, trips
from dni_actors.timing.scene import SECOND, Scene, Times

WINDOW = 4000  # ticks, at most, that the critical path is followed back; boxes times ticks: CELLS
CELLS = 8_000_000
RARE = 0.1  # share of the time between two deaths that one may cost, for costs to be added up
SHORTEST = 40  # run, in ticks, of which one can tell how steady it is
STEADY = 0.1  # by which the last quarter of a run may differ from the one before it
MB = 1e6


class Outcome(NamedTuple):
    """Of one rule, over all repeats."""

    update: str
    lag: int | None
    """None for rules that have none"""
    ticks_per_second: float
    """without failures, the first half of the run left out; mean of all repeats"""
    least: float
    most: float
    """of all repeats"""
    goodput: float
    """with failures: ticks that count by all the time they took, in ticks a second"""
    utilisation: float
    """share of its time that a box works, on average"""
    memory_mb: float
    """that a box keeps for ticks under way, on average"""
    link_mb: float
    """that a box sends in a tick, on average"""
    critical: str
    """what the length of a tick comes from"""
    ticks: int
    """that were simulated, without failures"""
    steady: bool
    """whether the chain had become as fast as it will be"""


def simulate(setting: Setting, update: str) -> Outcome:
    """A rule, with as many seeds as asked for."""
    rates, used, goodput, name, steady, ticks = [], [], [], "", True, setting.length(update)
    for seed in range(setting.seed, setting.seed + setting.repeated(update, ticks)):
        scene = setting.scene(update, seed, failures=False)
        times = run(setting, scene, update, ticks)
        period = times.period
        rates.append(SECOND / period)
        used.append(float(scene.means.total.mean()) / period)
        name = name or named(setting, scene, update, times, period)
        steady = steady and (update not in CHAINS or is_steady(times))
        if setting.failures_per_hour:
            goodput.append(with_failures(setting, update, seed, times))
    memory, sent = sizes(setting, update)
    return Outcome(
        update=update,
        lag=setting.lag if update in LAGGED else None,
        ticks_per_second=mean(rates),
        least=min(rates),
        most=max(rates),
        goodput=mean(goodput or rates),
        utilisation=mean(used),
        memory_mb=memory / MB,
        link_mb=sent / MB,
        critical=name,
        ticks=ticks,
        steady=steady,
    )


def run(setting: Setting, scene: Scene, update: str, ticks: int, traced: events.Traced | None = None) -> Times:
    """By the engine that can do it: the faster one, if nothing is shared."""
    window = max(1, min(ticks, WINDOW, CELLS // scene.boxes))
    if update not in CHAINS:
        every = 1 if update == "data-parallel" else setting.diloco_every
        workers = Together(scene, every, setting.sending(setting.weight_bytes * setting.boxes))
        return recurrence.run(scene, ticks, chain=workers)
    if (scene.nodes is not None and scene.nodes.limit) or traced is not None:
        return events.run(scene, ticks, window, traced)
    return recurrence.run(scene, ticks, window)


def is_steady(times: Times) -> bool:
    """Whether the last quarter of a run took about as long as the one before; of short runs nobody can tell."""
    if len(times.finished) < SHORTEST:
        return True
    half, last = (int(times.finished[-1 - len(times.finished) * back // 4]) for back in (2, 1))
    before, after = last - half, int(times.finished[-1]) - last
    return abs(after - before) <= STEADY * before


def with_failures(setting: Setting, update: str, seed: int, calm: Times) -> float:
    """Ticks a second that count. `calm`: what happens without failures.

    Deaths that are rare fall into no simulation of some seconds. So what a single one costs is found first, at a random
    instant of the calm run's second half: how much later the same ticks are done. If that is a small part of the time
    between two deaths, the costs of all deaths add up; else a run with all of them is simulated.
    """
    scene, period = setting.scene(update, seed, failures=True), calm.period
    assert scene.failures is not None
    end = int(calm.finished[-1])
    death = round(end * generator(seed, Stream.UPDATES, 2).uniform(0.5, 1))
    once = run(setting, replace(scene, failures=scene.failures._replace(only=death)), update, len(calm.finished))
    lost = (int(once.finished[-1]) - end) / scene.failures.every
    if lost <= RARE:
        return SECOND / period * (1 - lost)
    needed = DEATHS * scene.failures.every / period
    ticks = setting.ticks or setting.affordable(update, int(min(LONG, max(SHORT, needed))))
    times = run(setting, scene, update, ticks)
    return SECOND * len(times.finished) / times.elapsed


def named(setting: Setting, scene: Scene, update: str, times: Times, period: float) -> str:
    """The critical cycle."""
    if update in CHAINS:
        return critical(scene, times.late, len(times.finished), period)
    alone = {name: load for name, load in loads(scene).items() if name.startswith(("box", "the cores"))}
    slowest = max(alone, key=alone.__getitem__)
    if period > 2 * alone[slowest]:
        return "the exchange of all weights"
    return "the slowest worker, which all wait for" if slowest.startswith("box") else slowest


def sizes(setting: Setting, update: str) -> tuple[float, float]:
    """Bytes that a box keeps for ticks under way, and that it sends in a tick; on average."""
    message, boxes, weights = setting.message_bytes, setting.boxes, setting.weight_bytes
    if update not in CHAINS:
        parties = setting.nodes or boxes  # as in rivals.py
        exchange = 2 * (parties - 1) * weights
        return boxes * weights, exchange / (1 if update == "data-parallel" else setting.diloco_every)
    states = message * (boxes - 1) / boxes
    kept = {"synthetic": setting.lag, "local": 0, "delayed": setting.lag * (boxes - 1) / 2 + 1}.get(update, 1)
    return kept * message, states * (1 if update == "local" else 2)


def least_lag(setting: Setting, update: str) -> int:
    """The least lag with which a chain is as fast as the target asks for, of what an unlimited lag gives."""
    assert setting.target is not None
    scene = setting.scene(update, setting.seed, failures=False)

    def rate(lag: int) -> float:
        tried = replace(setting, lag=lag, repeats=1, failures_per_hour=0)
        return simulate(tried, update).ticks_per_second / SECOND

    return least(rate, float(trips(scene).max(initial=0)), max(loads(scene).values()), setting.target)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)
