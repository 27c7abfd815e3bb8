"""How fast? Ticks per second of 4 boxes of 7 steps (task rows), inline and over Ray, beside the two-core limit.

    python bench/throughput.py [--rounds 5]

The limit is what two inline processes do at the same time, added up: perfect use of two cores by this code. Contenders
take turns within a round, so that a noisy machine is noisy for all of them; medians are told. Each contender runs as a
user runs it, as a process of its own, and reports its steady state (the first tenth left out).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = {"32x64": (32, 64, 1500), "128x256": (128, 256, 200)}  # batch, hidden, ticks
CONTENDERS = {"inline": ("inline", 1), "ray": ("ray", 1), "two inline at once": ("inline", 2)}
OUT = Path(__file__).with_name("results") / "throughput.json"


def rate(batch: int, hidden: int, ticks: int, runtime: str, processes: int) -> float:
    """Ticks per second, summed over processes that run at the same time."""
    flags = f"--task rows --boxes 4 --batch {batch} --hidden {hidden} --ticks {ticks} --runtime {runtime}"
    command = [sys.executable, "-m", "dni_actors.launch", *flags.split(), "--evaluate-every", "0", "--console", "quiet"]
    with tempfile.TemporaryDirectory() as folder:
        started = [subprocess.Popen(command, cwd=folder) for _ in range(processes)]
        codes = [process.wait() for process in started]  # all of them, whatever the first one says
        if any(codes):
            raise SystemExit(f"{' '.join(command)} failed")
        results = [json.loads(path.read_text())["ticks_per_second"] for path in Path(folder).glob("runs/*/result.json")]
    return sum(results)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    rates: dict[str, dict[str, list[float]]] = {size: {name: [] for name in CONTENDERS} for size in SIZES}
    for _ in range(rounds):
        for size, (batch, hidden, ticks) in SIZES.items():
            for name, (runtime, processes) in CONTENDERS.items():
                rates[size][name].append(rate(batch, hidden, ticks, runtime, processes))
    print(
        f"{'batch x hidden':16}{'contender':20}{'ticks/s':>10}{'of the limit':>14}   ({os.cpu_count()} cores, medians)"
    )
    for size, found in rates.items():
        limit = statistics.median(found["two inline at once"])
        for name, several in found.items():
            median = statistics.median(several)
            print(f"{size:16}{name:20}{median:10.1f}{median / limit:14.2f}")
    OUT.write_text(json.dumps({"rounds": rounds, "ticks_per_second": rates}, indent=1) + "\n")


if __name__ == "__main__":
    main()
