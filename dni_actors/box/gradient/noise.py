"""The rule `noise`: a box's gradient is the cost times fresh noise (J. D. Seo 2018, "noise training").

    g = cost * scale * N(0, 1)        cost: the mean loss of a mini-batch, L ticks late per boundary

The cost is all that goes back.
"""

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.streams import Stream, generator


class NoiseGradient:
    """Of box k. Shapes: B samples, S state width."""

    def __init__(self, config: RunConfig, k: int) -> None:
        self._seed, self._k = config.learning.seed, k
        self._scale = config.of_box("noise_scale", k)
        self._noise = zeros((config.learning.batch, config.state_width), config.chain.precision)
        self.cost = np.zeros(1)
        """the newest one known here"""

    def predict(self, n: int) -> Array:
        """dL/dh [B, S] to go by in tick n."""
        rng = generator(self._seed, Stream.NOISE, n, self._k)
        self._noise[:] = rng.standard_normal(self._noise.shape)
        self._noise *= self.cost[0] * self._scale
        return self._noise

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"cost": self.cost}
