"""The Ray runtime: one actor per box, started, connected, watched and ended by the driver."""

import time
from collections.abc import Generator, Iterator
from typing import Any

from dni_actors.box.errors import BoxDiedError, BoxError, RuntimeUnavailableError
from dni_actors.box.report import Event, Place, Report, Started
from dni_actors.config import RunConfig
from dni_actors.runtime.cluster import Room, cluster, first_line

STATUS_EVERY = 0.1  # seconds between two questions to a box ...
STATUS_RATE = 64  # ... or longer, so that there are no more than these a second in all
LAST_WORDS_WITHIN = 1.0  # seconds that the other boxes get to report when a run is cut short
START_WITHIN = 300  # seconds for all boxes to be up
STATUS_WITHIN = 30  # seconds to find out which box it was that could not be started


def run(config: RunConfig) -> Generator[Event]:
    """See the package's docstring."""
    with cluster(config) as room:
        boxes = Boxes(config, room)
        try:
            yield Started(boxes.places())
            yield from boxes.watch()
        finally:
            boxes.end()


class Boxes:
    """The actors of a run."""

    def __init__(self, config: RunConfig, room: Room) -> None:
        import ray

        from dni_actors.runtime.actor import BoxActor

        self._ray = ray
        self._ticks = [0] * config.boxes
        self._places: tuple[Place, ...] = ()
        run_name = config.output.name or "unnamed"
        remote: Any = ray.remote(BoxActor)
        self._actors = [
            remote.options(
                name=f"dni/{run_name}/box-{k:03}",
                num_cpus=room.cpus,
                max_restarts=0,
                max_task_retries=0,
                enable_task_events=False,
                runtime_env={"env_vars": room.environment} if room.environment else None,
            ).remote(config, k)
            for k in range(config.boxes)
        ]

    def places(self) -> tuple[Place, ...]:
        """Waits until every box is up, connects the neighbours, lets all of them start; where they run."""
        self._places = tuple(self._all([actor.place.remote() for actor in self._actors]))
        neighbours = [None, *self._actors, None]
        self._all([a.connect.remote(neighbours[k], neighbours[k + 2]) for k, a in enumerate(self._actors)])
        self._all([actor.start.remote() for actor in self._actors])
        return self._places

    def _all(self, calls: list[Any]) -> list[Any]:
        """The calls' answers, one of each box; BoxError names the first box that has none."""
        try:
            return list(self._ray.get(calls, timeout=START_WITHIN))
        except self._ray.exceptions.GetTimeoutError as error:
            _, late = self._ray.wait(calls, num_returns=len(calls), timeout=0)
            raise RuntimeUnavailableError(
                f"{len(late)} of {len(calls)} boxes were not up after {START_WITHIN} s; "
                "use fewer --boxes, or free the cluster's CPUs"
            ) from error
        except self._ray.exceptions.RayError:
            for k, call in enumerate(calls):
                try:
                    self._ray.get(call, timeout=STATUS_WITHIN)
                except self._ray.exceptions.RayError as error:
                    cause = getattr(error, "cause", None) or error
                    told = f"it could not be started: {type(cause).__name__}: {first_line(cause)}"
                    raise BoxError(k, 0, told) from error
            raise

    def watch(self) -> Iterator[Report]:
        """The boxes' reports until all are done: one question to each box is always under way.

        BoxError when a box has failed or died; then, and on Ctrl-C, the others' last words come first.
        """
        interval = max(STATUS_EVERY, len(self._actors) / STATUS_RATE)
        asked: dict[Any, int] = {}
        going = set(range(len(self._actors)))
        failures: list[BoxError] = []
        try:
            while going and not failures:
                asked |= self._ask(going - set(asked.values()))
                next_round = time.monotonic() + interval
                for report in self._answers(asked, interval, failures):
                    yield report
                    if report.digest is not None:
                        going.discard(report.box)
                time.sleep(max(0.0, next_round - time.monotonic()))
        except KeyboardInterrupt:
            yield from self._answers(self._ask(going), LAST_WORDS_WITHIN, failures)
            raise
        if failures:
            known = {error.box for error in failures}
            yield from self._answers(self._ask(going - known), LAST_WORDS_WITHIN, failures)
            # A death explains the others' failures; of failures the earliest explains the rest.
            raise min(failures, key=lambda e: (not isinstance(e, BoxDiedError), e.tick, -e.box))

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
            except self._ray.exceptions.ActorDiedError:
                cause = f"its process {self._places[k].pid} died (killed, out of memory, or crashed)"
                failures.append(BoxDiedError(k, self._ticks[k], cause))
                continue
            except self._ray.exceptions.ActorUnavailableError:
                continue  # out of reach is not dead: it is asked again
            self._ticks[k] = report.tick
            if report.error is not None:
                failures.append(report.error)
            yield report

    def end(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor, no_restart=True)
