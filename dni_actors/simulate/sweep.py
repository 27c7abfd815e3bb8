"""One option varied: from a text such as link-delay-ms=1:200:log to the settings that it comes to."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dni_actors.config.checks import ConfigError, checked, choose
from dni_actors.simulate.options import HINTS
from dni_actors.simulate.setting import Setting
from dni_actors.simulate.words import LAGGED

SWEPT = ("boxes", "lag", "link_delay_ms", "link_mbps", "compute_delay_ms")
COUNT = 12  # values, at most, where no number is given


class Sweep(NamedTuple):
    """An option and its values, in order."""

    name: str
    logarithmic: bool
    settings: list[Setting]
    values: list[float]


def swept(setting: Setting, text: str) -> Sweep:
    """ConfigError if it cannot be understood."""
    found = re.fullmatch(r"([\w-]+)=(\d*\.?\d+):(\d*\.?\d+)(:log)?(?::(\d+))?", text)
    if found is None:
        raise ConfigError("sweep", f"{text!r} is no range of an option; give one such as link-delay-ms=1:200:log")
    name, low, high = found[1].replace("-", "_"), float(found[2]), float(found[3])
    if name not in SWEPT:
        raise ConfigError("sweep", f"{found[1]!r} cannot be varied; {choose(name, SWEPT)}")
    if name == "lag" and not set(setting.updates.split(",")) & set(LAGGED):
        raise ConfigError("sweep", f"{setting.updates} has no lag; add one of {', '.join(LAGGED)} to --updates")
    if not low < high or (found[4] and not low):
        raise ConfigError("sweep", f"{text!r} is an empty range; give a lower number and a higher one, above 0 for log")
    count = int(found[5] or COUNT)
    if not 2 <= count <= 1000:
        raise ConfigError("sweep", f"{count} values are out of range; give 2 to 1000")
    values = np.geomspace(low, high, count) if found[4] else np.linspace(low, high, count)
    if name in ("boxes", "lag"):
        values = np.unique(np.rint(values))
    changes: list[dict[str, Any]] = [{name: given(name, value)} for value in values.tolist()]
    settings = [replace(setting, **change) for change in changes]
    for one in settings:
        checked(name, getattr(one, name), HINTS[name])
        one.check()
    return Sweep(name, bool(found[4]), settings, values.tolist())


def given(name: str, value: float) -> float | int | str:
    """As the setting has it."""
    if name in ("boxes", "lag"):
        return int(value)
    return f"{value:.6g}" if name.endswith("_ms") else value
