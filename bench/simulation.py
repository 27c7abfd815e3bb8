"""Is a simulation right? Ticks per second of real runs over Ray against what `dni_actors.simulate` predicts for them.

    python -m bench.simulation [--rounds 3] [--parts emulated many cores killed]

emulated    boxes and links whose delays are emulated, so that it can be run on a busy machine; narrow links
many        the same with 14 and 28 boxes
cores       boxes that compute all the time and share the cores, one of them with more time steps than the others: only
            for a machine that has nothing else to do
killed      a box is killed in the middle: how long the run takes in all; restart times come from another killed run

One calibration run of 4 boxes for each size of network gives the CPU time of phases and the way of a message, from its
record. All other runs are predicted from these: other numbers of boxes, lags, delays and update rules, which no
calibration saw. Forward and backward are taken as proportional to a box's time steps.
"""

import argparse
import math
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bench.measure import RESULTS, ours, save
from dni_actors.config.checks import parse_delay
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.protocol.layout import on_the_line
from dni_actors.record.cut_store import CutStore
from dni_actors.record.storage import Storage
from dni_actors.runtime import Runtime, started
from dni_actors.simulate import events
from dni_actors.simulate.costs import DELAYED, Measured, read
from dni_actors.timing.scene import SECOND, Failures, Nodes, Scene, Work, uniform, whole

STEPS, CALIBRATED = 28, 4  # of a sequence; boxes of the calibration
SMALL: dict[str, Any] = {"task": "rows", "hidden": 16, "batch": 8, "evaluate_every": 0, "local_readout": False}
LARGE: dict[str, Any] = SMALL | {"hidden": 128, "batch": 64}
LENGTH = 2.5  # seconds of a run, about


class Case(NamedTuple):
    """A real run."""

    boxes: int
    lag: int = 2
    update: str = "synthetic"
    compute: str = "20"
    link: str = "0"
    pieces: int = 1
    size: dict[str, Any] = SMALL
    mbps: float = 0.0
    unroll: tuple[int, ...] | None = None
    """time steps of each box; None: as many everywhere"""

    @property
    def name(self) -> str:
        rule = f"GPipe of {self.pieces}" if self.pieces > 1 else self.update
        lag = "" if self.update == "locked" else f", lag {self.lag}"
        size = ", real work" if self.size is LARGE else ""
        size += f", {self.mbps} Mbit/s" if self.mbps else ""
        size += f", steps {' '.join(map(str, self.unroll))}" if self.unroll else ""
        return f"{self.boxes} boxes, {rule}{lag}, work {self.compute} ms, links {self.link} ms{size}"

    def config(self, ticks: int, **fields: Any) -> RunConfig:
        lag = {} if self.update == "locked" else {"lag": self.lag}
        rule = {"update": self.update, "micro_batches": self.pieces, "boxes": self.boxes, "ticks": ticks}
        local = {"local_readout": True} if self.update == "local" else {}
        delays = {"compute_delay_ms": self.compute, "link_delay_ms": self.link}
        more: dict[str, Any] = {"link_mbps": self.mbps} if self.mbps else {}
        more |= {"unroll": self.unroll} if self.unroll else {}
        return RunConfig.lenient(**self.size | rule | lag | delays | local | more | fields)


