"""Does every preset train, whatever the seed? And what does an absurd learning rate come to?

    python -m bench.presets [--presets NAME ...] [--seeds 20] [--full 1]

Each preset with seeds 0 .. 19, shortened to SHORT ticks where it is longer: how many runs became non-finite. Seeds
0 .. full-1 go to their end: the figure that --list-presets tells. Then one run, cut short, with every learning rate at
a million: how it ends, and whether anything that is not a number was saved. Inline: the bits are those of a run over
Ray. Results are added to bench/results/presets.json, preset by preset.
"""

import argparse
import json
import tempfile
import time
from typing import Any

import numpy as np

from bench.measure import RESULTS, save
from dni_actors import ConfigError, Result, RunConfig, run
from dni_actors.box.errors import BoxError
from dni_actors.config.presets import PRESETS
from dni_actors.observe.figure import figure
from dni_actors.record import cut_files
from dni_actors.record.storage import Storage
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.kernels import single_blas_thread

SHORT = 100  # ticks
ABSURD = {"learning_rate": 1e6, "synthesizer_learning_rate": 1e6, "local_learning_rate": 1e6}
QUIET = {"runtime": "inline", "console": "quiet"}


def trained(name: str, seed: int, ticks: int | None) -> dict[str, Any]:
    """The figure at the end of a run, or the sentence that ended it."""
    config = RunConfig.preset(name, seed=seed, evaluate_every=0, checkpoint_every=0, runtime="inline")
    if ticks is not None:
        config = config.replace(ticks=min(ticks, config.ticks))
    began = time.process_time()
    chain = Chain(config)
    try:
        chain.run()
    except BoxError as error:
        return {"seed": seed, "ticks": config.ticks, "error": str(error)}
    found = figure(config.task, chain.statuses()[-1].evaluations[-1])
    seconds = round(time.process_time() - began, 1)
    return {"seed": seed, "ticks": config.ticks, "figure": found.text, "value": found.value, "seconds": seconds}


def absurd(name: str) -> dict[str, Any]:
    """How a run ends whose rates are a million: a sentence, and what it left."""
    with tempfile.TemporaryDirectory() as storage:
        short = {"ticks": 100, "evaluate_every": 50, "checkpoint_every": 20}
        config = RunConfig.lenient(preset=name, **ABSURD, **short, **QUIET, storage=storage, name="it")
        try:
            run(config)
        except (BoxError, ConfigError) as error:
            told = [str(error).partition(" (it had just done")[0]]
        else:
            told = Result.from_path(f"{storage}/it").hints
        place = Storage.of(f"{storage}/it")
        arrays = [
            a
            for tick in cut_files.complete(place)
            for cut in cut_files.read(place, tick, config.boxes)
            for a in cut.arrays.values()
        ]
        bad = sum(a.dtype.kind == "f" and not np.isfinite(a).all() for a in arrays)
    return {"told": told, "cuts_not_finite": int(bad)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--presets", nargs="*", default=list(PRESETS))
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--full", type=int, default=1)
    chosen = options.parse_args()
    file = RESULTS / "presets.json"
    results = json.loads(file.read_text())["results"] if file.exists() else {}
    for name in chosen.presets:
        with single_blas_thread():
            several = [trained(name, seed, SHORT) for seed in range(chosen.seeds)]
            whole = [trained(name, seed, None) for seed in range(chosen.full)]
        ends = [one for one in several if "error" in one]
        results[name] = {"short": several, "full": whole, "non_finite": len(ends), "absurd": absurd(name)}
        figures = ", ".join(one.get("figure") or str(one["error"]) for one in whole)
        print(
            f"{name}: {len(ends)} of {len(several)} non-finite; whole runs: {figures}; {results[name]['absurd']}",
            flush=True,
        )
        save("presets", {"results": results})


if __name__ == "__main__":
    main()
