"""The parts of a configuration: frozen dataclasses, a doc line under each field (the command line shows it).

Beside a field's type stand the checks of its value (checks.py), and whether it can change what is learned. Fields of
chain, synthesizer and learning can, those of execution and output cannot, unless they say otherwise.
"""

import dataclasses
from typing import Annotated, Literal

from dni_actors.config.checks import Range, check_name, check_place, parse_delay, parse_resources

FREE = "cannot change what is learned"
BOUND = "can change what is learned"
LONG = 2**40  # ticks: more than any run has
Rates = Annotated[tuple[float, ...], Range(0, above=True)]


@dataclasses.dataclass(frozen=True)
class ChainConfig:
    """The task and the chain of time boxes that learns it."""

    task: str = "mnist01"
    """What to learn: mnist01 (digits 0 and 1, whole image at every step), rows (ten digits, 28 rows of 28 pixels),
    recall (which symbol was flagged, long ago), xor (of two flagged symbols, early and late), mixed (xor, and a bit
    that is known early), adding (the sum of two marked numbers), binary-addition (the bits of a sum;
    binary-addition-12), copy, repeat-copy and text (streams); or file:PATH, samples in a Parquet or .npz file; or an
    import path package.module:Class."""
    labels: Literal["auto", "classes", "numbers"] = "auto"
    """What the labels of a file are. auto: texts and whole numbers are classes, others numbers to come near to; what
    could be both is asked for."""
    standardize: bool = True
    """Whether boxes see a file's inputs, and learn its numbers, with mean 0 and deviation 1, by those of its training
    samples; answers and errors are in the file's own units."""
    data: str | None = None
    """For --task rows a folder of IDX files, gzipped or not (MNIST, Fashion-MNIST), instead of the digits of the
    package; for --task text a text file. On a cluster every node must have it."""
    boxes: Annotated[int | Literal["auto"] | None, Range(1, 10_000)] = None
    """Number of time boxes; by default as many as --unroll tells. The task's steps are shared out evenly. auto: one for
    each core of this machine, as long as every box has a step; the run's config.toml has the number."""
    unroll: Annotated[tuple[int, ...] | None, Range(0, 1_000_000)] = None
    """Time steps of each box, one number for all or a list; they add up to the task's steps. The last may be 0."""
    cell: str = "rnn"
    """Cell of every box: rnn (tanh), gru, lstm; dense: a layer is a box, and the last one its read-out; or an import
    path package.module:Class."""
    activation: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Of dense cells."""
    norm: Literal["none", "rms"] = "none"
    """Of dense cells. rms: what a layer hands on is divided by its root mean square over the units, in each sample."""
    weights: Literal["own", "shared"] = "own"
    """Whether each box has weights of its own, or all of them the same, so that they are one RNN."""
    sync_every: Annotated[int, Range(1, LONG)] = 10
    """Shared weights: ticks over which boxes gather gradients; their sum then makes one step, the same in every box."""
    streams: Annotated[int, Range(1, 10_000)] = 1
    """Tasks that go on from tick to tick: groups of streams that take turns. With as many groups as boxes, all boxes
    work at once."""
    hidden: Annotated[int, Range(1, 65_536)] = 64
    """Hidden units of a box."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating-point type of all numerics (float64 is for checks)."""
    wire_dtype: Literal["float32", "float16"] | None = None
    """Floating-point type of messages; float16 halves the traffic, and rounds. By default that of the numerics."""


