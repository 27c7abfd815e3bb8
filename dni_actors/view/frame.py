"""The live console's picture: a pure function from the chain's standing to something rich can draw."""

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from dni_actors.box.standing import Standing

OTHER_LINES = 9  # header, table's head, fold, progress, loss, warning, hint, and a little air
NARROW = 80  # columns; below, the table keeps to what matters most
WIDE = 100  # columns; from here on there is room for the boxes' nodes, if there are several


def frame(standing: Standing, elapsed: float, width: int, height: int) -> RenderableType:
    """Header, a row per box, progress and accuracy, after `elapsed` seconds, for `width` columns and `height` lines."""
    told = [f"box {loss.box} started again: {loss.why}" for loss in standing.losses[-1:]] + standing.warnings[-1:]
    hints = [Text(line, style="yellow", no_wrap=True, overflow="ellipsis") for line in told + standing.hints]
    return Group(header(standing, elapsed), boxes(standing, width, height), progress(standing, width), *hints)


def header(standing: Standing, elapsed: float) -> Text:
    chain, learning = standing.config.chain, standing.config.learning
    told: list[str | tuple[str, str]] = [
        ("dni_actors ", "bold"),
        f"{chain.task}, {standing.config.boxes} boxes, {learning.update}",
        f", lag {learning.lag}" if learning.update != "locked" else "",
        f", seed {learning.seed}",
        (f"   {elapsed:.0f} s", "dim"),
    ]
    return Text.assemble(*told, no_wrap=True, overflow="ellipsis")


def boxes(standing: Standing, width: int, height: int) -> Table:
    """Widths are fixed: nothing jumps when a number grows. Boxes that do not fit are folded into a line."""
    columns = [
        Column("box", justify="right", width=4),
        Column("doing", width=17, no_wrap=True),
        Column("tick", justify="right", width=8),
        Column("loss", justify="right", width=7),
        Column("cosine", justify="right", width=6),
    ]
    if width >= NARROW:
        columns += [
            Column("slack", justify="right", width=5),
            Column("busy", justify="right", width=5),
            Column("waited", justify="right", width=6),
            Column("lost", justify="right", width=4),
        ]
    if width >= WIDE and len({place.node for place in standing.places}) > 1:
        columns.append(Column("node", width=15, no_wrap=True))
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    shown = min(max(1, height - OTHER_LINES), len(standing.reports))
    for k in range(shown):
        table.add_row(*row(standing, k)[: len(columns)])
    if shown < len(standing.reports):
        table.add_row("...", f"and {len(standing.reports) - shown} more")
    return table


def row(standing: Standing, k: int) -> list[Text | str]:
    report, window = standing.reports[k], standing.windows[k]
    waits = report.state.startswith("wait")
    doing = report.state.rpartition(" ")[0] if waits else report.state  # the index is the tick's column's matter
    cells: list[Text | str] = [str(k), Text(doing, style="yellow" if waits else "green"), f"{report.tick}"]
    node = standing.places[k].address if standing.places else ""
    if window is None:
        return [*cells, *[""] * 6, node]
    waited = window.wait_state_seconds + window.wait_gradient_seconds
    return [
        *cells,
        number(window.loss, "{:.4f}"),
        number(window.cosine, "{:+.2f}"),
        number(window.slack, "{:.1f}"),
        share(window.cpu_seconds + window.delay_seconds, window.seconds),
        share(waited, window.seconds),
        str(standing.restarts[k] or "-"),
        node,
    ]


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def share(part: float, whole: float) -> str:
    return f"{min(1.0, part / whole):.0%}" if whole > 0 else "-"


def progress(standing: Standing, width: int) -> Table:
    total = standing.config.ticks
    line = Table.grid(padding=(0, 1))
    line.add_row(
        ProgressBar(total=total, completed=standing.ticks, width=max(10, min(40, width - 50))),
        Text(f"{standing.ticks}/{total}", no_wrap=True),
        Text(f"{standing.ticks_per_second:.0f} ticks/s", no_wrap=True),
        Text(accuracy(standing), style="bold", no_wrap=True),
    )
    return line


def accuracy(standing: Standing) -> str:
    if not standing.evaluations:
        return "test -"
    newest = standing.evaluations[-1]
    return f"test {newest.accuracy:.1%} at {newest.tick}"
