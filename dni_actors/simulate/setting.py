"""What the command simulates: its options, each checked, and the scenes that they come to."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np

from dni_actors.config.checks import ConfigError, Range, parse_delay
from dni_actors.nn.arrays import Array
from dni_actors.nn.narrow import raw_size
from dni_actors.nn.streams import Stream, generator
from dni_actors.simulate.costs import Measured, load
from dni_actors.simulate.words import CHAINS, LAGGED, RULES, check_file, parse_jitter, parse_stragglers, parse_updates
from dni_actors.timing.scene import (
    SECOND,
    Failures,
    Nodes,
    Scene,
    Work,
    varying,
    whole,
)

SHORT, MIDDLE, LONG = 1000, 10_000, 20_000  # ticks by default, at least; at most; at most with failures
EVENTS, IN_STEP = 500_000, 100_000  # ticks times boxes, where boxes share cores or uplinks; of rules that have no lag
REPEATS, LATER = 5, 1  # where results are random; and where a run of engine 2 takes seconds
QUICK = 100_000  # ticks times boxes up to which it does not
DEATHS = 20  # that a simulation with failures has by default


@dataclass(frozen=True)
class Setting:
    """What is simulated."""

    updates: Annotated[str, parse_updates] = ",".join(RULES)
    """Update rules, a comma between them. gpipe is locked with --micro-batches; data-parallel and diloco are chains on
    one worker each, K workers that share the mini-batch."""
    boxes: Annotated[int, Range(1, 100_000)] = 4
    """Number of time boxes."""
    lag: Annotated[int, Range(1, 100_000)] = 2
    """Ticks after which a box consumes the gradient that answers its hidden state."""
    micro_batches: Annotated[int, Range(1, 10_000)] = 4
    """Pieces that gpipe cuts its mini-batch into."""
    diloco_every: Annotated[int, Range(1, 1_000_000)] = 500
    """Ticks after which workers of diloco average their weights."""
    hidden: Annotated[int, Range(1, 65_536)] = 64
    """Hidden units of a box: they make the size of messages, and of weights."""
    batch: Annotated[int, Range(1, 2**31)] = 32
    """Samples in a mini-batch: they make the size of messages."""
    wire_dtype: Literal["float32", "float16", "int8"] = "float32"
    """Type of the numbers in messages."""
    compute_delay_ms: Annotated[str, parse_delay] = "10"
    """Milliseconds that a box works in a tick, x or low:high; a third each in forward, backward, update."""
    link_delay_ms: Annotated[str, parse_delay] = "0"
    """Latency of links: milliseconds one way, x or low:high."""
    link_mbps: Annotated[float, Range(0)] = 0.0
    """Bandwidth of each link in Mbit/s, each way; 0: no limit."""
    jitter: Annotated[str, parse_jitter] = "none"
    """How work and latencies vary from tick to tick: none, or lognormal:S, which keeps their means; S is the standard
    deviation of their logarithms."""
    stragglers: Annotated[str, parse_stragglers] = "0%:1x"
    """Boxes that are slow all the time, as 1%:4x: one in a hundred, 4 times as slow as the others."""
    failures_per_hour: Annotated[float, Range(0, 1e6)] = 0.0
    """Deaths of boxes in an hour, of all boxes together, at random instants."""
    restart_s: Annotated[float, Range(0, 86_400)] = 2.0
    """Seconds from a death until all boxes go on from the last complete cut."""
    checkpoint_every_s: Annotated[float, Range(0, 86_400, above=True)] = 5.0
    """Seconds between cuts."""
    nodes: Annotated[int | None, Range(1, 100_000)] = None
    """Machines that boxes share; messages within one take no time. By default each box has one of its own."""
    cores_per_node: Annotated[int | None, Range(1, 100_000)] = None
    """Cores of each of the --nodes, which boxes take in turns; by default one for each box."""
    placement: Literal["pack", "spread"] = "pack"
    """Boxes on --nodes: neighbours on one where they can (pack), or on different ones (spread)."""
    shared_uplink: bool = False
    """Whether all messages that leave one of the --nodes queue at one link of --link-mbps."""
    ticks: Annotated[int | None, Range(1, 10_000_000)] = None
    """Length of the simulated run; by default 1000 ticks or more (20 times the lag; where costs are random 4 times the
    boxes, up to 10,000); with failures so many that there are about 20 of them, up to 20,000 ticks; with shared
    cores or uplinks at most 500,000 ticks by boxes (locked and gpipe 100,000), and 100 ticks at least."""
    repeats: Annotated[int | None, Range(1, 1000)] = None
    """Simulations of each rule, with other random numbers, where there are any: the range of what they give is
    shown. By default 5; 1 where boxes share cores or uplinks and one takes many seconds."""
    seed: Annotated[int, Range(0, 2**62)] = 0
    """Of the random numbers."""
    target: Annotated[float | None, Range(0, 1, above=True)] = None
    """Find the least lag with which a chain reaches this share of the speed that an unlimited lag gives, as 0.95."""
    sweep: str | None = None
    """Vary one option and draw what comes out, as link-delay-ms=1:200:log or lag=1:64; boxes, link-mbps and
    compute-delay-ms, too. A fourth number is how many values there are, at most: boxes=10:10000:log:7."""
    output: str = "simulation.png"
    """The picture of a sweep."""
    costs: str | None = None
    """Real costs of phases, messages and links: the folder of a run (--trace full), whose metrics give their means and
    whose trace how they vary; a file of --keep-costs; or shipped, those that come with this package. The number of
    boxes is theirs, where --boxes does not say; --link-delay-ms comes on top."""
    keep_costs: str | None = None
    """File for what --costs has found, such as costs.json."""
    perfetto: str | None = None
    """File for a trace of the first rule, as those of real runs, such as trace.json.gz."""
    console: Literal["plain", "json", "quiet"] = "plain"
    """A table, JSON lines, or nothing."""

    @property
    def message_bytes(self) -> int:
        """Of a state, or a gradient."""
        return raw_size(self.wire_dtype, (self.batch, self.hidden))

    @property
    def weight_bytes(self) -> int:
        """Of a box: an RNN cell with as many inputs as hidden units."""
        return 4 * self.hidden * (2 * self.hidden + 1)

    @property
    def random(self) -> bool:
        """Whether another seed gives another result."""
        varies = any(":" in text for text in (self.compute_delay_ms, self.link_delay_ms))
        return (
            varies
            or self.jitter != "none"
            or self.failures_per_hour > 0
            or self.costs is not None
            or self.stragglers[:3] != "0%:"
        )

    def length(self, update: str) -> int:
        """Ticks without failures: until the chain is as fast as it will be. A chain of random costs gets up speed only
        when there are more ticks than boxes: what it takes grows with n + K + const * sqrt(n K)."""
        varied = min(MIDDLE, 4 * self.boxes) if self.random else 0
        asked = max(SHORT, 20 * self.lag, varied, 10 * self.diloco_every * (update == "diloco"))
        return self.ticks or self.affordable(update, asked)

    def affordable(self, update: str, ticks: int) -> int:
        """So many ticks, or as many as engine 2 does in some seconds, where it is needed."""
        most = (EVENTS if update in LAGGED else IN_STEP) // self.boxes
        return min(ticks, max(100, most)) if self.by_events(update) else ticks

    def by_events(self, update: str) -> bool:
        """Whether engine 2 is needed."""
        nodes = self.placed() if update in CHAINS else None
        return nodes is not None and nodes.limit

    def repeated(self, update: str, ticks: int) -> int:
        """Simulations of so many ticks."""
        default = LATER if self.by_events(update) and ticks * self.boxes > QUICK else REPEATS
        return (self.repeats or default) if self.random else 1

    def check(self) -> None:
        """ConfigError for options that cannot be together, or that have no effect."""
        names = set(parse_updates("updates", self.updates))
        linked, chains = self.boxes > 1 or self.sweep, names & set(CHAINS)
        alone, together = "a single box has no neighbour", f"{self.updates} sends whole weights"
        for name, useful, remedy in (
            ("lag", names & set(LAGGED), f"of {self.updates} none has a lag"),
            ("lag", linked, alone),
            ("link_delay_ms", linked, alone),
            ("link_mbps", linked, alone),
            ("wire_dtype", chains, together),
            ("batch", chains, together),
            ("placement", chains, together),
            ("shared_uplink", chains, together),
            ("micro_batches", "gpipe" in names, "only gpipe cuts its mini-batch"),
            ("diloco_every", "diloco" in names, "only diloco has local ticks"),
            ("restart_s", self.failures_per_hour, "there are no --failures-per-hour"),
            ("checkpoint_every_s", self.failures_per_hour, "there are no --failures-per-hour"),
            ("cores_per_node", self.nodes, "there are no --nodes"),
            ("shared_uplink", self.nodes, "there are no --nodes"),
            ("placement", self.nodes, "there are no --nodes"),
            ("seed", self.random, "nothing is random"),
            ("repeats", self.random, "nothing is random"),
            ("output", self.sweep, "there is no --sweep to draw"),
            ("target", not self.sweep, "a --sweep looks for no lag"),
            ("perfetto", not self.sweep, "a --sweep writes no trace"),
            ("compute_delay_ms", not self.costs, "it stands in the record of --costs"),
            ("keep_costs", self.costs, "there are no --costs"),
            ("jitter", not self.costs, "it stands in the record of --costs"),
        ):
            if not useful and getattr(self, name) != Setting.__dataclass_fields__[name].default:
                raise ConfigError(
                    name, f"{getattr(self, name)} has no effect, for {remedy}; drop one, or add the other"
                )
        share, factor = parse_stragglers("stragglers", self.stragglers)
        if (share > 0) != (factor > 1):
            problem = f"{self.stragglers} slows no box; give a share above 0 and a factor above 1, or drop it"
            raise ConfigError("stragglers", problem)
        for name in ("output", "perfetto", "keep_costs"):
            check_file(name, getattr(self, name))
        if parse_delay("compute_delay_ms", self.compute_delay_ms)[1] == 0:
            raise ConfigError("compute_delay_ms", "boxes that do nothing have no speed; give milliseconds above 0")
        if self.shared_uplink and not self.link_mbps:
            raise ConfigError("shared_uplink", "a link without a limit has no queue; give --link-mbps, too")
        if self.nodes is not None and self.nodes > self.boxes:
            raise ConfigError("nodes", f"{self.nodes} are more than the {self.boxes} boxes; give at most {self.boxes}")

    @cached_property
    def measured(self) -> Measured | None:
        """What the run of --costs tells."""
        return None if self.costs is None else load(self.costs)

    def scene(self, update: str, seed: int, failures: bool) -> Scene:
        """Of a rule."""
        low, high = parse_delay("compute_delay_ms", self.compute_delay_ms)
        near, far = parse_delay("link_delay_ms", self.link_delay_ms)
        slow, sigma = self._slowness(seed), parse_jitter("jitter", self.jitter)
        whole_tick = whole(slow * (low + high) / 2 * SECOND)
        third, none = whole_tick // 3, np.zeros(self.boxes, np.int64)
        pieces, nodes = self.micro_batches if update == "gpipe" else 1, self.placed()
        crosses = np.ones(self.boxes - 1) if nodes is None else np.diff(nodes.of_box) != 0
        scene = Scene(
            update=CHAINS.get(update, "local"),
            lag=self.lag,
            pieces=pieces,
            work=Work(none, none, third, none, third, whole_tick - 2 * third),
            latency=whole((near + far) / 2 * SECOND * crosses),
            sending=whole(self.sending(self.message_bytes // pieces) * crosses),
            noise=varying(low, high, sigma),
            jitter=varying(near, far, sigma),
            failures=self._failures() if failures else None,
            nodes=nodes,
            warm=True,
            seed=seed,
        )
        if self.measured is None:
            return scene
        found = self.measured.of_boxes(self.boxes).with_delay(scene.latency, scene.jitter)
        asleep, latency, noise, jitter = found.asleep, found.latency, found.noise, found.jitter
        work = Work(*whole(np.array(found.work) * slow))
        return replace(scene, work=work, asleep=asleep, latency=latency, noise=noise, jitter=jitter)

    def _failures(self) -> Failures | None:
        if not self.failures_per_hour:
            return None
        restart, every = (round(seconds * SECOND) for seconds in (self.restart_s, self.checkpoint_every_s))
        return Failures(3600 / self.failures_per_hour * SECOND, restart, every)

    def sending(self, size: int) -> int:
        """Nanoseconds that a link needs for so many bytes."""
        return 0 if not self.link_mbps else round(size * 8 * 1000 / self.link_mbps)

    def placed(self) -> Nodes | None:
        """Which box is where."""
        if self.nodes is None:
            return None
        spread = self.placement == "spread"
        of_box = tuple(k % self.nodes if spread else k * self.nodes // self.boxes for k in range(self.boxes))
        return Nodes(of_box, self.cores_per_node, self.shared_uplink)

    def _slowness(self, seed: int) -> Array:
        """[K] how many times as long as it should each box works."""
        share, factor = parse_stragglers("stragglers", self.stragglers)
        slow = generator(seed, Stream.UPDATES, 1).permutation(self.boxes) < math.ceil(share * self.boxes)
        return np.where(slow, factor, 1.0)
