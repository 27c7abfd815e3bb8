"""A box's synthesizer at work: what it saw is stashed until the gradient comes, L ticks later, that it learns from."""

import numpy as np

from dni_actors.box.tally import Tally
from dni_actors.config import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import Synthesizer

AGREEMENT = 0.95  # decay of the running cosine that trust goes by
HALF = 0.5  # the cosine at which `--trust rate` lets a box learn at its full rate


class SyntheticGradient:
    """Shapes: B samples, S state width, Z = S + labels + 1 inputs of the synthesizer, L ticks of lag."""

    def __init__(self, config: RunConfig, width: int, rng: np.random.Generator) -> None:
        chosen, batch, dtype = config.synthesizer, config.learning.batch, config.chain.precision
        self._conditions = config.task.classes if chosen.conditioned else 0
        self._width, self._batch, self._chosen = width, batch, chosen
        z = width + self._conditions + 1
        shapes = Synthesizer.shapes(chosen.synthesizer, z, width)
        self.parameters = Parameters(shapes, dtype)
        Synthesizer.initialise(self.parameters, rng)
        self._synthesizer = Synthesizer(self.parameters, batch, dtype)
        self._optimizer = OPTIMIZERS[chosen.synthesizer_optimizer](self.parameters)
        self._slots = min(config.lag, config.ticks)
        self._stash = zeros((self._slots, batch, z), dtype)  # [state, y, 1] of the last L ticks
        self._stash[..., -1] = 1
        self._ones_at = np.arange(batch) * z + width  # where a stashed row's one-hot label begins
        self._at_labels = np.zeros(batch, np.int64)
        self._cosine = np.zeros(1)  # running mean of the cosine between synthetic and received gradients
        self._nothing = zeros((batch, width), dtype)
        self._used = zeros((batch, width), dtype)
        self._target: Parameters | None = None  # a frozen copy, for what is sent back
        if chosen.target_refresh:
            self._target = Parameters(shapes, dtype)
            self._frozen = Synthesizer(self._target, batch, dtype)
            self._target.values[:] = self.parameters.values

    def predict(self, n: int, state: Array, labels: Array) -> tuple[Array, Array]:
        """Stashes what it sees: state [B, S], labels [B]. The gradient [B, S] that the message back is made with, and
        the one that the box's own weights learn from: the same array where they do not differ.

            sent = gamma SG(z),  used = s SG(z)         (Jaderberg et al. 2016: the discount, the consumption scale)
        """
        chosen = self._chosen
        z = self._stash[n % self._slots]
        z[:, : self._width] = state
        if self._conditions:
            z[:, self._width : -1] = 0
            z.reshape(-1)[np.add(self._ones_at, labels, out=self._at_labels)] = 1
        if self._target is not None and (n % chosen.target_refresh == 0 or n == chosen.warmup):
            self._target.values[:] = self.parameters.values
        if n < chosen.warmup:
            return self._nothing, self._nothing
        trust = self._trust(1.0) if chosen.trust == "readout" else 1.0
        own = self._synthesizer.predict(z)
        if self._target is None and chosen.discount == chosen.synthetic_scale:
            if trust * chosen.discount != 1:
                own *= trust * chosen.discount
            return own, own
        np.multiply(own, trust * chosen.synthetic_scale, out=self._used)
        if self._target is not None:
            own = self._frozen.predict(z)
        own *= trust * chosen.discount
        return own, self._used

    def weight_gradients(self, gradient: Array, stashed: int, tally: Tally) -> tuple[float, float]:
        """From what came for tick `stashed`, gradient [B, S]: the norm of the weight gradient, and the mean squared
        norm of the inputs."""
        z = self._stash[stashed % self._slots]
        seen = self._synthesizer.weight_gradients(z, gradient)
        if seen is not None:
            self._cosine *= AGREEMENT
            self._cosine += (1 - AGREEMENT) * seen.cosine
        tally.trained(seen)
        return self.parameters.gradient_norm(), float(np.vdot(z, z)) / self._batch

    def step(self, rate: float, power: float) -> None:
        self._optimizer.step(rate, power)

    def _trust(self, whole: float) -> float:
        return float(np.clip(self._cosine[0] / whole, 0, 1))

    @property
    def rate(self) -> float:
        """What the box's own learning rate is multiplied by."""
        return self._trust(HALF) if self._chosen.trust == "rate" else 1.0

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values, "stash": self._stash, "cosine": self._cosine}
        if self._target is not None:
            found["target"] = self._target.values
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
