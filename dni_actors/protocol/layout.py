"""What messages carry in a run: by channel, types and shapes of their fields (box/messages.py); None: never carried.

A field may be left out of a message, but for the state, which every State, Score and Probe has.
"""

from typing import NamedTuple

from dni_actors.box.messages import Contents, Gradient, Probe, ProbeGradient, Score, State
from dni_actors.box.piece import Judged
from dni_actors.box.shared import size
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.narrow import raw_shape, raw_size
from dni_actors.protocol.channel import Channel


class Spec(NamedTuple):
    """Numbers of a message."""

    dtype: str
    """of the array that carries them, too (nn/narrow.py)"""
    shape: tuple[int, ...]

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """Of the array that carries them."""
        return raw_shape(self.dtype, self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return raw_size(self.dtype, self.shape)


Layout = dict[Channel, tuple[Spec | None, ...]]
"""in the order of the contents' fields"""


def layout(config: RunConfig) -> Layout:
    """Of all messages of a run."""
    state = Spec(config.wire_dtype, (config.rows, config.state_width))
    facts = None if config.streaming is None else Spec("int64", (config.rows, config.streaming.facts))
    shared = Spec(config.chain.precision, (size(config),)) if config.chain.weights == "shared" else None
    sums = Spec("float64", (len(Judged._fields),)) if config.task.per_step else None
    noise = config.learning.update == "noise"
    fields: dict[Channel, dict[str, Spec | None]] = {
        Channel.STATE: {"state": state, "facts": facts, "sum": shared},
        Channel.GRADIENT: {
            "gradient": state if config.bootstraps and not noise else None,
            "cost": Spec("float64", (1,)) if noise else None,
            "next_synthetic": state if config.synthesizer.auxiliary else None,
            "exact": state if config.exact_comes else None,
            "total": shared,
        },
        Channel.SCORE: {"state": state, "facts": facts, "sums": sums},
        Channel.PROBE: {"state": state},
        Channel.PROBE_GRADIENT: {"gradient": state},
    }
    return {channel: tuple(fields[channel][name] for name in kind._fields) for channel, kind in KINDS.items()}


def on_the_line(config: RunConfig) -> tuple[float, float]:
    """Seconds that a tick's states and its gradients occupy an emulated link of `--link-mbps`; 0 without one.

    What shared weights add now and then is left out.
    """
    if not config.execution.link_mbps:
        return 0.0, 0.0
    rare = KINDS[Channel.STATE]._fields.index("sum"), KINDS[Channel.GRADIENT]._fields.index("total")
    fields = layout(config)
    sizes = [
        sum(spec.size for i, spec in enumerate(fields[channel]) if spec is not None and i != left_out)
        for channel, left_out in zip((Channel.STATE, Channel.GRADIENT), rare, strict=True)
    ]
    there, back = (config.learning.micro_batches * size * 8 / 1e6 / config.execution.link_mbps for size in sizes)
    return there, back


KINDS: dict[Channel, type[Contents]] = {
    Channel.STATE: State,
    Channel.GRADIENT: Gradient,
    Channel.SCORE: Score,
    Channel.PROBE: Probe,
    Channel.PROBE_GRADIENT: ProbeGradient,
}


def contents_of(channel: Channel, fields: list[Array | None]) -> Contents:
    """A message's contents from its fields, in their order."""
    return KINDS[channel](*fields)  # type: ignore[arg-type]
