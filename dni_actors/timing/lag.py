"""Which lag is enough: the least one with which a chain is about as fast as with any other.

`simulate --target`, `--lag auto` and the advice of a run all find it here.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from dni_actors.nn.arrays import Array
from dni_actors.timing import recurrence
from dni_actors.timing.scene import Scene

ENOUGH = 0.95  # share of the speed that an unlimited lag gives
AMPLE = 8  # times what is enough where costs do not vary: as good as unlimited
TICKS, ROUNDS = 1000, 20  # of a simulated run, at least: ticks; and lags, for what repeats after each lag


def trips(scene: Scene) -> Array:
    """[K-1] mean nanoseconds of the round trip over each boundary: from the start of the forward pass that makes a
    state to the end of learning from the gradient that answers it."""
    work = scene.means
    back = work.synthesize + work.backward
    links = 2 * scene.latency + scene.sending + scene.gradient_sending
    return links + work.forward[:-1] + work.forward[1:] + back[1:] + work.train[:-1]


def busy(scene: Scene) -> float:
    """Mean nanoseconds that a tick takes at least: those for which the slowest box, or link, has work."""
    return float(max(scene.means.total.max(), scene.sending.max(initial=0)))


def period(scene: Scene) -> float:
    """Nanoseconds that a tick takes, by engine 1: without shared cores."""
    whole = ROUNDS * scene.lag
    return recurrence.run(scene, whole * math.ceil(max(TICKS, scene.boxes) / whole)).period


def least_lag(scene: Scene, share: float = ENOUGH) -> int:
    """The least lag with such a share of the speed of an unlimited one; without shared cores."""
    longest = float(trips(scene).max(initial=0))
    return least(lambda lag: 1 / period(replace(scene, lag=lag)), longest, busy(scene), share)


def least(rate: Callable[[int], float], longest: float, shortest: float, share: float) -> int:
    """The same by whatever engine. `rate`: ticks a nanosecond with a lag; `longest`: mean nanoseconds of the longest
    round trip; `shortest`: those that a tick takes at least."""
    high = AMPLE * (1 + math.ceil(longest / max(1.0, shortest)))
    enough = share * rate(high)
    low, step = max(0, math.ceil(enough * longest) - 2), 1  # in L ticks there is time for a round trip
    while low + step < high and rate(low + step) < enough:
        low, step = low + step, 2 * step
    high = min(high, low + step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rate(middle) >= enough else (middle, high)
    return high
