"""The command line of a run: flags over a TOML file over a preset or a task's defaults."""

import argparse
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dni_actors.config.checks import ConfigError
from dni_actors.config.effects import EFFECTS, shown
from dni_actors.config.flags import Arguments, add_fields, dashed, read, refuse_unknown, shorten
from dni_actors.config.presets import PRESETS
from dni_actors.config.run import RunConfig, defaults

DESCRIPTION = """Trains a recurrent network cut into time boxes, none of which waits for the others.
Flags win over the file of --config, which wins over the preset or the task's defaults; the defaults shown are what
holds with the preset, task and file given."""


COMMON = (
    "task", "data", "boxes", "cell", "hidden", "update", "lag", "batch", "ticks", "epochs", "seed", "learning_rate",
    "runtime", "link_delay_ms", "address", "name", "storage", "console", "report",
)  # fmt: skip
"""fields that --help shows; all others are in --help-all"""


class Given(NamedTuple):
    """What a command line gives."""

    config: RunConfig
    """not yet validated"""
    names: set[str]
    """fields that the file and the flags give"""
    parsed: argparse.Namespace


def parse(argv: Sequence[str]) -> RunConfig:
    """The configuration that the flags give. ConfigError on wrong input; SystemExit 0 after --help, --list-presets."""
    return given(argv, arguments).config.validated()


def arguments(base: RunConfig | None = None) -> Arguments:
    """The parser; its help shows the values of `base` as defaults."""
    parser = Arguments("dni_actors.launch", DESCRIPTION, usage="%(prog)s [options]", add_help=False)
    add_settings(parser, base)
    return parser


def add_settings(parser: Arguments, base: RunConfig | None) -> None:
    """The options of a run."""
    group = parser.add_argument_group("where settings come from")
    group.add_argument("--help", "-h", action="store_true", help="Show the options that are used most, and stop.")
    group.add_argument("--help-all", action="store_true", help="Show all options, and stop.")
    group.add_argument("--list-presets", action="store_true", help="List the presets and stop.")
    text = "Named settings to start from; by default seed, or with --task the task's own defaults."
    group.add_argument("--preset", metavar="NAME", help=text)
    group.add_argument("--config", metavar="FILE", help="TOML file with fields by name, as a run's config.toml.")
    text = "Folder of a run to go on with, from its last complete cut; the same as its --name and settings once more."
    group.add_argument("--resume", metavar="FOLDER", help=text)
    add_fields(parser, base)


def given(argv: Sequence[str], parser_of: Callable[..., Arguments], never: Mapping[str, str] | None = None) -> Given:
    """What the words of a command line give; `parser_of(base)` makes the parser. ConfigError for an option of `never`,
    where its remedy stands."""
    parser = parser_of()
    parsed, unknown = parser.parse_known_args(dashed(argv))
    if parsed.list_presets:
        widest = max(map(len, PRESETS))
        for name, preset in PRESETS.items():
            print(f"{name:{widest}} {preset.line}")
        raise SystemExit(0)
    if not (parsed.help or parsed.help_all):
        refuse_unknown(parser, unknown)
    for name, remedy in (never or {}).items():
        if getattr(parsed, name) is not None:
            raise ConfigError(name, f"--{name} is for one run; {remedy}")
    flags = read(parsed)
    file = {} if parsed.config is None else read_toml(Path(parsed.config))
    if parsed.resume is not None:
        file = resumed(parsed.resume, parsed)
    named = {name: getattr(parsed, name) for name in ("preset", "task") if getattr(parsed, name) is not None}
    below = {name: value for name, value in file.items() if not named or name not in ("preset", "task")}
    base = RunConfig().replace(**defaults(below | flags | named)).replace(**file)
    if parsed.help or parsed.help_all:
        parser = parser_of(base.over())
        if not parsed.help_all:
            shorten(parser, COMMON)
        print(parser.format_help(), end="")
        raise SystemExit(0)
    config = base.over(**flags)
    for name in EFFECTS:
        if name in file.keys() - flags.keys() and config.flat()[name] != base.flat()[name]:
            left_out = f"{name} {shown(base.flat()[name])} of the file"
            print(f"dni_actors: {left_out} has no effect here, and left out", file=sys.stderr)
    return Given(config, (flags.keys() | file.keys()) - {"preset"}, parsed)


def resumed(place: str, given: argparse.Namespace) -> dict[str, Any]:
    """The settings of a run that lies there. Its storage and name are what the folder's place says now."""
    from dni_actors.record.run_files import RunFiles  # late: --help shall not wait for it
    from dni_actors.record.storage import why

    for name in ("config", "preset", "name", "storage"):
        if getattr(given, name) is not None:
            raise ConfigError("resume", f"{place!r} brings its own settings; drop --{name}")
    try:
        text = RunFiles.of(place).settings_text()
    except (OSError, UnicodeDecodeError) as error:
        problem = why(error) if isinstance(error, OSError) else "its config.toml is no text"
        remedy = "give a run's folder such as runs/NAME"
        raise ConfigError("resume", f"{place!r} cannot be read ({problem}); {remedy}") from error
    head, mark, options = place.partition("?") if "://" in place else (place, "", "")
    storage, _, name = head.rstrip("/").rpartition("/")
    return toml(text, f"{place}/config.toml") | {"storage": (storage or ".") + mark + options, "name": name}


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
    return {"lambda_" if name == "lambda" else name: value for name, value in fields.items()}
