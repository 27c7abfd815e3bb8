"""What libraries write past Python to the terminal while a live table is there: shown above it, instead of into it."""

import os
import sys
import threading
from contextlib import suppress

from rich.console import Console
from rich.text import Text

STDERR = 2
END = b"\0end of chatter"


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
            self._read, self._write = os.pipe()
            os.dup2(self._write, STDERR)
            self._thread = threading.Thread(target=self._listen, name="chatter", daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._kept is None:
            return
        sys.stderr.flush()
        os.dup2(self._kept, STDERR)
        os.write(self._write, b"\n" + END + b"\n")  # the pipe's own end never comes: other processes may hold it open
        self._thread.join()
        for descriptor in (self._kept, self._write, self._read):
            os.close(descriptor)
        self._kept = None

    def _listen(self) -> None:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self._read, 65536)).split(b"\n")
            for line in lines:
                if line == END:
                    return
                if line.strip():
                    self._console.print(Text.from_ansi(line.decode(errors="replace")), style="dim", soft_wrap=True)
