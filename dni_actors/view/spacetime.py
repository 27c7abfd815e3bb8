"""The space-time diagram: time goes across, boxes go down; what each did, and the messages between them."""

import numpy as np
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from dni_actors.nn.arrays import Array
from dni_actors.observe.trace import BEGIN, CODES, SLICES, TICK
from dni_actors.protocol.channel import Channel
from dni_actors.view.palette import SERIES
from dni_actors.view.theme import SPENT

WIDTH = 10.0  # inches
HIGH = 0.36  # half a slice's height, in boxes
MANY = 4000  # slices; more are a picture inside the picture
LETTER = 0.07  # inches that a digit needs
ARROWS = {Channel.STATE: (SERIES[0], "v"), Channel.GRADIENT: (SERIES[1], "^")}
ON = "#101418"  # on slices, whose colours are the same in light and dark
OTHER_TICKS = 0.35  # how solid slices of ticks are that are not asked for


def window(events: Array, first: int, last: int) -> tuple[float, float] | None:
    """(begin, end) of the ticks `first` to `last`, over all boxes."""
    ticks = events[(events["kind"] == CODES[TICK]) & (events["tick"] >= first) & (events["tick"] <= last)]
    return (float(ticks["begin"].min()), float(ticks["end"].max())) if len(ticks) else None


def spacetime(events: Array, messages: Array, first: int, last: int) -> Figure | None:
    """EVENTS and MESSAGES of about these ticks -> a picture of ticks `first` to `last`. None if none was traced."""
    found = window(events, first, last)
    if found is None:
        return None
    begin, end = found
    inside = events[(events["end"] > begin) & (events["begin"] < end)]
    boxes = int(events["box"].max()) + 1
    figure = Figure(figsize=(WIDTH, min(14.0, 1.5 + 0.52 * boxes)), layout="constrained")
    axis = figure.subplots()
    slices = inside[np.isin(inside["kind"], [CODES[kind] for kind in SLICES])]
    many = len(slices) > MANY
    used = []
    for kind in SLICES:
        mine = slices[slices["kind"] == CODES[kind]]
        asked = (mine["tick"] >= first) & (mine["tick"] <= last)
        for chosen, solid in ((asked, 1.0), (~asked, OTHER_TICKS)):
            some = mine[chosen]
            left, width = (some["begin"] - begin) * 1e3, (some["end"] - some["begin"]) * 1e3
            corners = zip(left, some["box"] - HIGH, width, strict=True)
            bars = [Rectangle((x, y), wide, 2 * HIGH) for x, y, wide in corners]
            if bars:
                drawn = PatchCollection(
                    bars, facecolor=SPENT.get(kind, SPENT["other"]), linewidth=0, alpha=solid, rasterized=many
                )
                axis.add_collection(drawn)
        used += [kind] if len(mine) else []
    arrows(figure, messages[(messages["taken"] > begin) & (messages["sent"] < end)], begin, first, last, many)
    numbers(figure, inside, begin, end, first, last)
    for one in inside[(inside["kind"] == CODES[BEGIN]) & (inside["incarnation"] > 0)]:
        axis.axvline((one["begin"] - begin) * 1e3, color=SERIES[-1], linewidth=1.2, linestyle=":")
    axis.set_xlim(0, (end - begin) * 1e3)
    axis.set_ylim(boxes - 0.45, -0.55)
    if boxes <= 32:
        axis.set_yticks(range(boxes), [f"box {k}" for k in range(boxes)])
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"milliseconds; ticks {first} to {last}, numbered; others are pale")
    legend: list[Patch | Line2D] = [Patch(color=SPENT.get(kind, SPENT["other"]), label=kind) for kind in used]
    labels = {Channel.STATE: "hidden state, put to taken", Channel.GRADIENT: "gradient, put to taken"}
    for channel, (colour, head) in ARROWS.items():
        legend.append(Line2D([], [], color=colour, marker=head, markersize=4, label=labels[channel]))
    figure.legend(handles=legend, loc="outside upper left", ncols=5)
    return figure


def arrows(figure: Figure, messages: Array, begin: float, first: int, last: int, many: bool) -> None:
    """From the edge of the slice that put it to the edge of the one that took it; of the ticks asked for."""
    axis = figure.axes[0]
    mine = messages[(messages["tick"] >= first) & (messages["tick"] <= last)]
    for channel, (colour, head) in ARROWS.items():
        of = mine[mine["channel"] == list(Channel).index(channel)]
        down = channel.direction
        x = (np.stack([of["sent"], of["taken"]], 1) - begin) * 1e3
        y = np.stack([of["from"] + down * HIGH, of["to"] - down * (HIGH + 0.02)], 1)
        lines = LineCollection(np.stack([x, y], 2).tolist(), colors=colour, linewidths=0.9)
        lines.set_rasterized(many)
        axis.add_collection(lines)
        axis.plot(x[:, 1], y[:, 1], head, color=colour, markersize=3.2, markeredgewidth=0, rasterized=many)


def numbers(figure: Figure, events: Array, begin: float, end: float, first: int, last: int) -> None:
    """The tick's number where its forward pass begins, if there is room for it before the next one."""
    axis = figure.axes[0]
    asked = (events["kind"] == CODES["forward"]) & (events["tick"] >= first) & (events["tick"] <= last)
    mine = np.sort(events[asked & (events["begin"] >= begin)], order=["box", "begin"])
    room = np.append(np.diff(mine["begin"]), 0.0)
    room[np.append(np.diff(mine["box"]), 1) != 0] = end - begin
    for one, free in zip(mine, room, strict=True):
        if free / (end - begin) * 0.9 * WIDTH > LETTER * (len(str(one["tick"])) + 1):
            x = (one["begin"] - begin) * 1e3
            axis.text(x, one["box"], f" {one['tick']}", ha="left", va="center", fontsize=7, color=ON, clip_on=True)


def caption(events: Array, first: int, last: int) -> str:
    """What the picture tells in a sentence, for those who cannot see it."""
    found = window(events, first, last)
    if found is None:
        return ""
    begin, end = found
    waits = events[np.isin(events["kind"], [CODES[kind] for kind in SLICES if kind.startswith("wait")])]
    waited = np.maximum(0, np.minimum(waits["end"], end) - np.maximum(waits["begin"], begin)).sum()
    share = waited / (end - begin) / (int(events["box"].max()) + 1)
    ticks = f"Ticks {first} to {last}" if last > first else f"Tick {first}"
    return f"{ticks} took {(end - begin) * 1e3:.1f} ms, of which a box waited {share:.0%}."
