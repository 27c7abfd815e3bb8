"""What is learned: the figure of merit at the end of training, on held-out samples, by rule, boxes, lag and task.

    python -m bench.learning [--parts rows xor ...] [--seeds 10] [--jobs 2] [--data FOLDER]

Inline (the bits are the same over Ray), `--jobs` runs at a time. `--data`: a folder of IDX files, for part `dense`
(Fashion-MNIST as Debian's dataset-fashion-mnist has it). Parts whose figure is an accuracy tell beside it which share
of the gap between truncation and backpropagation a rule closes. Results go to bench/results/learning_<part>.json.
"""

import argparse
import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.measure import save
from dni_actors.config.run import RunConfig
from dni_actors.protocol.program import Evaluation
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread

Fields = dict[str, Any]
LAGS = (2, 4, 8, 16, 32)
ENDS: dict[str, Fields] = {"locked": {"update": "locked"}, "truncated": {"update": "truncated"}}
RULES: dict[str, Fields] = {
    "synthesizer alone": {"local_readout": False},
    "hybrid": {},
    "hybrid, trust": {"trust": "readout"},
    "local": {"update": "local"},
}
PUBLISHED: Fields = {"delay_correction": "both", "decay": "warm-cosine", "clip": 10.0}  # Ajanthan et al. 2025
CORRECTIONS: dict[str, Fields] = {
    "none": {},
    "stash": {"delay_correction": "stash"},
    "nesterov": {"delay_correction": "nesterov"},
    "both": {"delay_correction": "both"},
    "as published": PUBLISHED,
    "as published, momentum by delay": PUBLISHED | {"momentum_by_delay": True},
    "stash, rates as published": PUBLISHED | {"delay_correction": "stash"},  # what the rates alone bring
}
RATES: Fields = {name: PUBLISHED[name] for name in ("decay", "clip")}
ROWS: Fields = {"task": "rows", "hidden": 64, "batch": 32, "epochs": 10, "synthesizer_learning_rate": 3e-3}
STREAM: Fields = {"cell": "gru", "hidden": 64, "batch": 32, "learning_rate": 2e-3, "lag": 1}
DENSE: Fields = {"task": "rows", "cell": "dense", "activation": "relu", "hidden": 256, "batch": 256, "epochs": 8}


class Part(NamedTuple):
    cases: dict[str, Fields]
    figure: str = "accuracy"
    seeds: int | None = None
    """at most so many"""
    seconds: float = math.inf
    """of CPU that a run gets, for contenders that are compared at equal time"""


def rows(boxes: int, **more: Any) -> dict[str, Fields]:
    base = ROWS | {"boxes": boxes} | more
    found = {f"{boxes} boxes, {name}": base | fields for name, fields in ENDS.items()}
    for name, fields in RULES.items():
        for lag in (2,) if name == "local" else LAGS:
            found[f"{boxes} boxes, {name}, lag {lag}"] = base | fields | {"lag": lag}
    return found


def delayed(boxes: int) -> dict[str, Fields]:
    base = ROWS | {"boxes": boxes, "update": "delayed"}
    found = {f"{boxes} boxes, {name}": ROWS | {"boxes": boxes} | fields for name, fields in ENDS.items()}
    found[f"{boxes} boxes, locked, rates as published"] = found[f"{boxes} boxes, locked"] | RATES
    for name, correction in CORRECTIONS.items():
        for lag in (1, *LAGS):
            found[f"{boxes} boxes, delayed, {name}, lag {lag}"] = base | correction | {"lag": lag}
    for lag in (1, *LAGS):
        found[f"{boxes} boxes, hybrid, rates as published, lag {lag}"] = ROWS | {"boxes": boxes, "lag": lag} | RATES
    return found


def symbols(task: str, lag: int) -> dict[str, Fields]:
    return {name: {"task": task, "lag": lag, "settle": False} | fields for name, fields in (ENDS | RULES).items()}


