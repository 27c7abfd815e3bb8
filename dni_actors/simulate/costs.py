"""What boxes and links cost, from the record of a real run: means, and how single ticks and messages differ from them.

Means come from the metrics, in CPU time and emulated work, which other boxes on the same cores do not distort. How
ticks vary comes from the trace. A message's way is known from those that its receiver waited for: the others may have
lain there for a while before the receiver looked.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.observe.account import Account
from dni_actors.observe.trace import EVENTS, PREPARE
from dni_actors.protocol.channel import Channel, Phase
from dni_actors.protocol.post import IN_STEP
from dni_actors.record.accounts import Reader
from dni_actors.record.traces import Traces
from dni_actors.timing.scene import FACTORS, SECOND, Work, quantiles, table, whole

KINDS = (PREPARE, *(str(phase) for phase in Phase if phase is not Phase.EVALUATE))
SHIPPED = "shipped"
DELAYED = ("forward", "backward", "update")  # emulated work falls on these, a third each


class Measured(NamedTuple):
    """The fields of a Scene that a record gives."""

    work: Work
    asleep: Work
    latency: Array
    noise: Array
    jitter: Array
    origin: str
    """what was measured, and where, in words"""

    def of_boxes(self, boxes: int) -> "Measured":
        """For another number of boxes: those between the first and the last are as the mean of them."""
        if boxes == len(self.work.forward):
            return self
        work, asleep = (Work(*(spread(of, boxes) for of in times)) for times in (self.work, self.asleep))
        latency = np.full(boxes - 1, round(float(self.latency.mean())) if len(self.latency) else 0)
        return self._replace(work=work, asleep=asleep, latency=latency)

    def with_delay(self, delay: Array, factors: Array) -> "Measured":
        """Links that take [K-1] nanoseconds longer, which vary by a table of factors."""
        if not delay.any():
            return self
        own, added = self.latency.mean(), delay.max()
        rng = np.random.default_rng(0)  # both tables are quantiles: which meet is chance
        both = own * np.resize(rng.permutation(self.jitter), FACTORS) + added * np.resize(factors, FACTORS)
        return self._replace(latency=self.latency + delay, jitter=table(both))


def spread(of: Array, boxes: int) -> Array:
    """[measured] -> [boxes] nanoseconds."""
    middle = of[1:-1] if len(of) > 2 else of
    found = np.full(boxes, round(float(middle.mean())))
    found[-1], found[0] = of[-1], of[0]
    return found


def load(place: str) -> Measured:
    """Of a run's folder, of a file that `keep` has written, or, by the name of SHIPPED, those that come with this."""
    file = Path(__file__).with_name("shipped.json") if place == SHIPPED else Path(place)
    if file.suffix != ".json":
        return read(place)
    try:
        kept = json.loads(file.read_text())
        work, asleep = (Work(*map(np.array, np.array(kept[name], np.int64))) for name in ("work", "asleep"))
        latency = np.array(kept["latency"], np.int64)
        if not (len(latency) == len(work.forward) - 1 and (np.array(work) >= asleep).all() and (latency >= 0).all()):
            raise ValueError("shapes or signs are wrong")
        noise, jitter = (table(np.repeat(np.array(kept[name], np.float64), 16)) for name in ("noise", "jitter"))
        return Measured(work, asleep, latency, noise, jitter, str(kept["origin"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "costs", f"{place!r} holds no costs that can be read ({error}); give a run's folder"
        ) from error


def keep(measured: Measured, place: str) -> None:
    """Writes a small file that `load` reads; of tables every sixteenth number."""
    numbers = {name: np.array(getattr(measured, name)).tolist() for name in ("work", "asleep", "latency")}
    tables = {name: [round(float(of), 4) for of in thinned(getattr(measured, name))] for name in ("noise", "jitter")}
    Path(place).write_text(json.dumps({"origin": measured.origin} | numbers | tables) + "\n")


def thinned(of: Array) -> Array:
    """[256] means of 16 neighbours each, of a table in order."""
    return np.sort(np.resize(of, FACTORS)).reshape(-1, 16).mean(axis=1)


def told_origin(account: Account, place: str) -> str:
    """A run in words."""
    settings, manifest = account.settings, account.manifest
    network = ", ".join(f"{name} {settings[name]}" for name in ("task", "boxes", "hidden", "batch") if name in settings)
    machine = f"{manifest.get('cores', '?')} cores of {manifest.get('cpu', 'an unknown CPU')}"
    return f"{Path(place).name} ({network}), measured on {machine}, {str(manifest.get('started', ''))[:10]}"


def read(place: str) -> Measured:
    """ConfigError if no run lies there, or it tells too little."""
    try:
        reader = Reader(place)
        account, traces = reader.account(), reader.traces()
    except ConfigError as error:
        raise ConfigError("costs", error.problem) from error
    if not account.rows or traces is None:
        missing = "; ".join(reader.missing) or "no metrics"
        raise ConfigError("costs", f"{place!r} tells too little ({missing}); give a run with --trace sampled, or full")
    work, asleep = means(account)
    latency, jitter = ways(traces, account.boxes)
    return Measured(work, asleep, latency, varying(traces, asleep), jitter, told_origin(account, place))


def means(account: Account) -> tuple[Work, Work]:
    """Nanoseconds that phases take, and of these emulated work; without a box's first tenth."""
    phases, asleep = np.zeros((len(Work._fields), account.boxes)), np.zeros((len(Work._fields), account.boxes))
    for k in range(account.boxes):
        of = account.of_box(k)
        late = of["first_tick"] >= of["last_tick"].max() // 10
        ticks = float((of["last_tick"] + 1 - of["first_tick"])[late].sum())
        for i, name in enumerate(Work._fields):
            phases[i, k] = of[f"{name}_seconds"][late].sum() / ticks * SECOND
            if name in DELAYED:
                asleep[i, k] = of["delay_seconds"][late].sum() / len(DELAYED) / ticks * SECOND
    return Work(*whole(phases)), Work(*np.minimum(whole(asleep), whole(phases)))


def varying(traces: Traces, asleep: Work) -> Array:
    """Factors of the traced ticks' work, but for what is emulated: each of its box's mean."""
    found, first, last = [np.ones(1, np.float32)], warm(traces), traces.overview.ticks[-1]
    for part in traces.parts(KINDS, (first, int(last) + 1)):
        for k in np.unique(part["box"]).tolist():
            mine = part[part["box"] == k]
            spent = np.bincount(mine["tick"] - first, mine["end"] - mine["begin"])
            found.append(table(np.maximum(spent[spent > 0] - asleep.total[k] / SECOND, 0)))
    return table(quantiles(np.concatenate(found)))


def warm(traces: Traces) -> int:
    """The first traced tick that counts: a tenth is left out, in which processes warm up."""
    return int(traces.overview.ticks[len(traces.overview.ticks) // 10])


def ways(traces: Traces, boxes: int) -> tuple[Array, Array]:
    """Mean nanoseconds over each boundary, and how single messages differ from it."""
    sent = traces.messages()
    sent = sent[sent["tick"] >= warm(traces)]
    handing = handed(traces, boxes)
    ours = [sent[waited_for(sent, traces, code, channel)] for code, channel in enumerate(Channel) if channel in IN_STEP]
    seen = np.concatenate(ours)
    latency, factors = np.zeros(boxes - 1), [np.ones(1, np.float32)]
    for boundary in range(boxes - 1):
        mine = seen[np.minimum(seen["from"], seen["to"]) == boundary]
        if len(mine):
            took = np.maximum(0.0, mine["arrived"] - mine["sent"] - handing[mine["channel"], mine["from"]])
            latency[boundary] = took.mean() * SECOND
            factors.append(table(took))
    return whole(latency), table(quantiles(np.concatenate(factors[1:] or factors)))


def handed(traces: Traces, boxes: int) -> Array:
    """[channels, boxes] mean seconds of handing a message to the wire, which its sender's work has in it already."""
    seconds, counts = np.zeros((2, len(Channel), boxes))
    for code, channel in enumerate(Channel):
        for part in traces.parts([f"put {channel}"]):
            seconds[code] += np.bincount(part["box"], part["end"] - part["begin"], boxes)
            counts[code] += np.bincount(part["box"], minlength=boxes)
    return np.divide(seconds, np.maximum(1, counts))


def waited_for(sent: Array, traces: Traces, code: int, channel: Channel) -> Array:
    """[n] which messages of a channel came while their receiver waited for one of it."""
    waits = np.concatenate([np.empty(0, EVENTS), *traces.parts([f"wait {channel}"])])
    found = np.zeros(len(sent), bool)
    for k in np.unique(waits["box"]):
        mine = np.sort(waits[waits["box"] == k], order="begin")
        here = np.flatnonzero((sent["channel"] == code) & (sent["to"] == k))
        before = np.searchsorted(mine["begin"], sent["arrived"][here]) - 1
        found[here] = (before >= 0) & (sent["arrived"][here] <= mine["end"][before])
    return found
