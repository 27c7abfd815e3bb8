"""`--lag auto`: measures the links and the boxes with two short runs, and takes the least lag that the lag law allows.

Run in lock-step, only one box works at a time: what a box waits beyond the work of those after it is its link, there
and back, and no two machines' clocks are compared. Run as they will be, boxes tell what each phase of theirs costs, in
CPU time and emulated work, which other boxes on the same cores do not distort.
"""

import statistics
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Row, Status, Tuned
from dni_actors.observe.law import Cost, busy, least_lag, round_trips
from dni_actors.protocol.layout import on_the_line
from dni_actors.runtime import Runtime

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
    costs = [cost(rows) for rows in own]
    links, line = links_of(locked), max(on_the_line(config))
    return Tuned(
        lag=least_lag(costs, links, runtime.cores, 2 if config.learning.unlock == "full" else 1, line),
        round_trip=max(round_trips(costs, links, runtime.cores)),
        busy=max(busy(costs, runtime.cores), line),
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
        train=statistics.median(row.prepare_seconds + row.train_seconds for row in rows),
        forward=statistics.median(row.forward_seconds for row in rows),
        backward=statistics.median(row.synthesize_seconds + row.backward_seconds for row in rows),
        update=statistics.median(row.update_seconds for row in rows),
        cpu=statistics.median(row.cpu_seconds for row in rows),
    )


def links_of(locked: Sequence[Sequence[Row]]) -> list[float]:
    """Per boundary, seconds there and back: a box's wait in lock-step, less work and wait of the box after it."""
    waits = [statistics.median(row.wait_gradient_seconds for row in rows) for rows in locked[:-1]] + [0.0]
    works = [statistics.median(row.forward_seconds + row.backward_seconds for row in rows) for rows in locked]
    return [max(0.0, waits[k] - works[k + 1] - waits[k + 1]) for k in range(len(locked) - 1)]
