"""What is learned: test accuracy at the end of training, by update rule, number of boxes and lag.

    python -m bench.learning [--parts rows recall xor] [--seeds 3]

Inline (the bits are the same over Ray), two runs at a time. For `rows` the share of the gap between truncation and
backpropagation that a rule closes is told beside it.
"""

import argparse
import multiprocessing
import statistics
import sys
from typing import Any

from bench.measure import save
from dni_actors.config import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread

RULES: dict[str, dict[str, Any]] = {
    "synthesizer alone": {"local_readout": False},
    "trust": {"local_readout": False, "trust": "rate"},
    "hybrid": {},
    "hybrid, trust": {"trust": "readout"},
    "local": {"update": "local"},
}
ENDS = {"locked": {"update": "locked"}, "truncated": {"update": "truncated"}}
ROWS = {"task": "rows", "hidden": 64, "batch": 32, "epochs": 10, "synthesizer_learning_rate": 3e-3}


def cases(part: str) -> dict[str, dict[str, Any]]:
    if part == "rows":
        found = {}
        for boxes in (4, 7, 14):
            base = ROWS | {"boxes": boxes}
            found |= {f"{boxes} boxes, {name}": base | fields for name, fields in ENDS.items()}
            for name, fields in RULES.items():
                for lag in (2,) if name == "local" else (2, 4, 8, 16, 32):
                    found[f"{boxes} boxes, {name}, lag {lag}"] = base | fields | {"lag": lag}
        return found
    lag = {"recall": 2, "xor": 4}[part]
    return {name: {"task": part, "lag": lag} | fields for name, fields in (ENDS | RULES).items()}


def accuracy(fields: dict[str, Any]) -> float:
    config = RunConfig.of(**fields, runtime="inline", evaluate_every=0, checkpoint_every=0)
    with single_blas_thread():
        chain = Chain(config)
        chain.run()
    return chain.reports()[-1].evaluations[-1].accuracy


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parts", nargs="*", default=["rows", "recall", "xor"])
    options.add_argument("--seeds", type=int, default=3)
    chosen = options.parse_args()
    for part in chosen.parts:
        several = cases(part)
        jobs = [fields | {"seed": seed} for fields in several.values() for seed in range(chosen.seeds)]
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = []
            for n, one in enumerate(pool.imap(accuracy, jobs)):
                found.append(one)
                print(f"\r{part}: {n + 1} of {len(jobs)}", end="", file=sys.stderr, flush=True)
        results = {name: found[i * chosen.seeds : (i + 1) * chosen.seeds] for i, name in enumerate(several)}
        print(f"\n{part:44}{'mean':>7}{'least':>8}{'of the gap':>12}")
        for name, rates in results.items():
            mean, share = statistics.mean(rates), ""
            ends = [results.get(name.partition(",")[0] + f", {end}", results.get(end)) for end in ENDS]
            if all(ends):
                best, worst = (statistics.mean(end) for end in ends if end)
                share = f"{(mean - worst) / (best - worst):.0%}"
            print(f"{name:44}{mean:7.3f}{min(rates):8.3f}{share:>12}", flush=True)
        save(f"learning_{part}", {"seeds": chosen.seeds, "test_accuracy": results})


if __name__ == "__main__":
    main()
