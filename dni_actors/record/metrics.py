"""The metrics: a row per box and window of ticks, in Parquet part files that a crash leaves readable."""

import time
from pathlib import Path
from typing import get_type_hints

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dni_actors.box.report import Window

KINDS = {int: pa.int64(), float: pa.float64(), float | None: pa.float64()}
SCHEMA = pa.schema([(name, KINDS[hint]) for name, hint in get_type_hints(Window).items()])
ROWS_PER_PART = 2000
WRITE_EVERY = 10.0  # seconds: what a run that is killed can lose


class Metrics:
    """Collects rows and writes them as `metrics/part-00000.parquet` and so on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Window] = []
        self._parts = 0
        self._written = time.monotonic()

    def add(self, windows: tuple[Window, ...]) -> bool:
        """Keeps rows; whether it is time to flush."""
        self._rows += windows
        return len(self._rows) >= ROWS_PER_PART or time.monotonic() - self._written > WRITE_EVERY

    def flush(self) -> None:
        """Writes what is there; OSError leaves the rows for the next attempt."""
        self._written = time.monotonic()
        if not self._rows:
            return
        table = pa.Table.from_pylist([row._asdict() for row in self._rows], schema=SCHEMA)
        target = self._folder / f"part-{self._parts:05}.parquet"
        draft = target.with_name(f".{target.name}.part")
        pq.write_table(table, draft)
        draft.replace(target)
        self._rows.clear()
        self._parts += 1


def read_metrics(folder: Path) -> pa.Table:
    """All rows, by first tick and box; an empty table with the same columns if there are none."""
    parts = sorted(str(part) for part in folder.glob("part-*.parquet"))
    if not parts:
        return SCHEMA.empty_table()
    return (
        ds.dataset(parts, schema=SCHEMA, format="parquet")
        .to_table()
        .sort_by([("first_tick", "ascending"), ("box", "ascending")])
    )
