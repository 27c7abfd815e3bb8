"""What libraries write past Python to the terminal while a live table is there: shown above it, instead of into it."""

import os
import sys
import threading
from contextlib import suppress

from rich.console import Console
from rich.text import Text

STDERR = 2


class Chatter:
    """Between `open` and `close`, lines that this process writes to its standard error are printed by the console.

    The console itself must write elsewhere: to the standard output.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._kept: int | None = None  # what standard error was before

    def open(self) -> None:
        with suppress(OSError):  # no standard error, or no descriptor left: then it stays as it is
            sys.stderr.flush()
            self._kept = os.dup(STDERR)
            self._read, write = os.pipe()
            self._stop, self._stopped = threading.Event(), os.dup(write)
            os.dup2(write, STDERR)
            os.close(write)
            self._thread = threading.Thread(target=self._listen, name="chatter", daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._kept is None:
            return
        sys.stderr.flush()
        os.dup2(self._kept, STDERR)
        os.close(self._kept)
        self._kept = None
        self._stop.set()
        os.write(self._stopped, b"\n")  # wakes the thread up: other processes may hold the pipe open
        self._thread.join()
        os.close(self._stopped)
        os.close(self._read)

    def _listen(self) -> None:
        rest = b""
        while not self._stop.is_set():
            *lines, rest = (rest + os.read(self._read, 65536)).split(b"\n")
            for line in lines:
                if line.strip():
                    self._console.print(Text.from_ansi(line.decode(errors="replace")), style="dim", soft_wrap=True)
