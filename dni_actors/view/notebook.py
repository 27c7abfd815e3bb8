"""The console in a notebook: one display that is updated in place, and the summary under it. No colours, no cursor."""

import html
import io
import sys
import time
from typing import Any

from rich.console import Console, RenderableType

from dni_actors.observe.events import Event, Told
from dni_actors.observe.standing import Standing
from dni_actors.view.frame import frame, waiting
from dni_actors.view.summary import summary

REDRAW_EVERY = 0.5  # seconds
WIDTH, HEIGHT = 100, 24


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel: one whose shell draws displays."""
    ipython = sys.modules.get("IPython")  # never imported for it
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class NotebookView:
    """Draws the standing when something has happened, at most every so often, in the run's own thread."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._began, self._drawn = time.monotonic(), -REDRAW_EVERY
        self._display: Any = None

    def open(self) -> None:
        self._draw()

    def show(self, event: Event) -> None:
        if isinstance(event, Told):
            print(event.text, flush=True)
        if time.monotonic() - self._drawn >= REDRAW_EVERY:
            self._draw()

    def close(self, result: dict[str, Any] | None) -> None:
        self._draw()
        if result is not None:
            print(summary(result), flush=True)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        standing, elapsed = self._standing, self._drawn - self._began
        picture: RenderableType = frame(standing, elapsed, WIDTH, HEIGHT)
        if not standing.places:
            picture = waiting(standing, elapsed, WIDTH)
        file = io.StringIO()
        Console(file=file, width=WIDTH, force_terminal=False, force_jupyter=False, highlight=False).print(picture)
        text = file.getvalue()
        shown = {"text/plain": text, "text/html": f"<pre style='line-height:1.2'>{html.escape(text)}</pre>"}
        if self._display is None:
            self._display = sys.modules["IPython"].display.display(shown, raw=True, display_id=True)
        else:
            self._display.update(shown, raw=True)
