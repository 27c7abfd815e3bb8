"""A time box: its weights, its synthesizer, and what it does to arrays in each step of its program."""

from contextlib import nullcontext

import numpy as np

from dni_actors.box.data.feed import Feed
from dni_actors.box.data.held_out import HeldOut
from dni_actors.box.data.probe import Prober
from dni_actors.box.data.stream import StreamFeed
from dni_actors.box.errors import NonFiniteError
from dni_actors.box.gradient.exact import ExactGradient
from dni_actors.box.gradient.local import LocalReadout
from dni_actors.box.gradient.noise import NoiseGradient
from dni_actors.box.gradient.synthetic import SyntheticGradient
from dni_actors.box.piece import Piece, initialise, shapes
from dni_actors.box.predicted_state import PredictedState
from dni_actors.box.rates import Rates
from dni_actors.box.shared import SharedWeights
from dni_actors.box.stashed import StashedWeights
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, Arrays, zeros
from dni_actors.nn.digest import digest
from dni_actors.nn.optimizer import OPTIMIZERS, ahead_of_delay
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.streams import Stream, generator

CELL_KNOBS = "--learning-rate or --clip"
SYNTHESIZER_KNOBS = "--synthesizer-learning-rate or --learning-rate"
LOCAL_KNOBS = "--local-learning-rate or --learning-rate"
PASSAGE = "piece "  # how arrays of a passage under way begin in a box's state; a longer run may have more of them


