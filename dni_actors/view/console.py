"""Shows a run while it goes on: a live table, plain lines, JSON lines, or nothing. Structured events in, text out."""

import json
import time
from typing import Any, Protocol

from dni_actors.observe.events import Event, Kept, Lost, Started, Status, Told, Tuned, Up, Warned, plain
from dni_actors.observe.links import told
from dni_actors.observe.standing import Standing
from dni_actors.view.live import LiveView
from dni_actors.view.notebook import NotebookView, in_notebook
from dni_actors.view.summary import summary
from dni_actors.view.terminal import terminal

LINE_EVERY = 2.0  # seconds between plain lines


class View(Protocol):
    """Takes events after the standing has; `close` shows what came out (the content of result.json)."""

    def open(self) -> None: ...
    def show(self, event: Event) -> None: ...
    def close(self, result: dict[str, Any] | None) -> None: ...


def view(kind: str, standing: Standing) -> View:
    """The view of a kind: auto is live on a terminal and plain elsewhere; in a notebook both are one display."""
    if kind in ("auto", "live") and in_notebook():
        return NotebookView(standing)
    console = terminal()
    if kind == "auto":
        kind = "live" if console.is_interactive else "plain"
    if kind == "live":
        return LiveView(standing, console)
    views: dict[str, type[PlainView | JsonView | QuietView]] = {
        "plain": PlainView,
        "json": JsonView,
        "quiet": QuietView,
    }
    return views[kind](standing)


class PlainView:
    """One `key=value` line every few seconds, for logs."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._began = self._printed = time.monotonic()

    def open(self) -> None:
        config = self._standing.config
        self._line(
            event="starting",
            task=config.chain.task,
            boxes=config.boxes,
            update=config.learning.update,
            lag=config.learning.lag,
            ticks=config.ticks,
            seed=config.learning.seed,
            runtime=config.execution.runtime,
        )

    def show(self, event: Event) -> None:
        if isinstance(event, Told):
            self._line(event="learning", what=json.dumps(event.text, ensure_ascii=False))
        elif isinstance(event, Up):
            if self._standing.config.execution.runtime == "ray":
                self._line(event="up", what="boxes " + ",".join(map(str, event.boxes)) if event.boxes else "Ray")
        elif isinstance(event, Tuned):
            times = {"round_trip_ms": f"{event.round_trip * 1e3:.2f}", "tick_ms": f"{event.busy * 1e3:.2f}"}
            self._line(event="tuned", lag=event.lag, **times)
        elif isinstance(event, Started):
            since = {"from_tick": event.tick} if event.tick else {}
            nodes = sorted({place.node: place.address for place in event.places}.values())
            where = {"nodes": ",".join(nodes)} if len(nodes) > 1 else {}
            links = {"links": json.dumps(told(event.links))} if event.links else {}
            self._line(event="started", boxes=len(event.places), **where, **links, **since)
        elif isinstance(event, Lost):
            self._line(event="lost", box=event.box, why=json.dumps(event.why), restarts=sum(self._standing.restarts))
        elif isinstance(event, Warned):
            self._line(event="warning", text=json.dumps(event.text))
        elif time.monotonic() - self._printed >= LINE_EVERY:
            standing = self._standing
            facts: dict[str, Any] = {
                "tick": f"{standing.ticks}/{standing.config.ticks}",
                "ticks_per_second": f"{standing.ticks_per_second:.1f}",
                "overlap": f"{standing.overlap:.2f}",
            }
            if (row := standing.rows[-1]) is not None and row.loss is not None:
                facts["loss"] = f"{row.loss:.4f}"
            if (figure := standing.figure) is not None:
                facts[f"test_{figure.name.replace(' ', '_')}"] = f"{figure.value:.4f}"
            self._line(**facts)

    def close(self, result: dict[str, Any] | None) -> None:
        if result is not None:
            print(summary(result), flush=True)

    def _line(self, **facts: Any) -> None:
        self._printed = time.monotonic()
        seconds = f"seconds={self._printed - self._began:.0f}"
        print(seconds, *(f"{key}={value}" for key, value in facts.items()), flush=True)


class JsonView:
    """A JSON object a line: events, rows of the metrics, evaluations; the last line is the content of result.json."""

    def __init__(self, standing: Standing) -> None:
        pass

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        if isinstance(event, Tuned):
            self._line(event="tuned", **event._asdict())
        elif isinstance(event, Started):
            places = [place._asdict() for place in event.places]
            self._line(event="started", tick=event.tick, boxes=places, links=event.links)
        elif isinstance(event, Told | Up | Lost | Kept | Warned):
            self._line(event=type(event).__name__.lower(), **event._asdict())
        elif isinstance(event, Status):
            for row in event.rows:
                self._line(event="row", **row._asdict())
            for evaluation in event.evaluations:
                self._line(event="evaluation", **evaluation._asdict())

    def close(self, result: dict[str, Any] | None) -> None:
        if result is not None:
            self._line(**result)

    @staticmethod
    def _line(**facts: Any) -> None:
        shown = {name: value for name, value in facts.items() if not isinstance(value, bytes)}
        print(json.dumps(plain(shown), allow_nan=False), flush=True)


class QuietView:
    """Nothing."""

    def __init__(self, standing: Standing) -> None:
        pass

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        pass

    def close(self, result: dict[str, Any] | None) -> None:
        pass
