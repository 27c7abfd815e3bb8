"""Is a simulation right? Ticks per second of real runs over Ray against what `dni_actors.simulate` predicts for them.

    python -m bench.simulation [--rounds 3] [--parts emulated many cores killed]

emulated    boxes and links whose delays are emulated, so that it can be run on a busy machine; narrow links; a
            straggler with eleven times as many time steps as the others
many        the same with 14 and 28 boxes
cores       boxes that compute all the time and share the cores, in two runs of unequal numbers of time steps: only for
            a machine that has nothing else to do
killed      a box is killed in the middle: how long the run takes in all; restart times come from another killed run

Each round begins with calibration runs of 4 boxes (bench/calibration.py), and ends with a run of each case, which no
calibration saw: other numbers of boxes and time steps, lags, delays, links. What a machine can do changes from
minute to minute, so each run is compared with the prediction from its own round; of the rounds the medians count.
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

from bench.calibration import BOXES, LAG, Calibration, Ways, calibrated, watched, ways
from bench.measure import RESULTS, save
from dni_actors.config.checks import parse_delay
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Started, Status
from dni_actors.observe.standing import Standing
from dni_actors.protocol.layout import on_the_line
from dni_actors.record.cut_store import CutStore
from dni_actors.record.storage import Storage
from dni_actors.runtime import Runtime, started
from dni_actors.simulate import events
from dni_actors.simulate.costs import DELAYED
from dni_actors.timing.scene import SECOND, Failures, Nodes, Scene, Work, uniform, whole

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
    Case(4, 4, compute="5", size=LARGE, link="5", unroll=(2, 2, 22, 2)),
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
PARTS = {"emulated": EMULATED, "many": MANY, "cores": CORES, "killed": KILLED}


class Measured(NamedTuple):
    """What calibration runs found, of one size of network and with one emulated work."""

    of_rule: dict[str, Calibration]
    ways: Ways

    def cores(self, boxes: int, rest: float) -> float:
        """That so many boxes get, if they are always at work, and the rest of the machine takes some, too."""
        box = statistics.median(one.box for one in self.of_rule.values())
        return (os.cpu_count() or 1) - rest - boxes * box


def measure(running: Runtime, cases: Sequence[Case]) -> dict[tuple[int, bool], Measured]:
    """By `group`: what the cases need."""
    groups = {group(case): [one for one in cases if group(one) == group(case)] for case in cases}
    return {name: measured(running, of) for name, of in groups.items()}


def group(case: Case) -> tuple[int, bool]:
    """Cases that are predicted from the same calibration: of one size, and of boxes that sleep or do not."""
    return case.size["hidden"], case.compute != "0"


def measured(running: Runtime, cases: Sequence[Case]) -> Measured:
    """Of one group."""
    size, (compute, ticks) = cases[0].size, ("0", 600) if cases[0].compute == "0" else ("10", 60)

    def config(rule: str, unroll: tuple[int, ...], **fields: Any) -> RunConfig:
        one = Case(len(unroll), 1 if rule == "locked" else LAG, rule, compute, size=size, unroll=unroll)
        return one.config(ticks, **fields)

    found = {rule: calibrated(running, config, rule) for rule in sorted({case.update for case in cases})}
    return Measured(found, ways(running, config))


def scene(case: Case, measured: Measured, rest: float = 0.0) -> Scene:
    """What is predicted for a run. `rest`: cores that the rest of the machine takes meanwhile."""
    low, high = parse_delay("compute_delay_ms", case.compute)
    near, far = parse_delay("link_delay_ms", case.link)
    calibration = measured.of_rule[case.update]
    computed = calibration.cpu(case.config(1).unrolls)
    cores = os.cpu_count() or 1
    if case.compute == "0" and case.update != "locked":  # all cores are busy: boxes get but a part
        computed *= cores / measured.cores(case.boxes, rest) * (calibration.warm if case.boxes <= cores else 1)
    asleep = np.zeros_like(computed)
    asleep[[Work._fields.index(name) for name in DELAYED]] = (low + high) / 2 / len(DELAYED)
    latency = np.full(case.boxes - 1, measured.ways.latency + (near + far) / 2)
    return Scene(
        update=case.config(1).learning.update,  # type: ignore[arg-type]  # none of these is noise
        lag=case.lag,
        pieces=case.pieces,
        work=Work(*whole((computed + asleep) * SECOND)),
        asleep=Work(*whole(asleep * SECOND)),
        latency=whole(latency * SECOND),
        sending=np.full(case.boxes - 1, round(on_the_line(case.config(1))[0] / case.pieces * SECOND)),
        noise=measured.ways.noise,
        emulated=uniform(low, high),
        jitter=uniform(measured.ways.latency + near, measured.ways.latency + far),
        nodes=Nodes((0,) * case.boxes, cores),
    )


def predicted(case: Case, measured: Measured, rest: float = 0.0) -> float:
    """Ticks a second."""
    return SECOND / events.run(scene(case, measured, rest), max(300, 10 * case.lag)).period


class Round(NamedTuple):
    """Of a case: ticks a second."""

    predicted: float
    measured: float
    busy: float
    """cores that the rest of the machine needed meanwhile"""

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


def compare(running: Runtime, cases: Sequence[Case], rounds: int) -> dict[str, dict[str, float]]:
    """Each case: predicted, measured, and the error of the prediction."""
    found: dict[str, list[Round]] = {case.name: [] for case in cases}
    for n in range(rounds):
        measured = measure(running, cases)
        for case in cases:
            rate = predicted(case, measured[group(case)])
            ran = watched(running, case.config(int(max(20, 6 * case.lag, LENGTH * rate))))
            one = Round(predicted(case, measured[group(case)], ran.beside.rest), ran.rate, ran.beside.rest)
            found[case.name].append(one)
            print(f"round {n + 1}, {case.name:64}{one.predicted:10.2f}{ran.rate:10.2f}{one.error:8.1%}", flush=True)
    return {name: row(several) for name, several in found.items()}


def row(several: Sequence[Round]) -> dict[str, float]:
    """Medians of the rounds."""
    return {name: statistics.median(getattr(one, name) for one in several) for name in (*Round._fields, "error")}


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


def compare_killed(running: Runtime, cases: Sequence[Case], rounds: int) -> dict[str, dict[str, float]]:
    """As `compare`, in ticks a second from the first to the last, the restart and what is done again included."""
    every = 20  # ticks between cuts
    found: dict[str, list[Round]] = {case.name: [] for case in cases}
    for n in range(rounds):
        measured = measure(running, cases)
        seen = killed(running, Case(BOXES, LAG).config(120, checkpoint_every=every))
        restart = seen.went_on - seen.died
        for case in cases:
            calm = scene(case, measured[group(case)])
            period = events.run(calm, max(300, 10 * case.lag)).period / SECOND
            ticks = int(max(60, 4 / period))
            real = killed(running, case.config(ticks, checkpoint_every=every))
            failures = Failures(math.inf, whole_ns(restart), whole_ns((every - 0.5) * period), whole_ns(real.died))
            times = events.run(replace(calm, failures=failures), ticks)
            one = Round(ticks / (times.finished[-1] / SECOND), ticks / real.ended, 0.0)
            found[case.name].append(one)
            print(f"round {n + 1}, {case.name:64}{one.predicted:10.2f}{one.measured:10.2f}{one.error:8.1%}", flush=True)
    return {name: row(several) for name, several in found.items()}


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
    boxes = max(case.boxes for part in chosen.parts for case in PARTS[part])
    with started(RunConfig.lenient(**SMALL, boxes=max(BOXES, boxes))) as running:
        for part in chosen.parts:
            comparing = compare_killed if part == "killed" else compare
            rows = comparing(running, PARTS[part], chosen.rounds)
            errors = sorted(abs(row["error"]) for row in rows.values())
            median, worst = statistics.median(errors), errors[-1]
            print(f"{part}: median error {median:.1%}, largest {worst:.1%}")
            save(f"simulation_{part}", {"rows": rows, "median_error": median, "largest_error": worst})
            draw(part, rows)


if __name__ == "__main__":
    main()
