"""How long is a chain out of action when a box is killed, and what do its cuts cost?

    python -m bench.recovery [--kills 20] [--rounds 5]

Kills: SIGKILL of a random box of four, at a random moment; seconds until the first tick after it is done and told.
Cuts: the share of its time that the box spends on them that spends most, with the default interval (at most 2 % is
wanted); and ticks per second with them over those without, in turns, which has the driver's work in it, too.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import save
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Started, Status
from dni_actors.record.cut_store import CutStore
from dni_actors.record.storage import Storage
from dni_actors.runtime import started

SIZES = ((32, 64), (128, 256), (256, 512))
SECONDS = 12  # of a run with and without cuts


def events(config: RunConfig, folder: str) -> Iterator[Event]:
    """A run whose cuts are kept."""
    store = CutStore(Storage.of(folder), config.boxes, lambda event: None)
    with started(config) as running:
        for event in running.run(config, store):
            if isinstance(event, Status):
                for parts in store.gather(event):
                    store.write(parts, [], [], wait=False)
            yield event
    store.close()


def kills(count: int) -> list[float]:
    fields = {"task": "rows", "boxes": 4, "ticks": 2**30, "evaluate_every": 0, "max_restarts": count}
    rng, found = random.Random(0), []
    killed, first, due = 0.0, 0, time.monotonic() + 6
    pids: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for event in events(RunConfig.of(**fields), folder):
            if isinstance(event, Started):
                pids, first = [place.pid for place in event.places], event.tick
            if isinstance(event, Status) and killed and pids and event.tick > first:
                found.append(time.monotonic() - killed)
                print(f"  kill {len(found)}: {found[-1]:.2f} s", file=sys.stderr, flush=True)
                if len(found) == count:
                    break
                killed, due = 0.0, time.monotonic() + rng.uniform(0.5, 6)
            if not killed and pids and time.monotonic() > due:
                os.kill(rng.choice(pids), signal.SIGKILL)
                killed, pids = time.monotonic(), []
    return found


def cost(rounds: int) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for batch, hidden in SIZES:
            rates = found[f"{batch}x{hidden}"] = {"with cuts": [], "without": [], "share": []}
            ticks = 300
            for n in range(rounds + 1):
                for name, every in (("with cuts", []), ("without", ["--checkpoint-every", "0"])):
                    flags = ["--task", "rows", "--batch", batch, "--hidden", hidden, "--lag", 3, "--ticks", ticks]
                    where = ["--storage", folder, "--name", f"{hidden}-{n}-{len(every)}", "--evaluate-every", 0]
                    command = [sys.executable, "-m", "dni_actors.launch", "--console", "quiet", *flags, *where, *every]
                    subprocess.run(list(map(str, command)), check=True)
                    result = json.loads((Path(folder) / f"{hidden}-{n}-{len(every)}" / "result.json").read_text())
                    if n:
                        rates[name].append(result["ticks_per_second"])
                        rates["share"] += [] if every else [result["cut_share"]]
                    print(f"  {batch}x{hidden}, round {n}, {name}: {result['ticks_per_second']}", file=sys.stderr)
                ticks = max(300, int(SECONDS * result["ticks_per_second"])) if n == 0 else ticks
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    out = kills(chosen.kills)
    print(f"SIGKILL to the first new tick: median {statistics.median(out):.2f} s, longest {max(out):.2f} s")
    rates = cost(chosen.rounds)
    for size, of in rates.items():
        ratio = statistics.median(a / b for a, b in zip(of["with cuts"], of["without"], strict=True))
        told = f"{statistics.median(of['with cuts']):8.1f} ticks/s with cuts, {ratio:.3f} of those without"
        print(
            f"{size:>10}: {told}; {statistics.median(of['share']):.2%} of a box's time, at most {max(of['share']):.2%}"
        )
    save("recovery", {"seconds_until_the_first_new_tick": out, "cuts": rates})


if __name__ == "__main__":
    main()
