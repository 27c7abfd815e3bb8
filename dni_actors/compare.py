"""python -m dni_actors.compare: several update rules on the same data and seeds, one table and one figure.

    python -m dni_actors.compare --task rows
    python -m dni_actors.compare --task rows --updates synthetic,delayed --lags 1,4,16 --link-delay-ms 20

All other options are those of dni_actors.launch. The runs, comparison.json and comparison.png come into a folder of
their own: runs/compare-..., or the one that --name gives.
"""

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import Any

from dni_actors.box.errors import BoxError
from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import Arguments
from dni_actors.config.run import RunConfig
from dni_actors.options import add_settings, given
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.kernels import cores, restart_with_kernels
from dni_actors.tasks import fingerprint

UPDATES = "synthetic,delayed,truncated,locked"
MOST_SEEDS = 1000


@command
def main() -> int:
    asked, base, names = ask(sys.argv[1:])
    restart_with_kernels(base, "dni_actors.compare")
    return compare(base, asked, names)


def arguments(base: RunConfig | None = None) -> Arguments:
    """The parser: what is compared, and the options of a run."""
    parser = Arguments("dni_actors.compare", __doc__, usage="%(prog)s [options]", add_help=False)
    group = parser.add_argument_group("what is compared")
    for flag, default, text in (
        ("--updates", UPDATES, f"update rules, a comma between them (default: {UPDATES})"),
        ("--lags", None, "lags of those that have one, as 1,4,16 (default: --lag)"),
        ("--seeds", "3", "how many seeds, from --seed on (default: 3)"),
        (
            "--target",
            None,
            "accuracy, or the task's own figure, that time is measured to, as 0.9 (default: 95 %% of the best)",
        ),
    ):
        group.add_argument(flag, default=default, help=text)
    add_settings(parser, base)
    return parser


def ask(argv: Sequence[str]) -> tuple[argparse.Namespace, RunConfig, set[str]]:
    """What to compare, the settings that all runs share, and which of these were given. ConfigError on wrong input;
    SystemExit 0 after --help."""
    never = {"update": "give --updates", "resume": "a comparison begins anew; drop it"}
    base, names, asked = given(argv, arguments, never)
    asked.updates = asked.updates.split(",")
    lags = [str(base.learning.lag)] if asked.lags is None else asked.lags.split(",")
    asked.lags = [lag if lag == "auto" else whole("lags", lag, 1, 1_000_000) for lag in lags]
    asked.seeds = whole("seeds", asked.seeds, 1, MOST_SEEDS)
    of_its_own = base.streaming is not None or base.task.loss == "squared"  # symbols, bits, an error: no share
    asked.target = None if asked.target is None else share(asked.target, sys.float_info.max if of_its_own else 1.0)
    return asked, base, names


def whole(field: str, text: str, least: int, most: int) -> int:
    if not (text.isdecimal() and least <= int(text) <= most):
        raise ConfigError(field, f"{text!r} is not a whole number from {least} to {most}; give one")
    return int(text)


def share(text: str, most: float = 1.0) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= most:
        what = "an accuracy" if most == 1 else "a positive number"
        raise ConfigError("target", f"{text!r} is not {what}; give one such as 0.9")
    return value


def compare(base: RunConfig, asked: argparse.Namespace, names: Collection[str]) -> int:
    """Runs each in turn, in one runtime; what was reached is told and kept, however it ends. 1 if a run has failed.
    `names`: the settings that were given."""
    from dni_actors.experiment import run  # late: --help shall not wait for Ray and its friends
    from dni_actors.record.comparison import comparison, folder, left_out, trials
    from dni_actors.record.result import Result
    from dni_actors.runtime import started
    from dni_actors.view.comparison import Comparing

    base = base.fitted(cores())
    without = left_out(base, asked.updates, set(names) - {"lag"})
    trials(base, asked.updates, asked.lags, asked.seeds, base.output.storage)  # wrong input comes before any folder
    place = folder(base)
    todo = trials(base, asked.updates, asked.lags, asked.seeds, place.name)
    for update, idle in without.items():
        if idle:
            print(f"dni_actors: {update} goes without {', '.join(idle)}, which have no effect there", file=sys.stderr)
    heading = f"task={base.chain.task} boxes={base.boxes} updates={','.join(asked.updates)} seeds={asked.seeds}"
    data = fingerprint(base.task)
    shown = Comparing(base.output.console, heading, [trial.contender for trial in todo])
    failed = False
    try:
        shown.begin()
        with started(base) as running:
            for i, trial in enumerate(todo):
                if fingerprint(trial.config.replace().task) != data:
                    problem = f"{base.chain.task} was written again while it was compared; compare once more"
                    raise ConfigError("task", problem)
                try:
                    result = run(trial.config, running, shown.of)
                except (BoxError, KeyboardInterrupt) as error:
                    run_folder = place / str(trial.config.output.name)
                    if not run_folder.exists("result.json"):
                        raise  # cut short before it began
                    todo[i] = trial._replace(result=Result.from_path(run_folder.name))
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    failed = True
                    continue
                todo[i] = trial._replace(result=result)
    except ConfigError:  # which only the runtime could find
        shown.end()
        if not any(trial.result for trial in todo):
            place.remove()
        raise
    finally:
        with interrupts_held():
            shown.end()
            if any(trial.result for trial in todo):
                content = comparison(todo, asked.target)
                shown.tell(content, keep(place, content))
    return int(failed)


def keep(place: Any, content: dict[str, Any]) -> list[str]:
    """Writes comparison.json and the figure; where they lie."""
    from dni_actors.view import figures
    from dni_actors.view.theme import png, style

    place.write_json("comparison.json", content)
    with style():
        place.write("comparison.png", png(figures.accuracy(content)))
    return [f"{place.name}/comparison.png", f"{place.name}/comparison.json"]


if __name__ == "__main__":
    sys.exit(main())
