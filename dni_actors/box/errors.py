"""What can go wrong in a chain. Every error names the box, the tick and the cause, and carries the story."""

from collections.abc import Sequence

BROKEN = "is no longer finite"


class BoxError(Exception):
    """A box cannot go on. `story`: its last requests, oldest first."""

    def __init__(self, box: int, tick: int, cause: str, story: Sequence[str] = ()) -> None:
        super().__init__(box, tick, cause, tuple(story))
        self.box, self.tick, self.cause, self.story = box, tick, cause, tuple(story)

    def __str__(self) -> str:
        story = f" (it had just done: {', '.join(self.story)})" if self.story else ""
        return f"box {self.box}, tick {self.tick}: {self.cause}{story}"


class NonFiniteError(BoxError):
    """A number overflowed or became NaN: the settings are too bold for the task."""


class ProtocolError(BoxError):
    """A message broke the protocol's bounds or order: a defect of the program or of a runtime, never of the user."""


class DeadlockError(BoxError):
    """Every box waits and nothing is under way: a defect of the program."""


class BoxDiedError(BoxError):
    """The process of a box is gone."""


class RuntimeUnavailableError(Exception):
    """No runtime could be started or reached; the message names what was tried and the remedy."""
