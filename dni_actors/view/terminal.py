"""Where views draw: the terminal, if standard output is one."""

import sys

from rich.console import Console


def terminal() -> Console:
    """Without colours and cursor codes off a terminal, whatever FORCE_COLOR says: files and pipes get plain text."""
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return Console(highlight=False, force_terminal=None if on_terminal else False)
