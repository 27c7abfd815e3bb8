"""The fields of a configuration as flags of a command line: argparse reads them, errors are ConfigErrors."""

import argparse
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NoReturn, get_args, get_origin

from dni_actors.config.checks import ConfigError, kinds
from dni_actors.config.effects import shown
from dni_actors.config.facts import Facts
from dni_actors.config.fields import FIELDS, PARTS, Field, doc_lines

DATA_CHANGED = "allow: go on with other data than those of the run, if they are of the same kind (default: refuse)"
METAVARS = {int: "N", float: "X", str: "TEXT"}


class Arguments(argparse.ArgumentParser):
    """Whatever is wrong with the arguments is a ConfigError, of one sentence."""

    def __init__(self, prog: str, description: str | None, **more: Any) -> None:
        super().__init__(
            prog=f"python -m {prog}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            exit_on_error=False,
            **more,
        )

    def error(self, message: str) -> NoReturn:
        raise ConfigError("options", f"{message}; see --help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class; an option that lacks its value, or has one too many, is named."""
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            if error.argument_name is None:
                self.error(error.message)
            flags = error.argument_name.split("/")
            action = next(action for action in self._actions if flags == list(action.option_strings))
            problem = f"it takes no value; give {' or '.join(flags)}"
            if action.nargs != 0:
                problem = "a value is missing; give one, or see --help"
            raise ConfigError(flags[0].lstrip("-").replace("-", "_"), problem) from error


def add_fields(parser: argparse.ArgumentParser, defaults: Facts | None = None) -> None:
    """A flag for each field; `defaults`: what the help says holds by default."""
    held = {} if defaults is None else defaults.flat()
    for part, of in PARTS.items():
        group = parser.add_argument_group(part, of.__doc__)
        for field in (field for field in FIELDS.values() if field.part == part):
            default = held.get(field.name)
            text = doc_lines()[field.name] + (f" (default: {shown(default)})" if default not in (None, "") else "")
            group.add_argument(field.flag, dest=field.name, help=text.replace("%", "%%"), **shape(field))


def shorten(parser: argparse.ArgumentParser, common: Collection[str]) -> None:
    """Leaves fields out of the help, but for some; and a group of which none is left."""
    for group in parser._action_groups:
        for action in group._group_actions:
            if action.dest in FIELDS and action.dest not in common:
                action.help = argparse.SUPPRESS
        if all(action.help == argparse.SUPPRESS for action in group._group_actions):
            group.title = group.description = None


def shape(field: Field) -> dict[str, Any]:
    """How argparse takes a field's words: as they are, for `read` to understand."""
    of = kinds(field.kind)
    if of == [bool]:
        return {"action": argparse.BooleanOptionalAction}
    names = [METAVARS.get(kind) or METAVARS.get(get_args(kind)[0]) or "|".join(get_args(kind)) for kind in of]
    words = f"{{{','.join(get_args(of[0]))}}}" if get_origin(of[0]) is Literal else "|".join(map(str, names))
    return {"metavar": words, "nargs": "+" if get_origin(of[0]) is tuple else None}


def read(parsed: argparse.Namespace) -> dict[str, Any]:
    """The fields that were given. ConfigError if their words cannot be understood."""
    given = {name: words for name, words in vars(parsed).items() if name in FIELDS and words is not None}
    return {name: understood(name.strip("_"), words, FIELDS[name].kind) for name, words in given.items()}


def understood(name: str, words: Any, hint: Any) -> Any:
    """A text as a number, where it should be one; others as they are."""
    kind, *others = kinds(hint)
    if isinstance(words, list):
        return tuple(understood(name, word, get_args(kind)[0]) for word in words)
    literals = [literal for other in others for literal in get_args(other)]
    if kind not in (int, float) or words in literals:
        return words
    try:
        return kind(words)
    except ValueError as error:
        what = " or ".join(["a whole number" if kind is int else "a number", *literals])
        raise ConfigError(name, f"{words!r} is not {what}; give one") from error


def refuse_unknown(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """ConfigError, with the nearest name, if there are words that no option took."""
    if words:
        known = [option for action in parser._actions for option in action.option_strings]
        near = get_close_matches(words[0].partition("=")[0], known, n=1)
        raise ConfigError(words[0], f"there is no such option; {f'did you mean {near[0]}?' if near else 'see --help'}")


def dashed(words: Sequence[str]) -> list[str]:
    """Options may be written with underscores, too, as fields are."""
    found = []
    for word in words:
        name, mark, value = word.partition("=")
        found.append(name.replace("_", "-") + mark + value if word.startswith("--") else word)
    return found
