"""Reads what a run's folder tells, whole or not: a run may go on, have failed or been killed, or have lost files."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from dni_actors.config.checks import ConfigError
from dni_actors.observe.account import Account, Columns
from dni_actors.observe.evaluations import recalled
from dni_actors.observe.events import Row
from dni_actors.protocol.program import Evaluation
from dni_actors.record.run_files import CONFIG, MANIFEST, METRICS, PLACES, PROBES, RESULT, TRACE, RunFiles
from dni_actors.record.storage import why
from dni_actors.record.traces import Traces

NUMBERS = [name for name in Row._fields if name != "prints"]
PROBED = ["tick", "box", "cosine", "error"]
Read = TypeVar("Read")


class Reader:
    """Reads the parts of a folder; notes what cannot be read."""

    def __init__(self, place: str) -> None:
        """ConfigError if no run lies there."""
        try:
            self._files = RunFiles.of(place)
            self.storage = self._files.storage
            names = self.storage.names()
        except OSError as error:
            raise nothing(place, why(error)) from error
        if not {CONFIG, MANIFEST, METRICS} & set(names):
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
        files = self._files
        result = self.attempt(RESULT, files.result, none)
        return Account(
            name=self._place.partition("?")[0].rstrip("/").rpartition("/")[2] or self._place,
            place=str(self.storage.path or self.storage.name),
            settings=self.attempt(CONFIG, files.settings, none),
            manifest=self.attempt(MANIFEST, files.manifest, none),
            places=self.attempt(PLACES, files.places, []),
            result=result,
            metrics=self.attempt(METRICS, lambda: columns(files.metrics(NUMBERS)), {}),
            evaluations=self.attempt("the evaluations", lambda: self._evaluations(result), []),
            probes=self.attempt(PROBES, lambda: columns(files.probes().select(PROBED)), {}),
            missing=self.missing,
        )

    def traces(self) -> Traces | None:
        """None if there is no trace, or it cannot be read."""
        return self.attempt(TRACE, self._files.traces, None) or None

    def _evaluations(self, result: dict[str, Any]) -> list[Evaluation]:
        """Those of the result, and of the last complete cut, for the run may have gone on since."""
        known = {one.tick: one for one in map(recalled, result.get("evaluations", []))}
        if ticks := self._files.cuts():
            known |= {one.tick: one for one in self._files.complete(ticks[-1]).evaluations}
        return [one for _, one in sorted(known.items())]


def columns(table: pa.Table) -> Columns:
    """As arrays; NaN for what is null."""
    found = {}
    for name in table.column_names:
        column = table[name]
        whole = pa.types.is_integer(column.type) and not column.null_count
        found[name] = column.to_numpy() if whole else column.cast(pa.float64()).to_numpy().astype(np.float64)
    return found


def nothing(place: str, reason: str) -> ConfigError:
    return ConfigError("run", f"{place!r} holds no run that can be read ({reason}); give a folder such as runs/NAME")
