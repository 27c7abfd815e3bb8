"""The long proofs: a chain that is killed 50 times, a run that is killed 20 times, a million ticks.

    python -m bench.soak [--kills 50] [--run-kills 20] [--ticks 1000000]

Digests must be those of the undisturbed run, no process may be left, and the memory of no box may grow: the slope of
its unique set size, fitted over the second half of the run, stays below 1 MB per 100,000 ticks.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.measure import save
from bench.memory import unique
from dni_actors.box.report import Report, Started
from dni_actors.config import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.options import parse
from dni_actors.runtime import session
from dni_actors.runtime.inline import Chain

SMALL = ["--task", "rows", "--hidden", "16", "--batch", "8", "--seed", "7", "--evaluate-every", "2000"]
LEAST = 1.0  # seconds between two kills, and ...
MOST = 6.0  # ... at most
SLOPE = 1.0  # MB per 100,000 ticks


def launch(folder: str, *flags: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dni_actors.launch", *SMALL, "--name", "it", "--storage", folder, *flags]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)


def expected(ticks: int) -> str:
    return combine(Chain(parse([*SMALL, "--ticks", str(ticks), "--runtime", "inline"])).run())


def box_kills(count: int, ticks: int) -> tuple[str, int]:
    """The digest of a run whose boxes are killed, one or two neighbours at a time, and how many were."""
    rng, done = random.Random(0), 0
    due = time.monotonic() + 8
    with tempfile.TemporaryDirectory() as folder:
        run = launch(folder, "--ticks", ticks, "--console", "json", "--max-restarts", count)
        assert run.stdout is not None
        pids: list[int] = []
        for text in run.stdout:
            line = json.loads(text)
            if line.get("event") == "started":
                pids, due = [where["pid"] for where in line["boxes"]], time.monotonic() + rng.uniform(LEAST, MOST)
            if pids and done < count and time.monotonic() > due:
                k = rng.randrange(len(pids))
                for pid in pids[k : k + rng.choice([1, 1, 2])]:
                    os.kill(pid, signal.SIGKILL)
                    done += 1
                pids = []
                print(f"  {done} boxes killed", file=sys.stderr, flush=True)
        run.wait()
        return line["digest"], done


def run_kills(count: int, ticks: int) -> tuple[str, int]:
    """The digest of a run that is killed, again and again, and started again with the same command."""
    rng, done = random.Random(1), 0
    with tempfile.TemporaryDirectory() as folder:
        while True:
            run = launch(folder, "--ticks", ticks, "--console", "quiet", "--checkpoint-every", 500)
            try:
                run.wait(timeout=rng.uniform(8, 14) if done < count else None)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                done += 1
                print(f"  run killed {done} times", file=sys.stderr, flush=True)
                continue
            result = json.loads((Path(folder) / "it" / "result.json").read_text())
            return result["digest"], done


def memory(ticks: int) -> list[float]:
    """MB per 100,000 ticks, of each box."""
    config = RunConfig.of(task="rows", boxes=4, hidden=4, batch=2, ticks=ticks, evaluate_every=0)
    pids: list[int] = []
    seen: list[list[tuple[int, float]]] = [[] for _ in range(config.boxes)]
    looked = 0.0
    with session(config) as running:
        for event in running.run(config):
            if isinstance(event, Started):
                pids = [place.pid for place in event.places]
            if isinstance(event, Report) and time.monotonic() - looked > 5 and event.tick > ticks // 2:
                looked = time.monotonic()
                for k, pid in enumerate(pids):
                    seen[k].append((event.tick, unique(pid) * 2**20 / 1e6))
    return [float(np.polyfit(*zip(*points, strict=True), 1)[0] * 1e5) for points in seen]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--run-kills", type=int, default=20)
    options.add_argument("--ticks", type=int, default=1_000_000)
    chosen = options.parse_args()
    found, failed = {}, False
    for name, test, count, ticks in (
        ("boxes killed", box_kills, chosen.kills, 150_000),
        ("runs killed", run_kills, chosen.run_kills, 60_000),
    ):
        digest, done = test(count, ticks)
        equal = digest == expected(ticks)
        print(f"{name}: {done} times, digest {'equal' if equal else 'DIFFERENT'}", flush=True)
        found[name] = {"times": done, "equal": equal}
        failed |= not equal
    slopes = memory(chosen.ticks)
    print(f"memory over {chosen.ticks} ticks: {', '.join(f'{s:+.3f}' for s in slopes)} MB per 100,000 ticks")
    failed |= max(slopes) > SLOPE
    save("soak", found | {"ticks": chosen.ticks, "megabytes_per_100000_ticks": slopes})
    sys.exit(failed)


if __name__ == "__main__":
    main()
