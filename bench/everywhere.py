"""Is one rule nowhere worse than the best of `delayed` (plain, and as published) and `local`? Every rule on every task,
at several lags.

    python -m bench.everywhere [--tasks xor mixed ...] [--rules settle ...] [--lags 4 16] [--seeds 3] [--jobs 2]
                               [--data FOLDER] [--minutes 60]

Inline (the bits are the same over Ray), `--jobs` runs at a time. Each run's figure goes to a file of its own in
bench/results/everywhere/ when it ends: the command can be stopped, given again, and does what is missing; `--minutes`
stops it by itself. Figures are accuracies on the test samples, of `adding` the share of the variance that is explained.
`--data`: a folder of IDX files for dense layers (Fashion-MNIST); without it, the digits of the package.
"""

import argparse
import itertools
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.learning import DENSE, PUBLISHED, ROWS, Fields, trained
from bench.measure import RESULTS
from dni_actors.config.presets import SETTLE

FOLDER = RESULTS / "everywhere"
RULES: dict[str, Fields] = {
    "synthetic": {"local_readout": False},
    "hybrid": {"local_readout": True},
    "settle": {"local_readout": True} | SETTLE,
    "delayed": {"update": "delayed"},
    "delayed, as published": {"update": "delayed"} | PUBLISHED,
    "local": {"update": "local", "local_readout": True},
    "truncated": {"update": "truncated"},
    "locked": {"update": "locked"},
}
BARS = ("delayed", "delayed, as published", "local")
LAGLESS = ("local", "truncated", "locked")  # their figure is the same at every lag
DEPTH = DENSE | {"learning_rate": 1e-3, "norm": "rms"}
SHARED = ROWS | {"weights": "shared", "sync_every": 1}
TASKS: dict[str, Fields] = {
    "xor": {"task": "xor"},
    "xor7": {"task": "xor", "boxes": 7},
    "mixed": {"task": "mixed"},
    "recall": {"task": "recall"},
    "rows": ROWS | {"boxes": 4},
    "rows7": ROWS | {"boxes": 7},
    "rows14": ROWS | {"boxes": 14},
    "shared4": SHARED | {"boxes": 4},
    "shared7": SHARED | {"boxes": 7},
    "adding": {"task": "adding"},
    "dense3": DEPTH | {"boxes": 3},
    "dense4": DEPTH | {"boxes": 4},
    "dense5": DEPTH | {"boxes": 5},
    "dense6": DEPTH | {"boxes": 6},
}


class Cell(NamedTuple):
    """One run."""

    task: str
    rule: str
    lag: int
    seed: int

    def path(self, data: str | None) -> Path:
        """Of its result. Other data of dense layers has files of its own."""
        of = f"{self.task}-{Path(data).name}" if data and self.task.startswith("dense") else self.task
        return FOLDER / f"{of}_{self.rule}_lag{self.lag}_seed{self.seed}.json"


def cells(tasks: Sequence[str], rules: Sequence[str], lags: Sequence[int], seeds: int) -> list[Cell]:
    """Seed by seed, so that a command that is stopped early has compared everything with fewer seeds."""
    every = itertools.product(range(seeds), tasks, lags, rules)
    return [Cell(task, rule, lag, seed) for seed, task, lag, rule in every if rule not in LAGLESS or lag == lags[0]]


def run(job: tuple[Cell, str | None]) -> None:
    """One cell, into its file."""
    cell, data = job
    fields = TASKS[cell.task] | RULES[cell.rule] | {"lag": cell.lag, "seed": cell.seed}
    fields |= {"data": data} if cell.task.startswith("dense") else {}
    began = time.perf_counter()
    figure = trained((fields, "explained" if cell.task == "adding" else "accuracy", float("inf")))
    result = {"figure": figure, "seconds": round(time.perf_counter() - began, 1), "fields": fields}
    path = cell.path(data)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1), encoding="utf-8")
    partial.replace(path)


def table(tasks: Sequence[str], rules: Sequence[str], lags: Sequence[int], seeds: int, data: str | None) -> None:
    """Means over the seeds that are there, and by how much each rule stays below the best of `BARS`."""
    found: dict[tuple[str, str, int], list[float]] = {}
    for cell in cells(tasks, rules, lags, seeds):
        if (path := cell.path(data)).exists():
            figure = json.loads(path.read_text(encoding="utf-8"))["figure"]
            found.setdefault((cell.task, cell.rule, cell.lag), []).append(figure)

    def mean(task: str, rule: str, lag: int) -> float | None:
        several = found.get((task, rule, lags[0] if rule in LAGLESS else lag))
        return statistics.mean(several) if several else None

    print(
        "| task, lag | rule | mean | each seed | worse than the best of delayed and local by |\n|---|---|---|---|---|"
    )
    for task, lag, rule in itertools.product(tasks, lags, rules):
        if (figure := mean(task, rule, lag)) is None:
            continue
        bars = [bar for bar in (mean(task, one, lag) for one in BARS) if bar is not None]
        behind = f"{max(0.0, max(bars) - figure):.3f}" if len(bars) == len(BARS) else ""
        each = " ".join(f"{one:.3f}" for one in found[task, rule, lags[0] if rule in LAGLESS else lag])
        print(f"| {task}, {lag} | {rule} | {figure:.3f} | {each} | {behind} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    options.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options.add_argument("--lags", nargs="+", type=int, default=[4, 16])
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--minutes", type=float, default=float("inf"))
    options.add_argument("--data")
    chosen = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = (chosen.tasks, chosen.rules, chosen.lags, chosen.seeds)
    todo = [(cell, chosen.data) for cell in cells(*known) if not cell.path(chosen.data).exists()]
    until = time.monotonic() + 60 * chosen.minutes
    with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:  # leaving it ends what still runs
        ended = pool.imap_unordered(run, todo)
        for n in range(len(todo)):
            left = min(until - time.monotonic(), 1e6)
            try:
                ended.next(max(0.0, left))
            except multiprocessing.TimeoutError:
                print("\nthe time is over", file=sys.stderr)
                break
            print(f"\r{n + 1} of {len(todo)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table(*known, chosen.data)


if __name__ == "__main__":
    main()
