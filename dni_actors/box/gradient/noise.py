"""The rule `noise`: a box's gradient is the cost times fresh noise (J. D. Seo 2018, "noise training").

    g = cost * scale * N(0, 1)        cost: the mean loss of a mini-batch, L ticks late per boundary

The cost is all that goes back.
"""

from collections.abc import Sequence

import numpy as np

from dni_actors.box.gradient.zero import ZeroGradient
from dni_actors.box.messages import Gradient
from dni_actors.box.piece import Piece
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator


class NoiseGradient(ZeroGradient):
    """Of box k. Shapes: B samples, S state width."""

    def __init__(self, config: RunConfig, k: int) -> None:
        super().__init__(config)
        self._seed, self._k = config.learning.seed, k
        self._scale = config.of_box("noise_scale", k)
        self._noise = self._zeros.copy()
        self._cost = np.zeros(1)  # the newest one known here

    def learn(self, n: int, answer: Gradient, rate: float | None, tally: Tally) -> float:
        """Notes the cost."""
        self._cost[:] = answer.cost
        return 0.0

    def predict(self, n: int, piece: Piece) -> tuple[Array, Array]:
        """Noise [B, S], for both."""
        rng = generator(self._seed, Stream.NOISE, n, self._k)
        self._noise[:] = rng.standard_normal(self._noise.shape)
        self._noise *= self._cost[0] * self._scale
        return self._noise, self._noise

    def judged(self, piece: Piece) -> None:
        """A box with a read-out knows a newer cost than the one that came, if something was asked for."""
        if piece.readout is not None and (cost := piece.readout.mean_loss()) is not None:
            self._cost[:] = cost

    def answer(self, n: int, gradient: Array, pieces: Sequence[Piece]) -> Gradient:
        """The cost alone."""
        return Gradient(cost=self._cost)

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"cost": self._cost}
