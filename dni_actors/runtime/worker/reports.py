"""What a box reports arrives once: statuses are numbered, and the newest is kept until the driver has it."""

from collections.abc import Callable
from dataclasses import replace

from dni_actors.observe.events import Status


class Reports:
    """Statuses of one box for one driver, which asks for the next one when the one before has come or is lost.

    At most one status is kept here, however long the driver is out of reach: what is new since then stays where it is.
    """

    def __init__(self, newest: Callable[[], Status]) -> None:
        """`newest`: how the box stands and what is new since the last call."""
        self._newest = newest
        self._kept: Status | None = None

    def after(self, number: int) -> Status:
        """The status after the one of this number, the last that the driver has (0: none): the same one again, if its
        reply was lost."""
        if self._kept is None or self._kept.number == number:
            self._kept = replace(self._newest(), number=number + 1)
        return self._kept