@dataclasses.dataclass(frozen=True)
class SynthesizerConfig:
    """The model that predicts the gradient at a box's far boundary."""

    synthesizer: str = "linear"
    """Form: linear, mlp1 or mlp2 (1 or 2 hidden layers), or an import path package.module:Class."""
    conditioned: bool = True
    """Whether the synthesizer sees the label, too (cDNI), or the next targets of a task that asks at every step."""
    look_ahead: Annotated[int, Range(0, 10_000)] = 12
    """Targets after its box's end that a conditioned synthesizer sees, of a task that asks at every step."""
    synthesizer_optimizer: Literal["sgd", "nlms", "momentum", "nesterov", "rmsprop", "adam"] = "adam"
    """How the synthesizer learns; nlms (SGD over the inputs' mean squared norm) needs the linear form."""
    synthesizer_learning_rate: Rates = (2e-3,)
    """Learning rate of the synthesizer (and of what predicts inputs: --unlock full)."""
    synthetic_scale: Annotated[float, Range(0)] = 1.0
    """Factor of the synthetic gradient that a box's own weights learn from (DNI paper: 0.1)."""
    discount: Annotated[float, Range(0)] = 1.0
    """Factor of the synthetic gradient in what a box sends back, which the box before learns to predict (gamma)."""
    auxiliary: bool = False
    """Whether the synthesizer's hidden layers learn to predict the next boundary's synthetic gradient, too (DNI paper,
    2.3; for mlp1 and mlp2)."""
    lambda_: Annotated[float, Range(0, 1)] = 0.0
    """Share of the exact gradient in what the synthesizer learns from, the rest being the bootstrapped
    one. The exact one comes lag ticks late per boundary, and costs a backward pass more."""
    target_scale: bool = False
    """Whether the synthesizer learns targets in units of their running root mean square, and what it predicts is scaled
    back: for gradients so small that each step of its optimizer would swamp them."""
    settle: bool = False
    """Whether a box makes up for what its synthetic gradients missed: the exact gradient of a tick comes lag ticks late
    per boundary, and its difference to what was used is added to the update. It costs a backward pass more."""
    warmup: Annotated[int, Range(0, LONG)] = 0
    """Ticks in which the synthesizer only learns, and boxes go without."""
    local_readout: bool | None = None
    """A read-out of the label in every box, whose gradient is added to the one at its far boundary. By default where
    the update is synthetic (together: hybrid); update local has nothing else."""
    local_learning_rate: Rates = (3e-3,)
    """Learning rate of the local read-out (Adam)."""
    trust: Literal["none", "readout"] = "none"
    """readout: beside a local read-out, the synthetic gradient is scaled by how well it points along the received
    one."""


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """How the boxes learn."""

    update: Literal["synthetic", "local", "truncated", "locked", "delayed", "noise"] = "synthetic"
    """Gradient a box uses at its far boundary: predicted (DNI), that of its own read-out (decoupled greedy learning),
    zero, the true one, waited for (exact BPTT), the true one, lag ticks late per boundary (DDG), or the cost times
    noise."""
    delay_correction: Literal["none", "stash", "nesterov"] = "none"
    """Against the staleness of --update delayed: go back with the weights of the forward pass (PipeDream), or step
    ahead by Nesterov's momentum."""
    noise_scale: Rates = (0.1,)
    """Standard deviation of the noise of --update noise, one for all boxes or one for each."""
    update_probability: Annotated[float, Range(0, 1, above=True)] = 1.0
    """Probability that a box updates its weights in a tick (DNI paper, 3.2)."""
    unlock: Literal["backward", "full"] = "backward"
    """full: boxes do not wait for states, either: they start from one that they predict from their own inputs, and
    learn to predict it when it comes, lag ticks later (DNI paper, 2.4)."""
    lag: Annotated[int | Literal["auto"], Range(1, 1_000_000)] = 2
    """Ticks after which a box consumes the gradient that answers its hidden state: memory and tolerance to delay.
    auto: the least that keeps the slowest box busy, from links and boxes measured before the run."""
    micro_batches: Annotated[int, Range(1, 2**31)] = 1
    """Pieces that a locked chain cuts its mini-batch into, so that boxes overlap (GPipe)."""
    batch: Annotated[int, Range(1, 2**31)] = 32
    """Samples in a mini-batch: one tick."""
    ticks: Annotated[int | None, Range(1, LONG)] = None
    """Length of the run in ticks; excludes --epochs."""
    epochs: Annotated[int | None, Range(1, 2**31)] = None
    """Length of the run in passes over the training data; excludes --ticks."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    """Seed of weights and mini-batches."""
    optimizer: Literal["sgd", "momentum", "nesterov", "rmsprop", "adam"] = "adam"
    """How a box's cell and read-out learn."""
    learning_rate: Rates = (1e-3,)
    """Learning rate of cell and read-out, one for all boxes or one for each; so are the other rates."""
    class_weights: Literal["none", "balanced"] = "none"
    """Of a file's classes. balanced: each class weighs as much in the loss, however rare it is."""
    decay: Literal["none", "linear", "cosine"] = "none"
    """Course of all learning rates: constant, or linear or half a cosine to zero at the run's end."""
    clip: Annotated[float, Range(0)] = 1.0
    """Largest norm of a box's weight gradient (0: no clipping)."""
    stop_after: Annotated[int, Range(0, 2**31)] = 0
    """Evaluations on the validation samples without a better one, after which the run ends; 0: it goes to its end."""
    evaluate_every: Annotated[int | None, Range(0, LONG), FREE] = None
    """Ticks between evaluations on the held-out samples; 0: only at the end. By default once an epoch."""
    probe_every: Annotated[int, Range(0, LONG), FREE] = 0
    """Ticks between probes, which compare each synthetic gradient with the exact one: a locked pass over validation
    samples, from which nothing is learned. 0: none."""


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """Where and how the boxes run."""

    runtime: Literal["ray", "inline"] = "ray"
    """One Ray actor per box, or all boxes in this process."""
    wire: Literal["zmq", "ray"] = "zmq"
    """What carries the messages between actors: ZeroMQ sockets, or plain Ray calls, which need no port of their own."""
    wire_security: Literal["auto", "curve"] = "auto"
    """Sockets between boxes of one node are files that only this user can open, between nodes TCP with CURVE
    encryption; curve: TCP with CURVE everywhere."""
    kernels: Annotated[Literal["native", "portable"] | None, BOUND] = None
    """CPU kernels: this machine's fastest, or ones that give the same bits on every x86-64 machine with AVX2.
    By default native, on a cluster portable."""
    max_restarts: Annotated[int, Range(0, 1_000_000)] = 10
    """Times that each box may be started again after its process died, before the run gives up (and can be resumed)."""
    compute_delay_ms: Annotated[str, parse_delay] = "0"
    """Emulated heavy boxes: extra milliseconds per tick, x or low:high; a third each in forward, backward, update."""
    link_delay_ms: Annotated[str, parse_delay] = "0"
    """Emulated slow links: milliseconds one way that each message is held back, x or low:high."""
    address: str | None = None
    """Ray cluster to join (host:port, or auto); by default RAY_ADDRESS, else a local one is started."""
    placement: Literal["pack", "spread", "strict-spread"] = "pack"
    """On a cluster: boxes on few nodes, on many, or no two on one. Neighbours share a node where they can."""
    cpus_per_box: Annotated[float, Range(0, above=True)] = 1.0
    """On a cluster: CPUs that Ray keeps for a box."""
    resources_per_box: Annotated[str, parse_resources] = ""
    """On a cluster: further resources that a box needs, by Ray's names, as fast=1,disk=0.5."""
    placement_timeout: Annotated[float, Range(0)] = 300.0
    """On a cluster: seconds that a run waits for nodes with room for its boxes, at its start and after a loss."""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What a run leaves and shows."""

    name: Annotated[str | None, check_name] = None
    """Name of the run's folder; by default task, date and a short id."""
    storage: Annotated[str, check_place] = "runs"
    """Folder that holds the runs' folders, or a URI of one (s3://..., gs://..., file://...)."""
    data_changed: Literal["refuse", "allow"] = "refuse"
    """Whether a run goes on, is replayed or is scored with other data than it began with. allow: if they are of the
    same kind; it is not written into the run's config.toml."""
    checkpoint_every: Annotated[int | None, Range(0, LONG)] = None
    """Ticks between cuts, from which a run goes on after whatever happened; 0: only at the end. By default about every
    5 seconds, and never more than 2 % of the time; within that, evaluations bring cuts, too."""
    trace: Literal["off", "sampled", "full"] = "sampled"
    """What each box did when, for pictures: of no tick, of the first and last 200 and every 100th, or of all."""
    report: bool = False
    """Draw the run at its end: report.html in its folder, as python -m dni_actors.report does at any time."""
    console: Literal["auto", "live", "plain", "json", "quiet"] = "auto"
    """What is shown: live table on a terminal, plain lines elsewhere, JSON lines, or nothing."""
    tensorboard: bool = False
    """Whether curves for TensorBoard are written, too, into the run's folder (extra tensorboard)."""
    prometheus: bool = False
    """Whether Ray exports the run's metrics for Prometheus (the cluster's nodes need ray[default])."""
