"""What boxes cost on this machine, from short runs: what bench/simulation.py predicts other runs from.

    python -m bench.calibration [--rounds 5]          measures anew what `simulate --costs shipped` takes

Calibration runs have four boxes, with few and with many time steps: what a phase costs with others lies on the lines
between (not on one line: with many steps the arrays leave the core's own cache). Each update rule has runs of its own,
since their boxes compute different things. Means are of CPU time, which other boxes on the same cores do not distort.
The way of a message is known from a run in lock-step, in which only one box works at a time: in others it also waits
until its receiver has a core, which the simulation adds.

Boxes that share a core need more CPU time for the same work, for their data leave its cache. So two boxes that have a
core each are measured, too.
Cores also serve other threads of the boxes' processes and the driver that asks for reports. What the rest of the
machine takes no simulation can know: it is measured during each run, and given.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.measure import cpu_seconds
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.nn.arrays import Array
from dni_actors.observe.events import Row, Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.runtime import Runtime, started
from dni_actors.simulate import costs
from dni_actors.simulate.costs import DELAYED, Measured, keep, read
from dni_actors.timing.scene import SECOND, Work, whole

UNROLLS = (7, 7, 7, 7), (2, 12, 2, 12), (1, 1, 25, 1)  # time steps of the boxes of calibration runs
PAIR = 8, 20  # of a run of two boxes
BOXES, MIDDLE, LAST, LAG = 4, (1, 2), 3, 4
TRACED: dict[str, Any] = {"name": "calibration", "console": "quiet", "trace": "full"}
SAMPLE_EVERY = 0.25  # seconds between two looks at what the machine does
HERTZ = os.sysconf("SC_CLK_TCK")


class Beside(NamedTuple):
    """Cores, on average, that were busy with something else than the boxes' own threads."""

    box: float
    """other threads of a box's process, and the driver's part for it"""
    rest: float
    """everything else on the machine"""


class Ran(NamedTuple):
    """A real run, its first tenth left out."""

    rate: float
    """ticks a second"""
    cpu: Array
    """[6, K] seconds of CPU that each phase takes in a tick, without emulated work"""
    beside: Beside


class Calibration(NamedTuple):
    """Of one update rule. Seconds."""

    steps: Array
    """[P] numbers of time steps that were measured, in order"""
    middle: Array
    """[6, P] what phases of boxes in the middle cost with so many"""
    more: Array
    """[6, 3] what the first box costs more, one in the middle (nothing), and the last"""
    box: float
    """cores that each box takes beside its own thread"""
    warm: float
    """share of all this that boxes take which have a core of their own: their data stay in its cache"""

    def cpu(self, steps: Sequence[int]) -> Array:
        """[6, K] seconds of each phase of boxes with so many time steps: straight lines between what was measured, and
        beyond."""
        place = np.clip(np.searchsorted(self.steps, steps), 1, len(self.steps) - 1)
        low, high = self.steps[place - 1], self.steps[place]
        share = (np.array(steps) - low) / (high - low)
        between = (1 - share) * self.middle[:, place - 1] + share * self.middle[:, place]
        role = [0, *[1] * (len(steps) - 2), 2]
        return np.maximum(0.0, between + self.more[:, role])


class Ways(NamedTuple):
    """Of messages, and how work varies."""

    latency: float
    """seconds"""
    noise: Array
    """table of factors for work"""


def watched(running: Runtime, config: RunConfig) -> Ran:
    """A run, and what else the machine did meanwhile."""
    standing, rows, looks, pids = Standing(config), list[Row](), list[Array](), list[int]()
    with closing(running.run(config)) as events:
        for event in events:
            standing.take(event)
            if isinstance(event, Started):
                pids = sorted({place.pid for place in event.places})
            elif isinstance(event, Status):
                rows += event.rows
                if config.ticks // 10 <= standing.ticks < config.ticks:
                    now = time.perf_counter()
                    if not looks or now - looks[-1][0] >= SAMPLE_EVERY:
                        threads = sum(status.cpu_seconds for status in standing.statuses)
                        looks.append(
                            np.array([now, machine_seconds(), cpu_seconds(pids), time.process_time(), threads])
                        )
    first = config.ticks // 10
    cpu = np.array([[mean(rows, k, name, first) for k in range(config.boxes)] for name in Work._fields])
    return Ran(standing.ticks_per_second, cpu, beside(looks, config.boxes))


