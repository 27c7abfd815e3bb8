"""Processes of boxes, for one run after the other in the same runtime: starting them takes longer than a short run."""

from collections import Counter
from contextlib import suppress
from typing import Any

from dni_actors.box.errors import RuntimeUnavailableError
from dni_actors.runtime.cluster.below import RayBelow
from dni_actors.runtime.cluster.placement import Placement

_names: Counter[str] = Counter()  # given to actors and groups of this process: Ray wants each name once


def unused(name: str) -> str:
    """The name, or with a number behind it if it was given before."""
    _names[name] += 1
    return name if _names[name] == 1 else f"{name}.{_names[name] - 1}"


class Pool:
    """Actors that have nothing to do, and the places that Ray keeps for them."""

    def __init__(self, below: RayBelow) -> None:
        self.below = below
        self._placement: Placement | None = None
        self._actors: list[Any] = []

    def take(self, boxes: int, name: str) -> tuple[Placement, list[Any]]:
        """Places for so many boxes, and actors for the first of them, none if there are none that fit."""
        placement, actors = self._placement, self._actors
        self._placement, self._actors = None, []
        if placement is not None and placement.serves(boxes):
            self._actors = actors[boxes:]
            return placement, actors[:boxes]
        end(placement, actors)
        return Placement(self.below.room, boxes, unused(name)), []

    def give(self, placement: Placement, actors: list[Any]) -> None:
        """Back, after a run."""
        self._placement = placement
        self._actors = actors + self._actors

    def forget(self) -> None:
        """Ray was lost, and they with it."""
        self._placement, self._actors = None, []

    def close(self) -> None:
        placement, actors = self._placement, self._actors
        self.forget()
        with suppress(RuntimeUnavailableError):  # then they end by themselves
            self.below.check()
            end(placement, actors)


def end(placement: Placement | None, actors: list[Any]) -> None:
    """Gives all of them back to Ray."""
    import ray

    for actor in actors:
        try:
            ray.kill(actor, no_restart=True)
        except ray.exceptions.RayError:  # it, or all of Ray, is gone already
            continue
    if placement is not None:
        placement.close()
