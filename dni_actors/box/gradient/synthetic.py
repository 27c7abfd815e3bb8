"""A box's synthesizer at work: what it saw is stashed until the gradient comes, L ticks later, that it learns from."""

from collections.abc import Sequence

import numpy as np

from dni_actors.box.gradient.exact import ExactGradient
from dni_actors.box.gradient.scale import TargetScale
from dni_actors.box.gradient.zero import ZeroGradient
from dni_actors.box.messages import Gradient
from dni_actors.box.piece import Piece
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import Agreement, agreement, synthesizer_kind

AGREEMENT = 0.95  # decay of the running cosine that trust goes by


class SyntheticGradient(ZeroGradient):
    """Of box k. Shapes: B samples, S state width, Z = S + conditions + 1 inputs of the synthesizer, L ticks of lag."""

    parameters: Parameters

    def __init__(self, config: RunConfig, k: int, rng: np.random.Generator) -> None:
        super().__init__(config)
        chosen, batch, dtype = config.synthesizer, config.learning.batch, config.chain.precision
        width = config.state_width
        self._conditions = config.conditions
        self._width, self._batch, self._chosen = width, batch, chosen
        z = width + self._conditions + 1
        kind = synthesizer_kind(chosen.synthesizer)
        self.parameters = Parameters(kind.shapes(z, width, width * (1 + chosen.auxiliary)), dtype)
        kind.initialise(self.parameters, rng)
        self._synthesizer = kind(self.parameters, batch, dtype)
        self._optimizer = OPTIMIZERS[chosen.synthesizer_optimizer](self.parameters)
        # A ring's states are taken, and so answered, later; exact gradients come late from every boundary behind.
        self._late = config.lag + (config.next_state_lag(k) if config.streaming is not None else 0)
        self._lambda, self._trusts = config.lambda_, config.trusts_readouts
        self._discount = chosen.discount if config.bootstraps else chosen.synthetic_scale
        self._exact_late = config.lag * (config.boxes - 1 - k) if config.lambda_ else 0
        self._slots = min(max(self._late, self._exact_late), config.ticks)
        self._stash = zeros((self._slots, batch, z), dtype)  # [state, y, 1] of the last ticks
        self._stash[..., -1] = 1
        kept = 0 if config.bootstraps else self._slots
        self._said = zeros((kept, batch, width), dtype)  # SG(z) of the last ticks, as it was then
        self._cosine = np.zeros(1)  # running mean of the cosine between synthetic and received gradients
        self._own, self._used = zeros((batch, width), dtype), zeros((batch, width), dtype)
        self._mixed = zeros(self.parameters.gradients.shape, dtype)
        self._scale = TargetScale() if config.scales_targets else None
        self._sent = self._zeros  # the newest synthetic gradient
        delay = config.lag * (config.boxes - 1 - k)
        self._exact = ExactGradient(delay, (batch, width), dtype) if config.exact_comes else None
        self._received: Array | None = None  # the exact gradient that this tick brought

    def predict(self, n: int, piece: Piece) -> tuple[Array, Array]:
        """Stashes what it sees of the passage. The gradient [B, S] that the message back is made with, and the one that
        the box's own weights learn from: the same array where they do not differ.

            sent = gamma SG(z),  used = s SG(z)         (Jaderberg et al. 2016: the discount, the consumption scale)

        With lambda 1 what would be sent is learned from by nobody: there both are what is used.
        """
        chosen = self._chosen
        self._see(piece, self._stash[n % self._slots])
        self._sent = used = self._zeros
        if n >= chosen.warmup:
            trust = float(np.clip(self._cosine[0], 0, 1)) if self._trusts else 1.0
            self._sent = used = self._head(self._predicted(self._stash[n % self._slots]))
            if len(self._said):
                self._said[n % self._slots] = used
            if self._discount != chosen.synthetic_scale:
                used = np.multiply(self._sent, trust * chosen.synthetic_scale, out=self._used)
            if trust * self._discount != 1:
                self._sent *= trust * self._discount
        return self._sent, used

    def _see(self, piece: Piece, into: Array) -> None:
        """Fills [state, y]; the last column is one already."""
        into[:, : self._width] = piece.state
        if self._conditions:
            piece.condition(into[:, self._width : -1])
        if (late := piece.late) is not None:  # of what has not begun there is nothing to see, and nothing to learn
            into[:, -1] = 1
            into[late] = 0

    def compare(self, piece: Piece, exact: Array) -> Agreement | None:
        """How the prediction for a passage agrees with the exact gradient [B, S]; nothing is stashed or learned."""
        z = np.ones(self._stash.shape[1:], self._stash.dtype)
        self._see(piece, z)
        return agreement(self._head(self._predicted(z)), exact)

    def _predicted(self, z: Array) -> Array:
        """SG(z) [B, O], in the units of gradients."""
        output = self._synthesizer.predict(z)
        if self._scale is not None:
            output *= self._scale.sigma
        return output

    def _head(self, output: Array) -> Array:
        """[B, S] of what was predicted, without the auxiliary head."""
        if output.shape[1] == self._width:
            return output
        np.copyto(self._own, output[:, : self._width])
        return self._own

    def learn(self, n: int, answer: Gradient, rate: float | None, tally: Tally) -> float:
        """From what came in tick n: the gradient [B, S], with an auxiliary head the next boundary's synthetic gradient,
        and with lambda the exact one. Not if there is no rate, or nothing that came answers a state.

            d/dtheta of  (1 - lambda) / 2 |SG(z) - bootstrapped|^2 + lambda / 2 |SG(z') - exact|^2     z' of long ago

        Returns the norm of the weight gradient.
        """
        self._received = answer.exact
        power = self._weight_gradients(n, answer, tally)
        if power is None:
            return 0.0
        norm = self.parameters.gradient_norm()
        if rate is not None and np.isfinite(norm):
            self._optimizer.step(rate, power)
        return norm

    def _weight_gradients(self, n: int, answer: Gradient, tally: Tally) -> float | None:
        """Into the parameters' gradients. The mean squared norm of the inputs; None if there is nothing to learn."""
        share, gradients, power = self._lambda, self.parameters.gradients, 0.0
        if n < (self._late if share < 1 else self._exact_late):
            return None
        if self._scale is not None:
            answer = self._scale.scaled(answer)
        if share < 1:
            assert answer.gradient is not None
            z = self._stash[(n - self._late) % self._slots]
            seen = self._synthesizer.weight_gradients(z, answer.gradient, answer.next_synthetic)
            self._note(seen, tally)
            power = float(np.vdot(z, z)) / self._batch
        if share and (of := n - self._exact_late) >= 0:
            if share < 1:
                np.multiply(gradients, 1 - share, out=self._mixed)
            assert answer.exact is not None
            z = self._stash[of % self._slots]
            self._synthesizer.weight_gradients(z, answer.exact)
            if share == 1:
                # With what was said then: by now it has learned from ticks since, and would say too much of itself.
                assert self._received is not None
                self._note(agreement(self._said[of % self._slots], self._received), tally)
                power = float(np.vdot(z, z)) / self._batch
            gradients *= share
            gradients += self._mixed
        return power

    def _note(self, seen: Agreement | None, tally: Tally) -> None:
        if seen is not None:
            self._cosine *= AGREEMENT
            self._cosine += (1 - AGREEMENT) * seen.cosine
        tally.trained(seen)

    def answer(self, n: int, gradient: Array, pieces: Sequence[Piece]) -> Gradient:
        """dL/d(state in) [B, S], bootstrapped; what an auxiliary head and lambda want of the boundary behind."""
        next_synthetic = self._sent if self._chosen.auxiliary else None
        bootstrapped = gradient if self._lambda < 1 else None
        return Gradient(bootstrapped, next_synthetic=next_synthetic, exact=self.exact_back(n, pieces))

    def exact_back(self, n: int, pieces: Sequence[Piece]) -> Array | None:
        """The exact gradient that came in tick n, gone back through the passage it is of: dL/d(state in) [B, S]."""
        return None if self._exact is None else self._exact.back(n, self._received, pieces)

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values, "stash": self._stash, "cosine": self._cosine}
        found |= {"said": self._said} if len(self._said) else {}
        found |= {} if self._scale is None else self._scale.state()
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
