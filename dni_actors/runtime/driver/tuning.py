"""`--lag auto`: measures links and boxes with two short runs, and simulates which lag is enough (timing/lag.py).

Run in lock-step, only one box works at a time: what a box waits beyond the work of those after it is its link, there
and back, and no two machines' clocks are compared. Run as they will be, boxes tell what each phase of theirs costs, in
CPU time and emulated work, which other boxes on the same cores do not distort; and how much that varies, which takes a
larger lag than the means alone would.
"""

import math
import statistics
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.observe.events import Row, Status, Tuned
from dni_actors.observe.pace import pace
from dni_actors.observe.spent import Cost
from dni_actors.protocol.layout import on_the_line
from dni_actors.runtime import Runtime
from dni_actors.timing.lag import busy, least_lag, trips
from dni_actors.timing.scene import SECOND, table

LOCKED_TICKS, OWN_TICKS = 12, 24
ALONE: dict[str, Any] = {"evaluate_every": 0, "probe_every": 0, "trace": "off"}  # nothing beside the ticks
FAST_LINKS: dict[str, Any] = {"link_delay_ms": "0", "link_mbps": 0.0}
PLAIN: dict[str, Any] = {
    "weights": "own",
    "unlock": "backward",
}  # what a locked chain can be; its messages are the same
WARM = 4  # ticks left out at the beginning


def tune(config: RunConfig, runtime: Runtime) -> Tuned:
    """What `auto` comes to for this configuration, on these machines, now."""
    locked = measure(config.changed(update="locked", ticks=LOCKED_TICKS, **PLAIN, **ALONE), runtime)
    # What a `delayed` box computes is what a `truncated` one does, but only after many ticks of warming up.
    rule = "truncated" if config.learning.update == "delayed" else config.learning.update
    # Boxes that mostly wait, for a slow link, take up to twice as long a tick as those that are kept at work.
    own = measure(config.changed(update=rule, lag=2, ticks=OWN_TICKS, **FAST_LINKS, **ALONE), runtime)
    links = [max(0.0, link - sum(on_the_line(config))) for link in links_of(locked)]
    found = pace(config, [cost(rows) for rows in own], links, runtime.cores).scene(1, varying(own))
    # Where states are taken late, too, a round trip may take two lags.
    lags = 2 if config.learning.unlock == "full" else 1
    return Tuned(
        lag=math.ceil(least_lag(found) / lags), round_trip=float(trips(found).max()) / SECOND, busy=busy(found) / SECOND
    )


def measure(config: RunConfig, runtime: Runtime) -> list[list[Row]]:
    """A short run: each box's rows, one for a tick, without the first ones."""
    rows: list[list[Row]] = [[] for _ in range(config.boxes)]
    with closing(runtime.run(config)) as events:
        for event in events:
            if isinstance(event, Status):
                rows[event.box] += event.rows
    return [of_box[WARM:] for of_box in rows]


def cost(rows: Sequence[Row]) -> Cost:
    """What a box's tick costs: medians."""
    return Cost(
        prepare=statistics.median(row.prepare_seconds for row in rows),
        train=statistics.median(row.train_seconds for row in rows),
        forward=statistics.median(row.forward_seconds for row in rows),
        backward=statistics.median(row.synthesize_seconds + row.backward_seconds for row in rows),
        update=statistics.median(row.update_seconds for row in rows),
        cpu=statistics.median(row.cpu_seconds for row in rows),
    )


def varying(own: Sequence[Sequence[Row]]) -> Array:
    """Factors by which the work of single ticks differs from their box's median, but for the rarest tenth."""
    seconds = [np.array([row.cpu_seconds for row in rows]) for rows in own]
    factors = np.sort(np.concatenate([of / np.median(of) for of in seconds]))
    rare = len(factors) // 20
    return table(factors[rare : len(factors) - rare])


def links_of(locked: Sequence[Sequence[Row]]) -> list[float]:
    """Per boundary, seconds there and back: a box's wait in lock-step, less work and wait of the box after it."""
    waits = [statistics.median(row.wait_gradient_seconds for row in rows) for rows in locked[:-1]] + [0.0]
    works = [statistics.median(row.forward_seconds + row.backward_seconds for row in rows) for rows in locked]
    return [max(0.0, waits[k] - works[k + 1] - waits[k + 1]) for k in range(len(locked) - 1)]
