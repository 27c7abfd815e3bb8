"""Keeps a run's cuts while it goes on: gathers the boxes' parts, writes them in the background, drops old ones."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from dni_actors.observe.events import Kept, Status, Warned
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.program import Evaluation
from dni_actors.record import cut_files
from dni_actors.record.cut_files import CUTS, Complete, CutError
from dni_actors.record.run_files import MANIFEST
from dni_actors.record.storage import Storage, why

LAST = 2  # complete cuts that are kept; if the newest cannot be read, there is the one before


class CutStore:
    """Is the `Cuts` of a run (protocol/cut.py). A disk that is full stops nothing: the cut before stays the newest."""

    def __init__(self, storage: Storage, boxes: int, tell: Callable[[Kept | Warned], None]) -> None:
        self._storage, self._boxes, self._tell = storage, boxes, tell
        self.failing = False
        """the last attempt to keep a cut failed, which has been told"""
        self._unusable: set[int] = set()  # ticks of cuts on the disk that cannot be used
        self._parts: dict[int, dict[int, BoxCut]] = {}  # by tick and box: of cuts that are not complete yet
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="cuts")
        self._job: Future[None] | None = None
        self._waiting: tuple[list[BoxCut], Complete, Sequence[int]] | None = None
        self._lock = threading.Lock()
        self.incarnation = 0

    @property
    def marker(self) -> str | None:
        """The run's manifest, as nodes may or may not see it; None in an object store, which is there for all."""
        path = self._storage.path
        return None if path is None else str((path / MANIFEST).resolve())

    def gather(self, status: Status) -> list[list[BoxCut]]:
        """Takes a box's new parts; the cuts that are whole now, in the order of their boxes."""
        found = []
        for part in status.cuts:
            parts = self._parts.setdefault(part.tick, {})
            parts[status.box] = part
            if len(parts) == self._boxes:
                found.append([parts[k] for k in range(self._boxes)])
                # What is older and not whole never will be: every box puts its parts aside in order.
                self._parts = {tick: several for tick, several in self._parts.items() if tick > part.tick}
        return found

    def forget(self) -> None:
        """Boxes go back: parts of cuts that are not whole will come again."""
        self._parts.clear()

    def write(self, parts: list[BoxCut], evaluations: Sequence[Evaluation], ranked: Sequence[int], wait: bool) -> None:
        """Writes a whole cut in the background, or instead of one that still waits for it; at once if it is to `wait`.

        `ranked`: ticks, best first; the first of them that has a complete cut is kept beside the last ones.
        """
        tick = parts[0].tick
        seen = [evaluation for evaluation in evaluations if evaluation.tick <= tick]
        facts = Complete(tick, self.incarnation, [part.digest for part in parts], seen)
        with self._lock:
            self._waiting = parts, facts, ranked
            if self._job is None or self._job.done():
                self._job = self._worker.submit(self._work)
        if wait:
            self.settle()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._waiting is None:
                    return
                (parts, facts, ranked), self._waiting = self._waiting, None
            try:
                if facts.tick in self._unusable or facts.tick not in cut_files.complete(self._storage):
                    cut_files.write(self._storage, parts, facts)
                    self._unusable.discard(facts.tick)
                self.failing = False
                self._tell(Kept(facts.tick))
            except Exception as error:  # whatever it is: no reason to lose the run
                self._give_up(facts.tick)
                reason = why(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
                problem = f"the cut at tick {facts.tick} could not be kept ({reason})"
                self.failed(f"{problem}, the one before still holds; free space or check the disk")
                continue
            with suppress(OSError):  # the next one tries again
                self._prune(ranked)

    def _give_up(self, tick: int) -> None:
        """What was written of a cut that failed goes: on a full disk it would be in the way of all else."""
        with suppress(OSError):
            if tick not in cut_files.complete(self._storage):
                (self._storage / CUTS).remove(f"{tick:012}")

    def failed(self, text: str) -> None:
        """A cut could not be kept: told once, until one can be kept again."""
        if not self.failing:
            self.failing = True
            self._warn(text)

    def _warn(self, text: str) -> None:
        self._tell(Warned(text))

    def _prune(self, ranked: Sequence[int]) -> None:
        """Drops all but the last complete cuts, the best one, and what may be in the making."""
        known = cut_files.complete(self._storage)
        best = next((tick for tick in ranked if tick in known and tick not in self._unusable), None)
        for name in (self._storage / CUTS).names():
            if not name.isdecimal() or int(name) in (*known[-LAST:], best) or int(name) > known[-1]:
                continue
            (self._storage / CUTS).remove(name)

    def settle(self) -> None:
        """Waits until all that is to be written is, or has failed."""
        job = self._job
        if job is not None:
            job.result()
        with self._lock:
            again = self._waiting is not None
            if again:
                self._job = self._worker.submit(self._work)
        if again:
            self.settle()

    def newest(self) -> list[BoxCut] | None:
        """Each box's part of the last complete cut that can be used; None if there is none.

        What is damaged is told, and written anew when the run comes by there again. OSError: the storage cannot be
        reached.
        """
        self.settle()
        self.forget()
        for tick in reversed(self.complete):
            try:
                return cut_files.read(self._storage, tick, self._boxes)
            except CutError as error:
                self._warn(f"{error}; the cut before is used")
                self._unusable.add(tick)
        return None

    @property
    def complete(self) -> list[int]:
        """The ticks of the complete cuts that are not known to be damaged."""
        return [tick for tick in cut_files.complete(self._storage) if tick not in self._unusable]

    def known(self) -> list[Complete]:
        """What is written of each complete cut, oldest first; what cannot be read is left out."""
        found = []
        for tick in self.complete:
            try:
                found.append(cut_files.read_complete(self._storage, tick)[0])
            except CutError as error:
                self._warn(str(error))
                self._unusable.add(tick)
        return found

    def drop_after(self, tick: int) -> None:
        """The run ended there: later cuts are none of it."""
        self.settle()
        with suppress(OSError):
            for later in self.complete:
                if later > tick:
                    (self._storage / CUTS).remove(f"{later:012}")

    def close(self) -> None:
        self.settle()
        self._worker.shutdown()
