"""The critical cycle: what a tick's length comes from, by name.

Each tick of the last box to end is followed back in time: to the box before, where the state was late; L ticks back, to
the box after, where the gradient was; else to the box's own tick before. So every tick is accounted for by a box or by
a boundary, and the one that accounts for most ticks is the critical cycle (in the words of max-plus algebra, Baccelli
et al. 1992, the cycle with the largest mean; random costs have the path wander between cycles). What boxes share is
critical where it is busy all the time.
"""

import math
from collections import Counter

import numpy as np

from dni_actors.timing.lag import trips
from dni_actors.timing.scene import Late, Scene

BUSY = 0.95  # share of time, or of ticks, from which on something is what the chain waits for
QUEUED = 0.3  # share of time on the critical path from which on waiting for cores is the cause
FEW = 0.2  # share of boxes up to which they are told from the others
MANY = 0.3  # share of ticks below which it is no single box or boundary


def critical(scene: Scene, late: Late, ticks: int, period: float) -> str:
    """In words. `period`: nanoseconds that a tick takes."""
    if scene.boxes == 1:
        return "box 0's own work"
    if scene.update == "locked":
        links = (2 * scene.latency.sum()) / period
        pieces = f" in {scene.pieces} pieces" if scene.pieces > 1 else ""
        return f"the pass through all boxes and back{pieces}, {min(1, links):.0%} of it on links"
    if shared := busiest(scene, period):
        return shared
    own, crossed, queued = path(late, scene.lag, ticks)
    if scene.nodes is not None and queued.total() > QUEUED * period * (own.total() + crossed.total()):
        return f"the cores of node {scene.nodes.of_box[queued.most_common(1)[0][0]]}"
    covered = own.total() + crossed.total()
    of, told = (own, own_work) if own.total() >= crossed.total() else (crossed, round_trip)
    slow = slowest(scene)
    if len(slow) > 1 and sum(own[k] for k in slow) > BUSY * covered:
        return f"the own work of the {len(slow)} slowest boxes"
    k, most = of.most_common(1)[0]
    if most > BUSY * covered:
        return told(scene, k)
    if most > MANY * covered:
        return f"{told(scene, k)} (in {most / covered:.0%} of the ticks)"
    if of is own:
        return "the own work of many boxes, now one, now another, as costs vary"
    k = int(trips(scene).argmax())
    return f"the round trips over many boundaries, as costs vary: {lacking(scene, k)}"


def own_work(scene: Scene, k: int) -> str:
    total = scene.means.total
    return "the boxes' own work" if (total == total[0]).all() else f"box {k}'s own work"


def slowest(scene: Scene) -> list[int]:
    """Boxes with about as much work as any, if they are a small part of all."""
    total = scene.means.total
    found: list[int] = np.flatnonzero(total >= BUSY * total.max()).tolist()
    return found if len(found) <= FEW * scene.boxes else []


def round_trip(scene: Scene, k: int) -> str:
    """Over boundary k."""
    return f"the round trip over boundary {k}: {lacking(scene, k)}"


def lacking(scene: Scene, k: int) -> str:
    """How much larger the lag should be for boundary k, by the means of all costs."""
    trip = trips(scene)[k] / max(loads(scene).values())
    missing = math.ceil(trip) - scene.lag
    return f"lag {scene.lag} is too small by {missing}" if missing > 0 else f"lag {scene.lag} is enough on average"


def loads(scene: Scene) -> dict[str, float]:
    """Mean nanoseconds a tick that each thing is needed for which can do but one thing at a time."""
    total = scene.means.total
    found = {f"box {k}'s own work": float(of) for k, of in enumerate(total)}
    nodes, sending = scene.nodes, scene.sending
    if nodes is None:
        return found | {f"the bandwidth at boundary {k}": float(of) for k, of in enumerate(sending)}
    placed = np.array(nodes.of_box)
    if nodes.cores is not None:
        awake = total - scene.sleeps.sum(axis=0)
        found |= {f"the cores of node {i}": float(awake[placed == i].sum() / nodes.cores) for i in set(nodes.of_box)}
    crosses = placed[:-1] != placed[1:]
    if nodes.shared_uplink:
        for i in set(nodes.of_box):
            states = sending[crosses & (placed[:-1] == i)].sum()
            found[f"the uplink of node {i}"] = float(states + scene.gradient_sending[crosses & (placed[1:] == i)].sum())
    else:
        found |= {f"the bandwidth at boundary {k}": float(of) for k, of in enumerate(sending * crosses)}
    return found


def busiest(scene: Scene, period: float) -> str | None:
    """What boxes share, if it is busy all the time."""
    shared = {name: load for name, load in loads(scene).items() if not name.startswith("box")}
    name = max(shared, key=shared.__getitem__)
    return name if shared[name] > BUSY * period and shared[name] >= scene.means.total.max() else None


def path(late: Late, lag: int, ticks: int) -> tuple[Counter[int], Counter[int], Counter[int]]:
    """Ticks that are accounted for by each box, and by each boundary, within what `late` reaches back; and nanoseconds
    for which boxes on this way waited for a core."""
    own, crossed, queued = Counter[int](), Counter[int](), Counter[int]()
    window, boxes = late.state.shape
    k, n = boxes - 1, ticks - 1
    while n >= max(0, ticks - window):
        queued[k] += int(late.queue[n % window, k])
        if late.state[n % window, k]:
            k -= 1
        elif late.gradient[n % window, k]:
            crossed[k] += lag
            k, n = k + 1, n - lag
        else:
            own[k] += 1
            n -= 1
    return own, crossed, queued
