"""The configuration of a run: its parts put together, what they mean for the task, and whether they can be used.

What is learned is a pure function of `chain`, `synthesizer` and `learning`; `execution` and `output` cannot change it
(but for `kernels`: see README, What it is not).
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

from dni_actors.checks import ConfigError, check_no_secrets, checked_type, choose, parse_delay, parse_resources
from dni_actors.nn.cell import CELLS
from dni_actors.parts import ChainConfig, ExecutionConfig, LearningConfig, OutputConfig, SynthesizerConfig
from dni_actors.presets import DEFAULT, PRESETS, TASK_DEFAULTS
from dni_actors.tasks import TASKS, Task
from dni_actors.tasks.idx import image_rows

# The least and the most that a whole number may be; the most keeps a slip of the finger from eating the memory.
RANGES = {
    "boxes": (1, 10_000),
    "hidden": (1, 65_536),
    "batch": (1, 2**31),
    "lag": (1, 1_000_000),
    "micro_batches": (1, 2**31),
    "ticks": (1, 2**40),
    "epochs": (1, 2**31),
    "evaluate_every": (0, 2**40),
    "seed": (0, 2**63 - 1),
    "warmup": (0, 2**40),
    "target_refresh": (0, 2**40),
    "stop_after": (0, 2**31),
    "checkpoint_every": (0, 2**40),
    "max_restarts": (0, 1_000_000),
}


# Giving the first replaces an inherited second.
EXCLUSIVE = (("ticks", "epochs"), ("epochs", "ticks"), ("boxes", "unroll"), ("unroll", "boxes"))


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A whole run. Make one with `RunConfig.preset`, `RunConfig.of` or from the command line."""

    chain: ChainConfig = dataclasses.field(default_factory=ChainConfig)
    synthesizer: SynthesizerConfig = dataclasses.field(default_factory=SynthesizerConfig)
    learning: LearningConfig = dataclasses.field(default_factory=LearningConfig)
    execution: ExecutionConfig = dataclasses.field(default_factory=ExecutionConfig)
    output: OutputConfig = dataclasses.field(default_factory=OutputConfig)

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
        for name, value in fields.items():
            values = parts.setdefault(part_of(name), {})
            values[name] = checked_type(name, value, HINTS[name])
        return dataclasses.replace(
            self, **{part: dataclasses.replace(getattr(self, part), **values) for part, values in parts.items()}
        )

    def flat(self) -> dict[str, Any]:
        """All fields by name."""
        return {name: getattr(getattr(self, part), name) for name, part in PART_OF.items()}

    # Derived values: what the fields mean for the task at hand.

    @property
    def task(self) -> Task:
        return TASKS[self.chain.task] if self.chain.data is None else image_rows(self.chain.data)

    @property
    def unrolls(self) -> tuple[int, ...]:
        """Time steps of each box, first to last."""
        boxes, unroll, steps = self.chain.boxes, self.chain.unroll, self.task.steps
        if unroll is not None and len(unroll) > 1:
            return unroll
        if unroll:
            return unroll * (boxes or (steps or 1) // max(1, unroll[0]) or 1)
        boxes = boxes or 1
        if steps is None:  # any number fits: one step a box, and a read-out
            return (1,) if boxes == 1 else (1,) * (boxes - 1) + (0,)
        each, rest = divmod(steps, boxes)
        return tuple(each + (k < rest) for k in range(boxes))

    @property
    def boxes(self) -> int:
        return len(self.unrolls)

    @property
    def lag(self) -> int:
        """The lag as a number; only once `auto` has been settled."""
        assert isinstance(self.learning.lag, int)
        return self.learning.lag

    @property
    def state_width(self) -> int:
        """Numbers in a sample's hidden state."""
        return CELLS[self.chain.cell].width(self.chain.hidden)

    @property
    def local_readout(self) -> bool:
        """Whether boxes have a read-out of their own."""
        chosen = self.synthesizer.local_readout
        return self.learning.update in ("synthetic", "local") if chosen is None else chosen

    @property
    def rows(self) -> int:
        """Samples in a message: the mini-batch, or a micro-batch of it."""
        return self.learning.batch // self.learning.micro_batches

    @property
    def wire_dtype(self) -> str:
        """Floating-point type of messages."""
        return self.chain.wire_dtype or self.chain.precision

    @property
    def ticks(self) -> int:
        """Length of the run: mini-batches."""
        return self.learning.ticks or (self.learning.epochs or 1) * self.ticks_per_epoch

    @property
    def ticks_per_epoch(self) -> int:
        """An epoch shows every training sample once, but for an incomplete last mini-batch."""
        return self.task.train // self.learning.batch

    @property
    def evaluate_every(self) -> int:
        """Ticks between evaluations; one more lies at the run's end."""
        every = self.learning.evaluate_every
        return self.ticks_per_epoch if every is None else every or self.ticks

    @property
    def window(self) -> int:
        """Ticks in a row of the metrics: about 100 rows a box, and never over 500 ticks."""
        return min(500, max(1, self.ticks // 100))

    @property
    def compute_delay(self) -> tuple[float, float]:
        """(low, high) in seconds."""
        return parse_delay("compute_delay_ms", self.execution.compute_delay_ms)

    @property
    def link_delay(self) -> tuple[float, float]:
        """(low, high) in seconds."""
        return parse_delay("link_delay_ms", self.execution.link_delay_ms)

    def validated(self) -> "RunConfig":
        """Itself, if every value can be used; else ConfigError."""
        chain, learning = self.chain, self.learning
        for name, value in self.flat().items():
            checked_type(name, value, HINTS[name])
        if chain.task not in TASKS:
            raise ConfigError("task", f"{chain.task!r} is not known; {choose(chain.task, TASKS)}")
        if chain.data is not None and chain.task != "rows":
            raise ConfigError("data", f"{chain.data!r} is for task rows, not {chain.task}; add --task rows, or drop it")
        for name, (least, most) in RANGES.items():
            value = self.flat()[name]
            if isinstance(value, int) and not least <= value <= most:
                raise ConfigError(name, f"{value} is out of range; give a whole number from {least} to {most}")
        if learning.ticks is not None and learning.epochs is not None:
            raise ConfigError("ticks", f"{learning.ticks} and epochs {learning.epochs} exclude each other; give one")
        for name in ("learning_rate", "synthesizer_learning_rate", "local_learning_rate"):
            rate = self.flat()[name]
            if not (math.isfinite(rate) and rate > 0):
                raise ConfigError(name, f"{rate} is not a finite positive number; give one such as 0.001")
        for name in ("synthetic_scale", "discount"):
            factor = self.flat()[name]
            if not (math.isfinite(factor) and factor >= 0):
                raise ConfigError(name, f"{factor} is not a finite number of at least 0; 1 changes nothing")
        if learning.update == "local" and not self.local_readout:
            raise ConfigError(
                "local_readout", "False leaves update local without any gradient; drop --no-local-readout"
            )
        if self.synthesizer.trust == "readout" and not self.local_readout:
            told = "'readout' trusts a local read-out where the synthesizer is weak; add --local-readout, or give rate"
            raise ConfigError("trust", told)
        if not (math.isfinite(learning.clip) and learning.clip >= 0):
            raise ConfigError("clip", f"{learning.clip} is not a finite number of at least 0; 0 turns clipping off")
        if learning.batch > self.task.train:
            raise ConfigError(
                "batch",
                f"{learning.batch} is larger than the {self.task.train} training samples of {chain.task}; "
                f"give at most {self.task.train}",
            )
        if learning.batch % learning.micro_batches:
            told = f"{learning.micro_batches} does not divide the batch of {learning.batch}; give one of its divisors"
            raise ConfigError("micro_batches", told)
        if learning.micro_batches > 1 and learning.update != "locked":
            told = f"{learning.micro_batches} pieces are for a locked chain, not {learning.update}; add --update locked"
            raise ConfigError("micro_batches", told)
        self._check_unrolls()
        form, how = self.synthesizer.synthesizer, self.synthesizer.synthesizer_optimizer
        if how == "nlms" and form != "linear":
            raise ConfigError("synthesizer_optimizer", f"nlms fits the linear synthesizer only, not {form}; use adam")
        parse_delay("compute_delay_ms", self.execution.compute_delay_ms)
        parse_delay("link_delay_ms", self.execution.link_delay_ms)
        parse_resources("resources_per_box", self.execution.resources_per_box)
        if not 0 < self.execution.cpus_per_box < math.inf:
            raise ConfigError("cpus_per_box", f"{self.execution.cpus_per_box} is no number above 0; give one such as 1")
        if not 0 <= self.execution.placement_timeout < math.inf:
            told = f"{self.execution.placement_timeout} is no number of seconds; give one such as 300"
            raise ConfigError("placement_timeout", told)
        folder = self.output.name
        if folder is not None and not re.fullmatch(r"\w[\w.+=@-]{0,127}", folder):
            told = "cannot name a run; give up to 128 letters, digits and . _ - + = @, such as first-run"
            raise ConfigError("name", f"{folder!r} {told}")
        if not self.output.storage or "\0" in self.output.storage:
            raise ConfigError("storage", f"{self.output.storage!r} is not a folder; give one such as runs")
        check_no_secrets("storage", self.output.storage)
        return self

    def _check_unrolls(self) -> None:
        chain, steps = self.chain, self.task.steps
        if chain.unroll == ():
            raise ConfigError("unroll", "no number was given; give one for all boxes or one for each")
        unrolls = self.unrolls
        told = " ".join(map(str, unrolls[:40])) + (" ..." if len(unrolls) > 40 else "")
        if chain.boxes is not None and len(unrolls) != chain.boxes:
            raise ConfigError("unroll", f"{told} makes {len(unrolls)} boxes, but boxes is {chain.boxes}; drop one")
        if any(n < 0 for n in unrolls):
            raise ConfigError("unroll", f"{told} has a negative number; give time steps")
        if steps is not None and sum(unrolls) != steps:
            remedy = f"give {steps} in all, or --boxes alone"
            raise ConfigError(
                "unroll", f"{told} adds up to {sum(unrolls)}, but {chain.task} has {steps} steps; {remedy}"
            )
        if 0 in unrolls[:-1] or sum(unrolls) == 0:
            where = "boxes" if chain.unroll is None else "unroll"
            value = f"{chain.boxes} leaves boxes without a step ({told})" if chain.unroll is None else told
            raise ConfigError(where, f"{value}: only the last box may have 0 steps; use fewer boxes or other unrolls")


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
        return TASK_DEFAULTS.get(checked_type("task", fields["task"], str), {})
    name = DEFAULT if fields.get("preset") is None else checked_type("preset", fields["preset"], str)
    if name not in PRESETS:
        raise ConfigError("preset", f"{name!r} is not known; {choose(name, PRESETS)}")
    return PRESETS[name].fields
