"""What came out of several update rules on the same data and seeds: plain facts, for tables, figures and files."""

import math
import statistics
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from dni_actors.config import effects
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.observe.evaluations import recalled
from dni_actors.observe.figure import figure
from dni_actors.record.folder import new_name, unwritable
from dni_actors.record.result import Result
from dni_actors.record.storage import Storage

OF_RESULT = (
    "status", "error", "digest", "ticks", "test_accuracy", "ticks_per_second", "overlap", "sent", "sent_bytes", "lag"
)  # fmt: skip
NEAR_BEST = 0.95  # of the best mean figure: what "time to" is measured to, if nothing else is given


class Trial(NamedTuple):
    """A run to be made, or made."""

    contender: str
    config: RunConfig
    result: Result | None = None
    """None: not reached"""


def folder(config: RunConfig) -> Storage:
    """A new folder for all runs of a comparison. ConfigError if it cannot be made, or is there already."""
    try:
        name = config.output.name or f"compare-{new_name(config)}"
        place = Storage.of(config.output.storage) / name
        if place.exists():
            raise ConfigError("name", f"{name!r} is taken: the folder exists; give another name or remove that folder")
        place.make()
    except OSError as error:
        raise unwritable(config, error) from error
    return place


def trials(base: RunConfig, updates: Sequence[str], lags: Sequence[int | str], seeds: int, place: str) -> list[Trial]:
    """A run for each update rule, lag and seed; a locked chain knows no lag. What has no effect under a rule is at its
    default. ConfigError if a run cannot be."""
    found = []
    for update in dict.fromkeys(updates):
        for lag in list(dict.fromkeys(lags))[: 1 if update == "locked" else None]:
            name = update if update == "locked" else f"{update}, lag {lag}"
            lagging = {} if update == "locked" else {"lag": lag}
            for seed in range(base.learning.seed, base.learning.seed + seeds):
                called = f"{name}-seed-{seed}".replace(", ", "-").replace(" ", "-")
                config = base.changed(update=update, seed=seed, **lagging, name=called, storage=place)
                found.append(Trial(name, config))
    return found


def left_out(base: RunConfig, updates: Sequence[str], given: Collection[str]) -> dict[str, list[str]]:
    """By update rule, the given options that have no effect under it. ConfigError for one that has none under any."""
    problems = {update: dict(effects.idle(base.replace(update=update))) for update in updates}
    for name in set.intersection(set(given), *map(set, problems.values())):
        raise ConfigError(name.strip("_"), problems[updates[0]][name])
    return {update: sorted(of.keys() & given) for update, of in problems.items()}


def comparison(trials: Sequence[Trial], target: float | None = None) -> dict[str, Any]:
    """The content of comparison.json. `target`: the figure that "time to" is measured to; of the task, as all figures
    here: its accuracy, mostly."""
    contenders = []
    for name, several in groupby(trials, key=lambda trial: trial.contender):
        mine = list(several)
        learning = mine[0].config.learning
        runs = [one_run(trial.config, trial.result) for trial in mine if trial.result is not None]
        contenders.append({"name": name, "update": learning.update, "lag": learning.lag, "runs": runs})
    shown = next((run["shown"] for c in contenders for run in c["runs"] if run["shown"]), None)
    sinks = shown is not None and shown.sinks
    means = [value for c in contenders if (value := mean(c["runs"], "figure")) is not None]
    if target is None and sinks:
        target = math.ceil(min(means) / NEAR_BEST * 100) / 100
    elif target is None:
        target = math.floor(max(means, default=0.0) * NEAR_BEST * 100) / 100
    for contender in contenders:
        runs = contender["runs"]
        for run in runs:
            del run["shown"]
            there = (s for _, s, value in run["curve"] if (value <= target if sinks else value >= target))
            run["seconds_to_target"] = next(there, None)
        reached = [run["seconds_to_target"] for run in runs if run["seconds_to_target"] is not None]
        known = [run["figure"] for run in runs if run["figure"] is not None]
        contender |= {
            "test_accuracy": mean(runs, "test_accuracy"),
            "figure": mean(runs, "figure"),
            "least": min(known, default=None),
            "most": max(known, default=None),
            "seconds_to_target": statistics.fmean(reached) if reached else None,
            "reached": len(reached),
        }
        contender |= {name: mean(runs, name) for name in ("ticks_per_second", "overlap", "sent", "sent_bytes")}
    config = trials[0].config
    return {
        "verdict": verdicts(contenders, "accuracy" if shown is None else shown.name),
        "task": config.chain.task,
        "boxes": config.boxes,
        "ticks": config.ticks,
        "link_delay_ms": config.execution.link_delay_ms,
        "link_mbps": config.execution.link_mbps,
        "compute_delay_ms": config.execution.compute_delay_ms,
        "runtime": config.execution.runtime,
        "seeds": sorted({trial.config.learning.seed for trial in trials}),
        "figure": "accuracy" if shown is None else shown.name,
        "target": target,
        "contenders": contenders,
    }


RIVALS = {"locked": "exact backpropagation (locked)", "truncated": "truncation", "local": "local read-outs alone"}


def verdicts(contenders: Sequence[dict[str, Any]], what: str) -> list[str]:
    """What decoupling cost and brought, a sentence for each decoupled rule: held against those that say what is to be
    had."""
    known = [of for of in contenders if of["figure"] is not None and of["ticks_per_second"]]
    by_rule = {of["update"]: of for of in known}
    found = []
    for of in known:
        words = [
            f"{apart(of['figure'], by_rule[rule]['figure'], what)} {words}"
            for rule, words in RIVALS.items()
            if rule in by_rule and rule != of["update"]
        ]
        if of["update"] in ("locked", "truncated") or not words:
            continue
        if "locked" in by_rule:
            words[0] += f", at {of['ticks_per_second'] / by_rule['locked']['ticks_per_second']:.2g} times its ticks/s"
        found.append(f"{of['name']}: {'; '.join(words)}")
    return found


def apart(one: float, other: float, what: str) -> str:
    """`1.2 points above`."""
    if what != "accuracy":
        return f"{what} {one:.3g}, not {other:.3g} as"
    points = round((one - other) * 100, 1)
    return f"{abs(points)} points {'above' if points > 0 else 'below'}" if points else "as good as"


def one_run(config: RunConfig, result: Result) -> dict[str, Any]:
    """`curve`: tick, seconds of training, and the test figure of each evaluation."""
    shown = figure(config.task, recalled(result.evaluations[-1])) if result.evaluations else None
    facts = {name: getattr(result, name) for name in OF_RESULT}
    facts |= {"figure": None if shown is None else shown.value, "shown": shown, "curve": curve(config, result)}
    return {"seed": config.learning.seed, "path": str(result.path), **facts}


def curve(config: RunConfig, result: Result) -> list[tuple[int, float, float]]:
    """The last box's rows of the metrics tell how many seconds of training lay before a tick."""
    rows = result.metrics.select(["box", "first_tick", "last_tick", "seconds"]).to_pylist()
    rows = [row for row in rows if row["box"] == config.boxes - 1]
    ends = [0] + [row["last_tick"] + 1 for row in rows]
    seconds = np.cumsum([0.0] + [row["seconds"] for row in rows])
    evaluations = [recalled(facts) for facts in result.evaluations]
    values = [(one.tick, figure(config.task, one).value) for one in evaluations]
    return [(tick, float(np.interp(tick, ends, seconds)), value) for tick, value in values]


def mean(runs: Sequence[dict[str, Any]], name: str) -> float | None:
    known = [run[name] for run in runs if run[name] is not None]
    return statistics.fmean(known) if known else None
