"""A box's synthesizer at work: what it saw is stashed until the gradient comes, L ticks later, that it learns from."""

import numpy as np

from dni_actors.box.piece import Piece
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, Arrays, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import Agreement, agreement, synthesizer_kind

AGREEMENT = 0.95  # decay of the running cosine that trust goes by


class SyntheticGradient:
    """Of box k. Shapes: B samples, S state width, Z = S + conditions + 1 inputs of the synthesizer, L ticks of lag."""

    def __init__(self, config: RunConfig, k: int, rng: np.random.Generator) -> None:
        chosen, batch, dtype = config.synthesizer, config.learning.batch, config.chain.precision
        width = config.state_width
        self._conditions = config.conditions
        self._width, self._batch, self._chosen = width, batch, chosen
        z = width + self._conditions + 1
        kind = synthesizer_kind(chosen.synthesizer)
        shapes = kind.shapes(z, width, width * (1 + chosen.auxiliary))
        self.parameters = Parameters(shapes, dtype)
        kind.initialise(self.parameters, rng)
        self._synthesizer = kind(self.parameters, batch, dtype)
        self._optimizer = OPTIMIZERS[chosen.synthesizer_optimizer](self.parameters)
        # A ring's states are taken, and so answered, later; exact gradients come late from every boundary behind.
        self._late = config.lag + (config.next_state_lag(k) if config.streaming is not None else 0)
        self._exact_late = config.lag * (config.boxes - 1 - k) if chosen.lambda_ else 0
        self._slots = min(max(self._late, self._exact_late), config.ticks)
        self._stash = zeros((self._slots, batch, z), dtype)  # [state, y, 1] of the last ticks
        self._stash[..., -1] = 1
        self._cosine = np.zeros(1)  # running mean of the cosine between synthetic and received gradients
        self._nothing = zeros((batch, width), dtype)
        self._own, self._used = zeros((batch, width), dtype), zeros((batch, width), dtype)
        self._mixed = zeros(self.parameters.gradients.shape, dtype)

    def predict(self, n: int, piece: Piece) -> tuple[Array, Array]:
        """Stashes what it sees of the passage. The gradient [B, S] that the message back is made with, and the one that
        the box's own weights learn from: the same array where they do not differ.

            sent = gamma SG(z),  used = s SG(z)         (Jaderberg et al. 2016: the discount, the consumption scale)
        """
        chosen = self._chosen
        z = self._stash[n % self._slots]
        z[:, : self._width] = piece.state
        if self._conditions:
            piece.condition(z[:, self._width : -1])
        if n < chosen.warmup:
            return self._nothing, self._nothing
        trust = self._trust() if chosen.trust == "readout" else 1.0
        own = self._head(self._synthesizer.predict(z))
        if chosen.discount == chosen.synthetic_scale:
            if trust * chosen.discount != 1:
                own *= trust * chosen.discount
            return own, own
        np.multiply(own, trust * chosen.synthetic_scale, out=self._used)
        own *= trust * chosen.discount
        return own, self._used

    def compare(self, piece: Piece, exact: Array) -> Agreement | None:
        """How the prediction for a passage agrees with the exact gradient [B, S]; nothing is stashed or learned."""
        z = np.ones((self._batch, self._stash.shape[2]), self._stash.dtype)
        z[:, : self._width] = piece.state
        if self._conditions:
            piece.condition(z[:, self._width : -1])
        return agreement(self._head(self._synthesizer.predict(z)), exact)

    def _head(self, output: Array) -> Array:
        """[B, S] of what was predicted, without the auxiliary head."""
        if output.shape[1] == self._width:
            return output
        np.copyto(self._own, output[:, : self._width])
        return self._own

    def weight_gradients(self, n: int, answer: Arrays, tally: Tally) -> tuple[float, float] | None:
        """From what came in tick n: gradient [B, S], with an auxiliary head the next boundary's synthetic gradient, and
        with lambda the exact one. The norm of the weight gradient, and the mean squared norm of the inputs; None if
        nothing that came answers a state.

            d/dtheta of  (1 - lambda) / 2 |SG(z) - bootstrapped|^2 + lambda / 2 |SG(z') - exact|^2     z' of long ago
        """
        gradient, *others = answer
        aux = others.pop(0) if self._chosen.auxiliary else None
        share, gradients, power = self._chosen.lambda_, self.parameters.gradients, 0.0
        self._mixed[:] = 0
        if (of := n - self._late) < 0:
            return None
        if share < 1:
            z = self._stash[of % self._slots]
            seen = self._synthesizer.weight_gradients(z, gradient, aux)
            self._note(seen, tally)
            power = float(np.vdot(z, z)) / self._batch
        if share and (of := n - self._exact_late) >= 0:
            np.multiply(gradients, (1 - share) if share < 1 else 0.0, out=self._mixed)
            z = self._stash[of % self._slots]
            seen = self._synthesizer.weight_gradients(z, others[0])
            if share == 1:
                self._note(seen, tally)
                power = float(np.vdot(z, z)) / self._batch
            gradients *= share
            gradients += self._mixed
        elif share == 1:
            return None
        return self.parameters.gradient_norm(), power

    def _note(self, seen: Agreement | None, tally: Tally) -> None:
        if seen is not None:
            self._cosine *= AGREEMENT
            self._cosine += (1 - AGREEMENT) * seen.cosine
        tally.trained(seen)

    def step(self, rate: float, power: float) -> None:
        self._optimizer.step(rate, power)

    def _trust(self) -> float:
        return float(np.clip(self._cosine[0], 0, 1))

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values, "stash": self._stash, "cosine": self._cosine}
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
