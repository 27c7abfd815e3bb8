"""Complete unlock: a box starts from a state that it predicts from its own inputs (DNI paper, 2.4 and 3.2).

    h_in = M([x, 1]),   trained when the real state comes, L ticks later, on  1/2 |M([x, 1]) - h|^2

A box that has no inputs of its own (a read-out alone, a dense layer) sees the whole sequence.
"""

from dni_actors.box.data.feed import Feed
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import Synthesizer


class PredictedState:
    """Of box k. Shapes: B samples, D inputs of all steps seen, S state width, L ticks of lag."""

    def __init__(self, config: RunConfig, k: int) -> None:
        window = config.window(k)
        seen = window if window[1] else (0, config.steps)
        batch, dtype = config.learning.batch, config.chain.precision
        self._feed = Feed(config, seen, flat=True)
        self._labels = self._feed.room()
        inputs = seen[1] * config.task.inputs + 1
        self.parameters = Parameters(Synthesizer.shapes(inputs, config.state_width, config.state_width), dtype)
        self._model = Synthesizer(self.parameters, batch, dtype)
        self._optimizer = OPTIMIZERS["adam"](self.parameters)
        self._slots = min(config.lag, config.ticks)
        self._stash = zeros((self._slots, 1, batch, inputs), dtype)

    def predict(self, n: int) -> Array:
        """The state [B, S] that tick n begins with."""
        z = self._stash[n % self._slots]
        self._feed.train(n, 0, z, self._labels)
        return self._model.predict(z[0])

    def weight_gradients(self, state: Array, stashed: int) -> float:
        """Learns that tick `stashed` should have begun with `state` [B, S]: the norm of the weight gradient."""
        self._model.weight_gradients(self._stash[stashed % self._slots][0], state)
        return self.parameters.gradient_norm()

    def step(self, rate: float) -> None:
        self._optimizer.step(rate, 1.0)

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values, "stash": self._stash}
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
