"""The driver's hands on the boxes of a run: Ray actors that are made, wired up, asked, killed and replaced."""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from dni_actors.box.errors import BoxDiedError, BoxError, RuntimeUnavailableError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Place, Status, Warned
from dni_actors.protocol.cut import BoxCut
from dni_actors.runtime.driver.cluster import Room, last_line
from dni_actors.runtime.driver.head import Head
from dni_actors.runtime.driver.placement import Placement
from dni_actors.runtime.wires.frames import VERSION

START_WITHIN = 300  # seconds for all boxes to be up
ANSWER_WITHIN = 1.0  # seconds for an answer that should be there already
STAND_WITHIN = 60  # seconds for those that are up already to be ready to go on
FAR = 4  # times as long may a box on another node leave a call unanswered


class Deaths(Exception):
    """Processes of boxes are gone. `errors`: one for each."""

    def __init__(self, errors: Sequence[BoxDiedError]) -> None:
        super().__init__(*errors)
        self.errors = errors


def check_versions(boxes: Sequence[tuple[Place, int]]) -> None:
    """BoxError names the first box that speaks another version of the protocol than this process."""
    for place, version in boxes:
        if version != VERSION:
            told = f"on {place.address} it speaks version {version} of the protocol, the driver {VERSION}"
            raise BoxError(place.box, 0, f"{told}; install the same dni_actors on all nodes")


def problem_of(box: int, cause: BaseException) -> BoxError | RuntimeUnavailableError:
    """What a box could not do, as one sentence."""
    if isinstance(cause, BoxError | RuntimeUnavailableError):
        return cause
    if isinstance(cause, MemoryError):
        told = f"box {box} does not fit into its machine's memory; lower --hidden, --batch or --lag"
        return RuntimeUnavailableError(told)
    return BoxError(box, 0, f"{type(cause).__name__}: {cause}")


