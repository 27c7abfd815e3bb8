"""Whether the values of a configuration can be used, each by itself and together."""

import math
import re

from dni_actors.config.checks import ConfigError, check_no_secrets, parse_delay, parse_resources
from dni_actors.config.facts import Facts
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.synthesizer import synthesizer_kind

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
    "stop_after": (0, 2**31),
    "checkpoint_every": (0, 2**40),
    "max_restarts": (0, 1_000_000),
    "sync_every": (1, 2**40),
    "streams": (1, 10_000),
    "look_ahead": (0, 10_000),
    "probe_every": (0, 2**40),
}
RATES = ("learning_rate", "synthesizer_learning_rate", "local_learning_rate", "noise_scale")
FACTORS = ("synthetic_scale", "discount")


def check(config: Facts) -> None:
    """ConfigError names the first field that cannot be used as it is."""
    check_numbers(config)
    cell_kind(config.chain.cell, config.chain.activation)
    check_data(config)
    check_unrolls(config)
    check_rule(config)
    check_synthesizer(config)
    check_weights(config)
    if config.streaming is not None:
        check_stream(config)
    check_rest(config)


def check_numbers(config: Facts) -> None:
    flat = config.flat()
    for name, (least, most) in RANGES.items():
        value = flat[name]
        if isinstance(value, int) and not least <= value <= most:
            raise ConfigError(name, f"{value} is out of range; give a whole number from {least} to {most}")
    for name in RATES:
        for rate in flat[name]:
            if not (math.isfinite(rate) and rate > 0):
                raise ConfigError(name, f"{rate} is not a finite positive number; give one such as 0.001")
    for name in FACTORS:
        if not (math.isfinite(flat[name]) and flat[name] >= 0):
            raise ConfigError(name, f"{flat[name]} is not a finite number of at least 0; 1 changes nothing")
    if not 0 <= config.synthesizer.lambda_ <= 1:
        told = f"{config.synthesizer.lambda_} is not a share; give a number from 0 (bootstrapped) to 1 (exact)"
        raise ConfigError("lambda", told)
    if not 0 < config.learning.update_probability <= 1:
        told = f"{config.learning.update_probability} is not a probability above 0; 1 updates always"
        raise ConfigError("update_probability", told)
    clip = config.learning.clip
    if not (math.isfinite(clip) and clip >= 0):
        raise ConfigError("clip", f"{clip} is not a finite number of at least 0; 0 turns clipping off")


def check_data(config: Facts) -> None:
    learning, task = config.learning, config.task
    if learning.ticks is not None and learning.epochs is not None:
        raise ConfigError("ticks", f"{learning.ticks} and epochs {learning.epochs} exclude each other; give one")
    if learning.batch > task.train:
        told = f"{learning.batch} is larger than the {task.train} training samples of {config.chain.task}"
        raise ConfigError("batch", f"{told}; give at most {task.train}")


def check_unrolls(config: Facts) -> None:
    chain, steps = config.chain, config.task.steps
    if chain.unroll == ():
        raise ConfigError("unroll", "no number was given; give one for all boxes or one for each")
    unrolls = config.unrolls
    told = " ".join(map(str, unrolls[:40])) + (" ..." if len(unrolls) > 40 else "")
    if isinstance(chain.boxes, int) and len(unrolls) != chain.boxes:
        raise ConfigError("unroll", f"{told} makes {len(unrolls)} boxes, but boxes is {chain.boxes}; drop one")
    if any(n < 0 for n in unrolls):
        raise ConfigError("unroll", f"{told} has a negative number; give time steps")
    if chain.cell == "dense":
        if any(n != 1 for n in unrolls[:-1]) or unrolls[-1] > 1:
            raise ConfigError("unroll", f"{told} is no chain of dense layers, whose boxes have one step; drop it")
        if config.task.per_step:
            raise ConfigError("cell", f"dense has no steps, but {chain.task} asks at every step; use rnn, gru or lstm")
        return
    if steps is not None and sum(unrolls) != steps:
        told = f"{told} adds up to {sum(unrolls)}, but {chain.task} has {steps} steps"
        raise ConfigError("unroll", f"{told}; give {steps} in all, or --boxes alone")
    if 0 in (unrolls if config.task.per_step else unrolls[:-1]) or sum(unrolls) == 0:
        where = "boxes" if chain.unroll is None else "unroll"
        value = f"{chain.boxes} leaves boxes without a step ({told})" if chain.unroll is None else told
        only = f"{chain.task} asks at every step" if config.task.per_step else "only the last box may have 0 steps"
        raise ConfigError(where, f"{value}: {only}; use fewer boxes or other unrolls")
    for name in RATES:
        given = config.flat()[name]
        if len(given) not in (1, config.boxes):
            told = f"{len(given)} numbers for {config.boxes} boxes; give one for all or one for each"
            raise ConfigError(name, told)


