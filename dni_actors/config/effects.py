"""What options need to have an effect. One given without it is refused by a sentence; one that was only inherited
(from a preset, say) goes back to its default."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from dni_actors.config.facts import Facts
from dni_actors.config.fields import FIELDS
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
    "with one boundary only, no synthetic gradient is sent back",
    "more --boxes",
)
SYNTHETIC = update("synthetic", "update {update} has no synthesizer")
PREDICTING = Need(
    lambda c: c.learning.update == "synthetic" or c.learning.unlock == "full",
    "update {update} has no synthesizer",
    "--update synthetic",
)
LOCKED = update("locked", "only --update locked cuts a mini-batch into pieces, not {update}")
DELAYED = update("delayed", "update {update} takes no late gradients")
AHEAD = Need(lambda c: c.looks_ahead, "delay_correction {delay_correction} has no momentum", "--delay-correction both")
NOISE = update("noise", "update {update} uses no noise")
LAGGING = Need(lambda c: c.learning.update != "locked", "a locked chain waits for every gradient", "another --update")
STEPS = Need(lambda c: c.task.per_step, "{task} has only one target, at its end", "a task that asks at every step")
CONDITIONED = Need(lambda c: c.synthesizer.conditioned, "the synthesizer sees no targets", "--conditioned")
BOOTSTRAPPED = Need(
    lambda c: c.bootstraps,
    "with lambda 1, which --settle brings along, synthesizers learn from exact gradients alone",
    "--lambda 0.5",
)
LAYERS = Need(lambda c: c.synthesizer.synthesizer != "linear", "a linear synthesizer has no hidden layers", "mlp1")
AT_END = Need(lambda c: not c.task.per_step, "{task} asks at every step, so all boxes read out", "another --task")
OPTIONAL = Need(
    lambda c: c.learning.update != "local" or c.synthesizer.local_readout is not False,
    "update local learns from local read-outs alone",
    "another --update",
)
GROUNDED = Need(lambda c: c.local_readout, "boxes have no local read-outs", "--local-readout")
DENSE = Need(lambda c: c.chain.cell == "dense", "cell {cell} has its own activation", "--cell dense")
SHARED = Need(lambda c: c.chain.weights == "shared", "each box has weights of its own", "--weights shared")
STREAM = Need(lambda c: c.streaming is not None, "{task} is no stream", "a task without an end, such as copy")
FILE = Need(lambda c: c.chain.task.startswith(PREFIX), "{task} is no file", f"--task {PREFIX}PATH")
SCALED = Need(lambda c: optional(c.task).scaling is not None, "{task} is not standardized", f"--task {PREFIX}PATH")
COUNTED = Need(
    lambda c: optional(c.task).counts is not None, "{task} does not count its classes", "a file with classes"
)
EVALUATED = Need(
    lambda c: c.learning.evaluate_every != 0, "the only evaluation is the one at the end", "another --evaluate-every"
)
RAY = Need(lambda c: c.execution.runtime == "ray", "all boxes are in this process", "--runtime ray")
SOCKETS = Need(lambda c: c.execution.wire != "ray", "Ray's calls carry the messages", "--wire sockets")

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
    "momentum_by_delay": (BOUNDARY, DELAYED, AHEAD),
    "noise_scale": (BOUNDARY, NOISE),
    "local_readout": (BOUNDARY, AT_END, OPTIONAL),
    "local_learning_rate": (BOUNDARY, GROUNDED),
    "synthesizer": (BOUNDARY, SYNTHETIC),
    "synthesizer_optimizer": (BOUNDARY, SYNTHETIC),
    "synthesizer_learning_rate": (BOUNDARY, PREDICTING),
    "synthetic_scale": (BOUNDARY, SYNTHETIC),
    "discount": (BOUNDARY, SYNTHETIC, PASSED_ON, BOOTSTRAPPED),
    "warmup": (BOUNDARY, SYNTHETIC),
    "lambda_": (BOUNDARY, SYNTHETIC),
    "target_scale": (BOUNDARY, SYNTHETIC),
    "settle": (BOUNDARY, SYNTHETIC),
    "auxiliary": (BOUNDARY, SYNTHETIC, LAYERS, BOOTSTRAPPED),
    "conditioned": (BOUNDARY, SYNTHETIC),
    "look_ahead": (BOUNDARY, SYNTHETIC, STEPS, CONDITIONED),
    "trust": (BOUNDARY, SYNTHETIC, GROUNDED),
    "probe_every": (BOUNDARY, SYNTHETIC),
    "stop_after": (EVALUATED,),
    "link_delay_ms": (BOUNDARY,),
    "link_mbps": (BOUNDARY,),
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


def idle(config: Facts, but: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Fields that are not at their defaults and have no effect, without those of `but`; and why they have none."""
    for name, needs in EFFECTS.items():
        if name not in but and getattr(getattr(config, FIELDS[name].part), name) != FIELDS[name].default:
            for need in needs:
                if not need.met(config):
                    known = values(config)
                    reason = need.reason.format_map(known)
                    yield name, f"{known[name]} has no effect: {reason}; drop it, or use {need.remedy}"
                    break


def values(config: Facts) -> dict[str, Any]:
    """All fields, as sentences show them, and the training samples."""
    return {name: shown(value) for name, value in config.flat().items()} | {"train": config.task.train}


def shown(value: Any) -> Any:
    """A field's value, as a sentence or a command line has it."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
