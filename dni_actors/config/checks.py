"""Checks of single values, each of whose failures is one sentence: field, value, remedy."""

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

LONGEST_DELAY = 3600.0  # seconds


class ConfigError(ValueError):
    """A field's value cannot be used. The message is one sentence: field, value, remedy."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


def choose(wrong: str, known: Iterable[str]) -> str:
    """A remedy for a wrong name: the nearest one, or all."""
    names = list(known)
    near = get_close_matches(wrong, names, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"


class Range(NamedTuple):
    """The least and the most that a number may be; the most keeps a slip of the finger from eating the memory."""

    least: float
    most: float = math.inf
    above: bool = False
    """whether the least is too little itself"""

    def _holds(self, number: float) -> bool:
        return math.isfinite(number) and self.least <= number <= self.most and not (self.above and number == self.least)

    def __call__(self, field: str, value: Any) -> None:
        """ConfigError unless the number, and each one of a tuple, is finite and in the range. A word is no number."""
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, str) or self._holds(number):
                continue
            kind = "a whole number" if isinstance(number, int) else "a number"
            start = f" above {self.least}" if self.above else f" from {self.least}"
            end = f" to {self.most}" if self.most < math.inf else "" if self.above else " on"
            raise ConfigError(field, f"{number} is out of range; give {kind}{start}{end}")


def checked(field: str, value: Any, hint: Any) -> Any:
    """The value if its type fits the hint and it stands the checks that are annotated there; else ConfigError."""
    hint, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    value = checked_type(field, value, hint)
    if value == ():
        raise ConfigError(field, "no number was given; give one for all boxes or one for each")
    for check in notes if value is not None else ():
        if callable(check):
            check(field, value)
    return value


def kinds(hint: Any) -> list[Any]:
    """What a value may be beside None: [int, Literal["auto"]] of `int | Literal["auto"] | None`."""
    options = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    return [option for option in options if option is not type(None)]


def checked_type(field: str, value: Any, hint: Any) -> Any:
    """The value if its type fits the hint, whole numbers and lists widened; else ConfigError."""
    options = kinds(hint)
    if value is None and options != [hint]:
        return None
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if value in words:
        return value
    hint = options[0]
    if get_origin(hint) is Literal:
        raise ConfigError(field, f"{value!r} is not known; {choose(str(value), get_args(hint))}")
    if get_origin(hint) is tuple:
        return checked_tuple(field, value, get_args(hint)[0])
    if hint is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if hint is str and type(value) in (int, float) and field.endswith("_ms"):
        return str(value)
    if type(value) is not hint:
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[hint]
        kind = " or ".join([kind, *words])
        raise ConfigError(field, f"{value!r} is not {kind}; give {kind}")
    return value


def checked_tuple(field: str, value: Any, kind: type) -> tuple[Any, ...]:
    """A number, or a list of them, of a kind (int or float) as a tuple; else ConfigError."""
    values = value if isinstance(value, list | tuple) else (value,)
    if kind is float:
        values = [float(v) if type(v) is int and abs(v) < 2**53 else v for v in values]
    if all(type(v) is kind for v in values):
        return tuple(values)
    what, like = ("whole number", "7 or [1, 1, 0]") if kind is int else ("number", "0.1 or [0.1, 0.2]")
    raise ConfigError(field, f"{value!r} is neither a {what} nor a list of {what}s; give {like}")


def parse_resources(field: str, text: str) -> dict[str, float]:
    """'fast=1,disk=0.5' -> {'fast': 1.0, 'disk': 0.5}."""
    found: dict[str, float] = {}
    for word in text.split(",") if text else ():
        name, _, amount = word.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            found[name.strip()] = -1.0
        if not name.strip() or name.strip() == "CPU" or not 0 < found[name.strip()] < math.inf:
            remedy = "give names and amounts as Ray knows them, such as fast=1,disk=0.5 (CPUs: --cpus-per-box)"
            raise ConfigError(field, f"{text!r} is no list of resources; {remedy}")
    return found


def check_name(field: str, text: str) -> None:
    """ConfigError unless it can be the name of a run's folder, everywhere."""
    if not re.fullmatch(r"\w[\w.+=@-]{0,127}", text):
        remedy = "give up to 128 letters, digits and . _ - + = @, such as first-run"
        raise ConfigError(field, f"{text!r} cannot name a run; {remedy}")


def check_place(field: str, uri: str) -> None:
    """ConfigError unless it can be a folder or a URI of one, without a password or a key: config.toml holds it."""
    if not uri or "\0" in uri:
        raise ConfigError(field, f"{uri!r} is not a folder; give one such as runs")
    if "://" in uri and re.search(r"://[^/?@]*:[^/?@]*@|[?&;][^=&]*(secret|password|token|key|sig)[^=&]*=", uri, re.I):
        hidden = re.sub(r"://[^/?@]*@", "://...@", uri.partition("?")[0])
        problem = f"{hidden!r} holds a secret, which would stand in the run's config.toml"
        raise ConfigError(field, f"{problem}; give it by the environment (AWS_ACCESS_KEY_ID and the like)")


def parse_delay(field: str, text: str) -> tuple[float, float]:
    """'x' or 'low:high' in milliseconds -> (low, high) in seconds."""
    low, colon, high = text.partition(":")
    try:
        bounds = float(low) / 1000, float(high if colon else low) / 1000
    except ValueError:
        bounds = (-1.0, -1.0)
    if not (0 <= bounds[0] <= bounds[1] <= LONGEST_DELAY):
        remedy = f"give milliseconds up to {LONGEST_DELAY * 1000:.0f}, as 5 or as 2:10 (low:high)"
        raise ConfigError(field, f"{text!r} is not a delay; {remedy}")
    return bounds
