"""What lies where in a run, and how many messages may wait: pure functions of the configuration and of n."""

from dni_actors.box.channel import Channel
from dni_actors.config import RunConfig

TRACED, TRACED_EVERY = 200, 100  # ticks of a sampled trace: so many first and last ones, and every so-many-th


def evaluates(config: RunConfig, n: int) -> bool:
    """Whether an evaluation lies at the cut before tick n: every `evaluate_every` ticks, and at the run's end."""
    return n == config.ticks or (n > 0 and n % config.evaluate_every == 0)


def closes_window(config: RunConfig, n: int) -> bool:
    """Whether tick n is the last one of a row of the metrics."""
    return (n + 1) % config.window == 0 or n + 1 == config.ticks


def traces(config: RunConfig, n: int) -> bool:
    """Whether tick n, and what lies before it, goes into the trace."""
    if config.output.trace != "sampled":
        return config.output.trace == "full"
    return n < TRACED or n >= config.ticks - TRACED or n % TRACED_EVERY == 0


def ahead(config: RunConfig) -> tuple[int, int]:
    """How far a box can be ahead of the next one: in ticks, and in messages on State and Gradient channels.

    L, or in lock-step one tick's pieces, for a box takes the gradient of tick n-L before it puts the state of tick n.
    """
    locked = config.learning.update == "locked"
    return (1, config.learning.micro_batches) if locked else (config.lag, config.lag)


def bounds(config: RunConfig, chunks: int) -> dict[Channel, int]:
    """The most messages that can be under way, by channel (design, claim 2)."""
    ticks, messages = ahead(config)
    evaluations = ticks // config.evaluate_every + 2
    return {Channel.STATE: messages, Channel.GRADIENT: messages, Channel.SCORE: evaluations * chunks}


def reach(config: RunConfig, chunks: int) -> dict[Channel, int]:
    """How far beyond the first index that a box still takes a message can be: as `bounds`, but Score indices leap."""
    ticks, messages = ahead(config)
    return {Channel.STATE: messages, Channel.GRADIENT: messages, Channel.SCORE: (ticks + 2) * chunks}


def first_indices(config: RunConfig, chunks: int, n: int) -> dict[Channel, int]:
    """The lowest index that a box may still take at the cut before tick n, by channel."""
    pieces = config.learning.micro_batches
    lag = 0 if config.learning.update == "locked" else config.lag
    return {Channel.STATE: n * pieces, Channel.GRADIENT: max(0, n - lag) * pieces, Channel.SCORE: n * chunks}
