"""The Ray runtime: one actor per box, started, connected, watched and ended by the driver."""

import secrets
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import Any

from dni_actors.box.errors import BoxDiedError, BoxError, RuntimeUnavailableError
from dni_actors.box.report import Event, Place, Report, Started
from dni_actors.config import RunConfig
from dni_actors.runtime import Session
from dni_actors.runtime.cluster import Room, cluster, last_line
from dni_actors.runtime.wires.frames import VERSION

STATUS_EVERY = 0.25  # seconds between two questions to a box ...
STATUS_RATE = 64  # ... or longer, so that there are no more than these a second in all
LAST_WORDS_WITHIN = 1.0  # seconds that the other boxes get to report when a run is cut short
START_WITHIN = 300  # seconds for all boxes to be up
STALLED_AFTER = 60.0  # seconds in which no box that waits gets on


@contextmanager
def session(config: RunConfig) -> Iterator[Session]:
    """See the package's docstring."""
    with cluster(config) as room:
        yield Session(partial(run, room), cores=room.cpus * config.boxes)


def run(room: Room, config: RunConfig) -> Generator[Event]:
    boxes = Boxes(config, room)
    try:
        yield Started(boxes.places())
        yield from boxes.watch()
    finally:
        boxes.end()


def check_versions(boxes: Sequence[tuple[Place, int]]) -> None:
    """BoxError names the first box that speaks another version of the protocol than this process."""
    for place, version in boxes:
        if version != VERSION:
            told = f"on {place.address} it speaks version {version} of the protocol, the driver {VERSION}"
            raise BoxError(place.box, 0, f"{told}; install the same dni_actors on all nodes")


