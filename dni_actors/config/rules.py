"""Which values go together. Every combination of options runs, or a sentence refuses it: an option has no effect beside
the others (effects.py), or values contradict each other (`CONFLICTS`)."""

from collections.abc import Callable
from typing import NamedTuple

from dni_actors.config.checks import ConfigError
from dni_actors.config.effects import idle, values
from dni_actors.config.facts import Facts
from dni_actors.nn.cell import cell_kind, keeps_zero
from dni_actors.nn.synthesizer import synthesizer_kind
from dni_actors.tasks import optional


class Conflict(NamedTuple):
    """A field's value that cannot be beside others."""

    field: str
    holds: Callable[[Facts], bool]
    problem: str
    """and its remedy; {names} of fields stand for their values"""


def never_ends(config: Facts) -> bool:
    return config.streaming is not None


def wants_exact(field: str, asks: Callable[[Facts], bool], remedy: str) -> Conflict:
    """Of what needs exact gradients, in a stream."""
    problem = "needs exact gradients, but a stream without an end, such as {task}, has none"
    return Conflict(field, lambda c: never_ends(c) and asks(c), f"{{{field}}} {problem}; {remedy}")


CONFLICTS = (
    Conflict(
        "ticks",
        lambda c: c.learning.ticks is not None and c.learning.epochs is not None,
        "{ticks} and epochs {epochs} exclude each other; give one",
    ),
    Conflict(
        "batch",
        lambda c: c.learning.batch > c.task.train,
        "{batch} is larger than the {train} training samples of {task}; give at most {train}",
    ),
    Conflict(
        "micro_batches",
        lambda c: c.learning.batch % c.learning.micro_batches > 0,
        "{micro_batches} does not divide the batch of {batch}; give one of its divisors",
    ),
    Conflict(
        "update",
        lambda c: never_ends(c) and c.learning.update not in ("synthetic", "truncated"),
        "{update} needs the end of the sequence, but a stream such as {task} has none; use synthetic, or truncated",
    ),
    Conflict(
        "lag",
        lambda c: never_ends(c) and c.learning.lag == "auto",
        "auto measures with --update locked, which streams such as {task} cannot use; give a number of ticks",
    ),
    Conflict(
        "unlock",
        lambda c: never_ends(c) and c.learning.unlock == "full",
        "full is not for streams such as {task}; use backward",
    ),
    wants_exact("lambda_", lambda c: bool(c.synthesizer.lambda_), "use 0"),
    wants_exact("settle", lambda c: c.synthesizer.settle, "drop it"),
    wants_exact("probe_every", lambda c: c.learning.probe_every > 0, "use 0"),
    Conflict(
        "update",
        lambda c: (
            c.learning.update == "local"
            and c.synthesizer.local_readout is None
            and not (c.local_readout or c.task.per_step)
        ),
        "local learns from local read-outs, and {task} has none by default; add --local-readout",
    ),
    Conflict(
        "delay_correction",
        lambda c: c.looks_ahead and c.learning.optimizer == "rmsprop",
        "{delay_correction} steps ahead by Nesterov's momentum, and {optimizer} has no such form; use sgd or adam",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and c.learning.update in ("locked", "delayed"),
        "full predicts states, but {update} needs the true states; use synthetic",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and c.chain.weights == "shared",
        "full receives states late, and shared weights are exchanged with the states; use backward, or own weights",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and optional(c.task).begins is not None,
        "full would also predict states of sequences that have not begun, as {task} has; use backward",
    ),
    Conflict(
        "cell",
        lambda c: c.chain.cell == "dense" and optional(c.task).begins is not None,
        "dense reads all steps at once, but the sequences of {task} differ in length; use rnn, gru or lstm",
    ),
    Conflict(
        "cell",
        lambda c: (
            optional(c.task).begins is not None and c.chain.cell != "dense" and not keeps_zero(cell_kind(c.chain.cell))
        ),
        "{cell} turns zero input and zero state into another state, but sequences of {task} begin late, from zeros; "
        "use rnn, gru or lstm, or multiply all biases by the input's column of ones",
    ),
    Conflict(
        "synthesizer_optimizer",
        lambda c: c.synthesizer.synthesizer_optimizer == "nlms" and c.synthesizer.synthesizer != "linear",
        "nlms works with the linear synthesizer only, not with {synthesizer}; use adam",
    ),
    Conflict(
        "weights",
        lambda c: c.chain.weights == "shared" and c.learning.update in ("locked", "delayed"),
        "shared weights are exchanged some ticks late, but {update} needs them at once; use own, or one box, "
        "which is a true RNN",
    ),
    Conflict(
        "weights",
        lambda c: c.chain.weights == "shared" and c.chain.cell == "dense",
        "shared is for recurrent boxes, but dense boxes are different layers; use own",
    ),
    Conflict(
        "learning_rate",
        lambda c: c.chain.weights == "shared" and len(set(c.learning.learning_rate)) > 1,
        "{learning_rate}: boxes that share weights need the same rate; give one for all",
    ),
)


def check(config: Facts) -> None:
    """ConfigError names the first field that cannot be used beside the others."""
    cell_kind(config.chain.cell, config.chain.activation, config.chain.norm)
    synthesizer_kind(config.synthesizer.synthesizer)
    check_unrolls(config)
    check_per_box(config)
    for conflict in CONFLICTS:
        if conflict.holds(config):
            raise ConfigError(conflict.field.strip("_"), conflict.problem.format_map(values(config)))
    for name, problem in idle(config):
        raise ConfigError(name.strip("_"), problem)


def check_per_box(config: Facts) -> None:
    """ConfigError unless each rate that may be given per box is one number, or as many as there are boxes."""
    for name, given in config.flat().items():
        if isinstance(given, tuple) and name != "unroll" and len(given) not in (1, config.boxes):
            if config.chain.boxes == "auto":
                continue  # known once there are some
            problem = f"{len(given)} numbers for {config.boxes} boxes; give one for all or one for each"
            raise ConfigError(name, problem)


def check_unrolls(config: Facts) -> None:
    """ConfigError unless the boxes' time steps make a chain for the task."""
    chain, steps, unrolls = config.chain, config.task.steps, config.unrolls
    shown = " ".join(map(str, unrolls[:40])) + (" ..." if len(unrolls) > 40 else "")
    if isinstance(chain.boxes, int) and len(unrolls) != chain.boxes:
        raise ConfigError("unroll", f"{shown} makes {len(unrolls)} boxes, but boxes is {chain.boxes}; drop one")
    if chain.cell == "dense":
        if any(n != 1 for n in unrolls[:-1]) or unrolls[-1] > 1:
            raise ConfigError("unroll", f"{shown} is no chain of dense layers, whose boxes have one step; drop it")
        if config.task.per_step:
            raise ConfigError("cell", f"dense has no steps, but {chain.task} asks at every step; use rnn, gru or lstm")
        return
    if steps is not None and sum(unrolls) != steps:
        problem = f"{shown} adds up to {sum(unrolls)}, but {chain.task} has {steps} steps"
        raise ConfigError("unroll", f"{problem}; give {steps} in all, or --boxes alone")
    if 0 in (unrolls if config.task.per_step else unrolls[:-1]) or sum(unrolls) == 0:
        where = "boxes" if chain.unroll is None else "unroll"
        value = f"{chain.boxes} leaves boxes without a step ({shown})" if chain.unroll is None else shown
        only = f"{chain.task} asks at every step" if config.task.per_step else "only the last box may have 0 steps"
        raise ConfigError(where, f"{value}: {only}; use fewer boxes or other unrolls")
