"""Figures as PNG files: for comparisons."""

import io
from typing import Any

import numpy as np

MISSING = "no figure: matplotlib is not installed; pip install matplotlib"
COLOURS = ("#1b6ca8", "#c2571a", "#3d8f4f", "#8a4fa3", "#b8901f", "#4a9aa8", "#a83c5b", "#6b6b6b")


def accuracy(content: dict[str, Any]) -> bytes | None:
    """The test figure against ticks and against seconds of training, side by side; None where matplotlib is missing.

    `content`: of comparison.json. A line per contender: means over seeds, with the band from least to most.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    by_tick, by_second = figure.subplots(1, 2, sharey=True)
    for i, contender in enumerate(content["contenders"]):
        curves = [np.array(run["curve"]) for run in contender["runs"] if run["curve"]]
        if not curves:
            continue
        shared = min(map(len, curves))  # of a run that failed on the way: as far as it came
        ticks, seconds, several = np.moveaxis(np.stack([of[:shared] for of in curves]), 2, 0)
        colour, style = COLOURS[i % len(COLOURS)], "-" if i < len(COLOURS) else "--"
        for axis, x in ((by_tick, ticks.mean(0)), (by_second, seconds.mean(0))):
            axis.plot(x, several.mean(0), style, color=colour, label=contender["name"])
            axis.fill_between(x, several.min(0), several.max(0), color=colour, alpha=0.15, linewidth=0)
    by_tick.set(xlabel="ticks (mini-batches)", ylabel=f"test {content['figure']}")
    by_second.set(xlabel="seconds of training, evaluations left out")
    by_tick.legend(frameon=False, loc="lower right", fontsize=9)
    for axis in (by_tick, by_second):
        axis.axhline(content["target"], color="#999999", linewidth=0.8, linestyle=":")
        axis.grid(alpha=0.2)
        axis.spines[["top", "right"]].set_visible(False)
    links = f", links {content['link_delay_ms']} ms" if content["link_delay_ms"] != "0" else ""
    seeds = content["seeds"]
    figure.suptitle(f"{content['task']}, {content['boxes']} boxes, seeds {seeds[0]} to {seeds[-1]}{links}")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    return file.getvalue()