EMULATED = (
    Case(2, 1, link="20"),
    Case(2, 4, link="40"),
    Case(3, 2, link="10"),
    Case(3, 2, "delayed", link="10"),
    Case(4, 1, link="5"),
    Case(4, 2, link="25"),
    Case(4, 4, link="50"),
    Case(4, 8, link="20"),
    Case(4, 2, "local", link="25"),
    Case(4, 2, "truncated", link="25"),
    Case(4, 4, "delayed", link="50"),
    Case(4, 1, "locked", link="5"),
    Case(4, 1, "locked", link="20", pieces=4),
    Case(6, 3, link="30", compute="30"),
    Case(8, 2, link="20", compute="40"),
    Case(8, 16, link="100", compute="40"),
    Case(8, 4, "delayed", link="50", compute="40"),
    Case(8, 1, "locked", link="10"),
    Case(4, 2, compute="5:35", link="10"),
    Case(4, 8, compute="5:35", link="5:25"),
    Case(4, 4, mbps=0.1),
    Case(4, 4, "local", mbps=0.1),
    Case(3, 2, link="10", mbps=0.2),
    Case(3, 1, "locked", mbps=0.2),
    Case(6, 4, "delayed", compute="30", link="30", mbps=0.5),
)
MANY = (
    Case(14, 2, compute="60", link="20"),
    Case(14, 4, "local", compute="60", link="100"),
    Case(14, 2, "delayed", compute="60", link="100"),
    Case(14, 1, "locked", compute="30", link="10"),
    Case(28, 1, compute="100", link="50"),
    Case(28, 4, compute="100", link="150", mbps=0.2),
    Case(28, 1, "locked", compute="30", link="5"),
)
CORES = (
    Case(2, 2, compute="0", size=LARGE),
    Case(7, 2, compute="0", size=LARGE),
    Case(7, 1, "locked", compute="0", size=LARGE),
    Case(14, 4, compute="0", size=LARGE),
    Case(7, 4, "delayed", compute="0", size=LARGE),
    Case(7, 2, "local", compute="0", size=LARGE),
    Case(4, 4, compute="0", size=LARGE, unroll=(4, 4, 16, 4)),
    Case(3, 4, compute="0", link="10", size=LARGE, unroll=(4, 20, 4)),
)
KILLED = (
    Case(2, 2, link="20"),
    Case(4, 4, "delayed", link="50"),
    Case(4, 8, link="20"),
    Case(6, 2, compute="30", link="10"),
    Case(4, 1, "locked", link="5"),
)
PARTS = {
    "emulated": (Case(CALIBRATED, 4), EMULATED),
    "many": (Case(CALIBRATED, 4, compute="60"), MANY),
    "cores": (Case(CALIBRATED, 4, compute="0", size=LARGE), CORES),
    "killed": (Case(CALIBRATED, 4), KILLED),
}
"""of which run each is predicted, and what"""


def calibrated(running: Runtime, case: Case) -> Measured:
    """What a run's record tells; where boxes fill the cores the way of messages comes from a second run, in lock-step:
    in the first one a message also waits until its receiver has a core, which the simulation adds by itself."""
    measured = recorded(running, case)
    if case.size is not LARGE:
        return measured
    alone = recorded(running, case._replace(update="locked", lag=1))
    return measured._replace(latency=alone.latency, jitter=alone.jitter)


def recorded(running: Runtime, case: Case) -> Measured:
    with tempfile.TemporaryDirectory() as storage:
        run(case.config(200, storage=storage, name="calibration", console="quiet", trace="full"), running)
        return read(f"{storage}/calibration")


def scene(case: Case, measured: Measured) -> Scene:
    """What is predicted for a run, from a calibration that had other boxes and no links."""
    low, high = parse_delay("compute_delay_ms", case.compute)
    near, far = parse_delay("link_delay_ms", case.link)
    computed = np.array(measured.work) - np.array(measured.asleep)
    each = computed[:, [0]].repeat(case.boxes, axis=1)  # the first, the middle and the last box differ little
    scaled = [Work._fields.index(name) for name in ("forward", "backward")]
    steps = np.array(case.config(1).unrolls)
    each[scaled] = each[scaled] * CALIBRATED * steps // STEPS
    asleep = np.zeros_like(each)
    for name in DELAYED:
        asleep[Work._fields.index(name)] = round((low + high) / 2 / len(DELAYED) * SECOND)
    links = np.full(case.boxes - 1, measured.latency.mean() + (near + far) / 2 * SECOND)
    return Scene(
        update=case.config(1).learning.update,  # type: ignore[arg-type]  # none of these is noise
        lag=case.lag,
        pieces=case.pieces,
        work=Work(*(each + asleep)),
        asleep=Work(*asleep),
        latency=whole(links),
        sending=np.full(case.boxes - 1, round(on_the_line(case.config(1))[0] / case.pieces * SECOND)),
        noise=measured.noise,
        emulated=uniform(low, high),
        jitter=uniform(near, far),
        nodes=Nodes((0,) * case.boxes, os.cpu_count()),
    )


def predicted(case: Case, measured: Measured) -> float:
    """Ticks a second."""
    return SECOND / events.run(scene(case, measured), max(300, 10 * case.lag)).period


def compare(running: Runtime, measured: Measured, cases: Sequence[Case], rounds: int) -> dict[str, dict[str, float]]:
    """Each case: predicted, measured (the median of the rounds), and the error of the prediction."""
    rows = {}
    print(f"{'run':64}{'predicted':>10}{'measured':>10}{'error':>8}")
    for case in cases:
        rate = predicted(case, measured)
        ticks = int(max(20, 6 * case.lag, LENGTH * rate))
        real = statistics.median(ours(running, case.config(ticks)).rate for _ in range(rounds))
        rows[case.name] = {"predicted": rate, "measured": real, "error": rate / real - 1}
        print(f"{case.name:64}{rate:10.2f}{real:10.2f}{rate / real - 1:8.1%}", flush=True)
    return rows


