"""Processes of this machine: whose descendants they are, whether they stand still, and their end."""

from collections.abc import Iterable
from contextlib import suppress

import psutil
from psutil import Process


def below(process: Process | None = None) -> list[Process]:
    """All descendants of a process, of this one by default."""
    try:
        return list((process or Process()).children(recursive=True))
    except psutil.Error:
        return []


def known(pids: Iterable[int]) -> list[Process]:
    """Those of them that there are."""
    found = []
    for pid in pids:
        with suppress(psutil.Error):
            found.append(Process(pid))
    return found


def alive(process: Process) -> bool:
    """Whether it runs still; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def stopped(process: Process) -> bool:
    """Whether a signal has stopped it, and none has let it go on."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def kill(several: Iterable[Process]) -> None:
    """SIGKILL, to those that are still the same ones."""
    for process in several:
        with suppress(psutil.Error):
            process.kill()
