"""A trace: what boxes did, and when, by their runtime's clock. Nothing that is learned depends on it.

kind                    tick                    index          begin .. end
begin                   the first one to come   0              when the box began, or went on from a cut
tick                    this one                0              its beginning and its end
prepare, or a phase     in which, or before     0              the slice: `prepare` is all that comes before a phase
                        which (evaluation)
wait <channel>          as above                0              the slice
put <channel>           as above                the message's  of handing it to the wire
take <channel>          as above                the message's  when it was there .. when it was taken
"""

import struct
from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.protocol.channel import Channel, Phase

BEGIN, TICK, PREPARE = "begin", "tick", "prepare"
SLICES = (PREPARE, *(str(phase) for phase in Phase), *(f"wait {channel}" for channel in Channel))
"""what a box can be doing: one after the other, never two at once"""
MESSAGE_KINDS = tuple(f"{way} {channel}" for way in ("put", "take") for channel in Channel)
KINDS = (BEGIN, TICK, *SLICES, *MESSAGE_KINDS)
CODES = {kind: code for code, kind in enumerate(KINDS)}

ROW = struct.Struct("<Bqqdd")
"""a row as a box hands it over: code of the kind, tick, index, begin, end"""
ROWS = np.dtype([("kind", "u1"), ("tick", "<i8"), ("index", "<i8"), ("begin", "<f8"), ("end", "<f8")])
"""many of them"""
TIMES = [("begin", "f8"), ("end", "f8")]
EVENTS = np.dtype(
    [*((name, "i4") for name in ("box", "incarnation", "node", "kind")), ("tick", "i8"), ("index", "i8"), *TIMES]
)
"""rows of all boxes, as readers get them; `node` and `kind` are codes"""
MESSAGES = np.dtype(
    [
        *((name, "i4") for name in ("incarnation", "channel", "from", "to", "from_node", "to_node")),
        *((name, "i8") for name in ("index", "tick", "taken_tick")),
        *((name, "f8") for name in ("sent", "arrived", "taken")),
    ]
)
"""messages of which both ends are known; `tick`: in which it was put; `channel`: its place among the channels"""


class Trace(NamedTuple):
    """What is new of a box's trace, in a status."""

    incarnation: int = 0
    """of the run, since it was started or resumed"""
    rows: bytes = b""
    """ROW after ROW"""


NO_TRACE = Trace()
WARM = 100  # ticks


def messages(events: Array) -> Array:
    """EVENTS -> MESSAGES: puts and takes of the same message, in one incarnation of the run, by sending time."""
    found = []
    boxes = int(events["box"].max()) + 1 if len(events) else 1
    for code, channel in enumerate(Channel):
        puts, takes = (events[events["kind"] == CODES[f"{way} {channel}"]] for way in ("put", "take"))
        # A message is known by its channel, its boundary, which the receiver's place gives, and its index. (In a ring
        # the last box's right neighbour is the first.)
        here = key(puts["incarnation"], (puts["box"] + channel.direction) % boxes, puts["index"])
        there = key(takes["incarnation"], takes["box"], takes["index"])
        _, mine, its = np.intersect1d(here, there, return_indices=True)
        one = np.empty(len(mine), MESSAGES)
        put, take = puts[mine], takes[its]
        one["channel"], one["from"], one["to"] = code, put["box"], take["box"]
        one["from_node"], one["to_node"] = put["node"], take["node"]
        for name in ("incarnation", "index", "tick"):
            one[name] = put[name]
        one["taken_tick"], one["sent"], one["arrived"], one["taken"] = (
            take["tick"], put["begin"], take["begin"], take["end"]
        )  # fmt: skip
        found.append(one)
    return np.sort(np.concatenate(found), order="sent")


def key(*columns: Array) -> Array:
    """Rows of whole numbers as records that can be compared and sorted."""
    one = np.empty(len(columns[0]), [(f"{i}", "i8") for i in range(len(columns))])
    for i, column in enumerate(columns):
        one[f"{i}"] = column
    return one


def usual(ticks: Array, most: int) -> tuple[int, int]:
    """(first, last) of the ticks to show where none are asked for: some that were traced in a row, once all is warm."""
    row = ticks[: 1 + int(np.argmax(np.diff(ticks, append=ticks[-1] + 2) > 1))]
    begin = min(WARM, len(row) // 2)
    shown = row[begin : begin + most]
    return int(shown[0]), int(shown[-1])


def newest(events: Array, starts: dict[int, int]) -> Array:
    """Without what was done again: `starts` tells by incarnation the tick from which it went on."""
    kept = np.ones(len(events), bool)
    for incarnation, first in starts.items():
        kept &= (events["incarnation"] >= incarnation) | (events["tick"] < first)
    return events[kept]
