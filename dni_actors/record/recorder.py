"""Writes a run's folder while the run goes on, and knows what an earlier part of the run has left there."""

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from dni_actors.box.data.probe import Probed
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Kept, Row, Started, Status, Warned
from dni_actors.observe.standing import Standing
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.program import Evaluation
from dni_actors.record.cut_store import CutStore
from dni_actors.record.folder import RunFolder
from dni_actors.record.judging import judged
from dni_actors.record.manifest import manifest, now
from dni_actors.record.result import Result
from dni_actors.record.run_files import CONFIG, DIGESTS, MANIFEST, METRICS, PLACES, PROBES, RESULT, TRACE, RunFiles
from dni_actors.record.storage import Storage, why
from dni_actors.record.tables import CutDigest, GrowingTable, read_rows
from dni_actors.record.traces import TraceTable
from dni_actors.tasks import fingerprint
from dni_actors.tasks.remembered import facts


class Recorder:
    """Takes events; `close` writes how the run ended. A disk that is full is a warning, and stops nothing."""

    def __init__(self, config: RunConfig) -> None:
        self._folder = RunFolder.open(config)
        self.config = self._folder.config
        """with the run's name, and what an earlier part of the run has settled"""
        try:
            self._read(self._folder.storage)
        except BaseException:
            self._folder.release()
            raise
        self._starts = 0
        self._manifest = manifest() | {"data": fingerprint(config.task), "task": facts(config.task)}
        if self._data_since:
            self._manifest["data_since"] = self._data_since
        self._unwritten: dict[str, Callable[[], None]] = {}  # by file
        self._will_write(MANIFEST, self._manifest)
        self.problem: str | None = None
        """why something could not be written; after `close`: why the result could not"""
        self.discarded = False
        self._write()

    def _read(self, storage: Storage) -> None:
        """What an earlier part of the run has left. OSError names what cannot be read."""
        self._news: deque[Kept | Warned] = deque()
        self.cuts = CutStore(storage, self.config.boxes, self._news.append)
        self._metrics = GrowingTable(storage / METRICS, Row)
        self._digests = GrowingTable(storage / DIGESTS, CutDigest)
        self._probes = GrowingTable(storage / PROBES, Probed, makes=True)
        self._traces = TraceTable(storage / TRACE)
        self._incarnations = self._next_incarnation()  # of earlier parts of the run
        self._data_since = self._since()
        # By tick: digests of cuts, for a run that may end at one of them.
        self._ends = {cut.tick: cut.digests for cut in self.cuts.known()}

    def _next_incarnation(self) -> int:
        rows = read_rows(self._folder.storage / METRICS, Row)["incarnation"]
        last = -1 if len(rows) == 0 else pc.max(rows).as_py()
        return 1 + max((last, *(cut.incarnation for cut in self.cuts.known())))

    def _since(self) -> int:
        """The tick of the cut from which on the data are those of today; 0: from the beginning."""
        if self._folder.data_changed:
            return max((cut.tick for cut in self.cuts.known()), default=0)
        try:
            return int(RunFiles(self._folder.storage).manifest().get("data_since", 0))
        except (OSError, ValueError, TypeError):
            return 0

    @property
    def path(self) -> Path | None:
        """The run's folder; None where it is not on this machine."""
        return self._folder.storage.path

    def evaluations(self) -> list[Evaluation]:
        """Those of an earlier part of the run, up to its last complete cut; not those of other data."""
        known = self.cuts.known()
        return [one for one in known[-1].evaluations if one.tick > self._data_since] if known else []

    def settle(self, config: RunConfig) -> None:
        """What the configuration left open is known now."""
        self._unwritten[CONFIG] = partial(self._folder.write_config, config)
        self._write()

    def take(self, event: Event, standing: Standing) -> None:
        """After `standing` has."""
        match event:
            case Started():
                self._started(event)
            case Status():
                self._reported(event, standing)

    def _started(self, event: Started) -> None:
        self.cuts.incarnation = self._incarnations + self._starts
        self._starts += 1
        self._manifest["kernels"] = sorted({place.kernels for place in event.places})
        self._manifest["links"] = event.links
        self._will_write(PLACES, [place._asdict() for place in event.places])
        self._will_write(MANIFEST, self._manifest)
        self._write()

    def _reported(self, status: Status, standing: Standing) -> None:
        rows = tuple(row._replace(incarnation=self._incarnations + row.incarnation) for row in status.rows)
        probes = tuple(row._replace(incarnation=self._incarnations + row.incarnation) for row in status.probes)
        node = standing.places[status.box].node if standing.places else ""
        self._traces.take(status.box, self._incarnations + status.trace.incarnation, node, status.trace.rows)
        if self._metrics.add(rows) or self._probes.add(probes) or self._traces.due:
            self._write()
        end = standing.evaluations.stops_at
        for parts in self.cuts.gather(status):
            if end is None or parts[0].tick <= end:  # else the run has ended before it, as it turns out
                self._cut(parts, standing)

    def _cut(self, parts: list[BoxCut], standing: Standing) -> None:
        """A cut is whole: it is kept when all that came before it is on the disk."""
        tick, digests = parts[0].tick, [part.digest for part in parts]
        stops = self.config.learning.stop_after > 0
        self._digests.add(tuple(CutDigest(tick, k, self.cuts.incarnation, d) for k, d in enumerate(digests)))
        if stops:
            self._ends[tick] = digests
        self._write()
        if self.problem is None:
            ranked = [evaluation.tick for evaluation in standing.evaluations.ranked]
            self.cuts.write(parts, standing.evaluations, ranked, wait=stops)
        else:
            self.cuts.failed(f"no cut at tick {tick}: {self.problem}")

    def news(self, settled: bool = False) -> list[Kept | Warned]:
        """What has happened to the cuts since the last call; all of it, after a wait, if it is to be `settled`."""
        if settled:
            self.cuts.settle()
        return [self._news.popleft() for _ in range(len(self._news))]

    def digests_at(self, tick: int) -> list[str] | None:
        """Each box's at a cut that is whole; None if it is not, yet."""
        return self._ends.get(tick)

    def close(self, standing: Standing, status: str, error: str | None) -> Result:
        if standing.ended_at is not None:
            self.cuts.drop_after(standing.ended_at[0])
        try:
            cuts = self.cuts.complete
        except OSError:
            cuts = []
        self._write()
        if self.problem is not None and not self.cuts.failing:
            standing.warnings.append(self.problem)
        result = Result.of(standing, self._folder.storage, status, error, cuts)
        result = judged(result, standing, RunFiles(self._folder.storage))
        self._will_write(RESULT, result.content())
        self._will_write(MANIFEST, self._manifest | {"ended": now(), "how": status})
        self._write(end=True)
        if RESULT not in self._unwritten:
            self.problem = None  # it stands there
        self.cuts.close()
        self._folder.release()
        return result

    def discard(self) -> None:
        """The run never began: its folder goes."""
        self.cuts.close()
        self._folder.discard()
        self.discarded = True

    def _will_write(self, name: str, content: Any) -> None:
        """With all else, the next time; a content that was still to be written is dropped."""
        self._unwritten[name] = partial(self._folder.storage.write_json, name, content)

    def _write(self, end: bool = False) -> None:
        """Writes all that is still to be written; what cannot be, waits for the next time.

        The trace, of which no cut needs to know, is not written with every cut.
        """
        self.problem = None
        tables: dict[str, GrowingTable] = {METRICS: self._metrics, DIGESTS: self._digests, PROBES: self._probes}
        if end or self._traces.due:
            tables[TRACE] = self._traces
        for name, write in (self._unwritten | {name: table.flush for name, table in tables.items()}).items():
            try:
                write()
                self._unwritten.pop(name, None)
            except OSError as error:
                reason, where = why(error), self._folder.storage.name
                self.problem = f"the run's folder {where} could not be written ({reason}); free space or check the disk"