def late_symbols(task: str) -> dict[str, Fields]:
    kinds = {name: {"update": "delayed"} | CORRECTIONS[name] for name in ("none", "both", "as published")}
    return {
        f"{name}, lag {lag}": {"task": task, "lag": lag} | fields
        for name, fields in kinds.items()
        for lag in (4, 16, 32)
    }


def streams(task: str, steps: int) -> dict[str, Fields]:
    base = STREAM | {"task": task, "unroll": (steps,)}
    return {
        f"T {steps}, truncated": base | {"update": "truncated"},
        f"T {steps}, unlabelled": base | {"conditioned": False},
        f"T {steps}, conditioned on the next 20": base | {"look_ahead": 20},
    }


def text() -> dict[str, Fields]:
    base: Fields = {"task": "text"}
    whole: Fields = {"synthetic_scale": 1.0, "discount": 1.0}
    short, long = base | {"unroll": (5,), "ticks": 6_000}, base | {"unroll": (20,), "ticks": 1_500}
    return {
        "T 5, truncated": short | {"update": "truncated"},
        "T 5, synthetic": short,
        "T 5, synthetic, target scale": short | {"target_scale": True},
        "T 5, synthetic, unlabelled": short | {"conditioned": False},
        "T 5, synthetic, synthesizer's rate 1e-3": short | {"synthesizer_learning_rate": 1e-3},
        "T 5, synthetic, scale 1, discount 1": short | whole,
        "T 5, synthetic, unlabelled, scale 1, discount 1": short | whole | {"conditioned": False},
        "T 20, truncated, as many characters": long | {"update": "truncated"},
        "T 20, truncated, as many ticks": long | {"update": "truncated", "ticks": 6_000},
    }


def dense() -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    for depth in (3, 4, 5, 6):
        base = DENSE | {"boxes": depth, "optimizer": "adam", "learning_rate": 1e-3, "local_readout": False, "lag": 1}
        rules: dict[str, Fields] = {
            "backpropagation": {"update": "locked"},
            "no gradient but the last": {"update": "truncated"},
            "DNI": {"conditioned": False},
            "conditioned DNI": {},
            "conditioned DNI, local read-outs": {"local_readout": True},
        }
        found |= {f"depth {depth}, {name}": base | fields for name, fields in rules.items()}
    return found


def shared(boxes: int) -> dict[str, Fields]:
    base = ROWS | {"boxes": boxes, "weights": "shared"}
    rules: dict[str, Fields] = {
        "hybrid": {},
        "local": {"update": "local"},
        "synthesizer alone": {"local_readout": False},
    }
    found: dict[str, Fields] = {"one box: backpropagation through a true RNN": ROWS | {"boxes": 1, "update": "locked"}}
    for name, fields in rules.items():
        found[f"{boxes} boxes, gradients summed, {name}"] = base | fields | {"sync_every": 1}
    found[f"{boxes} boxes, gradients summed over 10 ticks, hybrid"] = base
    return found


def unlock() -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    rules: tuple[tuple[str, Fields], ...] = (("synthesizer alone", {"local_readout": False}), ("hybrid", {}))
    for rule, fields in rules:
        base = ROWS | {"boxes": 4} | fields
        found |= {f"{rule}, backward": base, f"{rule}, full": base | {"unlock": "full"}}
    return found


def narrow(task: str, lag: int) -> dict[str, Fields]:
    """Over each wire, where the synthesizer is alone and beside local read-outs; all else as in the task's preset."""
    rules: tuple[tuple[str, Fields], ...] = (("hybrid", {}), ("synthesizer alone", {"local_readout": False}))
    kinds = ("float32", "float16", "int8")
    base: Fields = {"task": task, "lag": lag, "settle": False}
    return {f"{rule}, {kind}": base | fields | {"wire_dtype": kind} for rule, fields in rules for kind in kinds}


