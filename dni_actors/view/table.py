"""The live console's table: a row per box, ending in a strip of what it did of late; which boxes are the worst."""

from collections.abc import Callable
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style

from dni_actors.observe.events import Row, Status
from dni_actors.observe.standing import Standing
from dni_actors.observe.strip import slices, span
from dni_actors.view.glyphs import BAD, DIM, FAIR, GOOD, PHASES, PLAIN, Glyphs, bar, cell, spark, strip

SLICES_PER_TICK = 12  # in a strip, at least: so many make the phases of a tick plain
MIB = 2**20
STATES = {"train synthesizer": "train synth", "wait Gradient": "wait grad"}
COLOURS = {name: Style(color=colour) for colour, name in PHASES.values()}


class Box(NamedTuple):
    """What a row is made of."""

    standing: Standing
    k: int
    status: Status
    row: Row | None
    glyphs: Glyphs


def doing(box: Box) -> list[Segment]:
    state = box.status.state
    name = state.rpartition(" ")[0] if state.startswith("wait") else state  # the index is the tick's column's matter
    return [cell(STATES.get(name, name).lower(), 11, COLOURS.get(name, DIM), right=False)]


def loss(box: Box) -> list[Segment]:
    return [number(box.row and box.row.loss, "{:.3f}", 6)]


def course(box: Box) -> list[Segment]:
    return [cell(spark(list(box.standing.courses[box.k]), 8, box.glyphs), 8, Style(color=PHASES["B"][0]))]


def cosine(box: Box) -> list[Segment]:
    value = box.row and box.row.cosine
    return [number(value, "{:+.2f}", 6, cosine_style(value))]


def cosine_bar(box: Box) -> list[Segment]:
    value = box.row and box.row.cosine
    return [cell("" if value is None else bar(value, 5, box.glyphs), 5, cosine_style(value), right=False)]


def exact(box: Box) -> list[Segment]:
    """The cosine with the exact gradient, at the last probe."""
    row = box.standing.probes.get(box.k)
    return [number(row and row.cosine, "{:+.2f}", 6, cosine_style(row and row.cosine))]


def error(box: Box) -> list[Segment]:
    value = box.row and box.row.synthesizer_error
    return [number(value, "{:.2f}", 5, error_style(value))]


def error_bar(box: Box) -> list[Segment]:
    value = box.row and box.row.synthesizer_error
    return [cell("" if value is None else bar(value, 4, box.glyphs), 4, error_style(value), right=False)]


def cosine_style(value: float | None) -> Style:
    return PLAIN if value is None else GOOD if value >= 0.5 else FAIR if value >= 0.05 else BAD


def error_style(value: float | None) -> Style:
    """Above 1 the synthetic gradient is worse than none."""
    return PLAIN if value is None else GOOD if value <= 0.75 else FAIR if value <= 1 else BAD


def busy(box: Box) -> list[Segment]:
    row = box.row
    share = None if row is None or row.seconds <= 0 else min(1.0, (row.cpu_seconds + row.delay_seconds) / row.seconds)
    return [number(share, "{:.0%}", 4)]


def memory(box: Box) -> list[Segment]:
    held = box.status.memory
    return [number(None if held is None else held / MIB, "{:.0f}M", 5)]


def in_out(box: Box) -> list[Segment]:
    done = box.status.state == "done"  # then nothing is waited for any more
    return [cell("-" if done else f"{box.status.waiting}/{box.status.unanswered}", 6, DIM if done else PLAIN)]


def number(value: float | None, form: str, width: int, style: Style = PLAIN) -> Segment:
    return cell("-", width, DIM) if value is None else cell(form.format(value), width, style)


class Column(NamedTuple):
    title: str
    width: int
    least: int
    """columns of a terminal that has room for it"""
    of: Callable[[Box], list[Segment]]


COLUMNS = (
    Column("box", 3, 0, lambda box: [cell(str(box.k), 3)]),
    Column("doing      ", 11, 0, doing),
    Column("tick", 7, 0, lambda box: [cell(str(box.status.tick), 7)]),
    Column("loss", 6, 0, loss),
    Column("", 8, 140, course),
    Column("cosine", 6, 0, cosine),
    Column("", 5, 100, cosine_bar),
    Column("error", 5, 110, error),
    Column("", 4, 160, error_bar),
    Column("slack", 5, 80, lambda box: [number(box.row and box.row.slack, "{:.1f}", 5)]),
    Column("in/out", 6, 120, in_out),
    Column("busy", 4, 70, busy),
    Column("mem", 5, 130, memory),
    Column("lost", 4, 100, lambda box: [cell(str(box.standing.restarts[box.k] or "-"), 4)]),
)


