"""Words of the command line: update rules, distributions, stragglers."""

import re
from pathlib import Path
from typing import cast

from dni_actors.config.checks import ConfigError, choose
from dni_actors.timing.scene import Rule

RULES = ("synthetic", "delayed", "local", "locked", "gpipe", "data-parallel", "diloco")
CHAINS: dict[str, Rule] = {name: cast(Rule, name) for name in RULES[:4]} | {"gpipe": "locked"}
LAGGED = ("synthetic", "delayed", "local")


def parse_jitter(field: str, text: str) -> float:
    """'lognormal:0.3' -> 0.3; 'none' -> 0."""
    found = re.fullmatch(r"lognormal:(\d*\.?\d+)", text)
    if text != "none" and (found is None or float(found[1]) > 3):
        raise ConfigError(field, f"{text!r} is no distribution; give none, or lognormal:S with S up to 3")
    return float(found[1]) if found else 0.0


def parse_stragglers(field: str, text: str) -> tuple[float, float]:
    """'1%:4x' -> (0.01, 4): the share of boxes that are slow, and how many times as slow."""
    found = re.fullmatch(r"(\d*\.?\d+)%:(\d*\.?\d+)x", text)
    if found is None or float(found[1]) > 100 or not 1 <= float(found[2]) <= 1e6:
        raise ConfigError(field, f"{text!r} are no stragglers; give a share and a factor from 1 on, such as 1%:4x")
    return float(found[1]) / 100, float(found[2])


def parse_updates(field: str, text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in RULES:
            raise ConfigError(field, f"{name!r} is not known; {choose(name, RULES)}")
        if names.count(name) > 1:
            raise ConfigError(field, f"{name} stands there {names.count(name)} times; give each rule once")
    return names


def check_file(field: str, place: str | None) -> None:
    """ConfigError unless a file can be written there."""
    if place is not None and (not Path(place).parent.is_dir() or Path(place).is_dir()):
        raise ConfigError(field, f"{place!r} cannot be written; give a file in a folder that is there")
