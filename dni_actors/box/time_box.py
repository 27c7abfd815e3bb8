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


class Piece:
    """Work arrays of one passage forward and back: of a mini-batch, or of a part of one (b samples)."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters, readout: bool) -> None:
        chain, dtype = config.chain, config.chain.precision
        kind = cell_class(chain.cell, config.unrolls[k])
        self.cell = kind(parameters, config.unrolls[k], config.rows, chain.hidden, dtype)
        self.labels = np.zeros(config.rows, np.int64)
        self.readout = Readout(parameters, config.rows, dtype) if readout else None
        self.h_out: Array = zeros((0, 0), dtype)

    def weight_gradients(self) -> None:
        """Sums over steps and samples, into the parameters' gradients."""
        self.cell.weight_gradients()
        if self.readout is not None:
            self.readout.weight_gradients()


class TimeBox:
    """Box k of K. Shapes: T steps, B samples, I inputs, H state width, C classes, L ticks of lag.

    `program` tells when each method runs. Methods return work arrays: valid until the method's next call.
    """

    def __init__(self, config: RunConfig, k: int) -> None:
        chain, learning, dtype = config.chain, config.learning, config.chain.precision
        inputs, hidden, classes = config.task.inputs, chain.hidden, config.task.classes
        self.index, self.update_rule, self.lag = k, learning.update, config.lag
        self.is_first, self.is_last = k == 0, k == config.boxes - 1
        self.micro_batches = learning.micro_batches
        self.delay = self.lag * (config.boxes - 1 - k) if learning.update == "delayed" else 0
        """ticks between a forward pass and its backward pass"""
        self.pieces = max(self.micro_batches, min(self.delay, config.ticks) + 1)
        """passages that can be on their way"""
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
        if self.is_last:
            Readout.initialise(self.parameters, rng)
        self._pieces = [Piece(config, k, self.parameters, self.is_last) for _ in range(self.pieces)]
        self._sum = zeros(self.parameters.gradients.shape if self.micro_batches > 1 else 0, dtype)
        self._optimizer = OPTIMIZERS[learning.optimizer](self.parameters)
        self._no_gradient = zeros((config.rows, hidden), dtype)
        self.initial_state = zeros((config.rows, hidden), dtype)

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

    def load(self, n: int, piece: int | None = None) -> None:
        """Cuts the mini-batch of tick n: into one piece, or shared out over all of them."""
        pieces = self._pieces if piece is None else [self._pieces[piece]]
        for part, into in enumerate(pieces):
            self._feed.train(n, part, into.cell.x, into.labels)

    def forward(self, h_in: Array, piece: int = 0) -> Array:
        """State in [b, H] -> state out [b, H]; b = B but for micro-batches."""
        into = self._pieces[piece]
        into.h_out = into.cell.forward(h_in)
        return into.h_out

    def synthesize(self, n: int) -> Array:
        """The gradient [B, H] to use at once at the far boundary; stashes what the synthesizer saw.

        Zero under the rule `truncated`, which is a synthesizer that never learns.
        """
        if self.synthesizer is None:
            return self._no_gradient
        z, seen = self._stash[n % self._slots], self._pieces[0]
        hidden = seen.h_out.shape[1]
        z[:, :hidden] = seen.h_out
        if self._conditions:
            z[:, hidden:-1] = 0
            z.reshape(-1)[np.add(self._ones_at, seen.labels, out=self._at_labels)] = 1
        return self.synthesizer.predict(z)

    def backward(self, d_out: Array | None, piece: int = 0) -> Array:
        """dL/d(state out) -> dL/d(state in), [b, H] per sample. The last box has no d_out but its read-out's loss."""
        of = self._pieces[piece]
        if of.readout is not None:
            of.readout.forward(of.h_out, of.labels)
            d_out = of.readout.backward()
            self.tally.learned(len(of.labels), float(of.readout.loss.sum()), float(of.readout.correct.sum()))
        assert d_out is not None
        return of.cell.backward(d_out)

    def update(self, n: int, piece: int | None = None) -> None:
        """Weight gradients as batch means, clipped to a global norm, and one step of the optimizer.

        Of one piece, or summed over all of them.
        """
        if piece is not None or self.pieces == 1:
            self._pieces[piece or 0].weight_gradients()
        else:
            self._sum[:] = 0
            for one in self._pieces:
                one.weight_gradients()
                self._sum += self.parameters.gradients
            self.parameters.gradients[:] = self._sum
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

    def tests(self, chunk: int) -> int:
        """0 for a chunk of validation samples, 1 for one of test samples."""
        return int(chunk >= self._feed.validation_chunks)

    def score(self, chunk: int, h_in: Array, piece: int) -> Array:
        """State in -> state out for a chunk of the held-out samples, in a piece that is free."""
        into = self._pieces[piece]
        self._counted = self._feed.held_out(chunk, into.cell.x, into.labels)
        return self.forward(h_in, piece)

    def judge(self, piece: int) -> tuple[int, int, float]:
        """The last box, after `score`: (samples, how many right, sum of their losses) of the chunk."""
        of = self._pieces[piece]
        assert of.readout is not None
        of.readout.forward(of.h_out, of.labels)
        counted = slice(self._counted)
        return self._counted, int(of.readout.correct[counted].sum()), float(of.readout.loss[counted].sum())

    def parity(self) -> int:
        """64 bits of every weight's, one over the other: unequal ones mean unequal weights, at next to no cost."""
        own, synthesizer = self.parameters.values.view(np.uint64), self.synthesizer_parameters.values.view(np.uint64)
        return int(np.bitwise_xor.reduce(own)) ^ int(np.bitwise_xor.reduce(synthesizer))

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
        if self.delay:
            for i, piece in enumerate(self._pieces):
                found |= {f"piece {i}/{name}": array for name, array in piece.cell.activations().items()}
        found |= {f"optimizer/{name}": a for name, a in self._optimizer.state.items()}
        return found | {f"synthesizer/optimizer/{name}": a for name, a in self._synthesizer_optimizer.state.items()}
