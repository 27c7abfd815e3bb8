"""Draws results/*.json: one picture a claim, results/*.png.

python -m bench.figures
"""

import itertools
import json
import statistics
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np

from bench.links import RULES, law
from bench.measure import RESULTS

matplotlib.use("Agg")

import matplotlib.pyplot as plt

OURS, OTHERS, LIMIT = "#1b6ca8", "#9a9a9a", "#d0a030"


def throughput(content: dict[str, Any], name: str = "throughput", cell: str = "tanh RNN") -> None:
    """A panel per size: medians, ours in blue, the limit in gold; whiskers are the least and the most of the rounds."""
    sizes = content["figures"]
    figure, axes = plt.subplots(1, len(sizes), figsize=(4.6 * len(sizes), 5.4), squeeze=False)
    for axis, (size, found) in zip(axes[0], sizes.items(), strict=True):
        rates = {name: [run[0] for run in runs] for name, runs in found.items()}
        names = sorted(rates, key=lambda name: statistics.median(rates[name]))
        middle = [statistics.median(rates[name]) for name in names]
        spread = [
            [m - min(rates[name]) for m, name in zip(middle, names, strict=True)],
            [max(rates[name]) - m for m, name in zip(middle, names, strict=True)],
        ]
        colours = [LIMIT if "limit" in n else OURS if "ours" in n else OTHERS for n in names]
        axis.barh(names, middle, xerr=spread, color=colours, ecolor="#444444", capsize=2)
        axis.set_title(f"{size} (batch x hidden)")
        axis.set_xlabel("mini-batches per second")
        axis.tick_params(axis="y", labelsize=7)
    finish(figure, name, f"Throughput on two cores, {cell}: ours (blue), two perfect cores of it (gold), others")


def messages(content: dict[str, Any]) -> None:
    figure, axis = plt.subplots(figsize=(7, 4.6))
    for wire, sizes in content["cpu_seconds_and_hops_per_second"].items():
        cpu = [1e6 * statistics.median(run[0] for run in runs) for runs in sizes.values()]
        axis.plot([int(size) for size in sizes], cpu, "o-", label=wire)
    axis.set(xscale="log", yscale="log", xlabel="KiB", ylabel="CPU-microseconds of a hop, both ends")
    axis.set_xticks([8, 64, 128, 512], ["8", "64", "128", "512"])
    axis.legend(frameon=False)
    finish(figure, "messages", "What a message costs")


def links(content: dict[str, Any], name: str, which: int, label: str) -> None:
    """Points: measured; lines: the lag law. `which`: the part of a row's name that goes along the x axis."""
    figure, axis = plt.subplots(figsize=(9, 5))
    curves: dict[str, list[tuple[float, float]]] = {}
    places = [row.split(", ", 2)[:2] for row in content["rows"]]
    for (boxes, delay), (row, found) in zip(places, content["rows"].items(), strict=True):
        x = float((boxes, delay)[which].split()[0])
        curves.setdefault(row.split(", ", 2)[2], []).append((x, statistics.median(found["rates"])))
    boxes, delay = (int(text.split()[0]) for text in places[0])
    for rule, points in curves.items():
        at, measured = zip(*sorted(points), strict=True)
        dense = (np.linspace(min(at), max(at), 300) if which else np.arange(min(at), max(at) + 1)).tolist()
        expected = [law(boxes, d, **RULES[rule]) if which else law(int(d), delay, **RULES[rule]) for d in dense]
        (line,) = axis.plot(dense, expected, "-", linewidth=1)
        axis.plot(at, measured, "o", color=line.get_color(), label=rule)
    axis.set(yscale="log", xlabel=label, ylabel="ticks per second")
    if which == 0:
        axis.set_xscale("log", base=2)
    title = "points: measured\nlines: lag law of the\nemulated work"
    axis.legend(frameon=False, fontsize=8, title=title, loc="center left", bbox_to_anchor=(1, 0.5))
    finish(figure, name, "Boxes of 10 ms on slow links")


def memory(content: dict[str, Any]) -> None:
    rows = content["mebibytes_of_each_box"]
    figure, axis = plt.subplots(figsize=(7.5, 3.8))
    names = list(rows)[::-1]
    axis.barh(names, [statistics.median(rows[name]) for name in names], color=OURS)
    axis.set_xlabel("MiB that nobody else shares, median box")
    finish(figure, "memory", "Memory of a box")