class TimeBox:
    """Box k of K. Shapes: T steps, B samples, I inputs, H hidden units, S state width, C outputs, L ticks of lag.

    `program` tells when each method runs. Methods return work arrays: valid until the method's next call.
    """

    def __init__(self, config: RunConfig, k: int) -> None:
        chain, learning, dtype = config.chain, config.learning, config.chain.precision
        self.index, self.update_rule, self.lag = k, learning.update, config.lag
        self.is_first, self.is_last = k == 0, k == config.boxes - 1
        before, after = config.neighbours(k)
        self.has_left, self.has_right = before is not None, after is not None
        self.state_lag = config.state_lag(k)
        """ticks after which a state is taken: 0 but in a ring, and where states are predicted"""
        self.micro_batches = learning.micro_batches
        stays = learning.update == "delayed" or config.synthesizer.lambda_ > 0
        self.delay = self.lag * (config.boxes - 1 - k) if stays else 0
        """ticks between a forward pass and the backward pass of the true gradient"""
        self.pieces = max(self.micro_batches, min(self.delay, config.ticks) + 1)
        """passages that can be on their way"""
        self.tally = Tally()
        self._batch, self._clip, self._rates = learning.batch, learning.clip, Rates(config, k)
        self._seed, self._probability = learning.seed, learning.update_probability
        self._updates = True
        self._auxiliary = config.synthesizer.auxiliary
        stream = config.streaming
        self.stream = None if stream is None else StreamFeed(config, stream, k)
        self._feed = None if stream else Feed(config, config.window(k), flat=chain.cell == "dense")

        self.parameters = Parameters(shapes(config, k), dtype)
        rng = initialise(config, k, self.parameters)
        self._pieces = [Piece(config, k, self.parameters) for _ in range(self.pieces)]
        self.held_out = HeldOut(config, k, self._feed, self.stream, self._pieces)
        self._sum = zeros(self.parameters.gradients.shape if self.micro_batches > 1 else 0, dtype)
        corrected = learning.delay_correction == "nesterov"
        self._optimizer = (ahead_of_delay if corrected else OPTIMIZERS.__getitem__)(learning.optimizer)(self.parameters)
        self._no_gradient = zeros((config.rows, config.state_width), dtype)
        self.initial_state = zeros((config.rows, config.state_width), dtype)

        # What a box may own beside its cell and read-out; each is a part of its state.
        far, rule = self.has_right, learning.update
        self.synthetic = SyntheticGradient(config, k, rng) if far and rule == "synthetic" else None
        self.noise = NoiseGradient(config, k) if rule == "noise" else None
        self.local = LocalReadout(config) if not self.is_last and config.local_readout else None
        self.predicted = PredictedState(config, k) if learning.unlock == "full" and k else None
        self.shared = SharedWeights(config, k, self.parameters) if chain.weights == "shared" else None
        stashes = learning.delay_correction == "stash"
        self.stashed = StashedWeights(self.parameters, self.pieces) if stashes else None
        mixes = config.synthesizer.lambda_ > 0
        self.exact = ExactGradient(self.delay, self._no_gradient.shape, dtype) if mixes else None
        self._synthetic_sent = self._no_gradient

        self.prober = (
            None if self._feed is None else Prober(self._feed, learning.probe_every, self._pieces, self.synthetic)
        )

        # All that the box learns, in the order of the digest: what it is called, and what to lower if it overflows.
        self._weights = [("a weight", CELL_KNOBS, "", self.parameters)]
        for what, knobs, prefix, part in (
            ("a synthesizer's weight", SYNTHESIZER_KNOBS, "", self.synthetic),
            ("a local read-out's weight", LOCAL_KNOBS, "local/", self.local),
            ("a weight of the predicted state", SYNTHESIZER_KNOBS, "predicted/", self.predicted),
        ):
            if part is not None:
                self._weights.append((what, knobs, prefix, part.parameters))

    # One tick, in the order of the program.

    def begin(self, n: int) -> None:
        """Tick n begins."""
        if self._probability < 1:
            self._updates = generator(self._seed, Stream.UPDATES, n, self.index).random() < self._probability
        if self.shared is not None:
            self.shared.begin(n)

    def learn(self, n: int, answer: Arrays) -> None:
        """In tick n, learns from what came with gradient n-L."""
        if self.shared is not None and self.shared.expects(n):
            *rest, total = answer
            answer = tuple(rest)
            self.shared.receive(n, total, self._rates.box(n))
        if self.noise is not None:
            self.noise.cost[:] = answer[0]
        if self.exact is not None:
            self.exact.received = answer[-1]
        if self.synthetic is None:
            return
        found = self.synthetic.weight_gradients(n, answer, self.tally)
        if found is not None:
            norm, power = found
            self._check(n, norm, "the synthesizer's gradient", SYNTHESIZER_KNOBS)
            if self._updates:
                self.synthetic.step(self._rates.synthesizer(n), power)

    def load(self, n: int, piece: int | None = None) -> None:
        """Cuts the mini-batch of tick n: into one piece, or shared out over all of them. Streams come with states."""
        if self._feed is None:
            return
        pieces = self._pieces if piece is None else [self._pieces[piece]]
        for part, into in enumerate(pieces):
            self._feed.train(n, part, into.cell.x, into.labels, into.ahead)

    def enter(self, n: int, arrays: Arrays, piece: int = 0) -> Array:
        """What came with the state (nothing in box 0): the state [b, S] that the passage begins with."""
        if self.shared is not None:
            self.shared.enter(n, arrays, self._rates.box(n))
        if self.stream is not None:
            return self.stream.enter(n, arrays[:2], self._pieces[piece])
        return arrays[0] if arrays else self.initial_state

    def learn_state(self, n: int, state: Array) -> None:
        """In tick n, learns that tick n-L should have begun with this state [B, S]."""
        assert self.predicted is not None
        norm = self.predicted.weight_gradients(state, n - self.state_lag)
        self._check(n, norm, "the gradient of the predicted state", SYNTHESIZER_KNOBS)
        if self._updates:
            self.predicted.step(self._rates.synthesizer(n))

    def predict_state(self, n: int) -> Array:
        assert self.predicted is not None
        return self.predicted.predict(n)

    def forward(self, h_in: Array, piece: int = 0) -> Array:
        """State in [b, S] -> state out [b, S]; b = B but for micro-batches."""
        if self.stashed is not None:
            self.stashed.keep(piece)
        return self._pieces[piece].forward(h_in)

    def onward(self, n: int, state: Array, piece: int = 0) -> Arrays:
        """What State n carries: the state [b, S], and what rides along."""
        facts = () if self.stream is None else self.stream.note(self._pieces[piece])
        return (state, *facts, *(() if self.shared is None else self.shared.sum(n)))

    def synthesize(self, n: int, piece: int = 0) -> tuple[Array, Array]:
        """The gradients [B, S] to use at once at the far boundary: for the message back, and for the box's own weights.

        Zero under the rules `truncated` and `local`, which are a synthesizer that never learns.
        """
        if self.noise is not None:
            return (self.noise.predict(n),) * 2
        found = self._no_gradient, self._no_gradient
        if self.synthetic is not None:
            found = self.synthetic.predict(n, self._pieces[piece])
            self._synthetic_sent = found[0]
        return found

    def backward(self, d_out: Array | None, piece: int = 0) -> Array:
        """dL/d(state out) -> dL/d(state in), [b, S] per sample, own losses added. The last box has no d_out."""
        of = self._pieces[piece]
        if of.readout is not None:
            readout = of.read()
            self.tally.learned(*of.judged())
            if self.noise is not None:
                self.noise.cost[:] = readout.loss.mean()
            of.own_losses()
        elif self.local is not None:
            of.at_end = self.local.gradient(of.h, of.labels)
        with self.stashed.of(piece) if self.stashed is not None else nullcontext():
            return of.backward(d_out)

    def backward_again(self, d_out: Array, piece: int = 0) -> None:
        """After `backward`, in a box before the last: from another gradient at the far boundary, for the weights."""
        self._pieces[piece].backward(d_out)

    def answer(self, n: int, gradient: Array) -> Arrays:
        """What Gradient n carries back, dL/d(state in) [B, S] first; empty where the rule has nothing to say."""
        found: Arrays = ()
        if self.stream is not None:
            gradient = self.stream.back(gradient)
        if self.update_rule == "synthetic":
            found = (gradient,)
            if self._auxiliary:
                found += (self._synthetic_sent,)
            if self.exact is not None:
                found += (self.exact.back(n, gradient, self._pieces),)
        elif self.noise is not None:
            found = (self.noise.cost,)
        total = () if self.shared is None else self.shared.total()
        return (found or (gradient,)) + total if total else found

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
        if self.local is not None:
            local = self.local.step(self._rates.local(n)) if self._updates else self.local.skip()
            self._check(n, local, "the local read-out's gradient", LOCAL_KNOBS)
        if not self._updates:
            return
        if self.shared is not None:
            self.shared.gather()
        self._optimizer.step(self._rates.box(n), 1.0)
        self.tally.updated()

    def verify(self, n: int) -> None:
        """NonFiniteError if the last step, in tick n, broke a weight: the next gradient would tell, if there is one."""
        for what, knobs, _, part in self._weights:
            self._check(n, float(part.values.sum()), what, knobs)

    def _check(self, n: int, value: float, what: str, knobs: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(self.index, n, f"{what} is no longer finite; lower {knobs}")

    # Between ticks.

    def infer(self, x: Array, h_in: Array) -> Array:
        """x [T, b, I] of this box's steps, state in [b, S] -> state out [b, S]; not while it learns."""
        into = self._pieces[0].cell.x
        if len(into):  # a read-out alone sees no x
            into[..., :-1] = x
            into[..., -1] = 1
        return self.forward(h_in)

    def said(self) -> Array:
        """After `infer`, of a box with a read-out: what it says [b, C], or at every step [T b, C]."""
        return self._pieces[0].read().said

    def weights(self) -> dict[str, Array]:
        """By name: the arrays themselves."""
        return {prefix + name: array for _, _, prefix, part in self._weights for name, array in part.items()}

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
        for part in ("synthetic", "local", "noise", "predicted", "shared", "stashed", "stream"):
            if (owned := getattr(self, part)) is not None:
                found |= {f"{part}/{name}": a for name, a in owned.state().items()}
        if self.delay:
            for i, piece in enumerate(self._pieces):
                found |= {f"{PASSAGE}{i}/{name}": array for name, array in piece.kept().items()}
        return found
