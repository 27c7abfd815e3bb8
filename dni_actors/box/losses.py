"""A box's own losses: those of the task, if it has a read-out of the task; a local read-out's; or none."""

from dni_actors.box.gradient.local import LocalReadout
from dni_actors.box.piece import Piece, reads_out
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.parameters import Parameters


class NoLoss:
    """A box that learns from what comes back alone; and the base of those with losses."""

    parameters: Parameters | None = None
    """of what learns here, beside the box's cell and read-out"""

    def back(self, piece: Piece, tally: Tally) -> None:
        """Finds the gradient of the box's own losses, which the piece's way back adds."""

    @property
    def skill(self) -> float:
        """0 to 1: how well the box's local read-out knows the label; 0 without one."""
        return 0.0

    def step(self, rate: float | None) -> float:
        """One update from all pieces since the last one, or none without a rate; the norm of the weight gradient."""
        return 0.0

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {}


class TaskLoss(NoLoss):
    """The task's, at the end or at every step of the box; the read-out is a part of the box's weights."""

    def back(self, piece: Piece, tally: Tally) -> None:
        piece.read()
        tally.learned(piece.judged())
        piece.own_losses()


class LocalLoss(NoLoss):
    """Of the box's own read-out of the label (gradient/local.py)."""

    parameters: Parameters

    def __init__(self, config: RunConfig) -> None:
        self._readout = LocalReadout(config)
        self.parameters = self._readout.parameters

    def back(self, piece: Piece, tally: Tally) -> None:
        piece.at_end = self._readout.gradient(piece.h, piece.local_labels)

    @property
    def skill(self) -> float:
        return self._readout.skill

    def step(self, rate: float | None) -> float:
        return self._readout.skip() if rate is None else self._readout.step(rate)

    def state(self) -> dict[str, Array]:
        return self._readout.state()


def losses_of(config: RunConfig, k: int) -> NoLoss:
    """Of box k."""
    if reads_out(config, k):
        return TaskLoss()
    return LocalLoss(config) if config.local_readout else NoLoss()
