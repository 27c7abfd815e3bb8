"""What a simulation has found: tables, and the picture of a sweep."""

from collections.abc import Sequence
from typing import Any

from dni_actors.view.palette import SERIES, of_rule

COLOURS = {"gpipe": SERIES[6], "data-parallel": SERIES[5], "diloco": SERIES[7]}
LINES: Any = ("-", (0, (6, 4)), (0, (2, 6)))  # of rules that may be equally fast, one over the other


def table(setting: Any, outcomes: Sequence[Any]) -> str:
    """Figures, a line per rule, and below them what holds each up. `setting`: what was simulated; `outcomes`: what came
    out."""
    failures, ranged = setting.failures_per_hour > 0, any(of.most > of.least for of in outcomes)
    names = [of.update if of.lag is None else f"{of.update}, lag {of.lag}" for of in outcomes]
    columns = {"update": names, "ticks/s": [rate(of.ticks_per_second) for of in outcomes]}
    if ranged:
        columns["range"] = [spread(of) for of in outcomes]
    if failures:
        columns["goodput"] = [rate(of.goodput) for of in outcomes]
    columns |= {
        "at work": [f"{of.utilisation:.1%}" for of in outcomes],
        "memory MB": [f"{of.memory_mb:.3g}" for of in outcomes],
        "sent MB": [f"{of.link_mb:.3g}" for of in outcomes],
    }
    wide = max(map(len, names))
    held = [f"{name.ljust(wide)}  {of.critical}" for name, of in zip(names, outcomes, strict=True)]
    notes = ["memory: what a box keeps for ticks under way; sent: by a box in a tick; both on average"]
    if failures:
        notes.append("goodput: ticks that count a second, with all that failures cost")
    notes += [
        f"{name}: still getting up to speed after {of.ticks} ticks; give more --ticks"
        for name, of in zip(names, outcomes, strict=True)
        if not of.steady
    ]
    return "\n".join([*aligned(columns), *notes, "", "what a tick's length comes from", *held])


def spread(of: Any) -> str:
    """What all repeats gave, where that can be told apart."""
    least, most = rate(of.least), rate(of.most)
    return f"{least}-{most}" if most != least else ""


def sweep_table(name: str, values: Sequence[float], found: dict[str, list[Any]]) -> str:
    """Ticks a second: a line per value, a column per rule."""
    columns = {name.replace("_", "-"): [f"{value:.4g}" for value in values]}
    columns |= {update: [rate(of.goodput) for of in outcomes] for update, outcomes in found.items()}
    return "\n".join([*aligned(columns), "ticks a second; with failures only those that count"])


def aligned(columns: dict[str, list[str]]) -> list[str]:
    """Lines of a table, titles first: each column as wide as it must be, names to the left, numbers to the right."""
    widths = [max(map(len, [title, *cells])) for title, cells in columns.items()]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in [list(columns), *map(list, zip(*columns.values(), strict=True))]
    ]


def rate(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def draw_sweep(name: str, values: Sequence[float], logarithmic: bool, found: dict[str, list[Any]]) -> bytes:
    """Ticks a second over the option's values, with the range over seeds, as a PNG."""
    from matplotlib.figure import Figure  # late: it takes a second

    from dni_actors.view.theme import png, style

    with style():
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for i, (update, outcomes) in enumerate(found.items()):
            colour = COLOURS.get(update) or of_rule(update)
            axes.plot(
                values,
                [of.goodput for of in outcomes],
                color=colour,
                label=update,
                linewidth=2,
                linestyle=LINES[i % len(LINES)],
            )
            if any(of.most > of.least for of in outcomes):
                least, most = ([getattr(of, end) for of in outcomes] for end in ("least", "most"))
                axes.fill_between(values, least, most, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel=name.replace("_", "-"), ylabel="ticks a second", yscale="log")
        if logarithmic:
            axes.set_xscale("log")
            plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.legend()
    return png(figure)


def plain_numbers(axis: Any) -> None:
    """On a logarithmic axis: 0.01, not a power of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
