"""A recorded run, read back: settings, what its boxes left behind tick by tick and cut by cut, and its cuts."""

import tomllib
from collections.abc import Sequence

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.protocol.cut import BoxCut
from dni_actors.record import cut_files
from dni_actors.record.run_files import RunFiles
from dni_actors.record.storage import Storage, why
from dni_actors.record.tables import CutDigest, read_metrics, read_rows


class Recorded:
    """The run in a folder. ConfigError if there is none, or a part of it cannot be read."""

    def __init__(self, place: str) -> None:
        try:
            self._storage = Storage.of(place)
            self.config = RunFiles(self._storage).config()
            self._metrics = read_metrics(self._storage / "metrics")
            digests = read_rows(self._storage / "digests", CutDigest).sort_by("incarnation").to_pylist()
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            told = why(error) if isinstance(error, OSError) else str(error)
            told = f"{place!r} holds no run that can be read ({told}); give a folder such as runs/NAME"
            raise ConfigError("run", told) from error
        self._place = place
        self._digests = {(row["tick"], row["box"]): row["digest"] for row in digests}  # the last time counts

    @property
    def cuts(self) -> list[int]:
        """The ticks of all cuts that were whole once, most of which have no files any more."""
        last = self.config.boxes - 1
        return sorted(tick for tick, box in self._digests if box == last)

    def digest(self, tick: int, box: int) -> str | None:
        """Of a box's weights at a cut."""
        return self._digests.get((tick, box))

    def prints(self, box: int) -> Array:
        """[ticks] uint32: what the weights were after each tick; ticks that are not recorded lie beyond the end."""
        rows = [row for row in self._metrics.select(["box", "first_tick", "prints"]).to_pylist() if row["box"] == box]
        found = b""
        for row in rows:
            if row["first_tick"] * 4 != len(found):
                break  # rows are missing: what comes after them is not recorded
            found += row["prints"]
        return np.frombuffer(found, "<u4")

    def cut_before(self, tick: int) -> Sequence[BoxCut] | None:
        """The last complete cut at this tick or before; None for the beginning."""
        for known in reversed(cut_files.complete(self._storage)):
            if known <= tick:
                try:
                    return cut_files.read(self._storage, known, self.config.boxes)
                except OSError as error:
                    raise ConfigError("from", f"{error}; give a tick before {known}") from error
        return None
