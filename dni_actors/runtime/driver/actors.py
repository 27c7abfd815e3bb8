"""The driver's hands on the boxes of a run: Ray actors that are made, wired up, asked, killed and replaced."""

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dni_actors.box.errors import BoxDiedError, BoxError, RuntimeUnavailableError
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Place, Started, Status, Up, Warned
from dni_actors.observe.links import CALLS
from dni_actors.protocol.cut import BoxCut
from dni_actors.runtime import limits
from dni_actors.runtime.cluster import processes
from dni_actors.runtime.cluster.below import RayLostError
from dni_actors.runtime.cluster.joined import last_line
from dni_actors.runtime.cluster.placement import Placement
from dni_actors.runtime.driver.pool import Pool, unused
from dni_actors.runtime.driver.questions import Questions
from dni_actors.runtime.driver.sockets import Sockets
from dni_actors.runtime.wires.frames import VERSION


class Deaths(Exception):
    """Processes of boxes are gone. `errors`: one for each."""

    def __init__(self, errors: Sequence[BoxDiedError]) -> None:
        super().__init__(*errors)
        self.errors = errors


def check_versions(boxes: Sequence[tuple[Place, int]]) -> None:
    """BoxError names the first box that speaks another version of the protocol than this process."""
    for place, version in boxes:
        if version != VERSION:
            problem = f"on {place.address} it speaks version {version} of the protocol, the driver {VERSION}"
            raise BoxError(place.box, 0, f"{problem}; install the same dni_actors on all nodes")


def problem_of(box: int, cause: BaseException) -> BoxError | RuntimeUnavailableError | ConfigError:
    """What a box could not do, as one sentence."""
    if isinstance(cause, BoxError | RuntimeUnavailableError | ConfigError):
        return cause
    if isinstance(cause, MemoryError):
        problem = f"box {box} does not fit into its machine's memory; lower --hidden, --batch or --lag"
        return RuntimeUnavailableError(problem)
    return BoxError(box, 0, f"{type(cause).__name__}: {cause}")


