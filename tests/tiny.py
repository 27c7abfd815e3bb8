"""A task small enough to run a whole chain in a millisecond, and configurations for it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.streams import Stream, generator
from dni_actors.observe.events import Row
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import KINDS, Layout, Spec
from dni_actors.tasks import TASKS, Samples, Split


class Tiny:
    """Random sequences, labelled by the sign of their sum."""

    steps = 7
    inputs, classes = 3, 2
    loss, per_step = "softmax", False
    train, validation, test = 10, 4, 5

    def load(self, first: int, steps: int) -> Split:
        x = generator(0, Stream.BATCHES, 0).standard_normal((self.steps, 19, self.inputs))
        labels = (x.sum(axis=(0, 2)) > 0).astype(np.int64)
        window = x[first : first + steps].astype(np.float32)
        parts = (slice(0, 10), slice(10, 14), slice(14, 19))
        return Split(*(Samples(window[:, part], labels[part]) for part in parts))


class TinySteps(Tiny):
    """The same sequences; at every step the sign of the sum so far is asked for, but not at the first."""

    per_step = True

    def load(self, first: int, steps: int) -> Split:
        whole = super().load(0, self.steps)
        return Split(*(self._window(part, first, steps) for part in whole))

    def _window(self, part: Samples, first: int, steps: int) -> Samples:
        labels = (np.cumsum(part.x.sum(axis=2), axis=0) > 0).astype(np.int64)
        labels[0] = -1
        return Samples(part.x[first : first + steps], labels[first : first + steps])


class TinyNumbers(Tiny):
    """The same sequences; their sum and their first number are asked for."""

    loss = "squared"

    def load(self, first: int, steps: int) -> Split:
        whole, window = super().load(0, self.steps), super().load(first, steps)
        wanted = [np.stack([part.x.sum(axis=(0, 2)), part.x[0, :, 0]], axis=1).astype(float) for part in whole]
        return Split(*(Samples(of.x, y) for of, y in zip(window, wanted, strict=True)))


class TinyFar(TinyNumbers):
    """Numbers so large, in the samples that are only scored, that their squares overflow."""

    def load(self, first: int, steps: int) -> Split:
        train, *scored = super().load(first, steps)
        return Split(train, *(Samples(part.x, part.labels * 1e30) for part in scored))


TASKS |= {"tiny": Tiny, "tiny-steps": TinySteps, "tiny-numbers": TinyNumbers, "tiny-far": TinyFar}


def tiny(made: Callable[..., RunConfig] = RunConfig.of, **fields: Any) -> RunConfig:
    """A run of the tiny task: 3 boxes, 8 ticks, unless other fields are given."""
    chosen = {"task": "tiny", "boxes": 3, "hidden": 4, "batch": 2, "ticks": 8, "console": "quiet", "runtime": "inline"}
    for given, dropped in (("unroll", "boxes"), ("epochs", "ticks")):
        if given in fields:
            del chosen[dropped]
    return made(**{**chosen, **fields})


def states(shape: tuple[int, ...], dtype: str = "float32") -> Layout:
    """The layout of messages that carry one array each, their first field."""
    return {channel: (Spec(dtype, shape), *[None] * (len(KINDS[channel]._fields) - 1)) for channel in Channel}


def metrics_row(box: int, **fields: Any) -> Row:
    """A row of the metrics: 50 ticks in a second, half of it at work."""
    row = {
        "box": box, "incarnation": 0, "first_tick": 0, "last_tick": 49, "loss": None, "accuracy": 0.5, "updates": 50,
        "seconds": 1.0,
        "cpu_seconds": 0.5, "delay_seconds": 0.1, "wait_state_seconds": 0.2, "wait_gradient_seconds": 0.1,
        "prepare_seconds": 0.0, "train_seconds": 0.1, "forward_seconds": 0.1, "synthesize_seconds": 0.1,
        "backward_seconds": 0.1, "update_seconds": 0.1, "slack": 1.0, "synthesizer_error": 0.9, "cosine": 0.75,
        "norm_ratio": 1.1, "received_norm": 0.01, "prints": b"1234" * 50,
    }  # fmt: skip
    return Row(**(row | fields))
