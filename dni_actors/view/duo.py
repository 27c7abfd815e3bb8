"""Two runs at once, one under the other: the same boxes, the same instant, another rule."""

import time
from collections.abc import Sequence

from rich.console import RenderableType
from rich.segment import Segment

from dni_actors.observe.standing import Standing
from dni_actors.view.frame import Line, Picture, header, legend, progress, starting
from dni_actors.view.glyphs import ASCII, DIM, UNICODE, cell
from dni_actors.view.live import Redrawn, ascii_only
from dni_actors.view.table import BoxTable
from dni_actors.view.terminal import terminal

LINE_EVERY = 2.0  # seconds between two lines, off a terminal


def duo(
    standings: Sequence[Standing], elapsed: float, width: int, story: Sequence[str], plain_letters: bool
) -> Picture:
    """Of each run a header, its progress, and a row per box; under both what has happened, the newest line last."""
    glyphs = ASCII if plain_letters else UNICODE
    lines: list[Line] = []
    for standing in standings:
        lines += [header(standing, elapsed, width, glyphs), progress(standing, width, glyphs)]
        if standing.places:
            rows = BoxTable(standing, width, glyphs)
            lines += [rows.head(), *(rows.line(k) for k in range(len(standing.statuses)))]
        else:
            lines.append([cell(starting(standing), width, DIM, right=False)])
        lines.append([Segment("")])
    lines.append(legend(width, glyphs))
    lines += [[cell(line, width, right=False)] for line in story]
    return Picture(lines)


class Duo:
    """Shows two runs while they go on, and what happens: live on a terminal, as lines elsewhere, or not at all."""

    def __init__(self, standings: Sequence[Standing], kind: str) -> None:
        console = terminal()
        self._standings, self._story = standings, list[str]()
        self._kind = ("live" if console.is_interactive else "plain") if kind == "auto" else kind
        self._console, self._began, self._printed = console, time.monotonic(), -LINE_EVERY
        self._redrawn = Redrawn(console, self._draw) if self._kind == "live" else None

    def __enter__(self) -> "Duo":
        if self._redrawn is not None:
            self._redrawn.open()
        return self

    def __exit__(self, *error: object) -> None:
        if self._redrawn is not None:
            self._redrawn.close()

    def tell(self, line: str) -> None:
        """Something has happened."""
        self._story.append(line)
        if self._kind == "plain":
            print(f"seconds={time.monotonic() - self._began:.0f} {line}", flush=True)

    def glance(self) -> None:
        """Some time has gone by: off a terminal a line, if it is due."""
        if self._kind != "plain" or time.monotonic() - self._printed < LINE_EVERY:
            return
        self._printed = time.monotonic()
        words = [
            f"{of.config.learning.update}: tick {of.ticks}/{of.config.ticks}{figure(of)}" for of in self._standings
        ]
        print(f"seconds={self._printed - self._began:.0f} {'; '.join(words)}", flush=True)

    def _draw(self) -> RenderableType:
        elapsed, width = time.monotonic() - self._began, self._console.size.width
        return duo(self._standings, elapsed, width, self._story, ascii_only(self._console))


def figure(standing: Standing) -> str:
    return "" if standing.figure is None else f", test {standing.figure.text}"
