"""A time box: its weights, its synthesizer, and what it does to arrays in each step of its program.

It has four slots, each filled once, from the configuration:

    data        a window of samples, or the next steps of streams            data/
    weights     its own, or those that all boxes share                       weights, stashed, shared
    boundary    the gradient beyond its far boundary: zero, synthetic, noise  gradient/
    losses      the task's, those of a local read-out, or none               losses
"""

import math
from collections.abc import Callable

import numpy as np

from dni_actors.box.data.data import data_of
from dni_actors.box.data.held_out import HeldOut
from dni_actors.box.data.probe import Prober
from dni_actors.box.errors import BROKEN, NonFiniteError
from dni_actors.box.gradient.boundary import boundary_of
from dni_actors.box.losses import losses_of
from dni_actors.box.messages import Gradient, State
from dni_actors.box.piece import Piece, initialise, shapes
from dni_actors.box.predicted_state import PredictedState
from dni_actors.box.rates import Rates
from dni_actors.box.settling import Settling
from dni_actors.box.shared import SharedWeights
from dni_actors.box.stashed import StashedWeights
from dni_actors.box.tally import Tally
from dni_actors.box.weights import OwnWeights
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.digest import digest
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.streams import Stream, generator

CELL_KNOBS = "--learning-rate or --clip"
SYNTHESIZER_KNOBS = "--synthesizer-learning-rate or --learning-rate"
LOCAL_KNOBS = "--local-learning-rate or --learning-rate"
PASSAGE = "piece "  # how arrays of a passage under way begin in a box's state; a longer run may have more of them


def weights_of(config: RunConfig, k: int, parameters: Parameters, passages: int) -> OwnWeights:
    """Of box k."""
    if config.chain.weights == "shared":
        return SharedWeights(config, k, parameters)
    if config.stashes:
        return StashedWeights(config, k, parameters, passages)
    return OwnWeights(config, k, parameters)


