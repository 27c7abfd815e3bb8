"""The figure of a comparison."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dni_actors.view.comparison import slow_links
from dni_actors.view.palette import of_rule
from dni_actors.view.theme import FAINT

LINES = ("-", "--", ":", "-.")  # of contenders with the same update rule, one after the other


def accuracy(content: dict[str, Any]) -> Figure:
    """The test figure against ticks and against seconds of training, side by side.

    `content`: of comparison.json. A line per contender: means over seeds, with the band from least to most.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    by_tick, by_second = figure.subplots(1, 2, sharey=True)
    drawn: dict[str, int] = {}
    for contender in content["contenders"]:
        curves = [np.array(run["curve"]) for run in contender["runs"] if run["curve"]]
        if not curves:
            continue
        shared = min(map(len, curves))  # of a run that failed on the way: as far as it came
        ticks, seconds, several = np.moveaxis(np.stack([of[:shared] for of in curves]), 2, 0)
        rule = contender["update"]
        drawn[rule] = drawn.get(rule, 0) + 1
        colour, line = of_rule(rule), LINES[(drawn[rule] - 1) % len(LINES)]
        for axis, x in ((by_tick, ticks.mean(0)), (by_second, seconds.mean(0))):
            axis.plot(x, several.mean(0), line, color=colour, label=contender["name"])
            axis.fill_between(x, several.min(0), several.max(0), color=colour, alpha=0.15, linewidth=0)
    by_tick.set(xlabel="ticks (mini-batches)", ylabel=f"test {content['figure']}")
    by_second.set(xlabel="seconds of training, evaluations left out")
    if drawn:
        by_tick.legend()
    for axis in (by_tick, by_second):
        axis.axhline(content["target"], color=FAINT, linewidth=0.8, linestyle=":")
    links = "".join(f", {emulated}" for emulated in slow_links(content))
    seeds = content["seeds"]
    said = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    figure.suptitle(f"{content['task']}, {content['boxes']} boxes, {said}{links}")
    if (note := seconds_note(content)) is not None:
        by_second.set_title(note, color=FAINT, fontsize=8)
    return figure


def seconds_note(content: dict[str, Any]) -> str | None:
    """Why the seconds say little, if they do."""
    if content["runtime"] == "inline":
        return "All boxes took turns in one process: seconds say little about decoupling."
    if not slow_links(content) and content["compute_delay_ms"] == "0":
        return "One machine without slow links: little is gained by not waiting."
    return None
