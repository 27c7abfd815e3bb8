"""The live console: the frame, redrawn in place; the last one stays, and the summary follows it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dni_actors.observe.events import Event, Told
from dni_actors.observe.standing import Standing
from dni_actors.view.chatter import Chatter
from dni_actors.view.frame import frame, waiting
from dni_actors.view.summary import summary

REDRAW_EVERY = 0.25  # seconds, at least
SHARE = 0.008  # of one core's time, at most, that redrawing takes: where frames are dear, they come less often


class Redrawn:
    """A picture that is drawn anew in a thread of its own, between `open` and `close`."""

    def __init__(self, console: Console, draw: Callable[[], RenderableType]) -> None:
        # The cursor stands in a line of its own: the terminal writes ^C there, which would wrap behind a full line.
        self._live = Live(console=console, get_renderable=lambda: Group(draw(), ""), auto_refresh=False)
        self._chatter = Chatter(console)
        self._ended = threading.Event()
        self.cpu_seconds = 0.0
        """that redrawing has taken so far"""
        self._redrawing = threading.Thread(target=self._redraw, name="console", daemon=True)

    def open(self) -> None:
        self._chatter.open()
        self._live.start()
        self._redrawing.start()

    def close(self) -> None:
        self._ended.set()
        if self._redrawing.is_alive():
            self._redrawing.join()
        self._chatter.close()  # first: what is still to be shown goes above the last frame
        self._live.stop()

    def _redraw(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            began = time.thread_time()
            self._live.refresh()
            took = time.thread_time() - began
            self.cpu_seconds += took
            pause = max(REDRAW_EVERY, took / SHARE)


class LiveView:
    """Draws the standing as it is at the moment."""

    def __init__(self, standing: Standing, console: Console) -> None:
        self._standing, self._console = standing, console
        self._began = time.monotonic()
        self._ascii = ascii_only(console)
        self.redrawn = Redrawn(console, self._draw)

    def open(self) -> None:
        self.redrawn.open()

    def show(self, event: Event) -> None:
        """The next redraw shows it, but for what the run is about: that stays above."""
        if isinstance(event, Told):
            self._console.print(Text(event.text))

    def close(self, result: dict[str, Any] | None) -> None:
        self.redrawn.close()
        if result is not None:
            self._console.print(Text(summary(result)))

    def _draw(self) -> RenderableType:
        standing, elapsed = self._standing, time.monotonic() - self._began
        width, height = self._console.size
        if standing.places:
            return frame(standing, elapsed, width, height, self._ascii)
        return waiting(standing, elapsed, width, self._ascii)


def ascii_only(console: Console) -> bool:
    """Whether its terminal knows no Unicode."""
    return not console.encoding.lower().startswith("utf")
