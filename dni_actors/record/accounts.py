"""Reads what a run's folder tells, whole or not: a run may go on, have failed or been killed, or have lost files."""

import json
import math
import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dni_actors.config.checks import ConfigError
from dni_actors.observe.account import Account, Columns
from dni_actors.observe.events import Row
from dni_actors.protocol.program import Evaluation
from dni_actors.record import cut_files
from dni_actors.record.storage import Storage, why
from dni_actors.record.tables import PART, foreign, read_metrics
from dni_actors.record.traces import Traces

NUMBERS = [name for name in Row._fields if name != "prints"]
PROBED = ["tick", "box", "cosine", "error"]
Read = TypeVar("Read")


class Reader:
    """Reads the parts of a folder; notes what cannot be read."""

    def __init__(self, place: str) -> None:
        """ConfigError if no run lies there."""
        try:
            self.storage = Storage.of(place)
            names = self.storage.names()
        except OSError as error:
            raise nothing(place, why(error)) from error
        if not {"config.toml", "manifest.json", "metrics"} & set(names):
            raise nothing(place, "there are neither settings nor metrics" if names else "it is empty, or not there")
        self.missing: list[str] = []
        self._place = place

    def attempt(self, name: str, job: Callable[[], Read], instead: Read) -> Read:
        try:
            return job()
        except FileNotFoundError:
            self.missing.append(f"{name} is not there")
        except OSError as error:
            self.missing.append(f"{name} cannot be read ({why(error)})")
        except (ValueError, KeyError, TypeError, RecursionError, pa.ArrowException) as error:
            self.missing.append(f"{name} cannot be read ({type(error).__name__}: {str(error).splitlines()[0]})")
        return instead

    def account(self) -> Account:
        """All but the trace."""
        none: dict[str, Any] = {}
        result = self.attempt("result.json", lambda: self._object("result.json"), none)
        return Account(
            name=self._place.partition("?")[0].rstrip("/").rpartition("/")[2] or self._place,
            place=str(self.storage.path or self.storage.name),
            settings=self.attempt("config.toml", self._settings, none),
            manifest=self.attempt("manifest.json", lambda: self._object("manifest.json"), none),
            places=self.attempt("boxes.json", self._places, []),
            result=result,
            metrics=self.attempt("metrics", self._metrics, {}),
            evaluations=self.attempt("the evaluations", lambda: self._evaluations(result), []),
            probes=self.attempt("probes", self._probes, {}),
            missing=self.missing,
        )

    def traces(self) -> Traces | None:
        """None if there is no trace, or it cannot be read."""
        found = self.attempt("trace", lambda: Traces(self.storage / "trace"), None)
        return found or None

    def _settings(self) -> dict[str, Any]:
        return tomllib.loads(self.storage.read("config.toml").decode())

    def _object(self, name: str) -> dict[str, Any]:
        content = json.loads(self.storage.read(name))
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        return content

    def _places(self) -> list[dict[str, Any]]:
        content = json.loads(self.storage.read("boxes.json"))
        return [dict(place) for place in content]

    def _metrics(self) -> Columns:
        return columns(read_metrics(self.storage / "metrics", NUMBERS))

    def _evaluations(self, result: dict[str, Any]) -> list[Evaluation]:
        """Those of the last complete cut, for the run may have gone on since, and of the result."""
        several = cut_files.complete(self.storage)
        rows = cut_files.read_complete(self.storage, several[-1])[0].evaluations if several else []
        rows += [[one.get(name) for name in Evaluation._fields] for one in result.get("evaluations", [])]
        found = [Evaluation(*(math.nan if x is None else x for x in row)) for row in rows]  # type: ignore[arg-type]
        return [one for _, one in sorted({one.tick: one for one in found}.items())]

    def _probes(self) -> Columns:
        """Of those that were done again, the newest."""
        folder, tables = self.storage / "probes", []
        for name in folder.names():
            if PART.fullmatch(name):
                try:
                    with folder.open(name) as file:
                        tables.append(pq.read_table(file, columns=[*PROBED, "incarnation"]))
                except pa.ArrowException as error:
                    raise foreign(folder, name) from error
        if not tables:
            return {}
        rows = pa.concat_tables(tables)
        last = rows.group_by(["tick", "box"]).aggregate([("incarnation", "max")])
        rows = rows.join(last, ["tick", "box"])
        rows = rows.filter(pc.equal(rows["incarnation"], rows["incarnation_max"]))
        return columns(rows.select(PROBED).sort_by([("tick", "ascending"), ("box", "ascending")]))


def columns(table: pa.Table) -> Columns:
    """As arrays; NaN for what is null."""
    found = {}
    for name in table.column_names:
        column = table[name]
        whole = pa.types.is_integer(column.type) and not column.null_count
        found[name] = column.to_numpy() if whole else column.cast(pa.float64()).to_numpy().astype(np.float64)
    return found


def nothing(place: str, told: str) -> ConfigError:
    return ConfigError("run", f"{place!r} holds no run that can be read ({told}); give a folder such as runs/NAME")
