"""Ctrl-C and SIGTERM: the same end of a run, at a better moment."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """SIGTERM: somebody wants this process to end soon (`ray job stop` gives it three seconds)."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated("terminated")


def listen() -> None:
    """Both signals end the run as an exception. A shell script's background jobs start without the first."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Both wait until the block is over. (In the middle of Ray's start, for one, they would crash the process.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: held.append(number)) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
        if held:
            raise KeyboardInterrupt if held[0] == signal.SIGINT else Terminated("terminated")
