"""Draws results/*.json: one picture a claim, results/*.png.

python -m bench.figures
"""

import json
import statistics
from collections.abc import Callable
from typing import Any

import matplotlib

from bench.measure import RESULTS

matplotlib.use("Agg")

import matplotlib.pyplot as plt

OURS, OTHERS, LIMIT = "#1b6ca8", "#9a9a9a", "#d0a030"


def throughput(content: dict[str, Any]) -> None:
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
    finish(figure, "throughput", "Throughput on two cores: ours (blue), two perfect cores of it (gold), others")


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
    figure, axis = plt.subplots(figsize=(7.5, 5))
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for row, found in content["rows"].items():
        *place, rule = row.split(", ", 2)
        curves.setdefault(rule, []).append(
            (float(place[which].split()[0]), statistics.median(found["rates"]), found["law"])
        )
    for rule, points in curves.items():
        x, measured, law = zip(*sorted(points), strict=True)
        (line,) = axis.plot(x, law, "-", linewidth=1)
        axis.plot(x, measured, "o", color=line.get_color(), label=rule)
    axis.set(yscale="log", xlabel=label, ylabel="ticks per second")
    if which == 0:
        axis.set_xscale("log", base=2)
    axis.legend(frameon=False, fontsize=8, title="points: measured, lines: lag law")
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
    for row, rates in content["rows"].items():
        delay, name = row.split(" ms, ", 1)
        if isinstance(rates, list):
            name = "ours, lag by the law" if name.startswith("ours") else name
            curves.setdefault(name, []).append((float(delay), statistics.median(rates)))
    for name, points in curves.items():
        axis.plot(*zip(*points, strict=True), "o-", label=name, color=OURS if "ours" in name else None)
    axis.set(xlabel="one-way delay, ms", ylabel="mini-batches per second, 128 x 256", ylim=(0, None))
    axis.legend(frameon=False)
    finish(figure, "links_real", "Real arithmetic on two cores, emulated links")


def finish(figure: Any, name: str, title: str) -> None:
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.png", dpi=110)
    plt.close(figure)
    print(RESULTS / f"{name}.png")


FIGURES: dict[str, Callable[[dict[str, Any]], None]] = {
    "throughput": throughput,
    "messages": messages,
    "memory": memory,
    "links_delays": lambda content: links(content, "links_delays", 1, "one-way delay, ms (4 boxes)"),
    "links_boxes": lambda content: links(content, "links_boxes", 0, "boxes (20 ms one way)"),
    "links_real": real,
}


def main() -> None:
    for name, draw in FIGURES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            content = json.loads(path.read_text())
            if name != "throughput" or "figures" in content:
                draw(content)


if __name__ == "__main__":
    main()
