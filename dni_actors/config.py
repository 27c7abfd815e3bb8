"""The configuration of a run: its parts put together, what they mean for the task, and whether they can be used.

What is learned is a pure function of `chain`, `synthesizer` and `learning`; `execution` and `output` cannot change it
(but for `kernels`: see README, What it is not).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from dni_actors import validation
from dni_actors.checks import ConfigError, checked_type, choose, parse_delay
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.losses import LOSSES
from dni_actors.parts import ChainConfig, ExecutionConfig, LearningConfig, OutputConfig, SynthesizerConfig
from dni_actors.presets import DEFAULT, OWN_TASK, PRESETS, TASK_DEFAULTS
from dni_actors.tasks import Streaming, Task, find

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
        if "lambda" in fields:  # Python's own word, so the field has another name
            fields["lambda_"] = fields.pop("lambda")
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
        return find(self.chain.task, self.chain.data)

    @property
    def streaming(self) -> Streaming | None:
        """The task, if it goes on from tick to tick: the chain is a ring then."""
        task: Any = self.task
        return task if hasattr(task, "facts") else None  # isinstance asks a protocol's every member, each time

    @property
    def unrolls(self) -> tuple[int, ...]:
        """Time steps of each box, first to last; of dense boxes, 1 for a layer, and 0 for the read-out at the end."""
        unroll, steps = self.chain.unroll, self.task.steps
        boxes = self.chain.boxes if isinstance(self.chain.boxes, int) else None
        if self.chain.cell == "dense":
            return unroll or ((1,) * ((boxes or 2) - 1) + (0,) if boxes != 1 else (1,))
        if unroll is not None and len(unroll) > 1:
            return unroll
        if unroll:
            return unroll * (boxes or (steps or 1) // max(1, unroll[0]) or 1)
        boxes = boxes or 1
        if steps is None:  # any number fits: one step a box, and a read-out, if only the end is asked
            return (1,) * boxes if boxes == 1 or self.task.per_step else (1,) * (boxes - 1) + (0,)
        each, rest = divmod(steps, boxes)
        return tuple(each + (k < rest) for k in range(boxes))

    @property
    def boxes(self) -> int:
        return len(self.unrolls)

    @property
    def steps(self) -> int:
        """Time steps of a sequence, or of a tick's part of a stream."""
        dense = self.chain.cell == "dense"
        return self.task.steps or (1 if dense else sum(self.unrolls))

    def window(self, k: int) -> tuple[int, int]:
        """Which time steps box k sees: the first, and how many. A dense box 0 sees all of them, the others none."""
        if self.chain.cell == "dense":
            return (0, self.steps) if k == 0 else (0, 0)
        return sum(self.unrolls[:k]), self.unrolls[k]

    def inputs(self, k: int) -> int:
        """Inputs of a step of box k; dense boxes see a whole sequence at once, or none of it."""
        if self.chain.cell == "dense":
            return self.steps * self.task.inputs if k == 0 else 0
        return self.task.inputs

    @property
    def lag(self) -> int:
        """The lag as a number; only once `auto` has been settled."""
        assert isinstance(self.learning.lag, int)
        return self.learning.lag

    @property
    def state_width(self) -> int:
        """Numbers in a sample's hidden state."""
        return cell_kind(self.chain.cell, self.chain.activation).width(self.chain.hidden)

    @property
    def conditions(self) -> int:
        """Numbers that a synthesizer sees of targets."""
        if not self.synthesizer.conditioned:
            return 0
        return self.task.classes * (self.synthesizer.look_ahead if self.task.per_step else 1)

    @property
    def local_readout(self) -> bool:
        """Whether boxes that have no loss of their own have a read-out of the label."""
        chosen = self.synthesizer.local_readout
        grounded = self.learning.update in ("synthetic", "local") and LOSSES[self.task.loss].chance(2) < float("inf")
        return not self.task.per_step and (grounded if chosen is None else chosen)

    @property
    def rows(self) -> int:
        """Samples in a message: the mini-batch, or a micro-batch of it."""
        return self.learning.batch // self.learning.micro_batches

    def of_box(self, name: str, k: int) -> float:
        """A rate or scale that may be given per box, of box k."""
        given: tuple[float, ...] = self.flat()[name]
        return given[k] if len(given) > 1 else given[0]

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
        return max(1, self.task.train // (self.learning.batch * (1 if self.streaming is None else self.steps)))

    @property
    def evaluate_every(self) -> int:
        """Ticks between evaluations; one more lies at the run's end."""
        every = self.learning.evaluate_every
        return self.ticks_per_epoch if every is None else every or self.ticks

    @property
    def window_ticks(self) -> int:
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
        validation.check(self)
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
