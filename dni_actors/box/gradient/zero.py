"""No future beyond the far boundary: a gradient of zero (`truncated`, `local`, and every chain's last box)."""

from collections.abc import Sequence

from dni_actors.box.messages import Gradient
from dni_actors.box.piece import Piece
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class ZeroGradient:
    """What stands at a far boundary, and the base of what else may. Shapes: b samples of a piece, S state width."""

    parameters: Parameters | None = None
    """of what learns here"""

    def __init__(self, config: RunConfig) -> None:
        self._zeros = zeros((config.rows, config.state_width), config.chain.precision)

    def learn(self, n: int, answer: Gradient, rate: float | None, tally: Tally) -> float:
        """In tick n, learns from the answer to a state of n - L; not if there is no rate. The norm of the gradient."""
        return 0.0

    def predict(self, n: int, piece: Piece) -> tuple[Array, Array]:
        """The gradients [b, S] to use at once: for the message back, and for the box's own weights."""
        return self._zeros, self._zeros

    def judged(self, piece: Piece) -> None:
        """The box's own losses of this passage are known, if it has any."""

    def answer(self, n: int, gradient: Array, pieces: Sequence[Piece]) -> Gradient:
        """What goes back in tick n with dL/d(state in) [b, S]: here nothing, for nobody learns from it."""
        return Gradient()

    def exact_back(self, n: int, pieces: Sequence[Piece]) -> Array | None:
        """The exact gradient that came in tick n, gone back through the passage it is of: dL/d(state in) [b, S]."""
        return None

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {}


class SequenceEnd(ZeroGradient):
    """The last box's under the rule `synthetic`: there is no future, and what goes back is exact."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self._auxiliary, self._bootstraps = config.synthesizer.auxiliary, config.bootstraps
        self._exact = config.exact_comes

    def answer(self, n: int, gradient: Array, pieces: Sequence[Piece]) -> Gradient:
        """dL/d(state in), which is the exact one, too; at the next boundary there is none."""
        next_synthetic = self._zeros if self._auxiliary else None
        return Gradient(
            gradient if self._bootstraps else None,
            next_synthetic=next_synthetic,
            exact=gradient if self._exact else None,
        )
