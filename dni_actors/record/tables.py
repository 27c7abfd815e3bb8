"""Tables that grow: rows in Parquet part files, which a crash leaves readable.

metrics/   a row per box and window of ticks (observe/events.py, Row)
probes/    a row per probe and box (box/data/probe.py, Probed)
digests/   a row per cut and box: the digest of its weights, long after the cut itself is gone; what replay goes by
trace/     a row per thing that a box did (record/traces.py)
"""

import io
import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dni_actors.box.data.probe import Probed
from dni_actors.observe.events import Row
from dni_actors.record.storage import Storage

PART = re.compile(r"part-\d{5}\.parquet")
KINDS = {int: pa.int64(), float: pa.float64(), float | None: pa.float64(), str: pa.string(), bytes: pa.binary()}
ROWS_PER_PART = 2000
FULL_EVERY = 1.0  # seconds between two attempts to write a part that is full
WRITE_EVERY = 10.0  # seconds: what a run that is killed can lose since its last cut


class CutDigest(NamedTuple):
    """A row of digests/."""

    tick: int
    box: int
    incarnation: int
    digest: str


def schema(kind: Any) -> pa.Schema:
    return pa.schema([(name, KINDS[hint]) for name, hint in get_type_hints(kind).items()])


class GrowingTable:
    """Collects rows of one kind and writes them as `<folder>/part-00000.parquet` and so on, `full` ones in each."""

    def __init__(self, folder: Storage, kind: Any, full: int = ROWS_PER_PART, makes: bool = False) -> None:
        """`makes`: the folder, when there is something to write."""
        self._folder, self._kind, self._full, self._makes = folder, kind, full, makes
        self._rows: list[Any] = []  # of the newest part, which is written anew until it is full
        self._written_rows = 0
        known = [int(name[5:10]) for name in folder.names() if PART.fullmatch(name)]
        self._parts = max(known, default=-1) + 1
        self._written = time.monotonic()

    def add(self, rows: tuple[Any, ...]) -> bool:
        """Keeps rows; whether it is time to flush."""
        self._rows += rows
        return self.due

    @property
    def due(self) -> bool:
        """Whether it is time to flush."""
        return time.monotonic() - self._written > (WRITE_EVERY if self._count() < self._full else FULL_EVERY)

    def _count(self) -> int:
        return len(self._rows)

    def _table(self) -> pa.Table:
        return pa.Table.from_pylist([row._asdict() for row in self._rows], schema=schema(self._kind))

    def flush(self) -> None:
        """Writes what is there; OSError leaves the rows for the next attempt."""
        self._written = time.monotonic()
        count = self._count()
        if count == self._written_rows:
            return
        content = io.BytesIO()
        pq.write_table(self._table(), content)
        if self._makes:
            self._folder.make()
        self._folder.write(f"part-{self._parts:05}.parquet", content.getvalue())
        self._written_rows = count
        if self._written_rows >= self._full:
            self._rows.clear()
            self._written_rows = 0
            self._parts += 1


def read_rows(folder: Storage, kind: Any, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows, or some columns of them; an empty table with the same columns if there are none.

    OSError names a part that cannot be read.
    """
    wanted = schema(kind) if columns is None else pa.schema([schema(kind).field(name) for name in columns])
    tables = [wanted.empty_table()]
    for name in folder.names():
        if PART.fullmatch(name):
            try:
                tables.append(pq.read_table(pa.BufferReader(folder.read(name)), columns=columns, schema=schema(kind)))
            except pa.ArrowException as error:
                raise foreign(folder, name) from error
    return pa.concat_tables(tables)


def foreign(folder: Storage, name: str) -> OSError:
    """A part that cannot be read."""
    return OSError(f"{folder.name}/{name} is no Parquet file of a run; remove it, and the rows in it are missing")


def read_metrics(folder: Storage, columns: Sequence[str] | None = None) -> pa.Table:
    """The metrics, by first tick and box. Of ticks that were done again, the last time counts.

    Of some columns, these three are among them: box, incarnation, first_tick.
    """
    rows = read_rows(folder, Row, columns)
    last = 0 if rows.num_rows == 0 else pc.max(rows["incarnation"]).as_py()
    for incarnation in range(1, last + 1):
        mine = rows.filter(pc.equal(rows["incarnation"], incarnation))
        if mine.num_rows:
            first = pc.min(mine["first_tick"])
            done_again = pc.and_(pc.less(rows["incarnation"], incarnation), pc.greater_equal(rows["first_tick"], first))
            rows = rows.filter(pc.invert(done_again))
    return rows.sort_by([("first_tick", "ascending"), ("box", "ascending")])


def read_probes(folder: Storage) -> pa.Table:
    """The probes, by tick and box. Of those that were done again, the newest."""
    rows = read_rows(folder, Probed)
    newest = rows.group_by(["tick", "box"]).aggregate([("incarnation", "max")])
    rows = rows.join(newest, ["tick", "box"])
    rows = rows.filter(pc.equal(rows["incarnation"], rows["incarnation_max"])).drop_columns("incarnation_max")
    return rows.sort_by([("tick", "ascending"), ("box", "ascending")])
