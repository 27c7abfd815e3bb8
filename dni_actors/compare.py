"""python -m dni_actors.compare: several update rules on the same data and seeds, one table and one figure.

    python -m dni_actors.compare --task rows
    python -m dni_actors.compare --task rows --updates synthetic,delayed --lags 1,4,16 --link-delay-ms 20

All other options are those of dni_actors.launch. The runs, comparison.json and comparison.png come into a folder of
their own: runs/compare-..., or the one that --name gives.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from dni_actors.box.errors import BoxError, RuntimeUnavailableError
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.launch import tell
from dni_actors.options import parse
from dni_actors.runtime.interrupts import Terminated, interrupts_held, listen
from dni_actors.runtime.kernels import cores, restart_with_kernels

UPDATES = "synthetic,truncated,locked,delayed"
MOST_SEEDS = 1000


def main() -> int:
    """Exit code: 0 finished, 1 failed on the way, 2 wrong input, 130 interrupted, 143 terminated."""
    listen()
    try:
        asked, base = ask(sys.argv[1:])
        restart_with_kernels(base, "dni_actors.compare")
        return compare(base, asked)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        return tell(error, 2)
    except (BoxError, RuntimeUnavailableError, OSError) as error:
        return tell(error, 1)
    except KeyboardInterrupt as error:
        return tell(error, 143 if isinstance(error, Terminated) else 130)


def ask(argv: Sequence[str]) -> tuple[argparse.Namespace, RunConfig]:
    """What to compare, and the settings that all runs share. ConfigError on wrong input; SystemExit 0 after --help."""
    options = argparse.ArgumentParser(
        prog="python -m dni_actors.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    options.add_argument("--updates", default=UPDATES, help=f"update rules, a comma between them (default: {UPDATES})")
    options.add_argument("--lags", help="lags of those that have one, as 1,4,16 (default: --lag)")
    options.add_argument("--seeds", default="3", help="how many seeds, from --seed on (default: 3)")
    options.add_argument(
        "--target",
        help="accuracy, or the task's own figure, that time is measured to, as 0.9 (default: 95 %% of the best)",
    )
    try:
        asked, rest = options.parse_known_args(argv)
    except argparse.ArgumentError as error:
        name = (error.argument_name or "options").lstrip("-")
        raise ConfigError(name, "a value is missing; give one, or see --help") from error
    for flag, remedy in (("--update", "give --updates"), ("--resume", "a comparison begins anew; drop it")):
        if any(word.partition("=")[0] == flag for word in rest):
            raise ConfigError(flag.lstrip("-"), f"{flag} is for one run; {remedy}")
    base = parse(rest)
    asked.updates = asked.updates.split(",")
    lags = [str(base.learning.lag)] if asked.lags is None else asked.lags.split(",")
    asked.lags = [lag if lag == "auto" else whole("lags", lag, 1, 1_000_000) for lag in lags]
    asked.seeds = whole("seeds", asked.seeds, 1, MOST_SEEDS)
    of_its_own = base.streaming is not None or base.task.loss == "squared"  # symbols, bits, an error: no share
    asked.target = None if asked.target is None else share(asked.target, sys.float_info.max if of_its_own else 1.0)
    return asked, base


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


def compare(base: RunConfig, asked: argparse.Namespace) -> int:
    """Runs each in turn, in one runtime; what was reached is told and kept, however it ends. 1 if a run has failed."""
    from dni_actors.experiment import run  # late: --help shall not wait for Ray and its friends
    from dni_actors.record.comparison import comparison, folder, trials
    from dni_actors.record.result import Result
    from dni_actors.runtime import started
    from dni_actors.view.comparison import Comparing

    base = base.fitted(cores()).validated()
    trials(base, asked.updates, asked.lags, asked.seeds, base.output.storage)  # wrong input comes before any folder
    place = folder(base)
    todo = trials(base, asked.updates, asked.lags, asked.seeds, place.name)
    heading = f"task={base.chain.task} boxes={base.boxes} updates={','.join(asked.updates)} seeds={asked.seeds}"
    shown = Comparing(base.output.console, heading, [trial.contender for trial in todo])
    failed = False
    try:
        shown.begin()
        with started(base) as running:
            for i, trial in enumerate(todo):
                try:
                    result = run(trial.config, running, shown.of)
                except (BoxError, KeyboardInterrupt):
                    result = Result.from_path(f"{place.name}/{trial.config.output.name}")
                    todo[i] = trial._replace(result=result)
                    if result.status != "failed":
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

    place.write_json("comparison.json", content)
    figure = figures.accuracy(content)
    if figure is not None:
        place.write("comparison.png", figure)
    return [figures.MISSING if figure is None else f"{place.name}/comparison.png", f"{place.name}/comparison.json"]


if __name__ == "__main__":
    sys.exit(main())
