"""What messages carry: by channel, types and shapes of their arrays; a message has the first few of them, or all.

channel    arrays
State      state, facts of streams, and every `sync_every` ticks the sum of what boxes with shared weights learned
Gradient   gradient (under `noise` the cost), the next boundary's synthetic gradient, the exact one, shared total
Score      state, facts of streams, sums of what boxes with losses of their own found
Probe      state;   ProbeGradient: the exact gradient
"""

from typing import NamedTuple

from dni_actors.box.shared import size
from dni_actors.config.run import RunConfig
from dni_actors.protocol.channel import Channel


class Spec(NamedTuple):
    """An array of a message."""

    dtype: str
    shape: tuple[int, ...]


Layout = dict[Channel, tuple[Spec, ...]]


def layout(config: RunConfig) -> Layout:
    """Of all messages of a run."""
    state = Spec(config.wire_dtype, (config.rows, config.state_width))
    facts = () if config.streaming is None else (Spec("int64", (config.rows, config.streaming.facts)),)
    shared = (Spec(config.chain.precision, (size(config),)),) if config.chain.weights == "shared" else ()
    sums = (Spec("float64", (3,)),) if config.task.per_step else ()
    cost = Spec("float64", (1,))
    extras = (state,) * (config.synthesizer.auxiliary + (config.synthesizer.lambda_ > 0))
    back = cost if config.learning.update == "noise" else state
    return {
        Channel.STATE: (state, *facts, *shared),
        Channel.GRADIENT: (back, *extras, *shared),
        Channel.SCORE: (state, *facts, *sums),
        Channel.PROBE: (state,),
        Channel.PROBE_GRADIENT: (state,),
    }
