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
    """What the labels of a file are. auto: texts and whole numbers are classes, other numbers are values to predict;
    where both are possible, the run stops and asks."""
    standardize: bool = True
    """Whether a file's inputs, and the numbers to predict, are scaled to mean 0 and standard deviation 1 (of the
    training samples). Answers and errors are shown in the file's own units."""
    data: str | None = None
    """Other data for a task of the package. --task rows: a folder of IDX files, gzipped or not (MNIST,
    Fashion-MNIST); --task text: a text file. On a cluster every node must have it."""
    boxes: Annotated[int | Literal["auto"] | None, Range(1, 10_000)] = None
    """Number of time boxes; the task's steps are divided evenly among them. By default as many as --unroll lists. auto:
    one for each core of this machine, at most one for each step; the run's config.toml has the number."""
    unroll: Annotated[tuple[int, ...] | None, Range(0, 1_000_000)] = None
    """Time steps of each box, one number for all or a list; they add up to the task's steps. The last may be 0."""
    cell: str = "rnn"
    """Cell of every box: rnn (tanh), gru, lstm; dense: a layer is a box, and the last one its read-out; or an import
    path package.module:Class."""
    activation: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation function of dense cells."""
    norm: Literal["none", "rms"] = "none"
    """Normalisation of dense cells. rms: what a layer hands on is divided by its root mean square over the units, in
    each sample."""
    weights: Literal["own", "shared"] = "own"
    """own: each box has weights of its own. shared: all boxes have the same weights, so that they are one RNN."""
    sync_every: Annotated[int, Range(1, LONG)] = 10
    """With --weights shared: ticks over which boxes add up their gradients, before all of them make the same step."""
    streams: Annotated[int, Range(1, 10_000)] = 1
    """Groups of streams that take turns, for tasks without an end (copy, text). With as many groups as boxes, all
    boxes work at once."""
    hidden: Annotated[int, Range(1, 65_536)] = 64
    """Hidden units of a box."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating-point type of all numerics (float64 is for checks)."""
    wire_dtype: Literal["float32", "float16", "int8"] | None = None
    """Type of the hidden states and gradients in messages; by default that of --precision. float16 halves the
    traffic, int8 quarters it: 255 levels for a sample's numbers. Both round."""


