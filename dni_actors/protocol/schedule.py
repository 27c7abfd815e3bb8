"""What lies where in a run, and how many messages may wait: pure functions of the configuration and of n."""

from typing import Any

from dni_actors.config.run import RunConfig
from dni_actors.protocol.channel import Channel

TRACED, TRACED_EVERY = 200, 100  # ticks of a sampled trace: so many first and last ones, and every so-many-th


def evaluates(config: RunConfig, n: int) -> bool:
    """Whether an evaluation lies at the cut before tick n: every `evaluate_every` ticks, and at the run's end."""
    return n == config.ticks or (n > 0 and n % config.evaluate_every == 0)


def probes(config: RunConfig, n: int) -> bool:
    """Whether a probe lies at the cut before tick n."""
    every = config.learning.probe_every
    return every > 0 and n > 0 and n % every == 0


def closes_row(config: RunConfig, n: int) -> bool:
    """Whether tick n is the last one of a row of the metrics."""
    return (n + 1) % config.row_ticks == 0 or n + 1 == config.ticks


def traces(config: RunConfig, n: Any) -> Any:
    """Whether tick n, and what lies before it, goes into the trace; of many ticks [m] at once, too."""
    if config.output.trace != "sampled":
        return config.output.trace == "full"
    return (n < TRACED) | (n >= config.ticks - TRACED) | (n % TRACED_EVERY == 0)


def ahead(config: RunConfig) -> tuple[int, int]:
    """How far a box can be ahead of the next one: in ticks, and in messages on State and Gradient channels.

    L, or in lock-step one tick's pieces, for a box takes the gradient of tick n-L before it puts the state of tick n.
    """
    locked = config.learning.update == "locked"
    return (1, config.learning.micro_batches) if locked else (config.lag, config.lag)


def mark_lead(config: RunConfig, k: int) -> int:
    """Ticks between a cut's mark on a state of box k, and the cut: where states are taken late, so are their marks."""
    return config.lag * (config.boxes - 1 - k) if config.learning.unlock == "full" else 0


def bounds(config: RunConfig, chunks: int, k: int) -> dict[Channel, int]:
    """The most messages that box k can have under way, by channel (design, claim 2)."""
    ticks, messages = ahead(config)
    evaluations = (ticks + config.state_lag(k)) // config.evaluate_every + 2
    return {
        Channel.STATE: messages + config.next_state_lag(k),
        Channel.GRADIENT: messages + config.state_lag(k),
        Channel.SCORE: evaluations * chunks,
        Channel.PROBE: 1,
        Channel.PROBE_GRADIENT: 1,
    }


def reach(config: RunConfig, chunks: int, k: int) -> dict[Channel, int]:
    """How far beyond the first index that box k still takes a message can be: as its neighbours' `bounds`, but Score
    indices leap."""
    ticks, messages = ahead(config)
    return {
        Channel.STATE: messages + config.state_lag(k),
        Channel.GRADIENT: messages + config.next_state_lag(k),
        Channel.SCORE: (ticks + config.state_lag(k) + 2) * chunks,
        Channel.PROBE: ticks + config.learning.probe_every + 1,
        Channel.PROBE_GRADIENT: ticks + config.learning.probe_every + 1,
    }


def first_indices(config: RunConfig, chunks: int, n: int, k: int) -> dict[Channel, int]:
    """The lowest index that box k may still take at the cut before tick n, by channel."""
    pieces = config.learning.micro_batches
    lag = 0 if config.learning.update == "locked" else config.lag
    return {
        Channel.STATE: max(0, n - config.state_lag(k)) * pieces,
        Channel.GRADIENT: max(0, n - lag) * pieces,
        Channel.SCORE: n * chunks,
        Channel.PROBE: n,
        Channel.PROBE_GRADIENT: n,
    }


def under_way(config: RunConfig, chunks: int, n: int, k: int) -> dict[Channel, int]:
    """The lowest index of what box k has put that may still have to be taken at the cut before tick n, by channel."""
    before, after = config.neighbours(k)
    found = {}
    if after is not None:
        found[Channel.STATE] = first_indices(config, chunks, n, after)[Channel.STATE]
    if before is not None:
        found[Channel.GRADIENT] = first_indices(config, chunks, n, before)[Channel.GRADIENT]
    return found
