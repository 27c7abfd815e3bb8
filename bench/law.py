"""The lag law: how long a tick takes, from what each box costs and how slow each link is, where neither varies.

In closed form it is what benches draw beside what they measure, and what tests hold the engines against
(tests/simulate/test_law.py). `--lag auto` and the advice go by the engine (dni_actors/timing).

With s = train synthesizer, f = forward until the put, b = synthesize and backward until the put, u = update of a box,
c = s + f + b + u, and d the one-way delays of a boundary, there and back:

    synthetic, delayed  max( max_k c_k, max_k (f_k + f_k+1 + b_k+1 + s_k + d_there + d_back) / L,
                             sum_k cpu_k / cores, w )
    locked              sum_k (f_k + b_k) + sum_k (d_there + d_back) + u
    GPipe, M pieces     (M + K - 1) / M  max_k (f_k + b_k) + sum_k (d_there + d_back) + u

w: seconds that a tick's messages occupy a link one way, where links carry only so much; no lag hides them.
Boxes that share cores work in turns: what they do in a round trip then takes longer, as much as a whole tick does.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from dni_actors.observe.spent import Cost


def busy(costs: Sequence[Cost], cores: float = math.inf) -> float:
    """Seconds a tick takes at best: as long as the slowest box works, or as the cores need for all of them."""
    return max(max(cost.tick for cost in costs), sum(cost.cpu for cost in costs) / cores)


def round_trips(costs: Sequence[Cost], links: Sequence[float], cores: float = math.inf) -> list[float]:
    """Per boundary: seconds from the put of a state to the end of learning from its gradient; links there and back."""
    stretch = busy(costs, cores) / busy(costs)
    return [
        stretch * (here.forward + there.forward + there.backward + here.prepare + here.train) + link
        for (here, there), link in zip(pairwise(costs), links, strict=True)
    ]


def decoupled_period(
    costs: Sequence[Cost], links: Sequence[float], lag: int, cores: float = math.inf, line: float = 0.0
) -> float:
    """Seconds a tick takes under `synthetic`, `truncated` and `delayed`; `line`: those that its messages occupy a
    link."""
    return max(busy(costs, cores), line, *(trip / lag for trip in round_trips(costs, links, cores)), 0.0)


def locked_period(costs: Sequence[Cost], links: Sequence[float], pieces: int = 1) -> float:
    """Seconds a tick takes under `locked`, its mini-batch in M pieces; with cores enough for all boxes."""
    passes = [cost.forward + cost.backward for cost in costs]
    flow = sum(passes) if pieces == 1 else (pieces + len(costs) - 1) / pieces * max(passes)
    return flow + sum(links) + max(cost.update for cost in costs)


def least_lag(
    costs: Sequence[Cost], links: Sequence[float], cores: float = math.inf, lags: int = 1, line: float = 0.0
) -> int:
    """The smallest lag with which no box waits for a gradient longer than the slowest box, the cores or a link that
    carries only so much (`line`, as above) make it.

    `lags`: how many of them a round trip may take; 2 where states are taken late, too (`--unlock full`).
    """
    period = max(busy(costs, cores), line)
    return max(1, *(math.ceil(trip / lags / period) for trip in round_trips(costs, links, cores)), 1)
