"""Is one rule nowhere worse than the best of `delayed` (plain, and as published) and `local`? Every rule on every task,
at several lags.

    python -m bench.everywhere [--tasks xor mixed ...] [--rules settle ...] [--lags 4 16] [--seeds 3] [--jobs 2]
                               [--data FOLDER] [--minutes 60]

Inline (the bits are the same over Ray), `--jobs` runs at a time. Each figure goes to bench/results/everywhere.json when
its run ends, with the commit: the command can be stopped, given again, and does what is missing; `--minutes`
stops it by itself. Figures are accuracies on the test samples; of `adding` the share of the variance that is explained;
of `text` bits per character, and of `copy` the length that is reached, where only two of the rules can be used.
`--data`: a folder of IDX files for dense layers (Fashion-MNIST); without it, the digits of the package. In the table a
figure that is more than a point worse is bold.
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
from typing import Any, NamedTuple

from bench.learning import DENSE, PUBLISHED, ROWS, Fields, trained
from bench.measure import RESULTS, commit
from dni_actors.config.presets import SETTLE

FILE = RESULTS / "everywhere.json"
RULES: dict[str, Fields] = {
    "synthetic": {"local_readout": False, "settle": False},
    "hybrid": {"local_readout": True, "settle": False},
    "settle": {"local_readout": True} | SETTLE,
    "delayed": {"update": "delayed"},
    "delayed, as published": {"update": "delayed"} | PUBLISHED,
    "local": {"update": "local", "local_readout": True},
    "truncated": {"update": "truncated"},
    "locked": {"update": "locked"},
}
BARS = ("delayed", "delayed, as published", "local")
LAGLESS = ("local", "truncated", "locked")  # their figure is the same at every lag
STREAMS = ("copy", "text")  # one box, whose lag is that of the task's defaults
OF_STREAMS = ("synthetic", "truncated")  # a stream has no end that an exact gradient, or a label, could come from
ALL_OR_NOTHING = ("xor", "xor7", "mixed", "recall")
SOLVED = 0.99
DEPTH = DENSE | {"learning_rate": 1e-3, "norm": "rms"}
SHARED = ROWS | {"weights": "shared", "sync_every": 10}
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
    "copy": {"task": "copy"},
    "text": {"task": "text", "target_scale": True},
}


FIGURES = {"adding": "explained", "copy": "reached", "text": "bits"}  # of the others, accuracy
Found = dict[str, dict[str, Any]]


class Cell(NamedTuple):
    """One run."""

    task: str
    rule: str
    lag: int | None
    """None: its figure is the same at any"""
    seed: int
    data: str | None = None
    """a folder"""

    @property
    def key(self) -> str:
        """Its name among the results. Other data of dense layers has results of its own."""
        of = f"{self.task} of {Path(self.data).name}" if self.data else self.task
        at = "any lag" if self.lag is None else f"lag {self.lag}"
        return f"{of}, {self.rule}, {at}, seed {self.seed}"


def cells(tasks: Sequence[str], rules: Sequence[str], lags: Sequence[int], seeds: int, data: str | None) -> list[Cell]:
    """Seed by seed, so that a command that is stopped early has compared everything with fewer seeds."""
    every = itertools.product(range(seeds), tasks, lags, rules)
    found = [
        Cell(
            task,
            rule,
            None if rule in LAGLESS or task in STREAMS else lag,
            seed,
            data if task.startswith("dense") else None,
        )
        for seed, task, lag, rule in every
        if task not in STREAMS or rule in OF_STREAMS
    ]
    return list(dict.fromkeys(found))


def run(cell: Cell) -> tuple[Cell, float, float]:
    """Its figure, and the seconds that it took."""
    fields = TASKS[cell.task] | RULES[cell.rule] | {"seed": cell.seed}
    fields |= {} if cell.lag is None else {"lag": cell.lag}
    fields |= {"data": cell.data} if cell.data else {}
    began = time.perf_counter()
    figure = trained((fields, FIGURES.get(cell.task, "accuracy"), float("inf")))
    return cell, figure, time.perf_counter() - began


def results() -> Found:
    """Of every run so far, by its key."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def keep(found: Found) -> None:
    """Whole, or not at all; a line a run."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(found[key])}" for key in sorted(found))
    partial = FILE.with_suffix(".partial")
    partial.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    partial.replace(FILE)


def table(chosen: list[Cell], found: Found) -> None:
    """Means over the seeds that are there, and by how much each rule stays below the best of `BARS`."""
    several: dict[tuple[str, str, int | None], list[float]] = {}
    for cell in chosen:
        if cell.key in found:
            several.setdefault((cell.task, cell.rule, cell.lag), []).append(found[cell.key]["figure"])

    def mean(task: str, rule: str, lag: int | None) -> float | None:
        figures = several.get((task, rule, None if rule in LAGLESS else lag))
        return statistics.mean(figures) if figures else None

    print("| task | lag | rule | mean | solved | each seed | worse than the best of delayed and local by |")
    print("|---|---|---|---|---|---|---|")
    for (task, rule, lag), figures in several.items():
        bars = [bar for bar in (mean(task, one, lag) for one in BARS) if bar is not None]
        behind = max(0.0, max(bars) - statistics.mean(figures)) if len(bars) == len(BARS) else None
        told = "" if behind is None else f"**{behind:.3f}**" if behind > 0.01 else f"{behind:.3f}"
        solved = f"{sum(one > SOLVED for one in figures)} of {len(figures)}" if task in ALL_OR_NOTHING else ""
        at = "any" if lag is None else lag
        each = " ".join(f"{one:.3f}" for one in figures)
        print(f"| {task} | {at} | {rule} | {statistics.mean(figures):.3f} | {solved} | {each} | {told} |")


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
    wanted, found, of = cells(chosen.tasks, chosen.rules, chosen.lags, chosen.seeds, chosen.data), results(), commit()
    todo = [cell for cell in wanted if cell.key not in found]
    until = time.monotonic() + 60 * chosen.minutes
    with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:  # leaving it ends what still runs
        ended = pool.imap_unordered(run, todo)
        for n in range(len(todo)):
            left = min(until - time.monotonic(), 1e6)
            try:
                cell, figure, seconds = ended.next(max(0.0, left))
            except multiprocessing.TimeoutError:
                print("\nthe time is over", file=sys.stderr)
                break
            found[cell.key] = {"figure": round(figure, 4), "seconds": round(seconds, 1), "commit": of}
            keep(found)
            print(f"\r{n + 1} of {len(todo)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table(wanted, found)
    of_commits = {found[cell.key]["commit"] for cell in wanted if cell.key in found}
    print(f"\nOf commit {', '.join(sorted(of_commits))}; to run one again, take its line out of {FILE.name}.")


if __name__ == "__main__":
    main()
