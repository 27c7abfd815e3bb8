"""The live console on a terminal: a process under a pseudo-terminal, whose screen is put together again."""

import io
import os
import pty
import re
import subprocess
import sys
import threading

import pytest
from rich.console import Console
from rich.text import Text

from dni_actors.view.live import Redrawn

SCRIPT = """
import os, sys, time
from rich.console import Console
from dni_actors.view.live import LiveView
from tests.snapshot import standing

view = LiveView(standing(), Console(highlight=False))
view.open()
os.write(2, b"E0000 chttp2: chatter of a library\\n")
print("a line of Python's")
os.write(2, b"half a line, ")
os.write(2, b"and its end\\n")
view.close(None)
os.write(2, b"afterwards\\n")
"""


def screen(script, **variables):
    """What a terminal of 100 columns shows in the end, line by line; and the bytes that came."""
    main, side = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LC_ALL", "LANG", "COLORTERM")}
    given = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | variables
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=side, stdout=side, stderr=side, env=environment | given
    )
    os.close(side)
    came = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        came += piece
    os.close(main)
    assert process.wait(timeout=20) == 0, came.decode()
    return shown(came.decode(errors="replace")), came


def shown(text):
    """The screen after these characters: rich moves up, erases lines, and goes on."""
    lines, row = [""], 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece.endswith("A") and piece.startswith("\x1b"):
            row = max(0, row - int(piece[2:-1] or 1))
        elif piece.startswith("\x1b") and piece.endswith("K"):
            lines[row] = ""
        elif not piece.startswith("\x1b") and piece != "\r":
            lines[row] += piece
    return [line.rstrip() for line in lines if line.strip()]


def test_a_librarys_chatter_stands_above_the_table_and_the_last_frame_stays_whole():
    lines, came = screen(SCRIPT)
    assert b"\x1b[?25h" in came  # the cursor is back
    head = next(i for i, line in enumerate(lines) if line.startswith("dni_actors "))
    above = lines[:head]
    for text in ("E0000 chttp2: chatter of a library", "half a line, and its end", "a line of Python's"):
        assert text in above
    assert lines[head + 2].split()[:3] == ["box", "doing", "tick"]
    assert [line.split()[0] for line in lines[head + 3 : head + 7]] == ["0", "1", "2", "3"]
    assert lines[-1] == "afterwards"
    assert sum(line.startswith("dni_actors ") for line in lines) == 1


@pytest.mark.parametrize(
    ("variables", "codes", "plain"),
    [({}, True, False), ({"NO_COLOR": "1"}, False, False), ({"PYTHONIOENCODING": "ascii"}, True, True)],
    ids=str,
)
def test_colour_and_unicode_are_what_the_terminal_knows(variables, codes, plain):
    lines, came = screen(SCRIPT, **variables)
    assert (b"[30;48;" in came) == codes
    assert all(line.isascii() for line in lines) == plain


def test_the_cursor_has_a_line_of_its_own_so_that_an_echo_of_ctrl_c_does_not_wrap():
    file, again = io.StringIO(), threading.Event()
    frames: list[str] = []

    def draw():
        frames.append(file.getvalue())  # what earlier frames have written
        if len(frames) > 2:
            again.set()
        return Text("x" * 20)

    redrawn = Redrawn(Console(file=file, width=20, height=10, force_terminal=True), draw)
    redrawn.open()
    assert again.wait(20)
    redrawn.close()
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frames[-1])
    assert "x" * 20 in drawn
    assert drawn.rstrip(" ").endswith("\n")
