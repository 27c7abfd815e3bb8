"""Real processes: are they alive, and waiting until they are not."""

import time
from collections.abc import Callable

import psutil

from dni_actors.runtime.cluster import processes


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    return any(processes.alive(process) for process in processes.known([pid]))


def eventually(condition: Callable[[], bool], within: float = 60.0, every: float = 0.05) -> bool:
    """Whether the condition comes true before `within` seconds are over, looked at `every` so many."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(every)
    return False


def children(pid: int) -> set[int]:
    """All descendants of a process."""
    return {process.pid for process in descendants(pid)}


def descendants(pid: int, named: str = "") -> list[psutil.Process]:
    """Those of a process whose command line has this in it."""
    found = []
    for process in processes.below(psutil.Process(pid)):
        try:
            if named in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
