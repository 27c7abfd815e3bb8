"""How many ticks count while boxes die? Ticks per second, with a box killed now and then, beside the two simple ways.

    python -m bench.goodput [--every 10 30 60] [--checkpoint-every TICKS] [--rounds 1]

4 boxes of 20 ms (emulated work); cuts as by default, about every 5 s. After half an interval and then once in each,
SIGKILL hits a random box (`a box`), or, at the same moments, the driver and all boxes (`all`): then the same command is
given again, which goes on from the last complete cut. `undisturbed`: neither. Ticks are counted in the window from the
first start on: those that the chain has finished at its end, or where nothing is up then, those of the last complete
cut. In every case

- each start after a kill goes on from the last complete cut, or a newer one: no tick before it is done again;
- afterwards the run is taken to its end, and has the digest of a run that nobody disturbed.
"""

import argparse
import json
import os
import queue
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.measure import save
from bench.soak import check_nothing_is_left, expected, launch, shared_memory
from dni_actors.record.cut_files import complete
from dni_actors.record.storage import Storage
from tests.processes import children

WORK = 20  # milliseconds of a box's tick
TICKS = 4000  # more than any window has
WINDOW = 30.0  # seconds, at least; an interval, if that is longer
STARTS = 120.0  # seconds until a run is up, at most
FLAGS = ("--ticks", TICKS, "--max-restarts", 1000, "--console", "json")
END = ("--compute-delay-ms", 0, "--runtime", "inline", "--max-restarts", 10, "--console", "quiet")


class Found(NamedTuple):
    """What a window gave."""

    ticks: int
    seconds: float
    kills: int
    down: list[float]
    """seconds from each kill until all boxes were at work again"""


class Watched:
    """A run's process, and what it tells line by line."""

    def __init__(self, folder: str, flags: Sequence[object]) -> None:
        self.process = launch(folder, *FLAGS, "--compute-delay-ms", WORK, *flags)
        self.lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.pids: list[int] = []
        """of its boxes; none while they are not all up"""
        self.family: set[int] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.put(json.loads(text))

    def next(self, seconds: float) -> dict[str, Any]:
        """The next line; empty if none comes within the time."""
        try:
            line = self.lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return {}
        if line.get("event") == "started":
            self.pids = [box["pid"] for box in line["boxes"]]
            self.family |= children(self.process.pid)
        return line

    def kill(self, whole: bool, rng: random.Random) -> None:
        for pid in [self.process.pid, *self.pids] if whole else [rng.choice(self.pids)]:
            os.kill(pid, signal.SIGKILL)
        self.pids = []
        if whole:
            self.process.wait()

    def stop(self) -> int:
        """As by Ctrl-C; the ticks that the chain has finished."""
        self.process.send_signal(signal.SIGINT)
        while "status" not in (line := self.next(60)):
            if not line:
                raise SystemExit("the run does not end")
        self.process.wait()
        return int(line["ticks"])


def kept(folder: str) -> int:
    """The tick of the last complete cut; 0: the beginning."""
    return max(complete(Storage.of(folder) / "it"), default=0)


def window(folder: str, seconds: float, every: float | None, whole: bool, flags: Sequence[object]) -> Found:
    """A run, killed `every` so many seconds, in the first `seconds` after its first start."""
    rng, shared = random.Random(0), shared_memory()
    run, down = Watched(folder, flags), []
    family, killed, kills, least = set(run.family), 0.0, 0, 0
    began, due, end = 0.0, float("inf"), time.monotonic() + STARTS
    while (now := time.monotonic()) < end:
        if now >= due:
            due += every or 0
            if run.pids:  # else there is nothing to kill: it is being started
                killed, kills, least = now, kills + 1, kept(folder)
                run.kill(whole, rng)
                if whole:
                    family |= run.family
                    run = Watched(folder, flags)
        line = run.next(min(due, end, now + 60) - now)
        if line.get("event") == "started":
            now = time.monotonic()
            if line["tick"] < least:
                raise SystemExit(f"went on from tick {line['tick']}, though the cut at {least} was complete")
            if killed:
                down.append(now - killed)
                killed = 0.0
            if not began:
                began, end = now, now + seconds
                due = now + every / 2 if every else due
    if not began:
        raise SystemExit(f"the run was not up within {STARTS:.0f} s")
    if run.pids:
        ticks = run.stop()
    else:
        run.process.kill()
        run.process.wait()
        ticks = kept(folder)
    passed = time.monotonic() - began if run.process.returncode == 130 else seconds
    check_nothing_is_left(folder, family | run.family, shared)
    return Found(ticks, passed, kills, down)


def case(every: float | None, whole: bool, flags: Sequence[object], digest: str) -> Found:
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as folder:
        found = window(folder, max(WINDOW, every or 0), every, whole, flags)
        end = launch(folder, "--ticks", TICKS, *END)
        if end.wait() or json.loads((Path(folder) / "it" / "result.json").read_text())["digest"] != digest:
            raise SystemExit("the run does not end with the digest of an undisturbed one")
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--every", type=float, nargs="*", default=[10, 30, 60], help="seconds between kills")
    options.add_argument("--checkpoint-every", type=int, help="ticks between cuts")
    options.add_argument("--rounds", type=int, default=1)
    chosen = options.parse_args()
    flags = () if chosen.checkpoint_every is None else ("--checkpoint-every", chosen.checkpoint_every)
    digest = expected(TICKS)
    cases: dict[str, tuple[float | None, bool]] = {"undisturbed": (None, False)}
    for every in chosen.every:
        cases |= {f"a box every {every:g} s": (every, False), f"all every {every:g} s": (every, True)}
    found: dict[str, list[Found]] = {name: [] for name in cases}
    for n in range(chosen.rounds):
        for name, (every, whole) in cases.items():
            one = case(every, whole, flags, digest)
            found[name].append(one)
            print(f"  round {n + 1}, {name}: {one.ticks} ticks in {one.seconds:.1f} s", file=sys.stderr, flush=True)
            told = {name: [one._asdict() for one in several] for name, several in found.items()}
            where = "goodput" if not flags else f"goodput_{chosen.checkpoint_every}"
            save(where, {"work_ms": WORK, "checkpoint_every": chosen.checkpoint_every, "cases": told})
    rates = {name: statistics.median(one.ticks / one.seconds for one in several) for name, several in found.items()}
    print(f"{'killed':20}{'ticks/s that count':>20}{'of undisturbed':>16}{'kills':>7}{'s until all work again':>24}")
    for name, several in found.items():
        down = [seconds for one in several for seconds in one.down]
        again = f"{statistics.median(down):24.1f}" if down else f"{'-':>24}"
        share = rates[name] / rates["undisturbed"]
        print(f"{name:20}{rates[name]:20.1f}{share:16.2f}{sum(one.kills for one in several):7}{again}")
    print("every digest is that of an undisturbed run; no tick before a complete cut was done again")


if __name__ == "__main__":
    main()