@dataclasses.dataclass(frozen=True)
class SynthesizerConfig:
    """The model that predicts the gradient at a box's far boundary."""

    synthesizer: str = "linear"
    """Form: linear, mlp1 or mlp2 (1 or 2 hidden layers), or an import path package.module:Class."""
    conditioned: bool = True
    """Whether the synthesizer also sees the label (cDNI), or the next targets where a task has one at every step."""
    look_ahead: Annotated[int, Range(0, 10_000)] = 12
    """How many targets beyond its box a conditioned synthesizer sees, where a task has one at every step."""
    synthesizer_optimizer: Literal["sgd", "nlms", "momentum", "nesterov", "rmsprop", "adam"] = "adam"
    """Optimizer of the synthesizer. nlms (SGD divided by the inputs' mean squared norm) needs the linear form."""
    synthesizer_learning_rate: Rates = (2e-3,)
    """Learning rate of the synthesizer, and with --unlock full of the model that predicts states."""
    synthetic_scale: Annotated[float, Range(0)] = 1.0
    """Factor of the synthetic gradient where it updates the box's own weights (DNI paper: 0.1)."""
    discount: Annotated[float, Range(0)] = 1.0
    """Factor of the synthetic gradient in the gradient that a box sends back to the box before it (gamma)."""
    auxiliary: bool = False
    """Whether the synthesizer's hidden layers also learn to predict the next boundary's synthetic gradient (DNI paper,
    2.3; for mlp1 and mlp2)."""
    lambda_: Annotated[float | None, Range(0, 1)] = None
    """Share of the exact gradient in the synthesizer's target; the rest is the bootstrapped gradient. The exact
    gradient is lag ticks late per boundary and costs a second backward pass. By default 0; 1 with --settle."""
    target_scale: bool | None = None
    """Whether the synthesizer learns its targets divided by their running root mean square. An optimizer such as Adam
    takes steps of a fixed size, in which tiny targets would be lost. By default with --settle."""
    settle: bool = False
    """Whether boxes correct what they learned from synthetic gradients when the exact gradient of that tick comes, lag
    ticks late per boundary. Costs a second backward pass, with a local read-out a third. Brings --lambda 1,
    --target-scale and --trust readout along, unless they are given. A default of the tasks xor and mixed, where
    without it not every seed succeeds."""
    warmup: Annotated[int, Range(0, LONG)] = 0
    """First ticks in which the synthesizer only learns; boxes do not use its gradients yet."""
    local_readout: bool | None = None
    """A read-out of the label in every box; its gradient is added to the one at the box's far boundary. By default
    with --update synthetic (both together: hybrid); --update local uses it alone."""
    local_learning_rate: Rates = (3e-3,)
    """Learning rate of the local read-out (Adam)."""
    trust: Literal["none", "readout"] | None = None
    """readout: with a local read-out, the synthetic gradient is scaled by its cosine with the received gradient. By
    default with --settle."""


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """How the boxes learn."""

    update: Literal["synthetic", "local", "truncated", "locked", "delayed", "noise"] = "synthetic"
    """Gradient that a box uses at its far boundary. synthetic: a prediction (DNI). local: only that of its own read-out
    (decoupled greedy learning). truncated: zero. locked: the true one, which the box waits for (exact BPTT). delayed:
    the true one, lag ticks late per boundary (DDG). noise: the cost times noise."""
    delay_correction: Literal["none", "stash", "nesterov", "both"] = "none"
    """Remedy for late gradients (--update delayed). stash: backward pass with the weights of the forward pass
    (PipeDream). nesterov: step ahead by Nesterov's momentum. both: as in Ajanthan et al. 2025 (AsyncPP)."""
    momentum_by_delay: bool = False
    """With --delay-correction nesterov or both: whether the momentum, .99 in every box otherwise, is smaller where
    gradients are less late: .9 + .09 (K - 1 - k) / K in box k of K, counted from 0 (AsyncPP's adaptive momentum)."""
    noise_scale: Rates = (0.1,)
    """Standard deviation of the noise of --update noise, one for all boxes or one for each."""
    update_probability: Annotated[float, Range(0, 1, above=True)] = 1.0
    """Probability that a box updates its weights in a tick (DNI paper, 3.2)."""
    unlock: Literal["backward", "full"] = "backward"
    """backward: boxes do not wait for gradients. full: they do not wait for states either, but predict them from their
    own inputs, and learn from the true states lag ticks later (DNI paper, 2.4)."""
    lag: Annotated[int | Literal["auto"], Range(1, 1_000_000)] = 2
    """Ticks after which a box uses the gradient that answers its hidden state. More lag tolerates slower links, and
    costs memory. auto: a short measurement finds the least lag that gives 95 % of the speed of
    an unlimited one."""
    micro_batches: Annotated[int, Range(1, 2**31)] = 1
    """Pieces into which --update locked cuts a mini-batch, so that boxes overlap (GPipe)."""
    batch: Annotated[int, Range(1, 2**31)] = 32
    """Samples in a mini-batch: one tick."""
    ticks: Annotated[int | None, Range(1, LONG)] = None
    """Length of the run in ticks; excludes --epochs."""
    epochs: Annotated[int | None, Range(1, 2**31)] = None
    """Length of the run in passes over the training data; excludes --ticks."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    """Seed of weights and mini-batches."""
    optimizer: Literal["sgd", "momentum", "nesterov", "rmsprop", "adam"] = "adam"
    """Optimizer of a box's cell and read-out."""
    learning_rate: Rates = (1e-3,)
    """Learning rate of cell and read-out: one number, or one for each box. The other rates take the same forms."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weights of a file's classes in the loss. balanced: rare classes count as much as common ones."""
    decay: Literal["none", "linear", "cosine", "warm-cosine"] = "none"
    """How all learning rates change: none (constant), or linear or cosine (half a period) to zero at the run's end.
    warm-cosine: they rise over the first 6 % of the run, then fall as a cosine."""
    clip: Annotated[float, Range(0)] = 1.0
    """Largest norm of a box's weight gradient (0: no clipping)."""
    stop_after: Annotated[int, Range(0, 2**31)] = 0
    """Ends the run after so many evaluations without a better one on the validation samples; 0: never."""
    evaluate_every: Annotated[int | None, Range(0, LONG), FREE] = None
    """Ticks between evaluations on the held-out samples; 0: only at the end. By default once an epoch."""
    probe_every: Annotated[int, Range(0, LONG), FREE] = 0
    """Ticks between probes, which compare synthetic with exact gradients on validation samples; the boxes learn nothing
    from them. 0: no probes."""


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """Where and how the boxes run."""

    runtime: Literal["ray", "inline"] = "ray"
    """One Ray actor per box, or all boxes in this process."""
    wire: Literal["sockets", "zmq", "ray"] = "sockets"
    """What carries the messages between actors. sockets: the system's own between boxes of one node, ZeroMQ's between
    nodes; zmq: ZeroMQ's everywhere; ray: plain Ray calls, which need no port of their own."""
    wire_security: Literal["auto", "curve"] = "auto"
    """auto: boxes of one node use socket files that only this user can open, boxes of different nodes TCP with CURVE
    encryption. curve: TCP with CURVE everywhere."""
    kernels: Annotated[Literal["native", "portable"] | None, BOUND] = None
    """CPU kernels. native: this machine's fastest, the default. portable: the same bits on every x86-64 machine with
    AVX2, the default on a cluster."""
    max_restarts: Annotated[int, Range(0, 1_000_000)] = 10
    """How often each box may be started again after its process died. Then the run stops; it can be resumed."""
    compute_delay_ms: Annotated[str, parse_delay] = "0"
    """Emulates slower boxes: extra milliseconds per tick, x or low:high, a third each in forward, backward, update."""
    link_delay_ms: Annotated[str, parse_delay] = "0"
    """Emulates slow links: holds each message back for so many milliseconds, one way, x or low:high."""
    link_mbps: Annotated[float, Range(0)] = 0.0
    """Emulates narrow links: megabits a second in each direction, one message after the other. 0: no limit."""
    address: str | None = None
    """Ray cluster to join (host:port, or auto). By default RAY_ADDRESS; without it the run starts a local Ray."""
    placement: Literal["pack", "spread", "strict-spread"] = "pack"
    """On a cluster: boxes on few nodes (pack), on many (spread), or never two on one node. Neighbours share a node if
    possible."""
    cpus_per_box: Annotated[float, Range(0, above=True)] = 1.0
    """On a cluster: CPUs that Ray keeps for a box."""
    resources_per_box: Annotated[str, parse_resources] = ""
    """On a cluster: further resources that a box needs, by Ray's names, for example fast=1,disk=0.5."""
    placement_timeout: Annotated[float, Range(0)] = 300.0
    """On a cluster: seconds to wait for nodes with room for the boxes, at the start and after a loss."""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What a run writes and shows."""

    name: Annotated[str | None, check_name] = None
    """Name of the run's folder; by default task, date and a short id."""
    storage: Annotated[str, check_place] = "runs"
    """Folder that holds the runs' folders, or a URI of one (s3://..., gs://..., file://...)."""
    data_changed: Literal["refuse", "allow"] = "refuse"
    """What to do if a run is resumed, replayed or scored, and its data have changed. allow: go on if they are of the
    same kind. This choice is not written into the run's config.toml."""
    checkpoint_every: Annotated[int | None, Range(0, LONG)] = None
    """Ticks between cuts (checkpoints of all boxes); 0: only at the end. By default about every 5 seconds and at
    evaluations, in at most 2 % of the run's time."""
    trace: Literal["off", "sampled", "full"] = "sampled"
    """Records what each box did when, for pictures. off: of no tick; sampled: of the first and last 200 and every
    100th; full: of all ticks."""
    report: bool = False
    """Draw report.html at the end of the run, as python -m dni_actors.report does at any time."""
    console: Literal["auto", "live", "plain", "json", "quiet"] = "auto"
    """What is shown. live: a table; plain: lines; json: lines of JSON; quiet: nothing; auto: live on a terminal, else
    plain."""
    tensorboard: bool = False
    """Also write curves for TensorBoard into the run's folder (extra tensorboard)."""
    prometheus: bool = False
    """Let Ray export the run's metrics for Prometheus (the cluster's nodes need ray[default])."""