class TimeBox:
    """Box k of K. Shapes: T steps, B samples, I inputs, H hidden units, S state width, C outputs, L ticks of lag.

    `protocol/program.py` has the order in which its methods run. They return work arrays: valid until their next call.
    """

    def __init__(self, config: RunConfig, k: int) -> None:
        learning, dtype = config.learning, config.chain.precision
        self.index, self.update_rule, self.lag = k, learning.update, config.lag
        self.is_first, self.is_last = k == 0, k == config.boxes - 1
        before, after = config.neighbours(k)
        self.has_left, self.has_right = before is not None, after is not None
        self.state_lag = config.state_lag(k)
        """ticks after which a state is taken: 0 but in a ring, and where states are predicted"""
        self.micro_batches = learning.micro_batches
        stays = learning.update == "delayed" or config.exact_comes
        self.delay = self.lag * (config.boxes - 1 - k) if stays else 0
        """ticks between a forward pass and the backward pass of the true gradient"""
        self.pieces = max(self.micro_batches, min(self.delay, config.ticks) + 1)
        """passages that can be on their way"""
        self.tally = Tally()
        self._batch, self._clip, self._rates = learning.batch, learning.clip, Rates(config, k)
        self._seed, self._probability = learning.seed, learning.update_probability
        self._updates = True

        self.parameters = Parameters(shapes(config, k), dtype)
        rng = initialise(config, k, self.parameters)
        self._pieces = [Piece(config, k, self.parameters) for _ in range(self.pieces)]
        self._sum = zeros(self.parameters.gradients.shape if self.micro_batches > 1 else 0, dtype)

        self.data = data_of(config, k)
        self.weights = weights_of(config, k, self.parameters, self.pieces)
        self.boundary = boundary_of(config, k, rng)
        self.losses = losses_of(config, k)
        self.settling = Settling(config, k, self.parameters) if config.settles(k) else None
        """what makes up for synthetic gradients when exact ones come"""
        self.predicted = PredictedState(config, k) if self.state_lag and learning.unlock == "full" else None
        """complete unlock: what a box starts from that does not wait for its state"""
        self.held_out = HeldOut(config, k, self.data, self._pieces)
        self.prober = Prober(config, self.data, self._pieces, self.boundary) if learning.probe_every else None

        # All that the box learns, in the order of the digest: what it is called, and what to lower if it overflows.
        predicted = None if self.predicted is None else self.predicted.parameters
        parts = (
            ("a weight", CELL_KNOBS, "", self.parameters),
            ("a synthesizer's weight", SYNTHESIZER_KNOBS, "", self.boundary.parameters),
            ("a local read-out's weight", LOCAL_KNOBS, "local/", self.losses.parameters),
            ("a weight of the predicted state", SYNTHESIZER_KNOBS, "predicted/", predicted),
        )
        self._learned = [(what, knobs, prefix, part) for what, knobs, prefix, part in parts if part is not None]

    # One tick, in the order of the program.

    def begin(self, n: int) -> None:
        """Tick n begins."""
        self._updates = self._updates_in(n)
        self.weights.begin(n)

    def _updates_in(self, n: int) -> bool:
        """Whether the box makes an update in tick n (DNI paper, 3.2)."""
        if self._probability == 1:
            return True
        return bool(generator(self._seed, Stream.UPDATES, n, self.index).random() < self._probability)

    def learn(self, n: int, answer: Gradient) -> None:
        """In tick n, learns from what came with gradient n-L."""
        if answer.total is not None:
            self.weights.receive(n, answer.total, self._rates.box(n))
        norm = self.boundary.learn(n, answer, self._rates.synthesizer(n) if self._updates else None, self.tally)
        self._check(n, norm, "the synthesizer's gradient", SYNTHESIZER_KNOBS)

    def load(self, n: int, piece: int | None = None) -> None:
        """Cuts the mini-batch of tick n: into one piece, or shared out over all of them. Streams come with states."""
        self.data.load(n, self._pieces if piece is None else [self._pieces[piece]])

    def enter(self, n: int, came: State | None, piece: int = 0) -> Array:
        """What came with the state (None where a sequence begins): the state [b, S] that the passage begins with."""
        self.weights.enter(n, None if came is None else came.sum, self._rates.box(n))
        return self.data.enter(n, came, self._pieces[piece])

    def learn_state(self, n: int, state: Array) -> None:
        """In tick n, learns that tick n-L should have begun with this state [B, S]."""
        assert self.predicted is not None
        norm = self.predicted.weight_gradients(state, n - self.state_lag)
        self._check(n, norm, "the gradient of the predicted state", SYNTHESIZER_KNOBS)
        if self._updates:
            self.predicted.step(self._rates.synthesizer(n))

    def predict_state(self, n: int) -> Array:
        """The state [B, S] that tick n begins with, under complete unlock."""
        assert self.predicted is not None
        return self.predicted.predict(n)

    def forward(self, h_in: Array, piece: int = 0) -> Array:
        """State in [b, S] -> state out [b, S]; b = B but for micro-batches."""
        self.weights.keep(piece)
        return self._pieces[piece].forward(h_in)

    def onward(self, n: int, state: Array, piece: int = 0) -> State:
        """What State n carries: the state [b, S], and what rides along."""
        return State(state, self.data.facts(self._pieces[piece]), self.weights.sum(n))

    def synthesize(self, n: int, piece: int = 0) -> tuple[Array, Array]:
        """The gradients [B, S] to use at once at the far boundary: for the message back, and for the box's own weights.

        Zero under the rules `truncated` and `local`, which are a synthesizer that never learns.
        """
        return self.boundary.predict(n, self._pieces[piece])

    def backward(self, d_out: Array | None, piece: int = 0) -> Array:
        """dL/d(state out) -> dL/d(state in), [b, S] per sample, own losses added. The last box has no d_out."""
        of = self._pieces[piece]
        self.losses.back(of, self.tally)
        self.boundary.judged(of)
        with self.weights.of(piece):
            return of.backward(d_out)

    def backward_again(self, d_out: Array, piece: int = 0) -> None:
        """After `backward`, in a box before the last: from another gradient at the far boundary, for the weights."""
        self._pieces[piece].backward(d_out)

    def answer(self, n: int, gradient: Array) -> Gradient:
        """What Gradient n carries back, made of dL/d(state in) [B, S]; empty where the rule has nothing to say."""
        answer = self.boundary.answer(n, self.data.back(gradient), self._pieces)
        return answer._replace(total=self.weights.total())

    def update(self, n: int, piece: int | None = None) -> None:
        """Weight gradients as batch means, clipped to a global norm, and one step of the optimizer.

        Of one piece, or summed over all of them.
        """
        gradients = self.parameters.gradients
        if piece is not None or self.pieces == 1:
            self._pieces[piece or 0].weight_gradients()
        else:
            self._sum[:] = 0
            for one in self._pieces:
                one.weight_gradients()
                self._sum += gradients
            gradients[:] = self._sum
        gradients /= self._batch
        local = None
        if self.settling is not None:
            now, then = self._pieces[piece or 0], self._settled(n)
            local = self.settling.settle(n, now, then, self.losses.skill > 0, self._updates)
        self._step(n, self.weights.step)
        if local is not None:
            gradients[:] = local
            self._step(n, self.weights.step_locally)
        norm = self.losses.step(self._rates.local(n) if self._updates else None)
        self._check(n, norm, "the local read-out's gradient", LOCAL_KNOBS)
        if self._updates:
            self.tally.updated()

    def _step(self, n: int, step: Callable[[float], None]) -> None:
        """Along the weight gradients, clipped to a global norm, if the box updates in tick n."""
        norm = self.parameters.gradient_norm()
        self._check(n, norm, "the weight gradient", CELL_KNOBS)
        if self._clip and norm > self._clip:
            self.parameters.gradients *= self._clip / norm
        if self._updates:
            step(self._rates.box(n))

    def _settled(self, n: int) -> Piece | None:
        """The passage of tick n - D, if it is to be settled in tick n: its exact gradient has gone back through it."""
        of = n - self.delay
        if of < 0 or not self._updates_in(of):
            return None
        if self.is_first:  # no box before it has asked for it
            self.boundary.exact_back(n, self._pieces)
        return self._pieces[of % self.pieces]

    def verify(self, n: int) -> None:
        """NonFiniteError if the last step, in tick n, broke a weight: the next gradient would tell, if there is one."""
        for what, knobs, _, part in self._learned:
            self._check(n, float(part.values.sum()), what, knobs)

    def _check(self, n: int, value: float, what: str, knobs: str) -> None:
        if not math.isfinite(value):
            raise NonFiniteError(self.index, n, f"{what} {BROKEN}; lower {knobs}")

    # Between ticks.

    def infer(self, x: Array, h_in: Array, begun: Array | None = None) -> Array:
        """x [T, b, I] of this box's steps, as boxes see them, state in [b, S], and where sequences have begun [T, b]
        (None: everywhere) -> state out [b, S]; not while it learns."""
        into = self._pieces[0].cell.x
        if len(into):  # a read-out alone sees no x
            into[..., :-1] = x
            into[..., -1] = 1
            if begun is not None:
                into[~begun] = 0
        return self.forward(h_in)

    def said(self) -> Array:
        """After `infer`, of a box with a read-out: what it says [b, C], or at every step [T b, C]."""
        return self._pieces[0].read().said

    def named_weights(self) -> dict[str, Array]:
        """By name: the arrays themselves."""
        return {prefix + name: array for _, _, prefix, part in self._learned for name, array in part.items()}

    def parity(self) -> int:
        """64 bits of every weight's, one over the other: unequal ones mean unequal weights, at next to no cost."""
        parity = 0
        for *_, part in self._learned:
            parity ^= int(np.bitwise_xor.reduce(part.values.view(np.uint64)))
        return parity

    def digest(self) -> str:
        """Of every weight of cell, read-out, synthesizer and local read-out."""
        return digest(list(self.named_weights().items()))

    def state(self) -> dict[str, Array]:
        """All that the box carries from tick to tick, by name: the arrays themselves, not copies."""
        found = {"tally": self.tally.sums}
        found |= named("data", self.data.state()) | named("weights", self.weights.state())
        found |= named("boundary", self.boundary.state()) | named("losses", self.losses.state())
        found |= {} if self.predicted is None else named("predicted", self.predicted.state())
        found |= {} if self.settling is None else named("settling", self.settling.state())
        if self.delay:
            for i, piece in enumerate(self._pieces):
                found |= named(f"{PASSAGE}{i}", piece.kept())
        return found


def named(owner: str, state: dict[str, Array]) -> dict[str, Array]:
    """A part's state, by names of the whole."""
    return {f"{owner}/{name}": array for name, array in state.items()}
