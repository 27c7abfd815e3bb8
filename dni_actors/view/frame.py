"""The live console's picture: a pure function from the chain's standing to lines of segments that rich can draw.

Lines are put together from cells of fixed width, so that nothing jumps when a number grows, and without rich's tables,
which take ten times as long.
"""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from dni_actors.observe.advice import hints
from dni_actors.observe.figure import Figure
from dni_actors.observe.links import told
from dni_actors.observe.standing import Standing
from dni_actors.view.glyphs import (
    ASCII,
    BAD,
    BOLD,
    DIM,
    FAIR,
    PHASES,
    PLAIN,
    UNICODE,
    Glyphs,
    cell,
    clock,
    spark,
    strip,
)
from dni_actors.view.table import BoxTable

Line = list[Segment]
OTHER_LINES = 7  # header, progress, table's head, fold, two of legend, and one for the cursor
LOW = 16  # lines of a terminal that has no room for the columns' meaning
WIRES = {"sockets": "sockets", "zmq": "ZeroMQ", "ray": "Ray calls"}
SHORT = {"train synthesizer": "train", "synthesize": "synth", "evaluate": "eval"}  # in a narrow legend
EVENTS = 4  # lines of the footer, at most


class Picture:
    """Lines as rich wants them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from line
            yield Segment.line()


def frame(standing: Standing, elapsed: float, width: int, height: int, ascii_only: bool = False) -> Picture:
    """The chain after `elapsed` seconds, for `width` columns and `height` lines."""
    glyphs = ASCII if ascii_only else UNICODE
    events = min(EVENTS, max(1, (height - OTHER_LINES) // 3))
    rows = BoxTable(standing, width, glyphs)
    lines = [header(standing, elapsed, width, glyphs), progress(standing, width, glyphs), rows.head()]
    shown = rows.worst(max(1, height - OTHER_LINES - events))
    lines += [rows.line(k) for k in shown]
    if len(shown) < len(standing.statuses):
        lines.append(rows.fold(shown))
    lines.append(legend(width, glyphs))
    if height > LOW:
        lines.append([cell(rows.meaning(), width, DIM, right=False)])
    lines += [*footer(standing, events, width, glyphs)]
    return Picture(lines)


def waiting(standing: Standing, elapsed: float, width: int, ascii_only: bool = False) -> Picture:
    """Before the boxes are up."""
    glyphs = ASCII if ascii_only else UNICODE
    return Picture([header(standing, elapsed, width, glyphs), [cell(starting(standing), width, DIM, right=False)]])


def starting(standing: Standing) -> str:
    """What the start waits for."""
    boxes = standing.config.boxes
    several = f"{boxes} boxes" if boxes > 1 else "1 box"
    if standing.config.execution.runtime == "inline":
        return f"making {several} ..."
    if standing.up is None:
        return f"starting Ray, then {several} (5 to 15 s) ..."
    then = " (to measure links and boxes first)" if standing.config.learning.lag == "auto" else ""
    up = f"; up: {', '.join(map(str, sorted(standing.up)))}" if standing.up else ""
    return f"Ray is up; starting {several}{then}{up} ..."


def header(standing: Standing, elapsed: float, width: int, glyphs: Glyphs) -> Line:
    """What runs, and for how long."""
    config = standing.config
    learning, execution = config.learning, config.execution
    facts = [config.chain.task, f"{config.boxes} boxes", learning.update]
    facts += [f"lag {learning.lag}"] if learning.update != "locked" else []
    facts += [f"{learning.micro_batches} pieces"] if learning.micro_batches > 1 else []
    facts += [f"seed {learning.seed}"]
    wire = told(standing.kinds) or WIRES.get(execution.wire, execution.wire)  # one box has no link
    facts += [wire if execution.runtime == "ray" else "one process"]
    name, time = "dni_actors ", clock(elapsed).rjust(9)
    between = f" {glyphs.dot} " if glyphs.dot != "," else ", "
    room = width - len(name) - len(time)
    while len(between.join(facts)) > room and len(facts) > 1:
        facts.pop()
    return [Segment(name, BOLD), cell(between.join(facts), room, right=False), Segment(time, DIM)]


def progress(standing: Standing, width: int, glyphs: Glyphs) -> Line:
    """Ticks, rate, the time that is left, and the test figure with its trend; what does not fit is left out."""
    total, done, rate = standing.config.ticks, standing.ticks, standing.ticks_per_second
    left = clock((total - done) / rate) if rate else "-:--"
    figures = standing.evaluations.figures
    pieces: list[tuple[int, Line]] = [  # the lower the number, the longer it stays
        (1, [cell(f"{done}/{total}", 2 * len(str(total)) + 1)]),
        (2, [Segment("ETA ", DIM), cell(left, 7, right=False)]),
        (3, [cell(f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}", 6), Segment(" ticks/s", DIM)]),
        (0, tested(figures, glyphs)),
        (4, [cell(spark([figure.value for figure in figures], 8, glyphs), 8, Style(color=PHASES["E"][0]))]),
    ]
    least = 8
    while sum(length(piece) + 2 for _, piece in pieces) + least > width and len(pieces) > 1:
        pieces.remove(max(pieces, key=lambda piece: piece[0]))
    room = max(0, width - sum(length(piece) + 2 for _, piece in pieces))
    filled = min(room, round(room * done / total))
    done_style = Style(color=PHASES["F"][0])
    line = [Segment(glyphs.line[0] * filled, done_style), Segment(glyphs.line[1] * (room - filled), DIM)]
    for _, piece in pieces:
        line += [Segment("  "), *piece]
    return cropped(line, width)


def tested(figures: Sequence[Figure], glyphs: Glyphs) -> Line:
    """The newest test figure, and whether it went up or down."""
    if not figures:
        return [Segment("test ", DIM), cell("-", 6), cell("", 2)]
    change = figures[-1].value - figures[-2].value if len(figures) > 1 else 0.0
    trend = glyphs.trend[0 if change > 0 else 1 if change < 0 else 2] if len(figures) > 1 else ""
    text = figures[-1].text
    return [Segment("test ", DIM), cell(text, max(6, len(text)), BOLD), cell(trend, 2)]


def legend(width: int, glyphs: Glyphs) -> Line:
    line: Line = []
    short = width < 90
    for letter, (_, name) in PHASES.items():
        line += [*strip(letter, glyphs), Segment(f" {SHORT.get(name, name)} " if short else f" {name}  ", DIM)]
    return cropped([*line, *strip("h", glyphs), Segment(" wait", DIM)], width)


def footer(standing: Standing, count: int, width: int, glyphs: Glyphs) -> list[Line]:
    """What to mind, then the last events, the newest at the end."""
    advice = [("warning", hint) for hint in hints(standing)][:count]
    newest = list(standing.story)[-(count - len(advice)) :] if len(advice) < count else []
    styles = {"warning": FAIR, "lost": BAD}
    lines = []
    for kind, text in advice + newest:
        text = text if len(text) <= width else text[: width - 1] + glyphs.more
        lines.append([cell(text, width, styles.get(kind, PLAIN), right=False)])
    return lines


def length(line: Line) -> int:
    return sum(len(segment.text) for segment in line)


def cropped(line: Line, width: int) -> Line:
    """The first `width` columns."""
    found: Line = []
    for segment in line:
        found.append(Segment(segment.text[:width], segment.style))
        width -= len(segment.text)
        if width <= 0:
            break
    return found
