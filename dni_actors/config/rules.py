"""Which values go together. Every combination of options runs, or one of the two tables here refuses it by a sentence.

`EFFECTS` says what an option needs to be of any use; given without that, it is refused, and one that was only inherited
(from a preset, say) goes back to its default. `CONFLICTS` says what cannot be at all.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from dni_actors.config.checks import ConfigError
from dni_actors.config.facts import Facts
from dni_actors.config.fields import FIELDS
from dni_actors.nn.cell import cell_kind, keeps_zero
from dni_actors.nn.synthesizer import synthesizer_kind
from dni_actors.tasks import PREFIX, optional


class Need(NamedTuple):
    """What an option needs to have an effect."""

    met: Callable[[Facts], bool]
    reason: str
    """why it has none otherwise; {names} of fields stand for their values"""
    remedy: str
    """what would give it one"""


def update(rule: str, reason: str) -> Need:
    return Need(lambda config: config.learning.update == rule, reason, f"--update {rule}")


BOUNDARY = Need(lambda c: c.boundaries > 0, "one box alone has no boundary to another", "more --boxes")
PASSED_ON = Need(
    lambda c: c.boundaries > 1 or c.streaming is not None,
    "no synthetic gradient goes on where there is but one boundary",
    "more --boxes",
)
SYNTHETIC = update("synthetic", "update {update} has no synthesizer")
PREDICTING = Need(
    lambda c: c.learning.update == "synthetic" or c.learning.unlock == "full",
    "update {update} has no synthesizer",
    "--update synthetic",
)
LOCKED = update("locked", "only a locked chain cuts its mini-batch into pieces, not a {update} one")
DELAYED = update("delayed", "update {update} takes no late gradients")
NOISE = update("noise", "update {update} is without noise")
LAGGING = Need(lambda c: c.learning.update != "locked", "a locked chain waits for every gradient", "another --update")
STEPS = Need(lambda c: c.task.per_step, "{task} has but one target, at its end", "a task that asks at every step")
CONDITIONED = Need(lambda c: c.synthesizer.conditioned, "the synthesizer sees no targets", "--conditioned")
LAYERS = Need(lambda c: c.synthesizer.synthesizer != "linear", "a linear synthesizer shares nothing", "mlp1")
AT_END = Need(lambda c: not c.task.per_step, "{task} asks at every step, so every box reads out", "another --task")
OPTIONAL = Need(
    lambda c: c.learning.update != "local" or c.synthesizer.local_readout is not False,
    "update local learns from nothing else",
    "another --update",
)
GROUNDED = Need(lambda c: c.local_readout, "boxes have no local read-outs", "--local-readout")
DENSE = Need(lambda c: c.chain.cell == "dense", "cell {cell} has its own", "--cell dense")
SHARED = Need(lambda c: c.chain.weights == "shared", "each box has weights of its own", "--weights shared")
STREAM = Need(lambda c: c.streaming is not None, "{task} is no stream", "a task that goes on, such as copy")
FILE = Need(lambda c: c.chain.task.startswith(PREFIX), "{task} is no file", f"--task {PREFIX}PATH")
SCALED = Need(lambda c: optional(c.task).scaling is not None, "{task} is not standardized", f"--task {PREFIX}PATH")
COUNTED = Need(
    lambda c: optional(c.task).counts is not None, "{task} tells no numbers of labels of classes", "a file with classes"
)
EVALUATED = Need(
    lambda c: c.learning.evaluate_every != 0, "the only evaluation is the one at the end", "another --evaluate-every"
)
RAY = Need(lambda c: c.execution.runtime == "ray", "all boxes are in this process", "--runtime ray")
SOCKETS = Need(lambda c: c.execution.wire == "zmq", "Ray's calls carry the messages", "--wire zmq")

# What an option needs stands above what needs the option, so that going down the table settles all.
EFFECTS: dict[str, tuple[Need, ...]] = {
    "labels": (FILE,),
    "standardize": (SCALED,),
    "class_weights": (COUNTED,),
    "activation": (DENSE,),
    "norm": (DENSE,),
    "streams": (STREAM,),
    "wire_dtype": (BOUNDARY,),
    "sync_every": (SHARED,),
    "unlock": (BOUNDARY,),
    "lag": (BOUNDARY, LAGGING),
    "micro_batches": (LOCKED,),
    "delay_correction": (BOUNDARY, DELAYED),
    "noise_scale": (BOUNDARY, NOISE),
    "local_readout": (BOUNDARY, AT_END, OPTIONAL),
    "local_learning_rate": (BOUNDARY, GROUNDED),
    "synthesizer": (BOUNDARY, SYNTHETIC),
    "synthesizer_optimizer": (BOUNDARY, SYNTHETIC),
    "synthesizer_learning_rate": (BOUNDARY, PREDICTING),
    "synthetic_scale": (BOUNDARY, SYNTHETIC),
    "discount": (BOUNDARY, SYNTHETIC, PASSED_ON),
    "warmup": (BOUNDARY, SYNTHETIC),
    "lambda_": (BOUNDARY, SYNTHETIC),
    "target_scale": (BOUNDARY, SYNTHETIC),
    "settle": (BOUNDARY, SYNTHETIC),
    "auxiliary": (BOUNDARY, SYNTHETIC, LAYERS),
    "conditioned": (BOUNDARY, SYNTHETIC),
    "look_ahead": (BOUNDARY, SYNTHETIC, STEPS, CONDITIONED),
    "trust": (BOUNDARY, SYNTHETIC, GROUNDED),
    "probe_every": (BOUNDARY, SYNTHETIC),
    "stop_after": (EVALUATED,),
    "link_delay_ms": (BOUNDARY,),
    "wire": (RAY,),
    "wire_security": (RAY, SOCKETS),
    "max_restarts": (RAY,),
    "address": (RAY,),
    "placement": (RAY,),
    "cpus_per_box": (RAY,),
    "resources_per_box": (RAY,),
    "placement_timeout": (RAY,),
    "prometheus": (RAY,),
}


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
    problem = "wants exact gradients, which a stream that never ends, such as {task}, has none of"
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
        "{update} cannot go back through a stream that never ends, such as {task}; use synthetic, or truncated",
    ),
    Conflict(
        "lag",
        lambda c: never_ends(c) and c.learning.lag == "auto",
        "auto measures links in lock-step, which streams such as {task} have none of; give a number of ticks",
    ),
    Conflict(
        "unlock",
        lambda c: never_ends(c) and c.learning.unlock == "full",
        "full is not for streams such as {task}; use backward",
    ),
    wants_exact("lambda_", lambda c: c.synthesizer.lambda_ > 0, "use 0"),
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
        lambda c: c.learning.delay_correction == "nesterov" and c.learning.optimizer == "rmsprop",
        "nesterov is no form of {optimizer}; use sgd or adam",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and c.learning.update in ("locked", "delayed"),
        "full predicts states, but {update} waits for true gradients of true ones; use synthetic",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and c.chain.weights == "shared",
        "full takes states late, and with them the sums of what shared weights learn; use backward, or own weights",
    ),
    Conflict(
        "unlock",
        lambda c: c.learning.unlock == "full" and optional(c.task).begins is not None,
        "full predicts states also of sequences that have not begun yet, as {task} has; use backward",
    ),
    Conflict(
        "cell",
        lambda c: c.chain.cell == "dense" and optional(c.task).begins is not None,
        "dense sees all steps at once, but the sequences of {task} differ in length; use rnn, gru or lstm",
    ),
    Conflict(
        "cell",
        lambda c: (
            optional(c.task).begins is not None and c.chain.cell != "dense" and not keeps_zero(cell_kind(c.chain.cell))
        ),
        "{cell} makes a state of nothing, but sequences of {task} begin late, from a state of zeros; use rnn, gru or "
        "lstm, or let all biases come in through the input's column of ones",
    ),
    Conflict(
        "synthesizer_optimizer",
        lambda c: c.synthesizer.synthesizer_optimizer == "nlms" and c.synthesizer.synthesizer != "linear",
        "nlms fits the linear synthesizer only, not {synthesizer}; use adam",
    ),
    Conflict(
        "weights",
        lambda c: c.chain.weights == "shared" and c.learning.update in ("locked", "delayed"),
        "shared boxes exchange what they learned a while ago, and {update} would need it at once; use own, or one box, "
        "which is a true RNN",
    ),
    Conflict(
        "weights",
        lambda c: c.chain.weights == "shared" and c.chain.cell == "dense",
        "shared is for recurrent boxes, but dense ones are layers; use own",
    ),
    Conflict(
        "learning_rate",
        lambda c: c.chain.weights == "shared" and len(set(c.learning.learning_rate)) > 1,
        "{learning_rate} would part weights that all boxes share; give one for all",
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


def idle(config: Facts, but: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Fields that are not at their defaults and have no effect, without those of `but`; and why they have none."""
    for name, needs in EFFECTS.items():
        if name not in but and getattr(getattr(config, FIELDS[name].part), name) != FIELDS[name].default:
            for need in needs:
                if not need.met(config):
                    known = values(config)
                    reason = need.reason.format_map(known)
                    yield name, f"{known[name]} is of no use: {reason}; drop it, or use {need.remedy}"
                    break


def values(config: Facts) -> dict[str, Any]:
    """All fields, as sentences show them, and the training samples."""
    return {name: shown(value) for name, value in config.flat().items()} | {"train": config.task.train}


def shown(value: Any) -> Any:
    """A field's value, as a sentence or a command line has it."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


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
