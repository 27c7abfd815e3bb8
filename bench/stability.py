"""Does it train, whatever the seed? The preset `seed` over seeds 0 .. 19, and a naive setting beside it as contrast.

    python bench/stability.py [--seeds 20]

Naive: the same chain of boxes, but the synthesizer starts from random weights, sees no label and learns by plain SGD
at the cell's rate, the update is not clipped and no rate decays. Run inline: the digest is that of a run over Ray.
"""

import argparse
import json
import statistics
from pathlib import Path

from dni_actors.box.errors import NonFiniteError
from dni_actors.config.run import RunConfig
from dni_actors.nn.streams import Stream, generator
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import describe_kernels, single_blas_thread

NAIVE = {
    "conditioned": False,
    "synthesizer_optimizer": "sgd",
    "synthesizer_learning_rate": 0.1,
    "clip": 0,
    "decay": "none",
}
OUT = Path(__file__).with_name("results") / "stability.json"


def accuracy(seed: int, naive: bool) -> float | None:
    """Test accuracy on the 160 held-out images at the run's end; None if the run became non-finite."""
    chain = Chain(RunConfig.preset("seed", seed=seed, evaluate_every=0, **(NAIVE if naive else {})))
    if naive:
        for k, stepper in enumerate(chain.steppers[:-1]):
            assert stepper.box.boundary.parameters is not None
            weights = stepper.box.boundary.parameters["synthesizer"]
            rng = generator(seed, Stream.WEIGHTS, k, lane=1)
            weights[:] = rng.standard_normal(weights.shape) / weights.shape[0] ** 0.5
    try:
        chain.run()
    except NonFiniteError:
        return None
    return chain.steppers[-1].status().evaluations[-1].accuracy


def row(found: list[float | None]) -> dict[str, object]:
    finite = [a for a in found if a is not None]
    return {
        "seeds": len(found),
        "non_finite": len(found) - len(finite),
        "minimum": min(finite, default=None),
        "median": statistics.median(finite) if finite else None,
        "at_least_99_percent": sum(a >= 0.99 for a in finite),
        "accuracies": found,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=20)
    seeds = range(options.parse_args().seeds)
    results = {}
    with single_blas_thread():
        for name, naive in (("preset seed", False), ("naive", True)):
            results[name] = found = row([accuracy(seed, naive) for seed in seeds])
            print(f"{name:12}", *(f"{key}={value}" for key, value in found.items() if key != "accuracies"), flush=True)
    OUT.write_text(json.dumps({"kernels": describe_kernels(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
