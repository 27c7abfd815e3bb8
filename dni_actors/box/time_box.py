"""A time box: its weights, its synthesizer, and what it does to arrays in each step of its program."""

import numpy as np

from dni_actors.box.errors import NonFiniteError
from dni_actors.box.feed import Feed
from dni_actors.box.local import LocalReadout
from dni_actors.box.rates import Rates
from dni_actors.box.synthetic import SyntheticGradient
from dni_actors.box.tally import Tally
from dni_actors.config import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.cell import cell_class
from dni_actors.nn.digest import digest
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.passage import Passage
from dni_actors.nn.readout import Readout
from dni_actors.nn.streams import Stream, generator

CELL_KNOBS = "--learning-rate or --clip"
SYNTHESIZER_KNOBS = "--synthesizer-learning-rate or --learning-rate"
LOCAL_KNOBS = "--local-learning-rate or --learning-rate"


class Piece:
    """Work arrays of one passage forward and back: of a mini-batch, or of a part of one (b samples)."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters, readout: bool) -> None:
        chain, dtype = config.chain, config.chain.precision
        self.hidden = chain.hidden
        kind, width = cell_class(chain.cell, config.unrolls[k]), config.state_width
        self.cell = kind(parameters, config.unrolls[k], config.rows, width if kind is Passage else chain.hidden, dtype)
        self.labels = np.zeros(config.rows, np.int64)
        self.readout = Readout(parameters, config.rows, dtype) if readout else None
        self.state: Array = zeros((config.rows, width), dtype)
        """[b, S] after the last step"""
        self._d_out = zeros((config.rows, width), dtype)

    @property
    def h(self) -> Array:
        """[b, H], the part of the state that read-outs see."""
        return self.state[:, : self.hidden]

    def with_h(self, d_out: Array | None, d_h: Array) -> Array:
        """dL/d(state) [b, S], of which the part from h gets d_h added; None is zero."""
        if d_out is None:
            self._d_out[:] = 0
        else:
            np.copyto(self._d_out, d_out)
        self._d_out[:, : self.hidden] += d_h
        return self._d_out

    def weight_gradients(self) -> None:
        """Sums over steps and samples, into the parameters' gradients."""
        self.cell.weight_gradients()
        if self.readout is not None:
            self.readout.weight_gradients()