def mean(rows: Sequence[Row], box: int, phase: str, first: int) -> float:
    """Seconds of CPU of a box's phase in a tick."""
    mine = [row for row in rows if row.box == box and row.first_tick >= first]
    ticks = sum(row.last_tick + 1 - row.first_tick for row in mine)
    asleep = sum(row.delay_seconds for row in mine) / len(DELAYED) if phase in DELAYED else 0.0
    return float((sum(getattr(row, f"{phase}_seconds") for row in mine) - asleep) / ticks)


def beside(looks: Sequence[Array], boxes: int) -> Beside:
    """From the first look to the last."""
    if len(looks) < 2:
        return Beside(0.0, 0.0)
    seconds, machine, processes, driver, threads = looks[-1] - looks[0]
    return Beside(
        max(0.0, processes + driver - threads) / boxes / seconds, max(0.0, machine - processes - driver) / seconds
    )


def machine_seconds() -> float:
    """CPU time that all processes of the machine have used so far."""
    fields = [int(of) for of in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / HERTZ


def calibrated(running: Runtime, config: Callable[..., RunConfig], rule: str) -> Calibration:
    """From a run with each of UNROLLS. `config` makes that of a run with a rule and an unroll."""
    ran = [watched(running, config(rule, unroll)) for unroll in UNROLLS]
    cpu = {
        (steps, k): one.cpu[:, k] for unroll, one in zip(UNROLLS, ran, strict=True) for k, steps in enumerate(unroll)
    }
    steps = sorted({steps for steps, _ in cpu})
    middle = {of: np.mean([cpu[of, k] for k in MIDDLE if (of, k) in cpu], axis=0) for of in steps}
    more = [np.mean([cost - middle[of] for (of, k), cost in cpu.items() if k == end], axis=0) for end in (0, LAST)]
    box = statistics.median(one.beside.box for one in ran)
    columns, ends = np.array([middle[of] for of in steps]).T, np.array([more[0], 0 * more[0], more[1]]).T
    shared = Calibration(np.array(steps), columns, ends, box, warm=1.0)
    pair = watched(running, config(rule, PAIR))
    return shared._replace(warm=float(pair.cpu.sum() / shared.cpu(PAIR).sum()))


def ways(running: Runtime, config: Callable[..., RunConfig]) -> Ways:
    """From a run in lock-step."""
    found = recorded(running, config("locked", UNROLLS[0], **TRACED))
    return Ways(float(found.latency.mean()) / SECOND, found.noise)


def recorded(running: Runtime, config: RunConfig) -> Measured:
    """What the record of a run tells; the record is gone then."""
    with tempfile.TemporaryDirectory() as storage:
        return read(str(run(config.changed(storage=storage), running).path))


def main() -> None:
    """Costs of a small chain on this machine: work from runs as they are, ways and how work varies from lock-step."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--output", default=str(Path(costs.__file__).with_name("shipped.json")))
    chosen = options.parse_args()
    common: dict[str, Any] = {"task": "rows", "boxes": BOXES, "hidden": 64, "batch": 32, "evaluate_every": 0}
    config = RunConfig.of(**common, lag=LAG, ticks=2000, local_readout=False)
    locked = RunConfig.lenient(**common, update="locked", ticks=1000, **TRACED)
    with started(config) as running:
        ran = [watched(running, config) for _ in range(chosen.rounds)]
        found = sorted(
            (recorded(running, locked) for _ in range(chosen.rounds)), key=lambda of: float(of.latency.mean())
        )
    work = Work(*whole(np.median([one.cpu for one in ran], axis=0) * SECOND))
    asleep = Work(*np.zeros_like(work))
    here = found[chosen.rounds // 2]
    keep(here._replace(work=work, asleep=asleep), chosen.output)


if __name__ == "__main__":
    main()
