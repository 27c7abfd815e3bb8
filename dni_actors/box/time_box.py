"""A time box: its weights, its synthesizer, and what it does to arrays in each step of its program."""

import numpy as np

from dni_actors.box.errors import NonFiniteError
from dni_actors.box.feed import Feed
from dni_actors.box.tally import Tally
from dni_actors.config import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.cell import cell_class
from dni_actors.nn.digest import digest
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from dni_actors.nn.streams import Stream, generator
from dni_actors.nn.synthesizer import Synthesizer

CELL_KNOBS = "--learning-rate or --clip"
SYNTHESIZER_KNOBS = "--synthesizer-learning-rate or --learning-rate"


class TimeBox:
    """Box k of K. Shapes: T steps, B samples, I inputs, H state width, C classes, L ticks of lag.

    `program` tells when each method runs. Methods return work arrays: valid until the method's next call.
    """

    def __init__(self, config: RunConfig, k: int) -> None:
        chain, learning, dtype = config.chain, config.learning, config.chain.precision
        inputs, hidden, classes = config.task.inputs, chain.hidden, config.task.classes
        self.index, self.update_rule, self.lag = k, learning.update, learning.lag
        self.is_first, self.is_last = k == 0, k == config.boxes - 1
        self._slots = min(self.lag, config.ticks)
        self.tally = Tally()
        self._batch, self._clip, self._ticks = learning.batch, learning.clip, config.ticks
        self._rate, self._synthesizer_rate = learning.learning_rate, config.synthesizer.synthesizer_learning_rate
        self._decays = learning.decay == "linear"
        self._feed = Feed(config, k)
        rng = generator(learning.seed, Stream.WEIGHTS, k)

        cell = cell_class(chain.cell, config.unrolls[k])
        readout_shapes = Readout.shapes(hidden, classes) if self.is_last else {}
        self.parameters = Parameters(cell.shapes(inputs, hidden) | readout_shapes, dtype)
        cell.initialise(self.parameters, rng)
        self._cell = cell(self.parameters, config.unrolls[k], self._batch, hidden, dtype)
        self._optimizer = OPTIMIZERS[learning.optimizer](self.parameters)
        self._labels = np.zeros(self._batch, np.int64)
        self._no_gradient = zeros((self._batch, hidden), dtype)
        self.initial_state = zeros((self._batch, hidden), dtype)

        self._readout: Readout | None = None
        if self.is_last:
            Readout.initialise(self.parameters, rng)
            self._readout = Readout(self.parameters, self._batch, dtype)

        self.synthesizer: Synthesizer | None = None
        self.synthesizer_parameters = Parameters({}, dtype)
        self._conditions = classes if config.synthesizer.conditioned else 0
        if not self.is_last and learning.update == "synthetic":
            width = hidden + self._conditions + 1
            shapes = Synthesizer.shapes(config.synthesizer.synthesizer, width, hidden)
            self.synthesizer_parameters = Parameters(shapes, dtype)
            Synthesizer.initialise(self.synthesizer_parameters, rng)
            self.synthesizer = Synthesizer(self.synthesizer_parameters, self._batch, dtype)
            self._stash = zeros((self._slots, self._batch, width), dtype)  # [h, y, 1] of the last L ticks
            self._stash[..., -1] = 1
            self._ones_at = np.arange(self._batch) * width + hidden  # where a stashed row's one-hot label begins
            self._at_labels = np.zeros(self._batch, np.int64)
        how = OPTIMIZERS[config.synthesizer.synthesizer_optimizer]
        self._synthesizer_optimizer = how(self.synthesizer_parameters)

    # One tick, in the order of the program.

    def train_synthesizer(self, n: int, gradient: Array, stashed: int) -> None:
        """In tick n, learns that the state of tick `stashed` got `gradient` [B, H]."""
        assert self.synthesizer is not None
        z = self._stash[stashed % self._slots]
        self.tally.trained(self.synthesizer.weight_gradients(z, gradient))
        self._check(n, self.synthesizer_parameters.gradient_norm(), "the synthesizer's gradient", SYNTHESIZER_KNOBS)
        power = float(np.vdot(z, z)) / self._batch
        self._synthesizer_optimizer.step(self._at(n, self._synthesizer_rate), power)

    def load(self, n: int) -> None:
        """Cuts the mini-batch of tick n."""
        self._feed.train(n, self._cell.x, self._labels)

    def forward(self, h_in: Array) -> Array:
        """State in [B, H] -> state out [B, H]."""
        self._h_out = self._cell.forward(h_in)
        return self._h_out

    def synthesize(self, n: int) -> Array:
        """The gradient [B, H] to use at once at the far boundary; stashes what the synthesizer saw.

        Zero under the rule `truncated`, which is a synthesizer that never learns.
        """
        if self.synthesizer is None:
            return self._no_gradient
        z = self._stash[n % self._slots]
        hidden = self._h_out.shape[1]
        z[:, :hidden] = self._h_out
        if self._conditions:
            z[:, hidden:-1] = 0
            z.reshape(-1)[np.add(self._ones_at, self._labels, out=self._at_labels)] = 1
        return self.synthesizer.predict(z)

    def backward(self, d_out: Array | None) -> Array:
        """dL/d(state out) -> dL/d(state in), [B, H] per sample. The last box has no d_out but its read-out's loss."""
        if self._readout is not None:
            self._readout.forward(self._h_out, self._labels)
            d_out = self._readout.backward()
            self.tally.learned(self._batch, float(self._readout.loss.sum()), float(self._readout.correct.sum()))
        assert d_out is not None
        return self._cell.backward(d_out)

    def update(self, n: int) -> None:
        """Weight gradients as batch means, clipped to a global norm, and one step of the optimizer."""
        self._cell.weight_gradients()
        if self._readout is not None:
            self._readout.weight_gradients()
        self.parameters.gradients /= self._batch
        norm = self.parameters.gradient_norm()
        self._check(n, norm, "the weight gradient", CELL_KNOBS)
        if self._clip and norm > self._clip:
            self.parameters.gradients *= self._clip / norm
        self._optimizer.step(self._at(n, self._rate), 1.0)
        self.tally.updated()

    def verify(self, n: int) -> None:
        """NonFiniteError if the last step, in tick n, broke a weight: the next gradient would tell, if there is one."""
        self._check(n, float(self.parameters.values.sum()), "a weight", CELL_KNOBS)
        self._check(n, float(self.synthesizer_parameters.values.sum()), "a synthesizer's weight", SYNTHESIZER_KNOBS)

    def _check(self, n: int, value: float, what: str, knobs: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(self.index, n, f"{what} is no longer finite; lower {knobs}")

    def _at(self, n: int, rate: float) -> float:
        return rate * (1 - n / self._ticks) if self._decays else rate

    # Between ticks.

    @property
    def chunks(self) -> int:
        return self._feed.chunks

    def score(self, chunk: int, h_in: Array) -> Array:
        """State in -> state out for a chunk of the held-out samples."""
        self._counted = self._feed.test(chunk, self._cell.x, self._labels)
        return self.forward(h_in)

    def judge(self) -> tuple[int, int, float]:
        """The last box, after `score`: (samples, how many right, sum of their losses) of the chunk."""
        assert self._readout is not None
        self._readout.forward(self._h_out, self._labels)
        counted = slice(self._counted)
        return self._counted, int(self._readout.correct[counted].sum()), float(self._readout.loss[counted].sum())

    def digest(self) -> str:
        """Of every weight of cell, read-out and synthesizer."""
        return digest([*self.parameters.items(), *self.synthesizer_parameters.items()])

    def state(self) -> dict[str, Array]:
        """All that the box carries from tick to tick, by name: the arrays themselves, not copies."""
        found = {
            "values": self.parameters.values,
            "synthesizer/values": self.synthesizer_parameters.values,
            "tally": self.tally.sums,
        }
        if self.synthesizer is not None:
            found["stash"] = self._stash
        found |= {f"optimizer/{name}": a for name, a in self._optimizer.state.items()}
        return found | {f"synthesizer/optimizer/{name}": a for name, a in self._synthesizer_optimizer.state.items()}
