"""Checks of single values, each of whose failures is one sentence: field, value, remedy."""

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

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


def checked_type(field: str, value: Any, hint: Any) -> Any:
    """The value if its type fits the hint, whole numbers and lists widened; else ConfigError."""
    options = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    if value is None and type(None) in options:
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
            told = "give names and amounts as Ray knows them, such as fast=1,disk=0.5 (CPUs: --cpus-per-box)"
            raise ConfigError(field, f"{text!r} is no list of resources; {told}")
    return found


def check_no_secrets(field: str, uri: str) -> None:
    """ConfigError if a URI has a password or a key in it: it is written to a run's config.toml."""
    if "://" in uri and re.search(r"://[^/?@]*:[^/?@]*@|[?&;][^=&]*(secret|password|token|key|sig)[^=&]*=", uri, re.I):
        hidden = re.sub(r"://[^/?@]*@", "://...@", uri.partition("?")[0])
        told = f"{hidden!r} holds a secret, which would stand in the run's config.toml"
        raise ConfigError(field, f"{told}; give it by the environment (AWS_ACCESS_KEY_ID and the like)")


def parse_delay(field: str, text: str) -> tuple[float, float]:
    """'x' or 'low:high' in milliseconds -> (low, high) in seconds."""
    low, colon, high = text.partition(":")
    try:
        bounds = float(low) / 1000, float(high if colon else low) / 1000
    except ValueError:
        bounds = (-1.0, -1.0)
    if not (0 <= bounds[0] <= bounds[1] <= LONGEST_DELAY):
        told = f"give milliseconds up to {LONGEST_DELAY * 1000:.0f}, as 5 or as 2:10 (low:high)"
        raise ConfigError(field, f"{text!r} is not a delay; {told}")
    return bounds
