"""The configuration of a run: frozen parts, a doc line under each field, validated as a whole.

What is learned is a pure function of `chain`, `synthesizer` and `learning`; `execution` and `output` cannot change it
(but for `kernels`: see README, What it is not).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, get_type_hints

from dni_actors.checks import ConfigError, checked_type, choose, parse_delay
from dni_actors.presets import DEFAULT, PRESETS, TASK_DEFAULTS
from dni_actors.tasks import TASKS, Task

TOP_SEED = 2**63


# Giving the first replaces an inherited second.
EXCLUSIVE = (("ticks", "epochs"), ("epochs", "ticks"), ("boxes", "unroll"), ("unroll", "boxes"))


@dataclasses.dataclass(frozen=True)
class ChainConfig:
    """The task and the chain of time boxes that learns it."""

    task: str = "mnist01"
    """What to learn: mnist01 (digits 0 and 1, whole image at every step) or rows (ten digits, 28 rows of 28 pixels)."""
    boxes: int | None = None
    """Number of time boxes; by default as many as --unroll tells. The task's steps are shared out evenly."""
    unroll: tuple[int, ...] | None = None
    """Time steps of each box, one number for all or a list; they add up to the task's steps. The last may be 0."""
    cell: Literal["rnn"] = "rnn"
    """Recurrent cell of every box; each box owns its weights."""
    hidden: int = 64
    """Hidden units of a box."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating-point type of all numerics (float64 is for checks)."""


