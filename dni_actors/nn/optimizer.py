"""Optimizers: one in-place step over a whole vector of weights."""

import math
from typing import Protocol

import numpy as np

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class Optimizer(Protocol):
    """Moves `parameters.values` against `parameters.gradients`; `state` is all it remembers between steps."""

    state: dict[str, Array]

    def __init__(self, parameters: Parameters) -> None: ...

    def step(self, rate: float, power: float) -> None:
        """One update at learning rate `rate`; `power` is the mean squared norm of the model's inputs (for NLMS)."""


class SGD:
    """w -= rate * g"""

    def __init__(self, parameters: Parameters) -> None:
        self.state: dict[str, Array] = {}
        self._p = parameters
        self._change = zeros(parameters.values.shape, parameters.values.dtype)

    def step(self, rate: float, power: float) -> None:
        np.multiply(self._p.gradients, rate, out=self._change)
        self._p.values -= self._change


class NLMS(SGD):
    """w -= rate / power * g: normalised least mean squares; stable for a linear model while 0 < rate < 2."""

    def step(self, rate: float, power: float) -> None:
        super().step(rate / (power + 1e-8), power)


class Momentum(SGD):
    """v = 0.9 v + g;  w -= rate * v  (Polyak)"""

    MU = 0.9

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._v = self.state["velocity"] = zeros(parameters.values.shape, parameters.values.dtype)

    def step(self, rate: float, power: float) -> None:
        self._v *= self.MU
        self._v += self._p.gradients
        np.multiply(self._v, rate, out=self._change)
        self._p.values -= self._change


class Nesterov(Momentum):
    """v = 0.9 v + g;  w -= rate * (0.9 v + g)  (Sutskever et al. 2013, equation 3, in weights ahead by 0.9 v)"""

    def step(self, rate: float, power: float) -> None:
        self._v *= self.MU
        self._v += self._p.gradients
        np.multiply(self._v, self.MU, out=self._change)
        self._change += self._p.gradients
        self._change *= rate
        self._p.values -= self._change


class RMSProp(SGD):
    """v = 0.9 v + 0.1 g^2;  w -= rate * g / (sqrt(v) + 1e-8)  (Tieleman and Hinton 2012)"""

    RHO, EPSILON = 0.9, 1e-8

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._square = self.state["square"] = zeros(parameters.values.shape, parameters.values.dtype)

    def step(self, rate: float, power: float) -> None:
        g, change = self._p.gradients, self._change
        self._square *= self.RHO
        np.multiply(g, g, out=change)
        change *= 1 - self.RHO
        self._square += change
        np.sqrt(self._square, out=change)
        change += self.EPSILON
        np.divide(g, change, out=change)
        change *= rate
        self._p.values -= change


class Adam:
    """Kingma and Ba 2015, algorithm 1, its corrections folded into the rate: beta1 .9, beta2 .999, epsilon 1e-8."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Parameters) -> None:
        shape, dtype = parameters.values.shape, parameters.values.dtype
        self._p = parameters
        self._m, self._v = zeros(shape, dtype), zeros(shape, dtype)
        self._steps = np.zeros(1, np.int64)
        self._a, self._b = zeros(shape, dtype), zeros(shape, dtype)
        self.state = {"mean": self._m, "square": self._v, "steps": self._steps}

    def step(self, rate: float, power: float) -> None:
        g, a, b = self._p.gradients, self._a, self._b
        self._steps += 1
        t = int(self._steps[0])
        self._m *= self.BETA1
        self._m += np.multiply(g, 1 - self.BETA1, out=a)
        self._v *= self.BETA2
        np.multiply(g, g, out=a)
        self._v += np.multiply(a, 1 - self.BETA2, out=a)
        corrected = math.sqrt(1 - self.BETA2**t)
        np.sqrt(self._v, out=a)
        a += self.EPSILON * corrected
        mean, complete = self._mean(t)
        np.divide(mean, a, out=b)
        b *= rate * corrected / complete
        self._p.values -= b

    def _mean(self, t: int) -> tuple[Array, float]:
        """The gradients' mean to step along in step t, and how much of it is there yet; asked once in each step."""
        return self._m, 1 - self.BETA1**t


class PatientAdam(Adam):
    """With beta1 .99: for corrections that come so late that a longer mean costs little, and noise does."""

    BETA1 = 0.99


class DelayedNesterov(Momentum):
    """v = mu v + (1 - mu) g;  w -= rate * (mu v + (1 - mu) g): Nesterov's look-ahead with the gradient discounted,
    against stale gradients (Ajanthan et al., ICML 2025: mu .99). The weights held are those looked ahead to."""

    def __init__(self, parameters: Parameters, momentum: float) -> None:
        super().__init__(parameters)
        self.MU = momentum

    def step(self, rate: float, power: float) -> None:
        g, change = self._p.gradients, self._change
        self._v *= self.MU
        self._v += np.multiply(g, 1 - self.MU, out=change)
        np.multiply(g, 1 - self.MU, out=change)
        change += self.MU * self._v
        change *= rate
        self._p.values -= change


class DelayedNAdam(Adam):
    """The same in Adam's normalisation: NAdam (Dozat 2016), as Ajanthan et al. published it with beta1 .99.

    mu_t = beta1 (1 - .96^(.004 t) / 2),   P_t = mu_1 .. mu_t
    the mean to step along:  mu_(t+1) / (1 - P_(t+1)) m_t  +  (1 - mu_t) / (1 - P_t) g_t
    """

    MOMENTUM_DECAY = 0.004

    def __init__(self, parameters: Parameters, momentum: float) -> None:
        super().__init__(parameters)
        self.BETA1 = momentum
        self._product = self.state["product"] = np.ones(1)

    def _mu(self, t: int) -> float:
        return float(self.BETA1 * (1 - 0.5 * 0.96 ** (self.MOMENTUM_DECAY * t)))

    def _mean(self, t: int) -> tuple[Array, float]:
        mu, ahead = self._mu(t), self._mu(t + 1)
        self._product *= mu
        product = float(self._product[0])
        np.multiply(self._p.gradients, (1 - mu) / (1 - product), out=self._b)
        self._b += self._m * (ahead / (1 - product * ahead))
        return self._b, 1.0


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adam": Adam,
    "nlms": NLMS,
}

PATIENT: dict[str, type[Optimizer]] = {"adam": PatientAdam}
"""by the optimizer's name: the form for a box that settles (box/settling.py), where that is another one"""


def ahead_of_delay(name: str) -> type[DelayedNAdam | DelayedNesterov]:
    """The form of an optimizer that looks ahead of stale gradients, with a momentum."""
    return DelayedNAdam if name == "adam" else DelayedNesterov
