"""Tables that grow: rows in Parquet part files, which a crash leaves readable.

metrics/   a row per box and window of ticks (box/report.py, Window)
probes/    a row per probe and box (box/probe.py, Probed)
digests/   a row per cut and box: the digest of its weights, long after the cut itself is gone; what replay goes by
"""

import io
import re
import time
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dni_actors.box.report import Window
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


class Rows:
    """Collects rows of one kind and writes them as `<folder>/part-00000.parquet` and so on."""

    def __init__(self, folder: Storage, kind: Any, makes: bool = False) -> None:
        """`makes`: the folder, when there is something to write."""
        self._folder, self._schema, self._makes = folder, schema(kind), makes
        self._rows: list[Any] = []  # of the newest part, which is written anew until it is full
        self._written_rows = 0
        known = [int(name[5:10]) for name in folder.names() if PART.fullmatch(name)]
        self._parts = max(known, default=-1) + 1
        self._written = time.monotonic()

    def add(self, rows: tuple[Any, ...]) -> bool:
        """Keeps rows; whether it is time to flush."""
        self._rows += rows
        return time.monotonic() - self._written > (WRITE_EVERY if len(self._rows) < ROWS_PER_PART else FULL_EVERY)

    def flush(self) -> None:
        """Writes what is there; OSError leaves the rows for the next attempt."""
        self._written = time.monotonic()
        if len(self._rows) == self._written_rows:
            return
        table = pa.Table.from_pylist([row._asdict() for row in self._rows], schema=self._schema)
        content = io.BytesIO()
        pq.write_table(table, content)
        if self._makes:
            self._folder.make()
        self._folder.write(f"part-{self._parts:05}.parquet", content.getvalue())
        self._written_rows = len(self._rows)
        if self._written_rows >= ROWS_PER_PART:
            self._rows.clear()
            self._written_rows = 0
            self._parts += 1


def read_rows(folder: Storage, kind: Any) -> pa.Table:
    """All rows; an empty table with the same columns if there are none. OSError names a part that cannot be read."""
    tables = [schema(kind).empty_table()]
    for name in folder.names():
        if PART.fullmatch(name):
            try:
                tables.append(pq.read_table(pa.BufferReader(folder.read(name)), schema=schema(kind)))
            except pa.ArrowException as error:
                told = f"{folder.name}/{name} is no Parquet file of a run; remove it, and the rows in it are missing"
                raise OSError(told) from error
    return pa.concat_tables(tables)


def read_metrics(folder: Storage) -> pa.Table:
    """The metrics, by first tick and box. Of ticks that were done again, the last time counts."""
    rows = read_rows(folder, Window)
    last = 0 if rows.num_rows == 0 else pc.max(rows["incarnation"]).as_py()
    for incarnation in range(1, last + 1):
        mine = rows.filter(pc.equal(rows["incarnation"], incarnation))
        if mine.num_rows:
            first = pc.min(mine["first_tick"])
            done_again = pc.and_(pc.less(rows["incarnation"], incarnation), pc.greater_equal(rows["first_tick"], first))
            rows = rows.filter(pc.invert(done_again))
    return rows.sort_by([("first_tick", "ascending"), ("box", "ascending")])