@dataclasses.dataclass(frozen=True)
class SynthesizerConfig:
    """The model that predicts the gradient at a box's far boundary."""

    synthesizer: Literal["linear", "mlp1", "mlp2"] = "linear"
    """Form: linear, or with 1 or 2 hidden layers."""
    conditioned: bool = True
    """Whether the synthesizer sees the label, too (cDNI)."""
    synthesizer_optimizer: Literal["sgd", "nlms", "adam"] = "adam"
    """How the synthesizer learns; nlms (SGD over the inputs' mean squared norm) needs the linear form."""
    synthesizer_learning_rate: float = 2e-3
    """Learning rate of the synthesizer."""


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """How the boxes learn."""

    update: Literal["synthetic", "truncated", "locked"] = "synthetic"
    """Gradient a box uses at its far boundary: predicted (DNI), zero, or the true one, waited for (exact BPTT)."""
    lag: int = 2
    """Ticks after which a box consumes the gradient that answers its hidden state: memory and tolerance to delay."""
    batch: int = 32
    """Samples in a mini-batch: one tick."""
    ticks: int | None = None
    """Length of the run in ticks; excludes --epochs."""
    epochs: int | None = None
    """Length of the run in passes over the training data; excludes --ticks."""
    seed: int = 0
    """Seed of weights and mini-batches."""
    optimizer: Literal["sgd", "momentum", "adam"] = "adam"
    """How a box's cell and read-out learn."""
    learning_rate: float = 1e-3
    """Learning rate of cell and read-out."""
    decay: Literal["none", "linear"] = "none"
    """Course of both learning rates: constant, or linear to zero at the run's end."""
    clip: float = 1.0
    """Largest norm of a box's weight gradient (0: no clipping)."""
    evaluate_every: int | None = None
    """Ticks between evaluations on the held-out samples; 0: only at the end. By default once an epoch."""


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """Where and how the boxes run."""

    runtime: Literal["ray", "inline"] = "ray"
    """One Ray actor per box, or all boxes in this process."""
    wire: Literal["ray"] = "ray"
    """What carries the messages between actors: Ray actor calls."""
    kernels: Literal["native", "portable"] | None = None
    """CPU kernels: this machine's fastest, or ones that give the same bits on every x86-64 machine with AVX2.
    By default native, on a cluster portable."""
    compute_delay_ms: str = "0"
    """Emulated heavy boxes: extra milliseconds per tick, x or low:high; a third each in forward, backward, update."""
    link_delay_ms: str = "0"
    """Emulated slow links: milliseconds one way that each message is held back, x or low:high."""
    address: str | None = None
    """Ray cluster to join (host:port, or auto); by default RAY_ADDRESS, else a local one is started."""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What a run leaves and shows."""

    name: str | None = None
    """Name of the run's folder; by default task, date and a short id."""
    storage: str = "runs"
    """Folder that holds the runs' folders."""
    console: Literal["auto", "live", "plain", "json", "quiet"] = "auto"
    """What is shown: live table on a terminal, plain lines elsewhere, JSON lines, or nothing."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A whole run. Make one with `RunConfig.preset`, `RunConfig.of` or from the command line."""

    chain: ChainConfig = ChainConfig()
    synthesizer: SynthesizerConfig = SynthesizerConfig()
    learning: LearningConfig = LearningConfig()
    execution: ExecutionConfig = ExecutionConfig()
    output: OutputConfig = OutputConfig()

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
        return TASKS[self.chain.task]

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
        if chain.task not in TASKS:
            raise ConfigError("task", f"{chain.task!r} is not known; {choose(chain.task, TASKS)}")
        for name, least in (("hidden", 1), ("batch", 1), ("lag", 1), ("ticks", 1), ("epochs", 1), ("boxes", 1)):
            self._at_least(name, least)
        self._at_least("evaluate_every", 0)
        self._at_least("seed", 0)
        if learning.seed >= TOP_SEED:
            raise ConfigError("seed", f"{learning.seed} is too large; give a number below 2**63")
        if learning.ticks is not None and learning.epochs is not None:
            raise ConfigError("ticks", f"{learning.ticks} and epochs {learning.epochs} exclude each other; give one")
        for name in ("learning_rate", "synthesizer_learning_rate"):
            rate = self.flat()[name]
            if not (math.isfinite(rate) and rate > 0):
                raise ConfigError(name, f"{rate} is not a finite positive number; give one such as 0.001")
        if not (math.isfinite(learning.clip) and learning.clip >= 0):
            raise ConfigError("clip", f"{learning.clip} is not a finite number of at least 0; 0 turns clipping off")
        if learning.batch > self.task.train:
            raise ConfigError(
                "batch",
                f"{learning.batch} is larger than the {self.task.train} training samples of {chain.task}; "
                f"give at most {self.task.train}",
            )
        self._check_unrolls()
        form, how = self.synthesizer.synthesizer, self.synthesizer.synthesizer_optimizer
        if how == "nlms" and form != "linear":
            raise ConfigError("synthesizer_optimizer", f"nlms fits the linear synthesizer only, not {form}; use adam")
        parse_delay("compute_delay_ms", self.execution.compute_delay_ms)
        parse_delay("link_delay_ms", self.execution.link_delay_ms)
        folder = self.output.name
        if folder is not None and (folder != folder.strip(" .") or not folder or set(folder) & set("/\\\0")):
            raise ConfigError("name", f"{folder!r} cannot name a folder; give a plain name such as first-run")
        return self

    def _at_least(self, name: str, least: int) -> None:
        value = self.flat()[name]
        if value is not None and value < least:
            raise ConfigError(name, f"{value} is too small; give a whole number of at least {least}")

    def _check_unrolls(self) -> None:
        chain, steps = self.chain, self.task.steps
        if chain.unroll == ():
            raise ConfigError("unroll", "no number was given; give one for all boxes or one for each")
        unrolls = self.unrolls
        told = " ".join(map(str, unrolls))
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


PART_OF = {
    field.name: part.name
    for part in dataclasses.fields(RunConfig)
    for field in dataclasses.fields(getattr(RunConfig, part.name))
}
HINTS: Mapping[str, Any] = {
    name: hint
    for part in dataclasses.fields(RunConfig)
    for name, hint in get_type_hints(type(getattr(RunConfig, part.name))).items()
}


def part_of(field: str) -> str:
    """Which part holds a field; ConfigError, with the nearest name, if none does."""
    if field not in PART_OF:
        raise ConfigError(field, f"there is no such field; {choose(field, PART_OF)}")
    return PART_OF[field]


def defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What stands below the given fields: the named preset, else the task's defaults, else the preset `seed`."""
    name = fields.get("preset")
    if name is None and fields.get("task") is not None:
        return TASK_DEFAULTS.get(checked_type("task", fields["task"], str), {})
    name = name or DEFAULT
    if name not in PRESETS:
        raise ConfigError("preset", f"{name!r} is not known; {choose(str(name), PRESETS)}")
    return PRESETS[name].fields