class Actors:
    """The actors of a run. Every method but `end` may raise Deaths, BoxError for what a living box could not do, or
    that Ray is gone (RayBelow.check)."""

    def __init__(self, config: RunConfig, pool: Pool) -> None:
        import ray

        self._ray, self._config, self._pool, self._below = ray, config, pool, pool.below
        self._secret = secrets.token_bytes(16)
        self._incarnation = -1
        self.places: list[Place | None] = [None] * config.boxes
        self._placement: Placement | None = None
        self._actors: list[Any] = []
        self._sockets = Sockets(config, self._below)
        self._questions = Questions(ray, [])

    @property
    def name(self) -> str:
        """Of the run, to Ray."""
        return f"dni/{self._config.output.name or 'unnamed'}"

    def begin(self) -> Iterator[Warned | Up]:
        """At first, and after some were replaced: waits until all are up, or have failed; tells which are. If there are
        no nodes with room for them, tells what it waits for. RuntimeUnavailableError: in vain."""
        self._below.check()
        boxes = range(self._config.boxes)
        if self._placement is None:
            self._placement, self._actors = self._pool.take(len(boxes), self.name)
            yield from self._placement.reserve()
        placement = self._placement
        if len(self._actors) < len(boxes):
            self._actors += [self._make(k) for k in boxes[len(self._actors) :]]
        new = [k for k in boxes if self.places[k] is None]
        calls = [self._actors[k].place.remote(k) for k in new]
        patience = Patience(self._below, limits.STAND_WITHIN)
        known: set[Any] = set()
        up: list[Any] = []

        def settled() -> bool:
            up[:], late = self._ray.wait(calls, num_returns=len(calls), timeout=limits.GLANCE)
            if not placement.whole:
                patience.renew()  # there is no room for them now
            return not late or patience.over(len(up))

        for warning in placement.patiently(settled):
            if more := [k for k, call in zip(new, calls, strict=True) if call in up and call not in known]:
                known |= set(up)
                yield Up(tuple(more))
            if warning is not None:
                yield warning
        found = self._gather(new, calls)
        for place, _ in found:
            self.places[place.box] = place
        check_versions(found)
        self._below.watch([place.pid for place, _ in found if self._near(place)])

    def _make(self, k: int) -> Any:
        from dni_actors.runtime.worker.actor import BoxActor

        assert self._placement is not None
        remote: Any = self._ray.remote(BoxActor)
        environment = self._below.room.environment
        return remote.options(
            name=unused(f"{self.name}/box-{k:03}"),
            **self._placement.options(k),
            max_restarts=0,
            max_task_retries=0,
            enable_task_events=False,
            runtime_env={"env_vars": environment} if environment else None,
        ).remote()

    def replace(self, k: int) -> None:
        """Makes sure that box k's process is gone, and starts another one."""
        self._below.check()
        self._kill(k)
        self._actors[k] = self._make(k)

    def _kill(self, k: int) -> None:
        place, self.places[k] = self.places[k], None
        # Ray asks the process to end itself, which one that hangs does not hear, and ends it only after a while.
        if place is not None and self._near(place):
            processes.kill(processes.known([place.pid]))
            if self._below.room.private:
                return  # nothing of Ray's is needed, whose parts may hang, too
        with suppress(self._ray.exceptions.RayError):  # it, or all of Ray, is gone already
            self._ray.kill(self._actors[k], no_restart=True)

    def _near(self, place: Place) -> bool:
        """Whether it is on the driver's node."""
        return bool(place.node == self._ray.get_runtime_context().get_node_id())

    def blind(self, marker: str) -> list[str]:
        """Addresses of nodes with boxes that do not see this file of the driver's."""
        content = Path(marker).read_bytes()
        seen = self._all([actor.sees.remote(marker, content) for actor in self._actors])
        return sorted({address for address, sees in seen if not sees})

    def stand(self, cut: Sequence[BoxCut] | None) -> Started:
        """Brings every box to the cut, or the beginning, connects the neighbours, lets all of them start; where they
        run, and what is between them. What boxes of the incarnation before still say is no longer heard."""
        self._questions = Questions(self._ray, self._actors)
        self._incarnation += 1
        parts: Sequence[BoxCut | None] = cut or [None] * len(self._actors)
        places = tuple(place for place in self.places if place is not None)
        given = (self._config, self._secret, self._incarnation)
        keys = self._all([a.stand.remote(*given, part) for a, part in zip(self._actors, parts, strict=True)])
        if self._config.execution.wire != "ray":
            links = self._sockets.open(self._actors, places, keys, self._all)
        else:
            pairs = [self._config.neighbours(k) for k in range(len(self._actors))]
            several = [[None if k is None else self._actors[k] for k in pair] for pair in pairs]
            self._all([a.call.remote(*pair) for a, pair in zip(self._actors, several, strict=True)])
            links = (CALLS,) * sum(after is not None for _, after in pairs)
        self._all([actor.start.remote() for actor in self._actors])
        return Started(places, cut[0].tick if cut else 0, links)

    def _all(self, calls: list[Any], first: int = 0) -> list[Any]:
        """The answers to calls of the boxes from the first one on, in their order."""
        patience = Patience(self._below, limits.STAND_WITHIN)
        late = calls
        while late and not patience.over():
            _, late = self._ray.wait(calls, num_returns=len(calls), timeout=limits.GLANCE)
        return self._gather(range(first, first + len(calls)), calls)

    def _gather(self, boxes: Sequence[int], calls: list[Any]) -> list[Any]:
        """The answers that are there; Deaths of those who have none."""
        self._below.check()
        answered, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0) if calls else ([], [])
        answers: list[Any] = []
        dead: list[BoxDiedError] = []
        problems: list[BoxError | RuntimeUnavailableError | ConfigError] = []
        for k, call in zip(boxes, calls, strict=True):
            if call not in answered:
                dead.append(BoxDiedError(k, 0, f"its process hangs, silent for {limits.STAND_WITHIN:.0f} s"))
                continue
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
        """Sends a status call to each of these boxes that has none under way."""
        self._below.check()
        self._questions.ask(boxes)

    def answers(self, timeout: float) -> Iterator[Status | BoxDiedError]:
        """What the boxes asked have to say within the time, or that they are dead."""
        for answer in self._questions.answers(timeout):
            if isinstance(answer, BoxDiedError):
                place = self.places[answer.box]
                answer = BoxDiedError(answer.box, 0, f"its process {place.pid if place else ''} died ({answer.cause})")
            yield answer

    def silent(self, seconds: float) -> list[int]:
        """Boxes that have left a status call unanswered for so long; for longer, if a cut link may be why."""
        near = [place is None or self._near(place) for place in self.places]
        return self._questions.silent(lambda k: seconds if near[k] else limits.FAR * seconds)

    def hold(self) -> None:
        """The boxes may not be asked for a while."""
        for actor in self._actors:
            actor.hold.options(num_returns=0).remote()

    def forget(self) -> None:
        """Ray was lost, and all boxes with it: they begin anew."""
        self._placement, self._actors = None, []
        self.places = [None] * self._config.boxes

    def end(self, rest: bool) -> None:
        """`rest`: boxes that can, wait for the next run; otherwise all of them end."""
        self._sockets.close()
        placement, actors = self._placement, self._actors
        if placement is None:
            return
        try:
            self._below.check()
        except (RayLostError, RuntimeUnavailableError):
            return  # who is left ends by itself; Ray would have to be waited for
        if rest and self._rest():
            self._pool.give(placement, actors)
        else:
            for k in range(len(actors)):
                self._kill(k)
            placement.close()
        self.forget()

    def _rest(self) -> bool:
        if any(place is None for place in self.places):
            return False
        calls = [actor.rest.remote() for actor in self._actors]
        rested, late = self._ray.wait(calls, num_returns=len(calls), timeout=limits.REST_WITHIN)
        try:
            self._ray.get(rested)
        except self._ray.exceptions.RayError:
            return False
        return not late


class Patience:
    """Of who waits for boxes: `limit` seconds, and as long again whenever one more has answered.

    What stands still on this machine is ended sooner; and that Ray is gone is seen at once.
    """

    def __init__(self, below: Any, limit: float) -> None:
        self._below, self._limit = below, limit
        self._answers = 0
        self.renew()

    def renew(self) -> None:
        self._since = self._looked = time.monotonic()

    def over(self, answers: int = 0) -> bool:
        self._below.check()
        now = time.monotonic()
        if answers > self._answers:
            self._answers = answers
            self.renew()
        elif now - self._looked > limits.SILENT_AFTER:
            self._looked = now
            self._below.rouse()
        return now - self._since > self._limit