def real(content: dict[str, Any]) -> None:
    figure, axis = plt.subplots(figsize=(7, 4.6))
    curves: dict[str, list[tuple[float, float]]] = {}
    others = itertools.cycle(("#d0a030", "#9a4f2f", "#5a8f3c", "#7a5aa8"))
    for row, rates in content["rows"].items():
        delay, name = row.split(" ms, ", 1)
        if isinstance(rates, list):
            name = "ours, --lag auto" if name.startswith("ours") else name
            curves.setdefault(name, []).append((float(delay), statistics.median(rates)))
    for name, points in curves.items():
        colour = OURS if "ours" in name else next(others)
        axis.plot(*zip(*points, strict=True), "o-", label=name, color=colour)
    axis.set(xlabel="one-way delay, ms", ylabel="mini-batches per second, 128 x 256", ylim=(0, None))
    axis.legend(frameon=False)
    finish(figure, "links_real", "Real arithmetic on two cores, emulated links")


def lags(content: dict[str, Any]) -> None:
    """A panel per number of boxes: mean accuracy against lag, with the least and the most of the seeds; the two ends,
    backpropagation and truncation, and the local read-outs alone, as lines across."""
    results: dict[str, list[float]] = content["results"]
    late = RESULTS / "learning_delayed.json"
    seeds = f"{content['seeds']} seeds"
    if late.exists():
        seeds += f" ({json.loads(late.read_text())['seeds']} of delayed)"
        shown = ("delayed, none", "delayed, both")
        results |= {n: v for n, v in json.loads(late.read_text())["results"].items() if any(s in n for s in shown)}
    boxes = sorted({int(name.split()[0]) for name in results})
    figure, axes = plt.subplots(1, len(boxes), figsize=(5.2 * len(boxes), 4.6), sharey=True, squeeze=False)
    for axis, count in zip(axes[0], boxes, strict=True):
        mine = {n.removeprefix(f"{count} boxes, "): v for n, v in results.items() if n.startswith(f"{count} boxes, ")}
        for name, style in (("locked", "-"), ("truncated", ":"), ("local, lag 2", "--")):
            label = name.partition(",")[0]
            axis.axhline(statistics.mean(mine[name]), color="#444444", linestyle=style, linewidth=1, label=label)
        for rule in dict.fromkeys(
            name.rpartition(", lag ")[0] for name in mine if "lag" in name and "local" not in name
        ):
            points = {int(n.rpartition(" ")[2]): v for n, v in mine.items() if n.rpartition(", lag ")[0] == rule}
            at, means = list(points), [statistics.mean(v) for v in points.values()]
            (line,) = axis.plot(at, means, "o-", label=rule.removesuffix(", none"))
            low, high = [min(v) for v in points.values()], [max(v) for v in points.values()]
            axis.fill_between(at, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
        axis.set(xscale="log", xlabel="lag, ticks per boundary", title=f"{count} boxes")
        axis.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
        axis.minorticks_off()
    axes[0][0].set_ylabel("test accuracy, rows")
    axes[0][0].legend(frameon=False, fontsize=8, loc="lower left")
    finish(figure, "learning_rows", f"What a long lag costs: means of {seeds}, least to most shaded")


def finish(figure: Any, name: str, title: str) -> None:
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.png", dpi=110)
    plt.close(figure)
    print(RESULTS / f"{name}.png")


FIGURES: dict[str, Callable[[dict[str, Any]], None]] = {
    "throughput": throughput,
    "throughput_lstm": lambda content: throughput(content, "throughput_lstm", "LSTM"),
    "messages": messages,
    "memory": memory,
    "links_delays": lambda content: links(content, "links_delays", 1, "one-way delay, ms (4 boxes)"),
    "links_boxes": lambda content: links(content, "links_boxes", 0, "boxes (20 ms one way)"),
    "links_real": real,
    "learning_rows": lags,
}


def main() -> None:
    for name, draw in FIGURES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            draw(json.loads(path.read_text()))


if __name__ == "__main__":
    main()
