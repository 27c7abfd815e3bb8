"""trace/: what boxes did when, in Parquet parts that are read piece by piece, for they may be larger than the memory.

Columns: box, incarnation, node, kind (observe/trace.py has them), tick, index, begin and end, in seconds of the node's
monotonic clock, which starts anew when the machine does.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dni_actors.nn.arrays import Array
from dni_actors.observe.clocks import aligned, aligned_messages, corrections, offsets
from dni_actors.observe.trace import BEGIN, CODES, EVENTS, KINDS, MESSAGE_KINDS, ROWS, TICK, messages, newest
from dni_actors.record.storage import Storage
from dni_actors.record.tables import PART, GrowingTable, foreign

ROWS_PER_PART = 100_000
NAMES = pa.dictionary(pa.int32(), pa.string())
TYPES = {"box": pa.int32(), "incarnation": pa.int32(), "node": NAMES, "kind": NAMES}
TYPES |= {"tick": pa.int64(), "index": pa.int64(), "begin": pa.float64(), "end": pa.float64()}
SCHEMA = pa.schema(list(TYPES.items()))


class TraceTable(GrowingTable):
    """Collects what boxes hand over."""

    def __init__(self, folder: Storage) -> None:
        super().__init__(folder, None, ROWS_PER_PART)
        self._held = 0

    def take(self, box: int, incarnation: int, node: str, rows: bytes) -> None:
        if rows:
            found = np.frombuffer(rows, ROWS)
            self._rows.append((box, incarnation, node, found))

    def _count(self) -> int:
        return sum(len(rows) for *_, rows in self._rows)

    def _table(self) -> pa.Table:
        self._folder.make()  # a run that was begun without a trace has no place for one
        nodes = sorted({node for _, _, node, _ in self._rows})
        lengths = [len(rows) for *_, rows in self._rows]
        box, incarnation, node = (
            np.repeat(np.array(values, np.int32), lengths)
            for values in zip(*((k, i, nodes.index(where)) for k, i, where, _ in self._rows), strict=True)
        )
        rows = np.concatenate([found for *_, found in self._rows])
        columns = [
            box,
            incarnation,
            pa.DictionaryArray.from_arrays(node, pa.array(nodes, pa.string())),
            pa.DictionaryArray.from_arrays(rows["kind"].astype(np.int32), pa.array(KINDS, pa.string())),
            *(rows[name].copy() for name in ("tick", "index", "begin", "end")),
        ]
        return pa.Table.from_arrays([pa.array(column) for column in columns], schema=SCHEMA)


class Overview(NamedTuple):
    """What a trace holds, in short."""

    starts: dict[int, int]
    """by incarnation: the tick from which it went on"""
    nodes: tuple[str, ...]
    ticks: Array
    """[n] those that box 0 was traced in, in order"""


class Traces:
    """A run's trace, read back. Every method may raise OSError, which names a part that cannot be read."""

    def __init__(self, folder: Storage) -> None:
        self._folder = folder
        self.overview = self._look()

    def __bool__(self) -> bool:
        return len(self.overview.ticks) > 0

    def _look(self) -> Overview:
        starts: dict[int, int] = {}
        lowest: dict[int, int] = {}  # instead, where a killed run has lost what it had to say last
        nodes: set[str] = set()
        ticks = [np.empty(0, np.int64)]
        for table in self._tables(("box", "incarnation", "node", "kind", "tick"), (BEGIN, TICK)):
            nodes |= set(pc.unique(table["node"].cast(pa.string())).to_pylist())
            first = table.filter(pc.equal(table["box"], 0))
            ticked = pc.equal(first["kind"].cast(pa.string()), TICK)
            for row in first.filter(pc.invert(ticked)).select(["incarnation", "tick"]).to_pylist():
                starts[row["incarnation"]] = row["tick"]
            for row in first.group_by("incarnation").aggregate([("tick", "min")]).to_pylist():
                lowest[row["incarnation"]] = min(row["tick_min"], lowest.get(row["incarnation"], row["tick_min"]))
            ticks.append(first.filter(ticked)["tick"].to_numpy())
        return Overview(lowest | starts, tuple(sorted(nodes)), np.unique(np.concatenate(ticks)))

    def events(self, kinds: Collection[str] | None = None, ticks: tuple[int, int] | None = None) -> Iterator[Array]:
        """EVENTS, a part at a time; of some kinds; of ticks from the first to before the second. Without what was done
        again; `node` is an index of the overview's nodes, `kind` a code of observe/trace.py."""
        starts, nodes = self.overview.starts, {name: i for i, name in enumerate(self.overview.nodes)}
        for table in self._tables(SCHEMA.names, kinds, ticks):
            found = np.empty(table.num_rows, EVENTS)
            for name in ("box", "incarnation", "tick", "index", "begin", "end"):
                found[name] = table[name].to_numpy()
            found["node"], found["kind"] = coded(table["node"], nodes), coded(table["kind"], CODES)
            yield newest(found[found["kind"] >= 0], starts)

    @cached_property
    def _corrections(self) -> dict[int, Array]:
        """What to add to the nodes' clocks."""
        nodes = len(self.overview.nodes)
        spans = [of for part in self.events((BEGIN, TICK)) for of in reach(part)]
        off = offsets(self._met(), nodes) if nodes > 1 else np.zeros(nodes)
        return corrections(np.concatenate(spans), off) if spans else {}

    def _met(self, ticks: tuple[int, int] | None = None) -> Array:
        return messages(np.concatenate([np.empty(0, EVENTS), *self.events(MESSAGE_KINDS, ticks)]))

    def parts(self, kinds: Collection[str] | None = None, ticks: tuple[int, int] | None = None) -> Iterator[Array]:
        """As `events`, in one time for all nodes, which begins with 0."""
        for part in self.events(kinds, ticks):
            yield aligned(part, self._corrections)

    def messages(self, ticks: tuple[int, int] | None = None) -> Array:
        """MESSAGES of which both ends were traced, in the same time."""
        return aligned_messages(self._met(ticks), self._corrections)

    def excerpt(self, first: int, last: int) -> tuple[Array, Array]:
        """(EVENTS, MESSAGES) of ticks `first` to `last`."""
        ticks = (first, last + 1)
        return np.concatenate([np.empty(0, EVENTS), *self.parts(None, ticks)]), self.messages(ticks)

    def _tables(
        self, columns: Sequence[str], kinds: Collection[str] | None = None, ticks: tuple[int, int] | None = None
    ) -> Iterator[pa.Table]:
        wanted: list[Any] = [] if kinds is None else [("kind", "in", list(kinds))]
        wanted += [] if ticks is None else [("tick", ">=", ticks[0]), ("tick", "<", ticks[1])]
        for name in self._folder.names():
            if PART.fullmatch(name):
                try:
                    with self._folder.open(name) as file:
                        yield pq.read_table(file, columns=list(columns), filters=wanted or None)
                except (pa.ArrowException, KeyError) as error:
                    raise foreign(self._folder, name) from error


def reach(events: Array) -> Iterator[Array]:
    """EVENTS -> one for each incarnation and node, from the first's beginning to the last's end."""
    for incarnation in np.unique(events["incarnation"]):
        for node in np.unique(events["node"]):
            mine = events[(events["incarnation"] == incarnation) & (events["node"] == node)]
            if len(mine):
                one = mine[:1].copy()
                one["begin"], one["end"] = mine["begin"].min(), mine["end"].max()
                yield one


def coded(column: pa.ChunkedArray, codes: dict[str, int]) -> Array:
    """A column of names as their codes; -1 for one that is not known."""
    found = column.combine_chunks()
    if isinstance(found, pa.ChunkedArray):  # no rows
        return np.empty(0, np.int32)
    if not pa.types.is_dictionary(found.type):
        found = found.dictionary_encode()
    known = np.array([codes.get(name, -1) for name in found.dictionary.to_pylist()], np.int32)
    return known[found.indices.to_numpy()] if len(found) else np.empty(0, np.int32)
