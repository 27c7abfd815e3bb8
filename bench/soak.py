"""The long proofs: a chain that is killed 50 times, a run that is killed 20 times, a million ticks.

    python -m bench.soak [--kills 50] [--run-kills 20] [--ticks 1000000]

Digests must be those of the undisturbed run; no process, no folder of sockets and no shared memory may be left; and the
memory of neither the driver nor a box may grow: the slope of its unique set size, fitted over the second half of the
run, stays below 1 MB per 100,000 ticks.
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
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.observe.events import Started, Status
from dni_actors.options import parse
from dni_actors.runtime import started
from dni_actors.runtime.inline import Chain
from tests.processes import alive, children, eventually

SMALL = ["--task", "rows", "--hidden", "16", "--batch", "8", "--seed", "7", "--evaluate-every", "2000"]
LEAST = 1.0  # seconds between two kills, and ...
MOST = 6.0  # ... at most
SLOPE = 1.0  # MB per 100,000 ticks


def launch(folder: str, *flags: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dni_actors.launch", *SMALL, "--name", "it", "--storage", folder, *flags]
    environment = os.environ | {"TMPDIR": folder, "RAY_TMPDIR": "/tmp"}
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment)


def shared_memory() -> set[str]:
    """Python's own semaphores left out: nobody here makes any."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")}


def check_nothing_is_left(folder: str, family: set[int], shared: set[str]) -> None:
    """Half a minute after a run's end at the latest."""
    if not eventually(lambda: not [pid for pid in family if alive(pid)]):
        raise SystemExit(f"processes are left: {[pid for pid in family if alive(pid)]}")
    if not eventually(lambda: not list(Path(folder).glob("dni-*"))):
        raise SystemExit(f"folders of sockets are left in {folder}")
    if not shared_memory() <= shared:
        raise SystemExit(f"shared memory is left: {shared_memory() - shared}")


def expected(ticks: int) -> str:
    return combine(Chain(parse([*SMALL, "--ticks", str(ticks), "--runtime", "inline"])).run())


def box_kills(count: int, ticks: int) -> tuple[str, int]:
    """The digest of a run whose boxes are killed, one or two neighbours at a time, and how many were."""
    rng, done, shared = random.Random(0), 0, shared_memory()
    due = time.monotonic() + 8
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder:
        run = launch(folder, "--ticks", ticks, "--console", "json", "--max-restarts", count)
        assert run.stdout is not None
        pids: list[int] = []
        family: set[int] = set()
        for text in run.stdout:
            line = json.loads(text)
            if line.get("event") == "started":
                pids, due = [where["pid"] for where in line["boxes"]], time.monotonic() + rng.uniform(LEAST, MOST)
            if pids and done < count and time.monotonic() > due:
                family = children(run.pid)
                k = rng.randrange(len(pids))
                for pid in pids[k : k + rng.choice([1, 1, 2])]:
                    os.kill(pid, signal.SIGKILL)
                    done += 1
                pids = []
                print(f"  {done} boxes killed", file=sys.stderr, flush=True)
        run.wait()
        check_nothing_is_left(folder, family, shared)
        return line["digest"], done


def run_kills(count: int, ticks: int) -> tuple[str, int]:
    """The digest of a run that is killed, again and again, and started again with the same command."""
    rng, done, shared = random.Random(1), 0, shared_memory()
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder:
        while True:
            run = launch(folder, "--ticks", ticks, "--console", "quiet", "--checkpoint-every", 500)
            try:
                run.wait(timeout=rng.uniform(8, 14) if done < count else None)
            except subprocess.TimeoutExpired:
                family = children(run.pid)
                run.kill()
                run.wait()
                done += 1
                check_nothing_is_left(folder, family, shared)
                print(f"  run killed {done} times", file=sys.stderr, flush=True)
                continue
            result = json.loads((Path(folder) / "it" / "result.json").read_text())
            return result["digest"], done


def memory(ticks: int) -> list[float]:
    """MB per 100,000 ticks, of the driver and of each box."""
    config = RunConfig.of(task="rows", boxes=4, hidden=4, batch=2, ticks=ticks, evaluate_every=0)
    pids: list[int] = []
    seen: list[list[tuple[int, float]]] = [[] for _ in range(1 + config.boxes)]
    looked = 0.0
    with started(config) as running:
        for event in running.run(config):
            if isinstance(event, Started):
                pids = [os.getpid(), *(place.pid for place in event.places)]
            if isinstance(event, Status) and time.monotonic() - looked > 5 and event.tick > ticks // 2:
                looked = time.monotonic()
                for k, pid in enumerate(pids):
                    seen[k].append((event.tick, unique(pid) * 2**20 / 1e6))
    columns = (np.array(points, dtype=float).T for points in seen)
    return [float(np.polyfit(at, megabytes, 1)[0] * 1e5) for at, megabytes in columns]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--run-kills", type=int, default=20)
    options.add_argument("--ticks", type=int, default=1_000_000)
    chosen = options.parse_args()
    found, failed = {}, False
    for name, test, count, ticks in (
        ("boxes killed", box_kills, chosen.kills, 3_000 * chosen.kills),
        ("runs killed", run_kills, chosen.run_kills, 5_000 * chosen.run_kills),
    ):
        digest, done = test(count, ticks)
        equal = digest == expected(ticks)
        print(f"{name}: {done} of {count} times, digest {'equal' if equal else 'DIFFERENT'}", flush=True)
        found[name] = {"times": done, "equal": equal}
        failed |= not equal or done < count
    slopes = memory(chosen.ticks)
    told = ", ".join(f"{slope:+.3f}" for slope in slopes)
    print(f"memory over {chosen.ticks} ticks, driver and boxes: {told} MB per 100,000 ticks")
    failed |= max(slopes) > SLOPE
    save("soak", found | {"ticks": chosen.ticks, "megabytes_per_100000_ticks": slopes})
    sys.exit(failed)


if __name__ == "__main__":
    main()