class Boxes:
    """The actors of a run."""

    def __init__(self, config: RunConfig, room: Room) -> None:
        import ray

        from dni_actors.runtime.actor import BoxActor

        self._ray = ray
        self._wire, self._security = config.execution.wire, config.execution.wire_security
        self._private = room.private
        self._folders: list[str] = []
        self._ticks = [0] * config.boxes
        self._states = ["starting"] * config.boxes
        self._states_before, self._moved = list(self._states), time.monotonic()
        self._patience = STALLED_AFTER + config.link_delay[1]
        self._places: tuple[Place, ...] = ()
        run_name, secret = config.output.name or "unnamed", secrets.token_bytes(16)
        remote: Any = ray.remote(BoxActor)
        self._actors = [
            remote.options(
                name=f"dni/{run_name}/box-{k:03}",
                num_cpus=room.cpus,
                max_restarts=0,
                max_task_retries=0,
                enable_task_events=False,
                runtime_env={"env_vars": room.environment} if room.environment else None,
            ).remote(config, k, secret)
            for k in range(config.boxes)
        ]

    def places(self) -> tuple[Place, ...]:
        """Waits until every box is up, connects the neighbours, lets all of them start; where they run."""
        found = self._all([actor.place.remote() for actor in self._actors])
        self._places = tuple(place for place, _, _ in found)
        check_versions([(place, version) for place, _, version in found])
        if self._wire == "zmq":
            self._open_sockets([key for _, key, _ in found])
        else:
            neighbours = [None, *self._actors, None]
            self._all([a.call.remote(neighbours[k], neighbours[k + 2]) for k, a in enumerate(self._actors)])
        self._all([actor.start.remote() for actor in self._actors])
        return self._places

    def _open_sockets(self, keys: list[bytes]) -> None:
        """Socket files between neighbours on one node, TCP between nodes; a box lets in its right neighbour only."""
        boundaries = list(pairwise(self._places))
        near = [left.node == right.node for left, right in boundaries]
        file = [same and self._security == "auto" for same in near]
        folders: dict[str, str] = {}
        wheres = []
        for k, (left, _) in enumerate(boundaries):
            host = f"[{left.address}]" if ":" in left.address else left.address
            if file[k] and left.node not in folders:
                (folders[left.node],) = self._all([self._actors[k].folder.remote()])
                self._folders += [folders[left.node]] if self._private else []
            wheres.append(f"ipc://{folders[left.node]}/{k:03}" if file[k] else f"tcp://{host}:*")
        nobody = (None, b"", True)
        rights = [*zip(wheres, keys[1:], near, strict=True), nobody]
        addresses = self._all([a.listen.remote(*right) for a, right in zip(self._actors, rights, strict=True)])
        lefts = [nobody, *zip(addresses[:-1], keys[:-1], near, strict=True)]
        self._all([a.connect.remote(*left) for a, left in zip(self._actors, lefts, strict=True)])

    def _all(self, calls: list[Any]) -> list[Any]:
        """The calls' answers; RuntimeUnavailableError or BoxError names what a box could not do, or that it is gone."""
        try:
            return list(self._ray.get(calls, timeout=START_WITHIN))
        except self._ray.exceptions.GetTimeoutError as error:
            _, late = self._ray.wait(calls, num_returns=len(calls), timeout=0)
            raise RuntimeUnavailableError(
                f"{len(late)} of {len(calls)} boxes were not up after {START_WITHIN} s; "
                "use fewer --boxes, or free the cluster's CPUs"
            ) from error
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, BoxError | RuntimeUnavailableError):
                raise error.cause from error
            raise
        except self._ray.exceptions.RayError:
            answered, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0)
            for k, call in enumerate(calls):
                try:
                    if call in answered:
                        self._ray.get(call)
                except self._ray.exceptions.RayError as error:
                    raise BoxDiedError(k, 0, f"it could not be started: {last_line(error)}") from error
            raise

    def watch(self) -> Iterator[Report]:
        """The boxes' reports until all are done: one question to each box is always under way.

        BoxError when a box has failed or died; then, and on Ctrl-C, the others' last words come first.
        """
        interval = max(STATUS_EVERY, len(self._actors) / STATUS_RATE)
        asked: dict[Any, int] = {}
        everyone = set(range(len(self._actors)))
        done: set[int] = set()
        failures: list[BoxError] = []
        try:
            while done != everyone and not failures:
                asked |= self._ask(everyone - set(asked.values()))  # a box that is done is still needed: it hears so
                next_round = time.monotonic() + interval
                for report in self._answers(asked, interval, failures):
                    if report.box not in done:
                        yield report
                    if report.digest is not None:
                        done.add(report.box)
                failures += self._stalled()
                time.sleep(max(0.0, next_round - time.monotonic()))
        except KeyboardInterrupt:
            yield from self._last_words(everyone - done, asked, failures)
            raise
        if failures:
            yield from self._last_words(everyone - done - {error.box for error in failures}, asked, failures)
            # A death explains the others' failures; of failures the earliest explains the rest.
            raise min(failures, key=lambda e: (not isinstance(e, BoxDiedError), e.tick, -e.box))

    def _last_words(self, boxes: set[int], asked: dict[Any, int], failures: list[BoxError]) -> Iterator[Report]:
        yield from self._answers(asked | self._ask(boxes - set(asked.values())), LAST_WORDS_WITHIN, failures)

    def _stalled(self) -> list[BoxError]:
        """Nothing comes through any more if every box waits and none has moved for long, for all their asking."""
        if self._states != self._states_before:
            self._states_before, self._moved = list(self._states), time.monotonic()
        if time.monotonic() - self._moved < self._patience:
            return []
        if not all(state.startswith("wait") or state == "done" for state in self._states):
            return []
        k = next(k for k, state in enumerate(self._states) if state != "done")
        waits = "; ".join(f"box {k}: {state}" for k, state in enumerate(self._states))
        told = f"nothing has moved for {self._patience:.0f} s ({waits})"
        return [BoxError(k, self._ticks[k], f"{told}; check the network between the nodes")]

    def _ask(self, boxes: set[int]) -> dict[Any, int]:
        return {self._actors[k].status.remote(): k for k in sorted(boxes)}

    def _answers(self, asked: dict[Any, int], timeout: float, failures: list[BoxError]) -> Iterator[Report]:
        """The reports that come in time, taken out of `asked`; what has gone wrong is added to `failures`."""
        if not asked:
            return
        answered, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=timeout)
        for call in answered:
            k = asked.pop(call)
            try:
                report: Report = self._ray.get(call)
            except self._ray.exceptions.ActorUnavailableError:
                continue  # out of reach is not dead: it is asked again
            except self._ray.exceptions.RayError as error:
                usual = isinstance(error, self._ray.exceptions.ActorDiedError)
                why = "killed, out of memory, or crashed" if usual else last_line(error)
                failures.append(BoxDiedError(k, self._ticks[k], f"its process {self._places[k].pid} died ({why})"))
                continue
            self._ticks[k], self._states[k] = report.tick, report.state
            if report.error is not None:
                failures.append(report.error)
            yield report

    def end(self) -> None:
        for actor in self._actors:
            with suppress(self._ray.exceptions.RayError):  # it, or all of Ray, is gone already
                self._ray.kill(actor, no_restart=True)
        for folder in self._folders:  # on this machine: gone when the command is, without waiting for the janitor
            shutil.rmtree(folder, ignore_errors=True)
