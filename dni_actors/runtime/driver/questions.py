"""The driver's questions to the boxes how they stand: one under way for each, and what a box reports comes once."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dni_actors.box.errors import BoxDiedError
from dni_actors.observe.events import Status
from dni_actors.runtime import limits
from dni_actors.runtime.cluster.joined import last_line


class Questions:
    """To these actors, of one incarnation of a run. A reply that is lost on its way comes with the next answer, for a
    question says which status was the last to come (worker/reports.py)."""

    def __init__(self, ray: Any, actors: Sequence[Any]) -> None:
        self._ray, self._actors = ray, actors
        self._numbers = [0] * len(actors)  # of the last status that has come from each
        self._asked: dict[Any, tuple[int, float]] = {}  # calls under way: box, and since when

    def ask(self, boxes: Iterable[int]) -> None:
        """Each of these boxes that has no question under way."""
        busy = {k for k, _ in self._asked.values()}
        for k in sorted(set(boxes) - busy):
            self._asked[self._actors[k].status.remote(self._numbers[k])] = (k, time.monotonic())

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
                yield BoxDiedError(k, 0, why)
                continue
            if status.number != self._numbers[k]:
                self._numbers[k] = status.number
                yield status

    def silent(self, limit: Callable[[int], float]) -> list[int]:
        """Boxes that have left a question unanswered for longer than a limit, seconds, of each."""
        now = time.monotonic()
        late = {call: k for call, (k, since) in self._asked.items() if now - since > limit(k)}
        if not late:
            return []
        # It may be this process that was away: then answers have come meanwhile, or come now.
        answered, _ = self._ray.wait(list(late), num_returns=len(late), timeout=limits.ANSWER_WITHIN)
        return [k for call, k in late.items() if call not in answered]