def node(box: Box) -> list[Segment]:
    places = box.standing.places
    return [cell(places[box.k].address if places else "", 15, DIM, right=False)]


EXACT = Column("exact", 6, 0, exact)
"""after the cosine, where there are probes"""
NODE = Column("node           ", 15, 100, node)
"""at the end, where boxes run on several nodes"""


MEANINGS = {
    "cosine": "cosine: predicted and received gradient, 1 is best",
    "slack": "slack: ticks a gradient lay ready",
    "lost": "lost: times started again",
    "error": "error: squared and relative, below 1 helps",
    "in/out": "in/out: messages waiting, states unanswered",
}
"""of columns, the first ones first where there is little room"""


class BoxTable:
    """The table for a terminal of `width` columns."""

    def __init__(self, standing: Standing, width: int, glyphs: Glyphs) -> None:
        self._standing, self._glyphs, self._width = standing, glyphs, width
        self._columns = [column for column in COLUMNS if column.least <= width]
        if standing.config.learning.probe_every:
            self._columns.insert(1 + [column.title for column in self._columns].index("cosine"), EXACT)
        if width >= NODE.least and len({place.node for place in standing.places}) > 1:
            self._columns.append(NODE)
        self._room = max(0, width - sum(column.width + 1 for column in self._columns))  # columns of the strip
        self._strips = standing.strips
        rate = standing.ticks_per_second
        most = max(2.0, self._room / SLICES_PER_TICK) / rate if rate else 1.0
        self._span = 0.0 if self._strips is None or not self._room else span(self._strips, most)

    def head(self) -> list[Segment]:
        titles = " ".join(column.title.rjust(column.width) for column in self._columns)
        spanned = f"last {self._span * 1e3:g} ms" if self._span < 1 else "last second"
        return [Segment(titles + " ", DIM), cell(spanned if self._span else "", self._room, DIM, right=False)]

    def meaning(self) -> str:
        """What the columns say that their titles do not, as far as there is room."""
        titles = [column.title for column in self._columns]
        shown = [text for title, text in MEANINGS.items() if title in titles]
        while shown and len("; ".join(shown)) > self._width:
            shown.pop()
        return "; ".join(shown)

    def line(self, k: int) -> list[Segment]:
        standing = self._standing
        status = standing.statuses[k]
        box = Box(standing, k, status, standing.rows[k], self._glyphs)
        found: list[Segment] = []
        for column in self._columns:
            found += [*column.of(box), Segment(" ")]
        if self._span and self._strips is not None:
            found += strip(slices(self._strips[k], self._span, self._room), self._glyphs)
        return found

    def worst(self, count: int) -> list[int]:
        """Boxes to show, in their order: all, or those that most ask to be looked at."""
        boxes = range(len(self._standing.statuses))
        if len(boxes) <= count:
            return list(boxes)
        return sorted(sorted(boxes, key=self._badness)[:count])

    def _badness(self, k: int) -> tuple[float, ...]:
        """The lower, the worse: often started again, a synthetic gradient that points elsewhere, much waiting."""
        row = self._standing.rows[k]
        if row is None:
            return -self._standing.restarts[k], 1.0, 0.0, k
        waits = (row.wait_state_seconds + row.wait_gradient_seconds) / row.seconds if row.seconds > 0 else 0.0
        return -self._standing.restarts[k], 1.0 if row.cosine is None else row.cosine, -waits, k

    def fold(self, shown: list[int]) -> list[Segment]:
        """The line that stands for the boxes that are not shown."""
        others = [row for k, row in enumerate(self._standing.rows) if k not in shown]
        cosines = [row.cosine for row in others if row is not None and row.cosine is not None]
        text = f"... and {len(others)} more"
        if cosines:
            text += f", cosine {min(cosines):+.2f} to {max(cosines):+.2f}"
        return [cell(text, self._width, DIM, right=False)]
