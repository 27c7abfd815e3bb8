"""The configuration of a run: its parts put together, what they mean for the task, and whether they can be used.

What is learned is a pure function of `chain`, `synthesizer` and `learning`; `execution` and `output` cannot change it
(but for `kernels`: see README, What it is not).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from dni_actors.config import rules
from dni_actors.config.checks import ConfigError, checked_type, choose
from dni_actors.config.facts import Facts
from dni_actors.config.presets import DEFAULT, OWN_TASK, PRESETS, TASK_DEFAULTS

# Giving the first replaces an inherited second.
EXCLUSIVE = (("ticks", "epochs"), ("epochs", "ticks"), ("boxes", "unroll"), ("unroll", "boxes"))


@dataclasses.dataclass(frozen=True)
class RunConfig(Facts):
    """A whole run. Make one with `RunConfig.preset`, `RunConfig.of` or from the command line."""

    @classmethod
    def of(cls, **fields: Any) -> "RunConfig":
        """From flat fields, on the task's defaults: `RunConfig.of(task="rows", boxes=7)`. Raises ConfigError."""
        return cls().replace(**defaults(fields)).replace(**fields).validated()

    @classmethod
    def preset(cls, name: str, **fields: Any) -> "RunConfig":
        """A preset by name, some fields changed: `RunConfig.preset("seed", seed=3)`. Raises ConfigError."""
        return cls.of(**{"preset": name, **fields})

    def replace(self, **fields: Any) -> "RunConfig":
        """A copy with flat fields changed, not yet validated. Ticks replace epochs, unroll boxes, and vice versa."""
        parts: dict[str, dict[str, Any]] = {}
        for one, other in EXCLUSIVE:
            if fields.get(one) is not None and other not in fields:
                fields[other] = None
        fields.pop("preset", None)
        if "lambda" in fields:  # Python's own word, so the field has another name
            fields["lambda_"] = fields.pop("lambda")
        for name, value in fields.items():
            values = parts.setdefault(part_of(name), {})
            values[name] = checked_type(name, value, HINTS[name])
        return dataclasses.replace(
            self, **{part: dataclasses.replace(getattr(self, part), **values) for part, values in parts.items()}
        )

    def fitted(self, cores: int) -> "RunConfig":
        """With boxes for so many cores where their number is `auto`: one each, but none without a time step."""
        chain, steps = self.chain, self.task.steps
        if chain.boxes != "auto":
            return self
        given = chain.unroll or ()
        if len(given) > 1 or (given and steps is not None):
            boxes = self.boxes  # the unrolls tell
        elif steps is None or chain.cell == "dense":
            boxes = cores
        else:
            boxes = min(cores, steps)
        return self.replace(boxes=boxes, unroll=chain.unroll)

    def validated(self) -> "RunConfig":
        """Itself, if every value can be used; else ConfigError."""
        for name, value in self.flat().items():
            checked_type(name, value, HINTS[name])
        rules.check(self)
        return self


PARTS: Mapping[str, Any] = get_type_hints(RunConfig)
PART_OF = {field.name: name for name, part in PARTS.items() for field in dataclasses.fields(part)}
HINTS: Mapping[str, Any] = {name: hint for part in PARTS.values() for name, hint in get_type_hints(part).items()}


def part_of(field: str) -> str:
    """Which part holds a field; ConfigError, with the nearest name, if none does."""
    if field not in PART_OF:
        raise ConfigError(field, f"there is no such field; {choose(field, PART_OF)}")
    return PART_OF[field]


def defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What stands below the given fields: the named preset, else the task's defaults, else the preset `seed`."""
    if fields.get("preset") is None and fields.get("task") is not None:
        return TASK_DEFAULTS.get(checked_type("task", fields["task"], str), OWN_TASK)
    name = DEFAULT if fields.get("preset") is None else checked_type("preset", fields["preset"], str)
    if name not in PRESETS:
        raise ConfigError("preset", f"{name!r} is not known; {choose(name, PRESETS)}")
    return PRESETS[name].fields