class TimeBox:
    """Box k of K. Shapes: T steps, B samples, I inputs, H hidden units, S state width, C classes, L ticks of lag.

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
        self.tally = Tally()
        self._batch, self._clip, self._rates = learning.batch, learning.clip, Rates(config)
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
        self._no_gradient = zeros((config.rows, config.state_width), dtype)
        self.initial_state = zeros((config.rows, config.state_width), dtype)

        far = not self.is_last
        synthetic = far and learning.update == "synthetic"
        self.synthetic = SyntheticGradient(config, config.state_width, rng) if synthetic else None
        self.local = LocalReadout(config) if far and config.local_readout else None
        self._own: Array | None = None  # [b, H], the local read-out's part of the last backward pass
        # All that the box learns, in the order of the digest: what it is called, and what to lower if it overflows.
        self._weights = [("a weight", CELL_KNOBS, "", self.parameters)]
        if self.synthetic is not None:
            self._weights.append(("a synthesizer's weight", SYNTHESIZER_KNOBS, "", self.synthetic.parameters))
        if self.local is not None:
            self._weights.append(("a local read-out's weight", LOCAL_KNOBS, "local/", self.local.parameters))

    # One tick, in the order of the program.

    def train_synthesizer(self, n: int, gradient: Array, stashed: int) -> None:
        """In tick n, learns that the state of tick `stashed` got `gradient` [B, S]."""
        assert self.synthetic is not None
        norm, power = self.synthetic.weight_gradients(gradient, stashed, self.tally)
        self._check(n, norm, "the synthesizer's gradient", SYNTHESIZER_KNOBS)
        self.synthetic.step(self._rates.synthesizer(n), power)

    def load(self, n: int, piece: int | None = None) -> None:
        """Cuts the mini-batch of tick n: into one piece, or shared out over all of them."""
        pieces = self._pieces if piece is None else [self._pieces[piece]]
        for part, into in enumerate(pieces):
            self._feed.train(n, part, into.cell.x, into.labels)

    def forward(self, h_in: Array, piece: int = 0) -> Array:
        """State in [b, S] -> state out [b, S]; b = B but for micro-batches."""
        into = self._pieces[piece]
        into.state = into.cell.forward(h_in)
        return into.state

    def synthesize(self, n: int) -> tuple[Array, Array]:
        """The gradients [B, S] to use at once at the far boundary: for the message back, and for the box's own weights.

        Zero under the rules `truncated` and `local`, which are a synthesizer that never learns.
        """
        if self.synthetic is None:
            return self._no_gradient, self._no_gradient
        seen = self._pieces[0]
        return self.synthetic.predict(n, seen.state, seen.labels)

    def backward(self, d_out: Array | None, piece: int = 0) -> Array:
        """dL/d(state out) -> dL/d(state in), [b, S] per sample, own losses added. The last box has no d_out."""
        of = self._pieces[piece]
        if of.readout is not None:
            of.readout.forward(of.h, of.labels)
            d_out = of.with_h(None, of.readout.backward())
            self.tally.learned(len(of.labels), float(of.readout.loss.sum()), float(of.readout.correct.sum()))
        elif self.local is not None:
            self._own = self.local.gradient(of.h, of.labels)
            d_out = of.with_h(d_out, self._own)
        assert d_out is not None
        return of.cell.backward(d_out)

    def backward_again(self, d_out: Array) -> None:
        """After `backward`, in a box before the last: from another gradient at the far boundary, for the weights."""
        of = self._pieces[0]
        of.cell.backward(d_out if self._own is None else of.with_h(d_out, self._own))

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
        self._optimizer.step(self._rates.box(n) * (1.0 if self.synthetic is None else self.synthetic.rate), 1.0)
        if self.local is not None:
            self._check(n, self.local.step(self._rates.local(n)), "the local read-out's gradient", LOCAL_KNOBS)
        self.tally.updated()

    def verify(self, n: int) -> None:
        """NonFiniteError if the last step, in tick n, broke a weight: the next gradient would tell, if there is one."""
        for what, knobs, _, part in self._weights:
            self._check(n, float(part.values.sum()), what, knobs)

    def _check(self, n: int, value: float, what: str, knobs: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(self.index, n, f"{what} is no longer finite; lower {knobs}")

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

    def infer(self, x: Array, h_in: Array) -> Array:
        """x [T, b, I] of this box's steps, state in [b, S] -> state out [b, S]; not while it learns."""
        into = self._pieces[0]
        if len(x):  # a read-out alone sees no x
            into.cell.x[..., :-1] = x
            into.cell.x[..., -1] = 1
        return self.forward(h_in)

    def probabilities(self) -> Array:
        """The last box, after `infer`: [b, C], of each class."""
        of = self._pieces[0]
        assert of.readout is not None
        return of.readout.probabilities(of.h)

    def weights(self) -> dict[str, Array]:
        """By name: the arrays themselves."""
        return {prefix + name: array for _, _, prefix, part in self._weights for name, array in part.items()}

    def judge(self, piece: int) -> tuple[int, int, float]:
        """The last box, after `score`: (samples, how many right, sum of their losses) of the chunk."""
        of = self._pieces[piece]
        assert of.readout is not None
        of.readout.forward(of.h, of.labels)
        counted = slice(self._counted)
        return self._counted, int(of.readout.correct[counted].sum()), float(of.readout.loss[counted].sum())

    def parity(self) -> int:
        """64 bits of every weight's, one over the other: unequal ones mean unequal weights, at next to no cost."""
        parity = 0
        for *_, part in self._weights:
            parity ^= int(np.bitwise_xor.reduce(part.values.view(np.uint64)))
        return parity

    def digest(self) -> str:
        """Of every weight of cell, read-out, synthesizer and local read-out."""
        return digest([(prefix + name, a) for _, _, prefix, part in self._weights for name, a in part.items()])

    def state(self) -> dict[str, Array]:
        """All that the box carries from tick to tick, by name: the arrays themselves, not copies."""
        found = {"values": self.parameters.values, "tally": self.tally.sums}
        found |= {f"optimizer/{name}": a for name, a in self._optimizer.state.items()}
        for prefix, part in (("synthesizer", self.synthetic), ("local", self.local)):
            if part is not None:
                found |= {f"{prefix}/{name}": a for name, a in part.state().items()}
        if self.delay:
            for i, piece in enumerate(self._pieces):
                kept = piece.cell.activations() | {"state": piece.state, "labels": piece.labels}
                found |= {f"piece {i}/{name}": array for name, array in kept.items()}
        return found
