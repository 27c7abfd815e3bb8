"""What lies where in a run, and how many messages may wait: pure functions of the configuration and of n."""

from dni_actors.box.channel import Channel
from dni_actors.config import RunConfig


def evaluates(config: RunConfig, n: int) -> bool:
    """Whether an evaluation lies at the cut before tick n: every `evaluate_every` ticks, and at the run's end."""
    return n == config.ticks or (n > 0 and n % config.evaluate_every == 0)


def closes_window(config: RunConfig, n: int) -> bool:
    """Whether tick n is the last one of a row of the metrics."""
    return (n + 1) % config.window == 0 or n + 1 == config.ticks


def bounds(config: RunConfig, chunks: int) -> dict[Channel, int]:
    """The most messages that can wait at a box, by channel (design, claim 2).

    State and Gradient: L, or 1 in lock-step, for a box takes the gradient of tick n-L before it puts the state of tick
    n. Score: the evaluations that the box before can have passed while it is up to L ticks ahead.
    """
    ahead = 1 if config.learning.update == "locked" else config.learning.lag
    evaluations = ahead // config.evaluate_every + 2
    return {Channel.STATE: ahead, Channel.GRADIENT: ahead, Channel.SCORE: evaluations * chunks}
