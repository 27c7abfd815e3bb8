"""A recorded run, read back: settings, what its boxes left behind tick by tick and cut by cut, and its cuts."""

from collections.abc import Sequence

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.protocol.cut import BoxCut
from dni_actors.record.run_files import RunFiles
from dni_actors.record.storage import why


class Recorded:
    """The run in a folder. ConfigError if there is none, or a part of it cannot be read."""

    def __init__(self, place: str, data_changed: bool = False) -> None:
        """`data_changed`: the task's data may be others, of the same kind."""
        try:
            self._files = RunFiles.of(place)
            self.config = self._files.config()
            self._metrics = self._files.metrics()
            digests = self._files.digests()
        except ConfigError:
            raise
        except (OSError, ValueError) as error:
            reason = why(error) if isinstance(error, OSError) else str(error)
            problem = f"{place!r} holds no run that can be read ({reason}); give a folder such as runs/NAME"
            raise ConfigError("run", problem) from error
        self._files.check_data(self.config, data_changed)
        self._place = place
        self._ends_at = self._end()
        self._digests = {(row["tick"], row["box"]): row["digest"] for row in digests}  # the last time counts

    @property
    def cuts(self) -> list[int]:
        """The ticks of all cuts that were whole once, most of which have no files any more."""
        last = self.config.boxes - 1
        return sorted(tick for tick, box in self._digests if box == last)

    def digest(self, tick: int, box: int) -> str | None:
        """Of a box's weights at a cut."""
        return self._digests.get((tick, box))

    def _end(self) -> int:
        """The ticks of a run that has finished; 0 of another one, whose boxes have come to wherever they were."""
        try:
            result = self._files.result()
        except (OSError, ValueError):
            return 0
        return int(result["ticks"]) if result.get("status") == "finished" else 0

    def prints(self, box: int, until: int | None = None) -> Array:
        """What the weights of a box were after each tick.

        Args:
            box: Which one.
            until: The last tick of interest; None: the last one recorded.

        Returns:
            [ticks] uint32, from tick 0 on.

        Raises:
            ConfigError: Rows are missing before that, with later ones there, or in a run that has finished.
        """
        found = b""
        rows = [row for row in self._metrics.select(["box", "first_tick", "prints"]).to_pylist() if row["box"] == box]
        for row in [*rows, {"first_tick": self._ends_at, "prints": b""}]:
            ticks = len(found) // 4
            if row["first_tick"] > ticks:
                if until is not None and until < ticks:
                    break
                hole = f"no metrics of box {box} for ticks {ticks} to {row['first_tick'] - 1}"
                remedy = f"replay what comes before with --until {ticks - 1}" if ticks else "do the run again"
                raise ConfigError("run", f"{self._place!r} holds {hole}: its record has a hole; {remedy}")
            found += row["prints"]
        return np.frombuffer(found, "<u4")

    def cut_before(self, tick: int) -> Sequence[BoxCut] | None:
        """The last complete cut at this tick or before; None for the beginning."""
        for known in reversed(self._files.cuts()):
            if known <= tick:
                try:
                    return self._files.cut(known, self.config.boxes)
                except OSError as error:
                    raise ConfigError("from", f"{error}; give a tick before {known}") from error
        return None
