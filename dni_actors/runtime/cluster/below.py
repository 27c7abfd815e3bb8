"""What a run asks of the Ray beneath it, be it a private one or a cluster."""

from typing import NamedTuple, Protocol


class Room(NamedTuple):
    """What a box gets."""

    cpus: float
    environment: dict[str, str]
    """variables that its process still needs to be given"""
    folder: str = ""
    """private, on this machine, where all boxes run; empty on a cluster"""
    resources: dict[str, float] = {}  # noqa: RUF012  never written
    strategy: str = "pack"
    patience: float = 0.0
    """seconds that a run waits for nodes with room for its boxes"""
    guarded: bool = True
    """whether we have a token to show; a cluster that lets us in without one lets everybody in"""

    @property
    def private(self) -> bool:
        """Whether this Ray serves nobody else."""
        return bool(self.folder)


class RayLostError(Exception):
    """A private Ray is gone, and with it all boxes; says what of it. It can be started again."""


class RayBelow(Protocol):
    """A Ray that is up."""

    room: Room

    def check(self) -> None:
        """RayLostError or RuntimeUnavailableError if it is gone. Cheap: for whoever waits for something."""

    def rouse(self) -> None:
        """Kills what stands still of it on this machine, for something has been silent for long."""

    def watch(self, pids: list[int]) -> None:
        """Boxes' processes: they end when this process does."""

    def renew(self) -> None:
        """Starts it again, after RayLostError. RuntimeUnavailableError: in vain."""
