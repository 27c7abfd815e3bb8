"""What the benchmarks share: runs of ours and of the rivals, medians, a table, and where results go."""

import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Started
from dni_actors.observe.standing import Standing
from dni_actors.runtime import Runtime
from dni_actors.runtime.kernels import describe_kernels

RESULTS = Path(__file__).with_name("results")


class Figure(NamedTuple):
    """What one run of one contender gave."""

    rate: float
    """mini-batches (ticks) per second in the steady state"""
    cpu: float = 0.0
    """CPU seconds per mini-batch, all threads of all its processes but Ray's own"""
    overlap: float = 0.0
    """of the boxes' threads; only ours"""


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time that processes have used so far, all threads."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ours(running: Runtime, config: RunConfig) -> Figure:
    """A run in a session that is up."""
    standing = Standing(config)
    pids: list[int] = []
    seen: list[tuple[int, float]] = []  # (ticks, CPU seconds) from the tenth of the run on
    with closing(running.run(config)) as events:
        for event in events:
            standing.take(event)
            if isinstance(event, Started):
                pids = sorted({place.pid for place in event.places})
            elif config.execution.runtime == "ray" and config.ticks // 10 <= standing.ticks < config.ticks:
                seen.append((standing.ticks, cpu_seconds(pids)))
    if len(seen) > 1 and seen[-1][0] > seen[0][0]:
        cpu = (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])
    else:
        cpu = sum(status.cpu_seconds for status in standing.statuses) / config.ticks
    return Figure(standing.ticks_per_second, cpu, standing.overlap)


def rival(module: str, *flags: object) -> dict[str, Any]:
    """The line of JSON of one of bench/rivals, run as a process of its own."""
    command = [sys.executable, "-m", f"bench.rivals.{module}", *map(str, flags)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def rival_figure(module: str, *flags: object) -> Figure:
    told = rival(module, *flags)
    return Figure(told["rate"], told["cpu_seconds"])


Contender = Callable[[], Figure]


def take_turns(contenders: dict[str, Contender], found: dict[str, list[Figure]], n: int) -> None:
    """Round n of contenders that take turns, so that a noisy machine is noisy for all of them; adds to `found`."""
    for name, contender in contenders.items():
        found.setdefault(name, []).append(contender())
        print(f"  round {n + 1}, {name}: {found[name][-1].rate:.1f}/s", file=sys.stderr, flush=True)


def in_processes(target: Callable[..., None], several: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What a function tells that runs in a process of its own for each tuple of arguments; it puts that into a queue,
    its last argument. In the order of telling."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()  # which has no thread of its own that would count in CPU time
    processes = [context.Process(target=target, args=(*arguments, told)) for arguments in several]
    for process in processes:
        process.start()
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    return found


def median(figures: Sequence[Figure], field: str = "rate") -> float:
    return statistics.median(getattr(figure, field) for figure in figures)


def machine() -> dict[str, Any]:
    """Where figures come from."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    cpu = names[0].partition(":")[2].strip() if names else platform.processor()
    versions = {"python": platform.python_version(), "commit": commit()}
    return {"cpu": cpu, "cores": os.cpu_count(), "kernels": describe_kernels(), "load": os.getloadavg()[2]} | versions


def commit() -> str:
    """Of the package that was measured, with a + if it was changed since; empty outside a repository."""

    def git(*told: str) -> str:
        command = ["git", "-C", str(RESULTS.parents[1]), *told, "--", "dni_actors"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return git("log", "-1", "--format=%h") + "+" * bool(git("status", "--porcelain"))


def save(name: str, content: dict[str, Any]) -> None:
    """Writes results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine()} | content, indent=1) + "\n")
