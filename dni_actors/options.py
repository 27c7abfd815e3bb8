"""The command line of a run: flags over a TOML file over a preset or a task's defaults."""

import argparse
import contextlib
import dataclasses
import io
import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import tyro

from dni_actors.config.checks import ConfigError
from dni_actors.config.presets import PRESETS
from dni_actors.config.run import EXCLUSIVE, PART_OF, RunConfig, defaults

DESCRIPTION = """Trains a recurrent network cut into time boxes, none of which waits for the others.
Flags win over the file of --config, which wins over the preset or the task's defaults; the defaults shown are what
holds with the preset, task and file given."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line holds: where the defaults come from, and the run."""

    preset: str | None = None
    """Named settings to start from; by default seed, or with --task the task's own defaults."""
    list_presets: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """List the presets and stop."""
    config: Path | None = None
    """TOML file with fields by name, as a run's config.toml."""
    resume: str | None = None
    """Folder of a run to go on with, from its last complete cut; the same as its --name and settings once more."""
    run: Annotated[RunConfig, tyro.conf.arg(name="")] = dataclasses.field(default_factory=RunConfig)


def plainly(argv: Sequence[str]) -> list[str]:
    """As tyro wants them: switches that may also be left open (--no-x is --x False), and Python's own word lambda."""
    found = []
    for word in argv:
        name = word.replace("_", "-")
        switch = name in ("--local-readout", "--no-local-readout")
        word = re.sub("^--lambda(?=$|=)", "--lambda_", word)
        found += ["--local-readout", str(not name.startswith("--no"))] if switch else [word]
    return found


def parse(argv: Sequence[str]) -> RunConfig:
    """The configuration that the flags give. ConfigError on wrong input; SystemExit 0 after --help, --list-presets."""
    argv = plainly(argv)
    given = scan(argv)
    if given.list_presets:
        widest = max(map(len, PRESETS))
        for name, preset in PRESETS.items():
            print(f"{name:{widest}} {preset.line}")
        raise SystemExit(0)
    file = {} if given.config is None else read_toml(Path(given.config))
    if given.resume is not None:
        file = resumed(given.resume, given)
    named = {"preset": given.preset, "task": given.task}
    given_any = any(name is not None for name in named.values())
    base = RunConfig().replace(**defaults(named if given_any else file)).replace(**file)
    for one, other in EXCLUSIVE:
        if getattr(given, one) is not None and getattr(given, other) is None:
            base = base.replace(**{other: None})
    return ask_tyro(argv, base).validated()


def resumed(place: str, given: argparse.Namespace) -> dict[str, Any]:
    """The settings of a run that lies there. Its storage and name are what the folder's place says now."""
    from dni_actors.record.storage import Storage, why  # late: --help shall not wait for it

    for name in ("config", "preset", "name", "storage"):
        if getattr(given, name) is not None:
            raise ConfigError("resume", f"{place!r} brings its own settings; drop --{name}")
    try:
        text = Storage.of(place).read("config.toml").decode()
    except (OSError, UnicodeDecodeError) as error:
        told = why(error) if isinstance(error, OSError) else "its config.toml is no text"
        remedy = "give a run's folder such as runs/NAME"
        raise ConfigError("resume", f"{place!r} cannot be read ({told}); {remedy}") from error
    head, mark, options = place.partition("?") if "://" in place else (place, "", "")
    storage, _, name = head.rstrip("/").rpartition("/")
    return toml(text, f"{place}/config.toml") | {"storage": (storage or ".") + mark + options, "name": name}


def scan(argv: Sequence[str]) -> argparse.Namespace:
    """The few flags that decide what the others' defaults are."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--list-presets", "--list_presets", action="store_true")
    for name in ("preset", "config", "resume", "name", "storage", "task", "ticks", "epochs", "boxes"):
        early.add_argument(f"--{name}")
    early.add_argument("--unroll", nargs="*")
    try:
        return early.parse_known_args(argv)[0]
    except argparse.ArgumentError as error:
        name = (error.argument_name or "").lstrip("-")
        raise ConfigError(name, "a value is missing; give one, or see --help") from error


def ask_tyro(argv: Sequence[str], base: RunConfig) -> RunConfig:
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            options, unknown = tyro.cli(
                tyro.conf.OmitArgPrefixes[Options],
                prog="python -m dni_actors.launch",
                description=DESCRIPTION,
                args=list(argv),
                default=Options(run=base),
                return_unknown_args=True,
            )
    except SystemExit as end:
        if end.code:
            raise sentence(told.getvalue()) from None
        raise
    if unknown:
        flags = [f"--{name.replace('_', '-')}" for name in (*PART_OF, "preset", "list_presets", "config", "resume")]
        near = get_close_matches(unknown[0].partition("=")[0], flags, n=1)
        raise ConfigError(
            unknown[0], f"there is no such option; {f'did you mean {near[0]}?' if near else 'see --help'}"
        )
    return options.run


PLAINER = (
    (r"invalid literal for int\(\) with base 10: (.*)", r"\1 is not a whole number; give one"),
    (
        r"no type matching \{None\}\|INT could be instantiated from \['?(.*?)'?\]\.?",
        r"'\1' is not a whole number; give one",
    ),
    (
        r"no type matching (?:\{None\}\|)?INT\|\{auto\} could be instantiated from \['?(.*?)'?\]\.?",
        r"'\1' is not a whole number or auto; give one",
    ),
    (
        r"no type matching \{None\}\|\{\[INT.*instantiated from \[(.*?)\]\.?",
        r"\1 are not whole numbers; give them as 1 1 0",
    ),
    (r"Could not find valid parse for arguments: \['?(.*?)'?\].*", r"'\1' is not a number; give one"),
    (r"'None', ", ""),
    (r"could not convert string to float: (.*)", r"\1 is not a number; give one"),
    (r"invalid choice (\S+) for argument '--\S+'\. Expected one of \((.*?),?\)\.?", r"\1 is not known; choose from \2"),
    (r"Missing value for argument '--\S+'\. Expected \d+ values?\.?", "a value is missing; give one, or see --help"),
)


def sentence(told: str) -> ConfigError:
    """Tyro's framed message as one sentence that names field, value and remedy."""
    lines = [line.strip("│╭╰╮╯─ \t") for line in told.splitlines()]
    words = " ".join(lines[1 : lines.index("", 1)] if "" in lines[1:] else lines[1:])
    field = re.search(r"--([\w-]+)", words)
    words = re.sub(r"^Error parsing --[\w-]+( \S+)?: ", "", words)
    for pattern, plain in PLAINER:
        words = re.sub(pattern, plain, words)
    return ConfigError(field[1].replace("-", "_") if field else "options", words)


def read_toml(path: Path) -> dict[str, Any]:
    """The fields of a TOML file; ConfigError if it cannot be read or is broken."""
    try:
        return toml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError("config", f"{str(path)!r} cannot be read (it is not UTF-8 text); give a TOML file") from error
    except OSError as error:
        raise ConfigError("config", f"{str(path)!r} cannot be read ({error.strerror}); give a TOML file") from error


def toml(text: str, place: str) -> dict[str, Any]:
    """The fields in a TOML text; ConfigError if it is broken."""
    try:
        fields = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # broken TOML, and numbers or nesting beyond all measure
        raise ConfigError("config", f"{place!r} is not valid TOML ({error}); mend that line") from error
    for name, value in fields.items():
        if isinstance(value, dict):
            raise ConfigError(name, f"[{name}] is a table; fields stand on their own lines, without tables")
    return fields
