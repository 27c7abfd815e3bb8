"""What do slow links cost? Ticks per second against one-way delay and against the number of boxes, beside the lag law.

    python -m bench.links [--rounds 5] [--parts delays boxes real bandwidth accuracy]

delays, boxes   emulated boxes of 10 ms (a third each forward, backward, update) with tiny numerics, on emulated links:
                does every contender take as long as the lag law says, and no longer? `law` is that of the emulated work
                and links alone; `law + CPU` counts what each box's thread really computes, too, on the cores there are
real            128 x 256, 4 boxes, real arithmetic on two cores: ours with the lag that `--lag auto` finds, against the
                locked ones (lock-step, GPipe), NumPy data parallelism in two processes (one all-reduce a step over
                the same links), and DiLoCo (each process alone for 50 steps, then an outer step)
bandwidth       the same at 1000, 100, 20 and 5 Mbit/s without a delay, ours with every --wire-dtype and a lag of 4
accuracy        seconds of training until 88 % test accuracy on `rows`, every rival at the best of its batches and lags
"""

import argparse
import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from bench.law import decoupled_period, locked_period
from bench.measure import Contender, Figure, median, ours, rival, rival_figure, save, take_turns
from dni_actors.config.run import RunConfig
from dni_actors.observe.spent import Cost
from dni_actors.observe.standing import Standing
from dni_actors.runtime import Runtime, started
from dni_actors.runtime.driver.tuning import tune

DELAYS, BOXES = (0, 1, 5, 20, 50), (2, 4, 8, 16, 32)  # milliseconds one way; boxes
REAL_DELAYS = (5, 20, 50)
MEGABITS = (1000, 100, 20, 5)  # a second, each way
WIRES = {"float32": 1.0, "float16": 0.5, "int8": 0.254}  # of the bytes of float32
SECONDS = 2.5  # of a run over narrow links, about
EVERY = 50  # steps of a DiLoCo process alone; the paper has 500 of runs that are a hundred times as long
WORK = 0.010  # seconds of an emulated box's tick
PLAIN = {"task": "rows", "local_readout": False}
SMALL: dict[str, Any] = PLAIN | {"hidden": 8, "batch": 8, "evaluate_every": 0, "compute_delay_ms": str(WORK * 1000)}
RULES: dict[str, dict[str, Any]] = {
    "synthetic, lag 1": {"lag": 1},
    "synthetic, lag 2": {"lag": 2},
    "synthetic, lag 4": {"lag": 4},
    "synthetic, lag 8": {"lag": 8},
    "delayed, lag 4": {"update": "delayed", "lag": 4},
    "locked": {"update": "locked"},
    "GPipe of 8": {"update": "locked", "micro_batches": 8},
}


def law(
    boxes: int, delay: float, cpu: float = 0.0, update: str = "synthetic", lag: int = 2, micro_batches: int = 1
) -> float:
    """Ticks per second that the lag law gives, where a box needs a core for `cpu` seconds, too."""
    third = (WORK + cpu) / 3
    costs = [Cost(train=0.0, forward=third, backward=third, update=third, cpu=cpu)] * boxes
    links = [2 * delay / 1000] * (boxes - 1)
    if update == "locked":
        return 1 / locked_period(costs, links, micro_batches)
    return 1 / decoupled_period(costs, links, lag, os.cpu_count() or 1)


def emulated(running: Runtime, boxes: int, delay: float, rule: dict[str, Any]) -> Figure:
    expected = law(boxes, delay, **rule)
    # Long enough for 2 s, and for the steady state of every box; lock-step is steady from its first tick on.
    ticks = max(8, int(2 * expected)) if rule.get("update") == "locked" else max(6 * rule["lag"], int(2 * expected), 60)
    unroll = {"boxes": boxes} if boxes <= 28 else {"task": "mnist01", "boxes": boxes}
    config = RunConfig.of(**(SMALL | unroll | rule | {"ticks": ticks, "link_delay_ms": str(delay)}))
    return ours(running, config)


