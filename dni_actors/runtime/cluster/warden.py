"""Makes the private folder of a private Ray, and clears up when its driver has ended, however that came about: what is
left of Ray's processes is killed, some of which do not notice, and the folder goes last.

It is a process of its own that waits until the pipe to it is closed, which no death of the driver can prevent.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

GONE_WITHIN = 10.0  # seconds for what was killed to write no more into the folder
PREFIX = "dni-"


class WardenError(Exception):
    """There can be no private folder; says why."""


class Warden:
    """`folder`: private, of mode 0700, in `parent`. Raises WardenError."""

    def __init__(self, parent: str) -> None:
        command = [sys.executable, "-P", __file__, parent]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        assert self._process.stdout is not None
        with self._process.stdout as answer:
            made, _, text = answer.readline().strip().partition(" ")
        if made != "made":
            self.close()
            raise WardenError(text or "its keeper has ended at once")
        self.folder = text

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, pids: Iterable[int]) -> None:
        """Processes that it kills when all is over."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody has killed it
            print(*pids, file=self._process.stdin, flush=True)

    def close(self) -> None:
        """It clears up, and is waited for."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def main(parent: str) -> None:
    """The warden's process."""
    try:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    except OSError as error:
        print("failed", error)
        return
    known: list[psutil.Process] = []  # psutil tells them from later ones with the same number
    with suppress(BrokenPipeError):  # the driver is gone already
        print("made", folder, flush=True)
    for standard in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), standard)
    for line in sys.stdin:
        for pid in map(int, line.split()):
            with suppress(psutil.Error):
                known.append(psutil.Process(pid))
    clear(folder, known)


def clear(folder: str, known: Iterable[psutil.Process]) -> None:
    # A process that is just being started is not known yet, but was told the folder's name.
    starting = [p for p in psutil.process_iter(["cmdline"]) if any(folder in word for word in p.info["cmdline"] or ())]
    for process in (*starting, *known):
        with suppress(psutil.Error):
            if process.pid != os.getpid():
                process.kill()
    end = time.monotonic() + GONE_WITHIN
    while os.path.exists(folder) and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
