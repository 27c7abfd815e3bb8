"""What boxes and links cost, from the record of a real run: means, and how single ticks and messages differ from them.

Means come from the metrics, in CPU time and emulated work, which other boxes on the same cores do not distort. How
ticks vary comes from the trace. A message's way is known from those that its receiver waited for: the others may have
lain there for a while before the receiver looked.
"""

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
from dni_actors.simulate.scene import SECOND, Work, quantiles, table, whole

KINDS = (PREPARE, *(str(phase) for phase in Phase if phase is not Phase.EVALUATE))
DELAYED = ("forward", "backward", "update")  # emulated work falls on these, a third each


class Measured(NamedTuple):
    """The fields of a Scene that a record gives."""

    work: Work
    asleep: Work
    latency: Array
    noise: Array
    jitter: Array


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
    return Measured(work, asleep, latency, varying(traces, asleep), jitter)


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
    ours = [sent[waited_for(sent, traces, code, channel)] for code, channel in enumerate(Channel) if channel in IN_STEP]
    seen = np.concatenate(ours)
    latency, factors = np.zeros(boxes - 1), [np.ones(1, np.float32)]
    for boundary in range(boxes - 1):
        mine = seen[np.minimum(seen["from"], seen["to"]) == boundary]
        if len(mine):
            took = np.maximum(0.0, mine["arrived"] - mine["sent"])
            latency[boundary] = took.mean() * SECOND
            factors.append(table(took))
    return whole(latency), table(quantiles(np.concatenate(factors[1:] or factors)))


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