def sweep(running: Runtime, points: Iterable[tuple[int, float]], rounds: int) -> dict[str, Any]:
    """Emulated boxes at (boxes, delay): medians beside the law."""
    rows: dict[str, Any] = {}
    heads = ("law", "of it", "law + CPU", "of it", "samples/s")
    print(f"{'boxes':>5}{'delay':>7}  {'contender':20}{'ticks/s':>9}" + "".join(f"{head:>11}" for head in heads))
    for boxes, delay in points:
        found: dict[str, list[Figure]] = {}
        for n in range(rounds):
            take_turns({name: partial(emulated, running, boxes, delay, rule) for name, rule in RULES.items()}, found, n)
        for name, figures in found.items():
            rate, expected = median(figures), law(boxes, delay, **RULES[name])
            cpu = median(figures, "cpu") / boxes
            real = law(boxes, delay, cpu, **RULES[name])
            told = (expected, rate / expected, real, rate / real)
            cells = "".join(f"{value:11.2f}" for value in told) + f"{rate * SMALL['batch']:11.0f}"
            print(f"{boxes:5}{delay:5} ms  {name:20}{rate:9.1f}{cells}", flush=True)
            rows[f"{boxes} boxes, {delay} ms, {name}"] = {
                "rates": [f.rate for f in figures], "law": expected, "cpu_seconds": cpu, "law_with_cpu": real
            }  # fmt: skip
    return rows


def real(rounds: int) -> dict[str, Any]:
    size = PLAIN | {"boxes": 4, "batch": 128, "hidden": 256, "evaluate_every": 0}
    rows: dict[str, Any] = {}
    print(f"{'delay':>7}  {'contender':28}{'ticks/s':>9}{'ours / it':>11}")
    for delay in REAL_DELAYS:
        link = {"link_delay_ms": str(delay)}
        found: dict[str, list[Figure]] = {}
        flags = ("--batch", 128, "--hidden", 256, "--mini-batches", 120, "--link-delay-ms", delay)
        for n in range(rounds):
            alone = ("--every", EVERY, "--mini-batches", 6 * EVERY)
            rivals: dict[str, tuple[object, ...]] = {"NumPy, data-parallel in 2": flags}
            rivals[f"NumPy, DiLoCo in 2, H = {EVERY}"] = (*flags, *alone)
            take_turns({name: partial(rival_figure, "data_parallel", *of) for name, of in rivals.items()}, found, n)
            with started(RunConfig.of(**size)) as running:
                if n == 0:
                    lag = tune(RunConfig.of(**size, **link, lag="auto"), running).lag
                    rows[f"{delay} ms, lag"] = lag
                own = RunConfig.of(**size, **link, lag=lag, ticks=max(250, 8 * lag))
                locked = RunConfig.of(**size, **link, update="locked", ticks=30)
                pieces = RunConfig.of(**size, **link, update="locked", micro_batches=4, ticks=30)
                turns = {f"ours, lag {lag}": own, "locked": locked, "GPipe of 4": pieces}
                take_turns({name: partial(ours, running, c) for name, c in turns.items()}, found, n)
        mine = median(found[f"ours, lag {lag}"])
        for name, figures in found.items():
            print(f"{delay:5} ms  {name:28}{median(figures):9.1f}{mine / median(figures):11.2f}", flush=True)
            rows[f"{delay} ms, {name}"] = [figure.rate for figure in figures]
    return rows


def bandwidth(rounds: int) -> dict[str, Any]:
    """Links without a delay that carry only so much. Runs take a few seconds, or as long as their lag and laps
    need."""
    size: dict[str, Any] = PLAIN | {"boxes": 4, "batch": 128, "hidden": 256, "evaluate_every": 0}
    flags = ("--batch", 128, "--hidden", 256)
    message, weights = 128 * 256 * 4, 4 * (29 * 256 + 256 * 256 + 257 * 10)
    found: dict[str, list[Figure]] = {}
    for n in range(rounds):
        turns: dict[str, Contender] = {}
        for megabits in MEGABITS:
            steps = max(21, int(SECONDS / (0.011 + weights * 8e-6 / megabits)))
            link = (*flags, "--link-mbps", megabits, "--mini-batches")
            alone = ("--every", EVERY)
            told = partial(rival_figure, "data_parallel", *link)
            turns[f"{megabits} Mbit/s, NumPy, data-parallel in 2"] = partial(told, steps)
            turns[f"{megabits} Mbit/s, NumPy, DiLoCo in 2, H = {EVERY}"] = partial(told, 10 * EVERY, *alone)
        take_turns(turns, found, n)
        turns = {}
        with started(RunConfig.of(**size)) as running:
            for megabits in MEGABITS:
                narrow = size | {"link_mbps": megabits}
                passing = message * 8e-6 / megabits  # seconds of a message of float32
                ticks = max(8, int(SECONDS / (0.05 + 6 * passing)))
                locked = RunConfig.of(**narrow, update="locked", ticks=ticks)
                turns[f"{megabits} Mbit/s, locked"] = partial(ours, running, locked)
                for kind, share in WIRES.items():
                    ticks = max(40, int(SECONDS / (0.015 + share * passing)))
                    config = RunConfig.of(**narrow, wire_dtype=kind, lag=4, ticks=ticks)
                    turns[f"{megabits} Mbit/s, ours, {kind}"] = partial(ours, running, config)
            take_turns(turns, found, n)
    for name, figures in sorted(found.items(), key=lambda item: -float(item[0].split()[0])):
        print(f"{name:44}{median(figures):9.2f} ticks/s", flush=True)
    return {name: [figure.rate for figure in figures] for name, figures in found.items()}


