"""The synthesizer: predicts the gradient at a box's far boundary from what is known there (DNI paper: M).

    SG([h, y, 1]) = a_n W_n,   a_0 = [h, y, 1],   a_{i+1} = [tanh(a_i W_i), 1]

with 0, 1 or 2 hidden layers (Jaderberg et al. 2016, section 2.1 and its appendix; y, the one-hot label, is there when
it is conditioned: cDNI). The last layer starts at zero, so an untrained synthesizer predicts "no future": truncation.
It minimises  1/2 || SG - delta ||^2,  averaged over the mini-batch, delta being the gradient received.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.config.checks import ConfigError, choose
from dni_actors.config.plugins import imported
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters

TINY = 1e-30


class Agreement(NamedTuple):
    """How a synthetic gradient compares with the received one, over a mini-batch."""

    error: float
    """relative squared error: || SG - delta ||^2 / || delta ||^2"""
    cosine: float
    """cosine of the angle between the two"""
    norm_ratio: float
    """|| SG || / || delta ||"""


def agreement(synthetic: Array, received: Array) -> Agreement | None:
    """Compares two gradients of equal shape; a synthetic one of zero has cosine 0, to a received one of zero no ratio
    is defined: None."""
    s, r = synthetic.reshape(-1), received.reshape(-1)
    ss, rr, sr = float(s.dot(s)), float(r.dot(r)), float(s.dot(r))
    if rr == 0:
        return None
    return Agreement(
        error=(ss - 2 * sr + rr) / rr,
        cosine=sr / (math.sqrt(ss * rr) + TINY),
        norm_ratio=math.sqrt(ss / rr),
    )


class Synthesizer:
    """Predicts, and learns from the gradient that came. Shapes: B samples, Z = S + conditions + 1 inputs, hidden layers
    of width S, O outputs: S, or with an auxiliary head 2S."""

    LAYERS = 0
    """hidden ones"""

    @classmethod
    def shapes(cls, inputs: int, width: int, outputs: int) -> dict[str, tuple[int, ...]]:
        """What weights there are.

        Args:
            inputs: Z, the state, what it is conditioned on, and a one.
            width: S, numbers in a hidden state; of hidden layers, too.
            outputs: O, S or, with an auxiliary head, 2 S.

        Returns:
            The shape of each weight, by its name, in the order of the digest.
        """
        inner: dict[str, tuple[int, ...]] = {
            f"synthesizer_{i}": (inputs if i == 0 else width + 1, width) for i in range(cls.LAYERS)
        }
        return inner | {"synthesizer": (width + 1 if cls.LAYERS else inputs, outputs)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Draws hidden layers, of variance 1/fan-in; the last layer stays zero.

        Args:
            parameters: filled in place.
            rng: the only source of randomness.
        """
        for name, weight in parameters.items():
            if name != "synthesizer":
                weight[:-1] = rng.standard_normal((weight.shape[0] - 1, weight.shape[1])) / np.sqrt(weight.shape[0])

    def __init__(self, parameters: Parameters, batch: int, dtype: DTypeLike) -> None:
        self._parameters = parameters
        self._weights = [weight for _, weight in parameters.items()]
        self._gradients = [parameters.gradient(name) for name, _ in parameters.items()]
        hidden, outputs = self._weights[0].shape[1], self._weights[-1].shape[1]
        self._inner = [zeros((batch, hidden + 1), dtype) for _ in self._weights[:-1]]  # a_1 .. a_n
        self._d_inner = [zeros((batch, hidden), dtype) for _ in self._inner]
        self._scratch = zeros((batch, hidden), dtype)
        self._output = zeros((batch, outputs), dtype)

    def predict(self, z: Array) -> Array:
        """The synthetic gradient.

        Args:
            z: [B, Z], [h, y, 1], or a row of zeros where there is nothing to predict; never written.

        Returns:
            [B, O], per sample: a work array, valid until the next call, which the caller may write into.
        """
        a = z
        for weight, inner in zip(self._weights, self._inner, strict=False):
            np.tanh(np.matmul(a, weight, out=self._scratch), out=inner[:, :-1])
            inner[:, -1] = z[:, -1]  # one; or zero of a row of zeros, of which zero is predicted, and nothing learned
            a = inner
        return np.matmul(a, self._weights[-1], out=self._output)

    def weight_gradients(self, z: Array, received: Array, next_synthetic: Array | None = None) -> Agreement | None:
        """Fills the parameters' gradients: batch means of those of 1/2 || SG - delta ||^2.

        Args:
            z: [B, Z], as it was predicted from.
            received: delta [B, S], the gradient that came, per sample.
            next_synthetic: [B, S], the synthetic gradient at the next boundary, which an auxiliary head learns (DNI
                paper, 2.3); None: it has nothing to learn from.

        Returns:
            How the prediction made here, before any update, agrees with `received`; None if that is zero.
        """
        d = self.predict(z)
        width = received.shape[1]
        seen = agreement(d[:, :width], received)
        d[:, :width] -= received
        if next_synthetic is None:
            d[:, width:] = 0  # an auxiliary head has nothing to learn from
        else:
            d[:, width:] -= next_synthetic
        d /= len(z)
        below = [z, *self._inner]
        for i in reversed(range(len(self._weights))):
            np.matmul(below[i].T, d, out=self._gradients[i])
            if i:
                d_inner, a = self._d_inner[i - 1], below[i][:, :-1]
                np.matmul(d, self._weights[i][:-1].T, out=d_inner)
                np.multiply(a, a, out=self._scratch)
                np.subtract(1, self._scratch, out=self._scratch)
                d = np.multiply(d_inner, self._scratch, out=d_inner)
        return seen


class OneHidden(Synthesizer):
    LAYERS = 1


class TwoHidden(Synthesizer):
    LAYERS = 2


SYNTHESIZERS: dict[str, type[Synthesizer]] = {"linear": Synthesizer, "mlp1": OneHidden, "mlp2": TwoHidden}


def synthesizer_kind(name: str) -> type[Synthesizer]:
    """The synthesizer of a name or an import path.

    Args:
        name: linear, mlp1, mlp2, or package.module:Class.

    Returns:
        The class, whose methods are those of `Synthesizer`.

    Raises:
        ConfigError: there is none of that name.
    """
    if name in SYNTHESIZERS:
        return SYNTHESIZERS[name]
    if ":" in name:
        kind: type[Synthesizer] = imported("synthesizer", name)
        return kind
    raise ConfigError("synthesizer", f"{name!r} is not known; {choose(name, SYNTHESIZERS)}")