class Killed(NamedTuple):
    """A real run in the middle of which a box was killed. Seconds since it began."""

    died: float
    went_on: float
    ended: float


def killed(running: Runtime, config: RunConfig) -> Killed:
    """SIGKILL of the middle box once half the ticks are done."""
    standing, pids, died, begun, went_on, ended = Standing(config), list[int](), 0.0, 0.0, 0.0, 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(CutStore(Storage.of(folder), config.boxes, lambda event: None)) as store,
    ):
        for event in running.run(config, store):
            standing.take(event)
            now = time.monotonic()
            if isinstance(event, Started):
                pids = [place.pid for place in event.places]
                begun, went_on = begun or now, now - begun if died else 0.0
            if isinstance(event, Status):
                for parts in store.gather(event):
                    store.write(parts, [], [], wait=False)
            if not died and standing.ticks >= config.ticks // 2:
                os.kill(pids[config.boxes // 2], signal.SIGKILL)
                died = now - begun
            ended = now - begun if standing.ticks < config.ticks or not ended else ended
    return Killed(died, went_on, ended)


def compare_killed(
    running: Runtime, measured: Measured, cases: Sequence[Case], rounds: int
) -> dict[str, dict[str, float]]:
    """As `compare`, in ticks a second from the first to the last, the restart and what is done again included."""
    every = 20  # ticks between cuts
    seen = [killed(running, Case(CALIBRATED, 4).config(120, checkpoint_every=every)) for _ in range(rounds)]
    restart = statistics.median(one.went_on - one.died for one in seen)
    print(
        f"restart: {restart:.2f} s\n{'run, a box killed in the middle':64}{'predicted':>10}{'measured':>10}{'error':>8}"
    )
    rows = {}
    for case in cases:
        ticks = int(max(60, 4 * predicted(case, measured)))
        real = [killed(running, case.config(ticks, checkpoint_every=every)) for _ in range(rounds)]
        died, rate = statistics.median(one.died for one in real), statistics.median(ticks / one.ended for one in real)
        period = 1 / predicted(case, measured)
        failures = Failures(math.inf, whole_ns(restart), whole_ns((every - 0.5) * period), whole_ns(died))
        times = events.run(replace(scene(case, measured), failures=failures), ticks)
        guess = ticks / (times.finished[-1] / SECOND)
        rows[case.name] = {"predicted": guess, "measured": rate, "error": guess / rate - 1}
        print(f"{case.name:64}{guess:10.2f}{rate:10.2f}{guess / rate - 1:8.1%}", flush=True)
    return rows


def whole_ns(seconds: float) -> int:
    return round(seconds * SECOND)


def draw(part: str, rows: dict[str, dict[str, float]]) -> None:
    """Predicted against measured."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    from dni_actors.view.simulation import plain_numbers
    from dni_actors.view.theme import png, style

    with style():
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        predicted, measured = ([row[name] for row in rows.values()] for name in ("predicted", "measured"))
        ends = [0.8 * min(measured), 1.2 * max(measured)]
        axes.fill_between(ends, [0.85 * end for end in ends], [1.15 * end for end in ends], alpha=0.15, linewidth=0)
        axes.plot(ends, ends, linewidth=0.8)
        axes.plot(measured, predicted, "o", markersize=4)
        axes.set(xscale="log", yscale="log", xlabel="measured, ticks a second", ylabel="predicted, ticks a second")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            plain_numbers(axis)
        axes.set_title("Simulated and real runs; the band is 15 %")
    (RESULTS / f"simulation_{part}.png").write_bytes(png(figure))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    chosen = options.parse_args()
    boxes = max(case.boxes for part in chosen.parts for case in PARTS[part][1])
    with started(RunConfig.lenient(**SMALL, boxes=max(CALIBRATED, boxes))) as running:
        for part in chosen.parts:
            calibration, cases = PARTS[part]
            measured = calibrated(running, calibration)
            comparing = compare_killed if part == "killed" else compare
            rows = comparing(running, measured, cases, chosen.rounds)
            errors = sorted(abs(row["error"]) for row in rows.values())
            median, worst = statistics.median(errors), errors[-1]
            print(f"{part}: median error {median:.1%}, largest {worst:.1%}")
            save(f"simulation_{part}", {"rows": rows, "median_error": median, "largest_error": worst})
            draw(part, rows)


if __name__ == "__main__":
    main()
