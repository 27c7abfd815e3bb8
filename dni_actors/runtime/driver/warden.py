"""Ends what a private Ray leaves behind when its driver is killed: some of Ray's helpers do not notice that."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Waits until the pipe's other end is closed, which no death can prevent; then kills the processes named (pid:start)
# that are still the same ones, and whatever was told the session's name: a box that is just being started, whose
# parent is gone by then, would look for that for half a minute.
WARDEN = """
import os, signal, sys
sys.stdin.buffer.read()
session = sys.argv[1].encode()
for entry in os.listdir("/proc") if session else ():
    try:
        with open(f"/proc/{int(entry)}/cmdline", "rb") as file:
            if session in file.read() and int(entry) != os.getpid():
                os.kill(int(entry), signal.SIGKILL)
    except (OSError, ValueError):
        pass
for name in sys.argv[2:]:
    pid, start = map(int, name.split(":"))
    try:
        with open(f"/proc/{pid}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[19]) == start:
                os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""


@contextmanager
def warden() -> Iterator[None]:
    """Watches over the descendants that this process has now. Where there is no /proc, does nothing."""
    known = descendants(os.getpid())
    family = [f"{pid}:{start}" for pid, start in known.items()]
    end, life = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", WARDEN, session(known), *family]
    with subprocess.Popen(command, stdin=end, start_new_session=True):
        os.close(end)
        try:
            yield
        finally:
            os.close(life)


def session(pids: Iterable[int]) -> str:
    """The name of Ray's session, unique by time and process, which these processes were told; empty if none was."""
    for pid in pids:
        with suppress(OSError):
            found = re.search(rb"session_\d[\d_-]+_\d+", Path(f"/proc/{pid}/cmdline").read_bytes())
            if found:
                return found[0].decode()
    return ""


def descendants(pid: int) -> dict[int, int]:
    """Processes below one, each with the time of its start, in the kernel's count."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1]), int(fields[19])
    found = {pid}
    while new := {child for child, (parent, _) in parents.items() if parent in found} - found:
        found |= new
    return {child: parents[child][1] for child in found - {pid}}
