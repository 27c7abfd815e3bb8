"""Does it learn what needs a gradient through time? Task rows, 4 boxes, 10 epochs: synthetic, truncated, locked.

    python bench/rows.py [--seeds 3]

Run inline: the digest is that of a run over Ray.
"""

import argparse
import json
import statistics
from pathlib import Path

from dni_actors.config import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import describe_kernels, single_blas_thread

OUT = Path(__file__).with_name("results") / "rows.json"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    seeds = range(options.parse_args().seeds)
    results = {}
    with single_blas_thread():
        for update in ("synthetic", "truncated", "locked"):
            accuracies = []
            for seed in seeds:
                chain = Chain(RunConfig.of(task="rows", update=update, seed=seed, evaluate_every=0))
                chain.run()
                accuracies.append(chain.steppers[-1].report().evaluations[-1].accuracy)
            results[update] = accuracies
            print(f"{update:10} mean {statistics.mean(accuracies):.4f}  of {accuracies}", flush=True)
    OUT.write_text(json.dumps({"kernels": describe_kernels(), "test_accuracy": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
