"""What the fields of a configuration mean for the task at hand: facts that follow from its parts, each found once."""

import dataclasses
from functools import cached_property
from typing import Any

from dni_actors.config.checks import parse_delay
from dni_actors.config.parts import ChainConfig, ExecutionConfig, LearningConfig, OutputConfig, SynthesizerConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.losses import LOSSES, balanced
from dni_actors.tasks import Scaling, Streaming, Task, find, fingerprint, optional
from dni_actors.tasks.remembered import Remembered


@dataclasses.dataclass(frozen=True)
class Facts:
    """The parts, and what follows from them. Below the rules (rules.py), which ask for these facts."""

    chain: ChainConfig = dataclasses.field(default_factory=ChainConfig)
    synthesizer: SynthesizerConfig = dataclasses.field(default_factory=SynthesizerConfig)
    learning: LearningConfig = dataclasses.field(default_factory=LearningConfig)
    execution: ExecutionConfig = dataclasses.field(default_factory=ExecutionConfig)
    output: OutputConfig = dataclasses.field(default_factory=OutputConfig)

    def __getstate__(self) -> dict[str, Any]:
        """The parts alone travel; who gets them finds the facts anew, but for a task that cannot be found any more.
        What the task's data are here goes along, for others to see whether they have the same."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        task = vars(self).get("task")
        if isinstance(task, Remembered):
            return parts | {"task": task}
        return parts | {"sent_data": None if task is None else fingerprint(task)}

    def flat(self) -> dict[str, Any]:
        """All fields by name."""
        parts = (getattr(self, part.name) for part in dataclasses.fields(self))
        return {field.name: getattr(part, field.name) for part in parts for field in dataclasses.fields(part)}

    @cached_property
    def task(self) -> Task:
        return find(self.chain.task, self.chain.data, self.chain.labels)

    @cached_property
    def streaming(self) -> Streaming | None:
        """The task, if it goes on from tick to tick: the chain is a ring then."""
        task: Any = self.task
        return task if hasattr(task, "facts") else None  # isinstance asks a protocol's every member, each time

    @cached_property
    def scaling(self) -> Scaling | None:
        """What boxes standardise the task's numbers by; None: they take them as they are."""
        return optional(self.task).scaling if self.chain.standardize else None

    @cached_property
    def class_weights(self) -> Array | None:
        """[C] what a label of each class weighs in the loss; None: 1."""
        counts = optional(self.task).counts
        return None if self.learning.class_weights == "none" or counts is None else balanced(counts)

    @cached_property
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

    @cached_property
    def boxes(self) -> int:
        return len(self.unrolls)

    @cached_property
    def boundaries(self) -> int:
        """How many there are between boxes. A ring has one more; while their number is `auto`, there are some."""
        if self.chain.boxes == "auto":
            return max(2, self.boxes)
        return self.boxes - (self.streaming is None)

    @cached_property
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

    @cached_property
    def lag(self) -> int:
        """The lag as a number; only once `auto` has been settled."""
        assert isinstance(self.learning.lag, int)
        return self.learning.lag

    @cached_property
    def state_width(self) -> int:
        """Numbers in a sample's hidden state."""
        return cell_kind(self.chain.cell, self.chain.activation, self.chain.norm).width(self.chain.hidden)

    @cached_property
    def conditions(self) -> int:
        """Numbers that a synthesizer sees of targets."""
        if not self.synthesizer.conditioned:
            return 0
        return self.task.classes * (self.synthesizer.look_ahead if self.task.per_step else 1)

    @cached_property
    def local_readout(self) -> bool:
        """Whether boxes that have no loss of their own have a read-out of the label."""
        chosen = self.synthesizer.local_readout
        grounded = self.learning.update in ("synthetic", "local") and LOSSES[self.task.loss].chance(2) < float("inf")
        return not self.task.per_step and (grounded if chosen is None else chosen)

    @cached_property
    def lambda_(self) -> float:
        """Share of the exact gradient in what synthesizers learn."""
        chosen, settles = self.synthesizer.lambda_, self.synthesizer.settle
        return float(settles) if chosen is None else chosen

    @cached_property
    def bootstraps(self) -> bool:
        """Whether synthesizers learn from gradients that begin at another one, too, not from exact ones alone."""
        return self.lambda_ < 1

    @cached_property
    def scales_targets(self) -> bool:
        """Whether synthesizers learn in units of their targets' root mean square."""
        chosen = self.synthesizer.target_scale
        return self.synthesizer.settle if chosen is None else chosen

    @cached_property
    def trusts_readouts(self) -> bool:
        """Whether synthetic gradients count as far as they have agreed with those that came."""
        chosen = self.synthesizer.trust
        return self.local_readout and self.synthesizer.settle if chosen is None else chosen == "readout"

    @cached_property
    def exact_comes(self) -> bool:
        """Whether boxes with synthesizers also get exact gradients, late."""
        return self.lambda_ > 0 or self.synthesizer.settle

    def settles(self, k: int) -> bool:
        """Whether box k makes up for its synthetic gradients when exact ones come."""
        return self.synthesizer.settle and self.neighbours(k)[1] is not None

    @property
    def stashes(self) -> bool:
        """Whether late gradients go back through the weights of their forward pass."""
        return self.learning.delay_correction in ("stash", "both")

    @property
    def looks_ahead(self) -> bool:
        """Whether the boxes' steps look ahead of late gradients."""
        return self.learning.delay_correction in ("nesterov", "both")

    def momentum(self, k: int) -> float:
        """With which box k looks ahead: the same in every box, or the more, the later its gradients are."""
        return 0.9 + 0.09 * (self.boxes - 1 - k) / self.boxes if self.learning.momentum_by_delay else 0.99

    @cached_property
    def rows(self) -> int:
        """Samples in a message: the mini-batch, or a micro-batch of it."""
        return self.learning.batch // self.learning.micro_batches

    def of_box(self, name: str, k: int) -> float:
        """A rate or scale that may be given per box, of box k."""
        given: tuple[float, ...] = self.flat()[name]
        return given[k] if len(given) > 1 else given[0]

    @cached_property
    def wire_dtype(self) -> str:
        """Type of the hidden states and gradients in messages (nn/narrow.py)."""
        return self.chain.wire_dtype or self.chain.precision

    @cached_property
    def ticks(self) -> int:
        """Length of the run: mini-batches."""
        return self.learning.ticks or (self.learning.epochs or 1) * self.ticks_per_epoch

    @cached_property
    def ticks_per_epoch(self) -> int:
        """An epoch shows every training sample once, but for an incomplete last mini-batch."""
        return max(1, self.task.train // (self.learning.batch * (1 if self.streaming is None else self.steps)))

    @cached_property
    def evaluate_every(self) -> int:
        """Ticks between evaluations; one more lies at the run's end."""
        every = self.learning.evaluate_every
        return self.ticks_per_epoch if every is None else every or self.ticks

    @cached_property
    def row_ticks(self) -> int:
        """Ticks in a row of the metrics: about 100 rows a box, and never over 500 ticks."""
        return min(500, max(1, self.ticks // 100))

    @cached_property
    def compute_delay(self) -> tuple[float, float]:
        """(low, high) in seconds."""
        return parse_delay("compute_delay_ms", self.execution.compute_delay_ms)

    @cached_property
    def link_delay(self) -> tuple[float, float]:
        """(low, high) in seconds."""
        return parse_delay("link_delay_ms", self.execution.link_delay_ms)

    @property
    def slow_links(self) -> bool:
        """Whether links are emulated that take time."""
        return self.link_delay[1] > 0 or self.execution.link_mbps > 0

    # Who is beside whom. A ring's last box comes before its first.

    def neighbours(self, k: int) -> tuple[int | None, int | None]:
        """The boxes before and after box k: None at a chain's ends; a ring has none."""
        if self.streaming is not None:
            return (k - 1) % self.boxes, (k + 1) % self.boxes
        return k - 1 if k else None, k + 1 if k + 1 < self.boxes else None

    def state_lag(self, k: int) -> int:
        """Ticks after which box k takes a state: 0, but for a ring's first box, and where states are predicted."""
        if self.streaming is not None and k == 0:
            return self.chain.streams
        return self.lag if self.learning.unlock == "full" and k else 0

    def next_state_lag(self, k: int) -> int:
        """Ticks after which the states that box k puts are taken."""
        after = self.neighbours(k)[1]
        return 0 if after is None else self.state_lag(after)
