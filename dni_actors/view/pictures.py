"""Pictures of runs, by matplotlib: what they learned, how true their synthetic gradients were, where the time went."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dni_actors.observe.account import Account, Columns
from dni_actors.observe.answers import Answers
from dni_actors.protocol.program import Evaluation
from dni_actors.view.palette import GREEN, RED, SERIES, of_rule
from dni_actors.view.theme import FAINT, SPENT
from dni_actors.view.thin import grid, thin

LINES = 8  # boxes that get a line each; more are shown as a map
FEW = 4  # inputs that are drawn as lines over the steps
CELLS = 400  # of a map, across
WIDTH = 10.0  # inches
SHARES = {
    "prepare": "prepare_seconds",
    "train synthesizer": "train_seconds",
    "forward": "forward_seconds",
    "synthesize": "synthesize_seconds",
    "backward": "backward_seconds",
    "update": "update_seconds",
    "wait State": "wait_state_seconds",
    "wait Gradient": "wait_gradient_seconds",
}


def learning(accounts: Sequence[Account], names: Sequence[str] | None = None) -> Figure | None:
    """Of runs with the same task: accuracy and loss, against ticks and against seconds of training. `names`: of the
    runs, in the legend."""
    called = names or [account.name for account in accounts]
    pairs = zip(accounts, called, strict=True)
    known = [(account, name) for account, name in pairs if account.evaluations or account.rows]
    if not known:
        return None
    shown = [account for account, _ in known]
    rules = [str(account.settings.get("update")) for account in shown]
    colours = [of_rule(rule) for rule in rules] if len(set(rules)) == len(rules) else cycle()
    figure = Figure(figsize=(WIDTH, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col", sharey="row")
    for (account, name), colour in zip(known, colours, strict=False):
        ticks, seconds = account.seconds
        clocks: list[Callable[[Any], Any]] = [np.asarray, partial(np.interp, xp=ticks, fp=seconds)]
        for column, x_of in enumerate(clocks if account.rows else clocks[:1]):
            accuracies(axes[0, column], account, x_of, colour, name)
            if account.rows:
                last = account.of_box(account.boxes - 1)
                axes[1, column].plot(*thin(x_of(last["last_tick"] + 1), last["loss"]), color=colour, linewidth=1)
            if len(shown) == 1:  # of several, nobody could tell whose they are
                for _, tick in account.restarts:
                    mark(axes[0, column], float(x_of(tick)))
                    mark(axes[1, column], float(x_of(tick)))
    what = "squared error" if any(map(of_numbers, shown)) else "accuracy"
    axes[0, 0].set_ylabel(f"{what}: test; dashed: validation")
    axes[1, 0].set_ylabel("training loss of the last box")
    axes[1, 0].set_xlabel("ticks")
    axes[1, 1].set_xlabel("seconds of training")
    axes[0, 0].legend(loc="lower right")
    return figure


def accuracies(axis: Axes, account: Account, x_of: Callable[[Any], Any], colour: str, name: str) -> None:
    found = np.array(account.evaluations, float).reshape(-1, len(Evaluation._fields))
    names = ("error", "validation_error") if of_numbers(account) else ("accuracy", "validation_accuracy")
    x = x_of(found[:, 0])
    tested, validated = (found[:, Evaluation._fields.index(name)] for name in names)
    axis.plot(*thin(x, tested), marker="o" if len(x) < 40 else "", markersize=3, color=colour, label=name)
    axis.plot(*thin(x, validated), color=colour, linewidth=0.9, linestyle="--")


def of_numbers(account: Account) -> bool:
    """Whether its task asks for numbers, which have errors and no accuracy."""
    return any(np.isfinite(one.error) for one in account.evaluations)


def cycle() -> list[str]:
    return list(SERIES) * 8


def mark(axis: Axes, x: float) -> None:
    """A restart."""
    axis.axvline(x, color=SERIES[-1], linewidth=0.8, linestyle=":")


def cosine(account: Account) -> Figure | None:
    """The synthesizers, box by box, over time, as the boxes see them."""
    if not account.rows:
        return None
    table = {"box": account.metrics["box"], "tick": account.metrics["last_tick"] + 1.0}
    return over_time(account, table | {"value": account.metrics["cosine"]}, "cosine")


def probes(account: Account, what: str) -> Figure | None:
    """The same against exact gradients; `what`: cosine or error."""
    if not len(account.probes.get("tick", ())):
        return None
    table = {"box": account.probes["box"], "tick": account.probes["tick"], "value": account.probes[what]}
    return over_time(account, table, "cosine" if what == "cosine" else "relative error")


def over_time(account: Account, table: Columns, label: str) -> Figure | None:
    """A line for each box, or a map of many boxes; `table`: box, tick, value."""
    there = np.isfinite(table["value"])
    boxes = np.unique(table["box"][there])
    if not len(boxes):
        return None
    signed = label == "cosine"
    lines = len(boxes) <= LINES
    figure = Figure(figsize=(WIDTH, 3.4 if lines else 4.5), layout="constrained")
    axis = figure.subplots()
    if lines:
        for k, colour in zip(boxes, cycle(), strict=False):
            mine = there & (table["box"] == k)
            x, y = thin(table["tick"][mine], table["value"][mine])
            axis.plot(x, y, color=colour, marker="o" if len(x) == 1 else "", label=f"box {k:.0f}")
        axis.legend(ncols=2)
        axis.set_ylabel(label)
        if signed:
            axis.axhline(0, color=FAINT, linewidth=0.8)
            axis.set_ylim(min(-0.1, axis.get_ylim()[0]), 1.03)
    else:
        edges = np.linspace(0, float(table["tick"].max()) + 1, min(CELLS, len(np.unique(table["tick"]))) + 1)
        mines = [table["box"] == k for k in range(int(boxes[-1]) + 1)]
        values = np.array([grid(table["tick"][mine], table["value"][mine], edges) for mine in mines])
        extent = (0.0, float(edges[-1]), len(values) - 0.5, -0.5)
        shown = axis.imshow(
            values, aspect="auto", extent=extent, interpolation="nearest", cmap="RdYlBu" if signed else "viridis_r",
            vmin=-1 if signed else None, vmax=1 if signed else None,
        )  # fmt: skip
        axis.grid(False)
        axis.set_ylabel("box")
        figure.colorbar(shown, ax=axis, label=label)
    for _, tick in account.restarts:
        mark(axis, tick)
    axis.set_xlabel("tick")
    return figure


def slack(account: Account) -> Figure | None:
    """Histogram over the rows of the metrics, weighted by their ticks: one for each boundary, side by side."""
    if not account.rows or not np.isfinite(account.metrics["slack"]).any():
        return None
    boxes = range(account.boxes - 1)
    lag = max(account.lag, int(np.ceil(np.nanmax(account.metrics["slack"]))), 1)
    bins = np.linspace(0, lag, 4 * lag + 1 if lag <= 10 else 41)
    found = []
    for k in boxes:
        mine = account.of_box(k)
        there = np.isfinite(mine["slack"])
        weights = (mine["last_tick"] - mine["first_tick"] + 1)[there]
        counts, _ = np.histogram(mine["slack"][there], bins, weights=weights)
        found.append(counts / max(1, counts.sum()))
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axis = figure.subplots()
    if len(found) <= LINES:
        for k, shares, colour in zip(boxes, found, cycle(), strict=False):
            axis.stairs(shares * 100, bins, color=colour, linewidth=1.6, label=f"box {k}")
        axis.legend()
        axis.set_ylabel("% of ticks")
    else:
        extent = (0.0, float(lag), len(found) - 0.5, -0.5)
        drawn = axis.imshow(np.array(found) * 100, aspect="auto", extent=extent, interpolation="nearest", cmap="Blues")
        axis.grid(False)
        axis.set_ylabel("box")
        figure.colorbar(drawn, ax=axis, label="% of ticks")
    axis.set_xlim(0, lag)
    axis.set_xlabel(f"ticks a gradient lay ready (mean of a row of the metrics); 0: waited for, {account.lag}: the lag")
    return figure


def waits(account: Account) -> Figure | None:
    """Where each box's time went: its phases, what it waited for, and the rest."""
    if not account.rows:
        return None
    boxes = account.boxes
    figure = Figure(figsize=(WIDTH, min(8.0, 1.3 + 0.34 * boxes)), layout="constrained")
    axis = figure.subplots()
    tables = [account.of_box(k) for k in range(boxes)]
    total = np.array([np.nansum(table["seconds"]) for table in tables])
    total[total == 0] = 1
    left = np.zeros(boxes)
    for name, column in SHARES.items():
        share = np.array([np.nansum(table[column]) for table in tables]) / total * 100
        axis.barh(np.arange(boxes), share, left=left, color=SPENT[name], height=0.8)
        left += share
    rest = np.maximum(0, 100 - left)
    axis.barh(np.arange(boxes), rest, left=left, color=SPENT["other"], height=0.8)
    axis.set_ylim(boxes - 0.5, -0.5)
    axis.set_xlim(0, max(100.0, float((left + rest).max())))
    if boxes <= 24:
        axis.set_yticks(range(boxes))
    axis.grid(axis="y", visible=False)
    axis.set_ylabel("box")
    axis.set_xlabel("% of its wall time; phases: CPU and emulated work")
    handles = [Patch(color=SPENT[name], label=name) for name in (*SHARES, "other")]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def samples(told: Answers) -> Figure:
    """Test samples, each with what was wanted and what the boxes say; wrong answers in red."""
    columns = min(4, len(told.shown))
    rows = -(-len(told.shown) // columns)
    figure = Figure(figsize=(WIDTH, 2.4 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).reshape(-1)
    for axis in axes:
        axis.set_axis_off()
    for axis, one in zip(axes, told.shown, strict=False):
        axis.set_axis_on()
        axis.grid(False)
        axis.set_xticks([])
        axis.set_yticks([])
        steps, inputs = one.x.shape
        side = math.isqrt(inputs)
        if steps == 1 and side * side == inputs and side > 1:
            axis.imshow(one.x.reshape(side, side), cmap="gray_r")  # an image, seen at once
        elif inputs <= FEW:
            axis.plot(one.x, linewidth=1)
            axis.set_xlabel("step")
        else:
            axis.imshow(one.x, cmap="gray_r", aspect="auto" if steps > 2 * inputs or inputs > 2 * steps else "equal")
            axis.set_xlabel("input")
            axis.set_ylabel("step")
        colour = FAINT if one.right is None else GREEN if one.right else RED
        axis.set_title(f"wanted: {one.wanted}\nsaid: {one.said}", color=colour, fontsize=9)
    return figure