def check_rule(config: Facts) -> None:
    learning = config.learning
    if learning.batch % learning.micro_batches:
        told = f"{learning.micro_batches} does not divide the batch of {learning.batch}; give one of its divisors"
        raise ConfigError("micro_batches", told)
    if learning.micro_batches > 1 and learning.update != "locked":
        told = f"{learning.micro_batches} pieces are for a locked chain, not {learning.update}; add --update locked"
        raise ConfigError("micro_batches", told)
    if learning.update == "local" and not (config.local_readout or config.task.per_step):
        raise ConfigError("local_readout", "False leaves update local without any gradient; drop --no-local-readout")
    if learning.delay_correction != "none" and learning.update != "delayed":
        told = f"{learning.delay_correction!r} is for late gradients, not {learning.update}; add --update delayed"
        raise ConfigError("delay_correction", told)
    if learning.delay_correction == "nesterov" and learning.optimizer not in ("sgd", "momentum", "nesterov", "adam"):
        raise ConfigError("delay_correction", f"nesterov is no form of {learning.optimizer}; use sgd or adam")
    if learning.unlock == "full" and learning.update in ("locked", "delayed"):
        told = f"'full' predicts states, but {learning.update} waits for true gradients of true ones; use synthetic"
        raise ConfigError("unlock", told)


def check_synthesizer(config: Facts) -> None:
    chosen, update = config.synthesizer, config.learning.update
    if chosen.trust == "readout" and not config.local_readout:
        told = "'readout' trusts a local read-out where the synthesizer is weak; add --local-readout"
        raise ConfigError("trust", told)
    synthesizer_kind(chosen.synthesizer)
    if chosen.synthesizer_optimizer == "nlms" and chosen.synthesizer != "linear":
        told = f"nlms fits the linear synthesizer only, not {chosen.synthesizer}; use adam"
        raise ConfigError("synthesizer_optimizer", told)
    probes = config.learning.probe_every > 0
    for name, given in (("auxiliary", chosen.auxiliary), ("lambda", chosen.lambda_ > 0), ("probe_every", probes)):
        if given and update != "synthetic":
            raise ConfigError(name, f"it is about what a synthesizer learns, and {update} has none; drop it")
    if chosen.auxiliary and chosen.synthesizer == "linear":
        told = "True changes nothing in a linear synthesizer, which has nothing to share; add --synthesizer mlp1"
        raise ConfigError("auxiliary", told)


def check_weights(config: Facts) -> None:
    chain, learning = config.chain, config.learning
    if chain.weights == "own":
        return
    if learning.update in ("locked", "delayed"):
        told = f"'shared' boxes exchange what they learned a while ago; {learning.update} would need it at once"
        raise ConfigError("weights", f"{told}; use own, or one box, which is a true RNN")
    if chain.cell == "dense":
        raise ConfigError("weights", "'shared' is for recurrent boxes, but dense ones are layers; use own")


def check_stream(config: Facts) -> None:
    chain, update = config.chain, config.learning.update
    if update not in ("synthetic", "truncated"):
        told = f"{update!r} cannot go back through a stream that never ends; use synthetic, or truncated"
        raise ConfigError("update", told)
    if config.learning.lag == "auto":
        told = f"'auto' measures links in lock-step, which streams such as {chain.task} have none of"
        raise ConfigError("lag", f"{told}; give a number of ticks")
    if config.learning.unlock == "full":
        raise ConfigError("unlock", f"'full' is not for streams such as {chain.task}; use backward")
    for name, value in (("lambda", config.synthesizer.lambda_), ("probe_every", config.learning.probe_every)):
        if value:
            told = f"{value} wants exact gradients, which a stream that never ends has none of"
            raise ConfigError(name, f"{told}; use 0")


def check_rest(config: Facts) -> None:
    parse_delay("compute_delay_ms", config.execution.compute_delay_ms)
    parse_delay("link_delay_ms", config.execution.link_delay_ms)
    parse_resources("resources_per_box", config.execution.resources_per_box)
    if not 0 < config.execution.cpus_per_box < math.inf:
        raise ConfigError("cpus_per_box", f"{config.execution.cpus_per_box} is no number above 0; give one such as 1")
    if not 0 <= config.execution.placement_timeout < math.inf:
        told = f"{config.execution.placement_timeout} is no number of seconds; give one such as 300"
        raise ConfigError("placement_timeout", told)
    folder = config.output.name
    if folder is not None and not re.fullmatch(r"\w[\w.+=@-]{0,127}", folder):
        told = "cannot name a run; give up to 128 letters, digits and . _ - + = @, such as first-run"
        raise ConfigError("name", f"{folder!r} {told}")
    if not config.output.storage or "\0" in config.output.storage:
        raise ConfigError("storage", f"{config.output.storage!r} is not a folder; give one such as runs")
    check_no_secrets("storage", config.output.storage)
