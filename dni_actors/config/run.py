"""The configuration of a run: its parts put together, what they mean for the task, and whether they can be used.

What is learned is a pure function of `chain`, `synthesizer` and `learning`; `execution` and `output` cannot change it
(but for `kernels`: see README, What it is not).
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from dni_actors.config import effects, rules
from dni_actors.config.checks import ConfigError, checked, choose
from dni_actors.config.facts import Facts
from dni_actors.config.fields import FIELDS, PARTS, field
from dni_actors.config.parts import ChainConfig, ExecutionConfig, LearningConfig, OutputConfig, SynthesizerConfig
from dni_actors.config.presets import DEFAULT, PRESETS, TASK_DEFAULTS, own_task
from dni_actors.tasks import Task, find

# Giving the first replaces an inherited second.
EXCLUSIVE = (("ticks", "epochs"), ("epochs", "ticks"), ("boxes", "unroll"), ("unroll", "boxes"))


@dataclasses.dataclass(frozen=True, init=False)
class RunConfig(Facts):
    """A whole run: `RunConfig(task="rows", boxes=7)`, `RunConfig.preset("seed")`, or from the command line."""

    def __init__(
        self,
        chain: ChainConfig | None = None,
        synthesizer: SynthesizerConfig | str | None = None,
        learning: LearningConfig | None = None,
        execution: ExecutionConfig | None = None,
        output: OutputConfig | None = None,
        **fields: Any,
    ) -> None:
        """Of flat fields, as `of`; or of parts, as they are. ConfigError for both at once, and as `of` raises it."""
        if isinstance(synthesizer, str):  # a part, and a field of it, are called so
            fields, synthesizer = fields | {"synthesizer": synthesizer}, None
        parts = dict(zip(PARTS, (chain, synthesizer, learning, execution, output), strict=True))
        for name, part in parts.items():
            if part is not None and (fields or not isinstance(part, PARTS[name])):
                raise ConfigError(name, f"{part!r} is a part of a configuration; give fields by name, or parts alone")
        made = RunConfig.of(**fields) if fields else None
        for name, kind in PARTS.items():
            object.__setattr__(self, name, getattr(made, name) if made else parts[name] or kind())

    @classmethod
    def of(cls, **fields: Any) -> "RunConfig":
        """From flat fields, on the task's defaults: `RunConfig.of(task="rows", boxes=7)`. Raises ConfigError."""
        return cls().replace(**defaults(fields)).changed(**fields)

    @classmethod
    def with_task(cls, task: Task, fields: Mapping[str, Any]) -> "RunConfig":
        """From all fields of a recorded configuration, with a task that stands for the one of that name. ConfigError
        for a field or a value that is not known."""
        config = cls().replace(**fields)
        vars(config)["task"] = task  # where the cached fact lies
        return config

    @classmethod
    def lenient(cls, **fields: Any) -> "RunConfig":
        """As `of`, but fields without effect beside the others are left out, not refused: for sweeps over rules."""
        return cls().replace(**defaults(fields)).replace(**fields).without_idle().validated()

    @classmethod
    def preset(cls, preset: str, /, **fields: Any) -> "RunConfig":
        """A preset by name, some fields changed: `RunConfig.preset("seed", seed=3)`. Raises ConfigError."""
        return cls.of(**{"preset": preset, **fields})

    def changed(self, **fields: Any) -> "RunConfig":
        """A valid copy with flat fields changed. What has no effect any more is back at its default: of a chain that is
        `locked` now, all about synthesizers. Raises ConfigError, too, for a changed field that has none."""
        return self.over(**fields).validated()

    def over(self, **fields: Any) -> "RunConfig":
        """The same, not yet validated."""
        given = {"lambda_" if name == "lambda" else name for name in fields}
        return self.replace(**fields).without_idle(given)

    def without_idle(self, but: Collection[str] = ()) -> "RunConfig":
        """With every field that has no effect at its default, but for some."""
        config = self
        while without := next(effects.idle(config, but), None):
            config = config.replace(**{without[0]: FIELDS[without[0]].default})
        return config

    def replace(self, **fields: Any) -> "RunConfig":
        """A copy with flat fields changed, each checked by itself. Ticks replace epochs, unroll boxes, and vice versa.
        Raises ConfigError."""
        parts: dict[str, dict[str, Any]] = {}
        for one, other in EXCLUSIVE:
            if fields.get(one) is not None and other not in fields:
                fields[other] = None
        fields.pop("preset", None)
        if "lambda" in fields:  # Python's own word, so the field has another name
            fields["lambda_"] = fields.pop("lambda")
        for name, value in fields.items():
            known = field(name)
            parts.setdefault(known.part, {})[name] = checked(name.strip("_"), value, known.hint)
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
        fitted = self.replace(boxes=boxes, unroll=chain.unroll)
        return fitted.without_idle(but=[name for name, _ in effects.idle(self)])  # a single core makes a single box

    def validated(self) -> "RunConfig":
        """Itself, if every value can be used; else ConfigError."""
        for name, value in self.flat().items():
            checked(name.strip("_"), value, FIELDS[name].hint)
        rules.check(self)
        return self


def defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What stands below the given fields: the named preset, else the task's defaults, else the preset `seed`."""
    if fields.get("preset") is None and fields.get("task") is not None:
        name = checked("task", fields["task"], str)
        if name in TASK_DEFAULTS:
            return TASK_DEFAULTS[name]
        data, labels = (checked(of, fields.get(of, FIELDS[of].default), FIELDS[of].hint) for of in ("data", "labels"))
        lasts = any(fields.get(length) is not None for length in ("ticks", "epochs"))
        return own_task(find(name, data, labels), lasts)
    name = DEFAULT if fields.get("preset") is None else checked("preset", fields["preset"], str)
    if name not in PRESETS:
        raise ConfigError("preset", f"{name!r} is not known; {choose(name, PRESETS)}")
    return PRESETS[name].fields