UNTIL, EPOCHS = 0.88, 12


def seconds_until(running: Runtime, config: RunConfig) -> float | None:
    """Of training, until an evaluation (one each quarter epoch) reached the accuracy wanted; read off the ticks."""
    standing = Standing(config)
    for event in running.run(config):
        standing.take(event)
        for evaluation in standing.evaluations:
            if evaluation.accuracy >= UNTIL:
                return evaluation.tick / standing.ticks_per_second
    return None


def accuracy(rounds: int) -> dict[str, Any]:
    """Hidden 64; ours with boxes of their own weights, data parallelism with one RNN's."""
    rows: dict[str, Any] = {}
    print(f"{'delay':>7}  {'contender':34}{'seconds to 88 %':>16}")
    for delay in (0, *REAL_DELAYS):
        link = {"link_delay_ms": str(delay)}
        for batch in (32, 128):
            rate = 1e-3 * (batch / 32) ** 0.5
            flags = ("--batch", batch, "--hidden", 64, "--mini-batches", EPOCHS * 4000 // batch, "--until", UNTIL)
            told = rival("data_parallel", *flags, "--learning-rate", rate, "--link-delay-ms", delay)["seconds_until"]
            rows[f"{delay} ms, data-parallel, batch {batch}"] = told
            for every in (10, EVERY):
                local = (*flags, "--learning-rate", rate, "--link-delay-ms", delay, "--every", every)
                told = rival("data_parallel", *local)["seconds_until"]
                rows[f"{delay} ms, DiLoCo, batch {batch}, H = {every}"] = told
            fields = PLAIN | {"boxes": 4, "batch": batch, "epochs": EPOCHS, "learning_rate": rate, **link}
            fields |= {"synthesizer_learning_rate": 2 * rate, "evaluate_every": 1000 // batch}
            with started(RunConfig.of(**fields)) as running:
                least = tune(RunConfig.of(**fields, lag="auto"), running).lag
                for lag in sorted({least, max(1, least // 4)}):
                    told = seconds_until(running, RunConfig.of(**fields, lag=lag))
                    rows[f"{delay} ms, ours, batch {batch}, lag {lag}"] = told
                for pieces in (1, 4):
                    locked = RunConfig.lenient(**fields, update="locked", micro_batches=pieces)
                    name = "locked" if pieces == 1 else f"GPipe of {pieces}"
                    rows[f"{delay} ms, {name}, batch {batch}"] = seconds_until(running, locked)
        for name, told in rows.items():
            if name.startswith(f"{delay} ms"):
                print(f"{name:43}{'not reached' if told is None else f'{told:.1f}':>16}", flush=True)
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--parts", nargs="*", default=["delays", "boxes", "real", "bandwidth", "accuracy"])
    chosen = options.parse_args()
    if "delays" in chosen.parts:
        with started(RunConfig.of(task="rows", boxes=4)) as running:
            save("links_delays", {"rows": sweep(running, [(4, delay) for delay in DELAYS], chosen.rounds)})
    if "boxes" in chosen.parts:
        with started(RunConfig.of(boxes=max(BOXES))) as running:
            save("links_boxes", {"rows": sweep(running, [(boxes, 20) for boxes in BOXES], chosen.rounds)})
    if "real" in chosen.parts:
        save("links_real", {"rows": real(chosen.rounds)})
    if "bandwidth" in chosen.parts:
        save("links_bandwidth", {"rows": bandwidth(chosen.rounds)})
    if "accuracy" in chosen.parts:
        save("links_accuracy", {"rows": accuracy(chosen.rounds)})


if __name__ == "__main__":
    main()