def parts(data: str | None) -> dict[str, Part]:
    return {
        "xor": Part(symbols("xor", 4)),
        "xor-delayed": Part(late_symbols("xor"), seeds=5),
        "recall": Part(symbols("recall", 2)),
        "rows": Part({**rows(4), **rows(7), **rows(14)}),
        "lstm": Part(rows(14, cell="lstm", learning_rate=2e-3), seeds=3),
        "delayed": Part({**delayed(4), **delayed(7)}, seeds=3),
        "probability": Part(
            {f"p {p}": ROWS | {"boxes": 4, "update_probability": p} for p in (1.0, 0.5, 0.2, 0.1, 0.05)}, seeds=5
        ),
        "unlock": Part(unlock(), seeds=3),
        "shared": Part({**shared(4), **shared(7)}, seeds=3),
        "wire-rows": Part(narrow("rows", 2)),
        "wire-xor": Part(narrow("xor", 4)),
        "copy": Part(streams("copy", 4), "reached", seeds=3, seconds=60.0),
        "repeat-copy": Part(streams("repeat-copy", 4), "reached", seeds=3, seconds=60.0),
        "text": Part(text(), "bits", seeds=2),
        "dense": Part({name: fields | {"data": data} for name, fields in dense().items()}, seeds=2),
    }


FIGURES: dict[str, Callable[[Evaluation], float]] = {
    "accuracy": lambda end: end.accuracy,
    "bits": lambda end: end.loss / math.log(2),
    "reached": lambda end: end.reached,
    "explained": lambda end: 1 - 6 * end.error,  # of `adding`: the variance of a sum of two numbers in 0 to 1 is 1/6
}


def trained(job: tuple[Fields, str, float]) -> float:
    """The figure at the end of a run, or when its time is over."""
    fields, figure, seconds = job
    timed = seconds < math.inf
    if timed:
        fields = fields | {"ticks": 2**40}
    fields = fields | {"runtime": "inline", "evaluate_every": 500 if timed else 0, "checkpoint_every": 0}
    config = RunConfig.lenient(**fields)
    ended: list[Evaluation] = []
    with single_blas_thread():
        chain = Chain(config)
        began = time.process_time()
        for n, _ in enumerate(chain.turns() if not timed else slices(chain)):
            if n % 50 == 0:
                ended += chain.statuses()[-1].evaluations
            if time.process_time() - began > seconds:
                break
    ended += chain.statuses()[-1].evaluations
    return FIGURES[figure](ended[-1])


def slices(chain: Chain) -> Any:
    """As the chain's turns, but short ones: a chain of one box would run to its end in one."""
    while not all(stepper.done for stepper in chain.steppers):
        for stepper in chain.steppers:
            stepper.advance(most=20)
        yield


def shares(results: dict[str, list[float]], name: str) -> str:
    """Of the gap between truncation and backpropagation, as a percentage; empty where there are none to compare."""
    ends = [results.get(name.partition(",")[0] + f", {end}", results.get(end)) for end in ENDS]
    if not all(ends):
        return ""
    best, worst = (statistics.mean(end) for end in ends if end)
    return f"{(statistics.mean(results[name]) - worst) / (best - worst):.0%}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parts", nargs="*", default=None)
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--data")
    chosen = options.parse_args()
    known = parts(chosen.data)
    for name in chosen.parts or known:
        part = known[name]
        seeds = min(chosen.seeds, part.seeds or chosen.seeds)
        jobs = [
            (case | {"seed": seed}, part.figure, part.seconds) for case in part.cases.values() for seed in range(seeds)
        ]
        with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:
            found = []
            for n, one in enumerate(pool.imap(trained, jobs)):
                found.append(one)
                print(f"\r{name}: {n + 1} of {len(jobs)}", end="", file=sys.stderr, flush=True)
        results = {case: found[i * seeds : (i + 1) * seeds] for i, case in enumerate(part.cases)}
        print(f"\n\n| {name}, {part.figure}, {seeds} seeds | mean | least | most | of the gap |\n|---|---|---|---|---|")
        for case, several in results.items():
            mean, low, high = statistics.mean(several), min(several), max(several)
            share = shares(results, case) if part.figure == "accuracy" else ""
            print(f"| {case} | {mean:.3f} | {low:.3f} | {high:.3f} | {share} |", flush=True)
        save(f"learning_{name}", {"seeds": seeds, "figure": part.figure, "results": results})


if __name__ == "__main__":
    main()
