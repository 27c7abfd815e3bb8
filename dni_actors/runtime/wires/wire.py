"""What a wire is to a box's loop."""

from typing import Protocol

from dni_actors.protocol.post import Message


class Wire(Protocol):
    """Carries messages to and from the two neighbours of a box; used by the box's loop thread only."""

    @property
    def dropped(self) -> int:
        """What came and was no message of this run."""

    @property
    def broken(self) -> int:
        """Connections lost."""

    @property
    def transit(self) -> dict[int, float]:
        """By side: the least seconds from the sending of a message to its receiving here, by the two boxes' clocks."""

    def carry(self, direction: int, message: Message) -> None:
        """Sends to the next (+1) or the previous (-1) box; never waits."""

    def poll(self, side: int) -> None:
        """Delivers what has come from the next (+1) or the previous (-1) box, without waiting."""

    def wait(self, seconds: float, side: int) -> None:
        """Delivers what has come, after waiting for something, from that side before all, for at most `seconds`."""

    def close(self) -> None:
        """Gives back all that the wire holds; no message is waited for."""


class Unplugged:
    """No wire yet."""

    dropped = broken = 0

    def __init__(self) -> None:
        self.transit: dict[int, float] = {}

    def carry(self, direction: int, message: Message) -> None:
        pass

    def poll(self, side: int) -> None:
        pass

    def wait(self, seconds: float, side: int) -> None:
        pass

    def close(self) -> None:
        pass