class Actors:
    """The actors of a run. Every method may raise Deaths, or BoxError for what a living box could not do."""

    def __init__(self, config: RunConfig, room: Room) -> None:
        import ray

        self._ray, self._config, self._room = ray, config, room
        self._secret = secrets.token_bytes(16)
        self._folders: list[str] = []
        self._generation = [0] * config.boxes
        self._asked: dict[Any, tuple[int, float]] = {}  # status calls under way: box, and since when
        self._incarnation = -1
        self.places: list[Place | None] = [None] * config.boxes
        self._placement = Placement(room, config.boxes, self.name)
        self._actors: list[Any] = []
        self._head = Head(ray.get_runtime_context().gcs_address)

    @property
    def name(self) -> str:
        """Of the run, to Ray."""
        return f"dni/{self._config.output.name or 'unnamed'}"

    def begin(self) -> Iterator[Warned]:
        """At first, and after some were replaced: waits until all are up, or have failed. If there are no nodes with
        room for them, tells what it waits for. RuntimeUnavailableError: in vain."""
        if not self._actors:
            yield from self._placement.reserve()
            self._actors = [self._make(k) for k in range(self._config.boxes)]
        started = [a.__ray_ready__.remote() for a, place in zip(self._actors, self.places, strict=True) if not place]
        end = time.monotonic() + START_WITHIN

        def settled() -> bool:
            _, late = self._ray.wait(started, num_returns=len(started), timeout=ANSWER_WITHIN)
            return not late or time.monotonic() > end

        yield from self._placement.patiently(settled)

    def _make(self, k: int) -> Any:
        from dni_actors.runtime.worker.actor import BoxActor

        remote: Any = self._ray.remote(BoxActor)
        again = f".{self._generation[k]}" if self._generation[k] else ""
        return remote.options(
            name=f"{self.name}/box-{k:03}{again}",
            **self._placement.options(k),
            max_restarts=0,
            max_task_retries=0,
            enable_task_events=False,
            runtime_env={"env_vars": self._room.environment} if self._room.environment else None,
        ).remote(self._config, k, self._secret)

    def replace(self, k: int) -> None:
        """Makes sure that box k's process is gone, and starts another one."""
        self._kill(k)
        self._generation[k] += 1
        self._actors[k] = self._make(k)

    def _kill(self, k: int) -> None:
        place = self.places[k]
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actors[k], no_restart=True)
        # Ray asks the process to end itself, which one that hangs does not hear, and ends it only after a while.
        if place is not None and self._near(place):
            with suppress(OSError):
                os.kill(place.pid, signal.SIGKILL)
        self.places[k] = None

    def _near(self, place: Place) -> bool:
        """Whether it is on the driver's node."""
        return bool(place.node == self._ray.get_runtime_context().get_node_id())

    def blind(self, marker: str) -> list[str]:
        """Addresses of nodes with boxes that do not see this file of the driver's."""
        content = Path(marker).read_bytes()
        seen = self._all([actor.sees.remote(marker, content) for actor in self._actors])
        return sorted({address for address, sees in seen if not sees})

    def stand(self, cut: Sequence[BoxCut] | None) -> tuple[Place, ...]:
        """Brings every box to the cut, or the beginning, connects the neighbours, lets all of them start; where they
        run. What boxes of the incarnation before still say is no longer heard."""
        self._asked.clear()
        self._incarnation += 1
        self._drop_folders()
        parts: Sequence[BoxCut | None] = cut or [None] * len(self._actors)
        calls = [a.stand.remote(self._incarnation, part) for a, part in zip(self._actors, parts, strict=True)]
        found = self._all(calls)
        places = tuple(place for place, _, _ in found)
        self.places = list(places)
        check_versions([(place, version) for place, _, version in found])
        if self._config.execution.wire == "zmq":
            self._open_sockets(places, [key for _, key, _ in found])
        else:
            pairs = [self._config.neighbours(k) for k in range(len(self._actors))]
            several = [[None if k is None else self._actors[k] for k in pair] for pair in pairs]
            self._all([a.call.remote(*pair) for a, pair in zip(self._actors, several, strict=True)])
        self._all([actor.start.remote() for actor in self._actors])
        return places

    def _open_sockets(self, places: Sequence[Place], keys: list[bytes]) -> None:
        """Socket files between neighbours on one node, TCP between nodes; a box lets in its right neighbour only."""
        ring = self._config.streaming is not None
        boundaries = [*pairwise(places), *([(places[-1], places[0])] if ring else [])]
        near = [left.node == right.node for left, right in boundaries]
        file = [same and self._config.execution.wire_security == "auto" for same in near]
        folders: dict[str, str] = {}
        wheres = []
        for k, (left, _) in enumerate(boundaries):
            host = f"[{left.address}]" if ":" in left.address else left.address
            if file[k] and left.node not in folders:
                (folders[left.node],) = self._all([self._actors[k].folder.remote()], first=k)
                self._folders += [folders[left.node]] if self._room.private else []
            wheres.append(f"ipc://{folders[left.node]}/{k:03}" if file[k] else f"tcp://{host}:*")
        nobody = (None, b"", True)
        rights = [*zip(wheres, keys[1:] + keys[:1], near, strict=False), *([] if ring else [nobody])]
        addresses = self._all([a.listen.remote(*right) for a, right in zip(self._actors, rights, strict=True)])
        lefts = [*zip(addresses, keys, near, strict=False)]
        lefts = [lefts[-1] if ring else nobody, *lefts[: len(places) - 1]]
        self._all([a.connect.remote(*left) for a, left in zip(self._actors, lefts, strict=True)])

    def _all(self, calls: list[Any], first: int = 0) -> list[Any]:
        """The answers to calls of the boxes from the first one on, in their order."""
        boxes = range(first, first + len(calls))
        _, late = self._ray.wait(calls, num_returns=len(calls), timeout=STAND_WITHIN)
        hanging = [k for k, call in zip(boxes, calls, strict=True) if call in late and self.places[k] is not None]
        if hanging:
            raise Deaths([BoxDiedError(k, 0, f"its process hangs, silent for {STAND_WITHIN} s") for k in hanging])
        _, late = self._ray.wait(calls, num_returns=len(calls), timeout=START_WITHIN - STAND_WITHIN)
        if late:
            raise RuntimeUnavailableError(
                f"{len(late)} of {len(calls)} boxes were not up after {START_WITHIN} s; "
                "use fewer --boxes, or free the cluster's CPUs"
            )
        answers: list[Any] = []
        dead: list[BoxDiedError] = []
        problems: list[BoxError | RuntimeUnavailableError] = []
        for k, call in zip(boxes, calls, strict=True):
            try:
                answers.append(self._ray.get(call))
            except self._ray.exceptions.RayTaskError as error:
                problems.append(problem_of(k, error.cause))
            except self._ray.exceptions.RayError as error:
                if "creation task" in str(error):  # its making raised an error, and would do so again
                    problems.append(BoxError(k, 0, f"it could not be started: {last_line(error)}"))
                else:
                    dead.append(BoxDiedError(k, 0, "its process died while it was started"))
        if dead:
            raise Deaths(dead)  # which explains the others' problems
        if problems:
            raise problems[0]
        return answers

    def ask(self, boxes: Iterable[int]) -> None:
        """Sends a status call to each of these boxes that has none under way. HeadLostError: Ray is gone."""
        self._head.check()
        busy = {k for k, _ in self._asked.values()}
        for k in sorted(set(boxes) - busy):
            self._asked[self._actors[k].status.remote()] = (k, time.monotonic())

    def answers(self, timeout: float) -> Iterator[Status | BoxDiedError]:
        """What the boxes asked have to say within the time, or that they are dead."""
        if not self._asked:
            return
        answered, _ = self._ray.wait(list(self._asked), num_returns=len(self._asked), timeout=timeout)
        for call in answered:
            k, _ = self._asked.pop(call)
            try:
                status: Status = self._ray.get(call)
            except self._ray.exceptions.ActorUnavailableError:
                continue  # out of reach is not dead: it is asked again
            except self._ray.exceptions.RayError as error:
                usual = isinstance(error, self._ray.exceptions.ActorDiedError)
                why = "killed, out of memory, or crashed" if usual else last_line(error)
                place = self.places[k]
                yield BoxDiedError(k, 0, f"its process {place.pid if place else ''} died ({why})")
                continue
            yield status

    def silent(self, seconds: float) -> list[int]:
        """Boxes that have left a status call unanswered for so long; for longer, if a cut link may be why."""
        now = time.monotonic()
        near = [place is None or self._near(place) for place in self.places]
        limits = [seconds if here else FAR * seconds for here in near]
        late = {call: k for call, (k, since) in self._asked.items() if now - since > limits[k]}
        if not late:
            return []
        # It may be this process that was away: then answers have come meanwhile, or come now.
        answered, _ = self._ray.wait(list(late), num_returns=len(late), timeout=ANSWER_WITHIN)
        return [k for call, k in late.items() if call not in answered]

    def hold(self) -> None:
        """The boxes may not be asked for a while."""
        for actor in self._actors:
            actor.hold.options(num_returns=0).remote()

    def end(self) -> None:
        if self._head.lost:
            return  # who is left ends by itself
        for actor in self._actors:
            with suppress(self._ray.exceptions.RayError):  # it, or all of Ray, is gone already
                self._ray.kill(actor, no_restart=True)
        self._placement.close()
        self._drop_folders()

    def _drop_folders(self) -> None:
        """On this machine they are gone at once, without waiting for the janitor."""
        while self._folders:
            shutil.rmtree(self._folders.pop(), ignore_errors=True)
