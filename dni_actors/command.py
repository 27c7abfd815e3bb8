"""What all commands share: how they end. An error is one sentence, and an exit code."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from io import TextIOWrapper

from dni_actors.box.errors import BoxError, RuntimeUnavailableError
from dni_actors.config.checks import ConfigError
from dni_actors.runtime.interrupts import Terminated, listen


def command(main: Callable[[], int | None]) -> Callable[[], int]:
    """A command whose result is its exit code: 0 or what `main` returns, 1 failed on the way, 2 wrong input, 130
    interrupted, 143 terminated, and without a word 141 where nobody reads what it prints any more (`| head`)."""

    @wraps(main)
    def ended() -> int:
        listen()
        open_standard_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a terminal that lacks a letter gets \xe9 for it, not an error
                stream.reconfigure(errors="backslashreplace")
        try:
            try:
                return main() or 0
            finally:
                sys.stdout.flush()  # --help, too, may have lost its reader
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python's own last flush shall not fail
            return 141
        except ConfigError as error:
            return fail(error, 2)
        except (BoxError, RuntimeUnavailableError, OSError) as error:
            return fail(error, 1)
        except KeyboardInterrupt as error:
            return fail(error, 143 if isinstance(error, Terminated) else 130)

    return ended


def open_standard_streams() -> None:
    """Where the caller has closed some (2>&-), what is written there goes nowhere, and not into the next file that is
    opened."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(null := os.open(os.devnull, os.O_RDWR), descriptor)
            if null != descriptor:
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


def fail(error: BaseException, code: int) -> int:
    print(f"dni_actors: {str(error) or 'interrupted'}", file=sys.stderr)
    return code
