"""Losses of a read-out's outputs z [N, C], per sample: cross-entropy of classes or of bits, squared error of numbers.

A target of -1 (a class) or NaN (a bit, a number) is unknown: it has no loss and no gradient, and counts nowhere.
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros


class Loss(Protocol):
    """Works in place on z, which `forward` leaves as `backward` needs it. Shapes: N samples, C outputs."""

    can_be_right: bool
    """whether an answer is right or wrong, not only near"""

    def __init__(self, samples: int, outputs: int, dtype: DTypeLike, weights: Array | None = None) -> None:
        """`weights` [C]: what a target of each class weighs; 1 without them."""

    @staticmethod
    def targets(samples: tuple[int, ...], outputs: int) -> Array:
        """Room for the targets of so many samples: [..., N] integers, or [..., N, C] numbers."""

    @staticmethod
    def chance(outputs: int) -> float:
        """The chance-level loss; infinite where that depends on the targets."""

    @staticmethod
    def known(targets: Array) -> Array:
        """[..., N] the share of each sample's targets that are known."""

    def weigh(self, targets: Array) -> Array:
        """[..., N] what each sample's loss weighs in a mean: that share, times the weight of its class."""

    def forward(self, z: Array, targets: Array, loss: Array, correct: Array) -> None:
        """Fills loss [N] and correct [N], whether all that is known was answered right; z becomes what the outputs
        say."""

    def backward(self, z: Array, targets: Array) -> Array:
        """dL/dz [N, C], in place of what `forward` left."""

    def one_hot(self, targets: Array, into: Array) -> None:
        """What a model is told that knows the targets: into [N, C]; zero where nothing is asked."""


class Softmax:
    """p = softmax(z), loss = -w[target] log p[target]; one class in C."""

    can_be_right = True

    def __init__(self, samples: int, outputs: int, dtype: DTypeLike, weights: Array | None = None) -> None:
        self._weights = None if weights is None else weights.astype(dtype)
        self._column = zeros((samples, 1), dtype)
        self._best = zeros(samples, np.intp)
        self._at = zeros(samples, np.intp)  # where each sample's target stands in the flattened [N, C]
        self._rows = np.arange(samples) * outputs
        self._samples = np.arange(samples)
        self._silent: Array | None = None  # [N] of those without a target, if there are any

    @staticmethod
    def targets(samples: tuple[int, ...], outputs: int) -> Array:
        return np.zeros(samples, np.int64)

    @staticmethod
    def chance(outputs: int) -> float:
        return math.log(outputs)

    @staticmethod
    def known(targets: Array) -> Array:
        return targets >= 0

    def weigh(self, targets: Array) -> Array:
        known = self.known(targets)
        return known if self._weights is None else known * self._weights.take(targets, mode="clip")

    def forward(self, z: Array, targets: Array, loss: Array, correct: Array) -> None:
        np.argmax(z, axis=1, out=self._best)
        np.equal(self._best, targets, out=correct)
        z -= np.max(z, axis=1, keepdims=True, out=self._column)
        np.add(self._rows, targets, out=self._at)
        self._silent = targets < 0 if targets.min(initial=0) < 0 else None
        if self._silent is not None:
            self._at[self._silent] += 1
        np.take(z, self._at, out=loss, mode="clip")  # "clip": the default mode would buffer `out`
        np.exp(z, out=z)
        total = np.sum(z, axis=1, keepdims=True, out=self._column)
        z /= total
        np.log(total, out=total)
        np.subtract(total[:, 0], loss, out=loss)
        if self._weights is not None:
            loss *= self._weights.take(targets, mode="clip")
        if self._silent is not None:
            loss[self._silent] = 0

    def backward(self, z: Array, targets: Array) -> Array:
        """w (p - y)"""
        z.reshape(-1)[self._at] -= 1
        if self._weights is not None:
            z *= self._weights.take(targets, mode="clip")[:, None]
        if self._silent is not None:
            z[self._silent] = 0
        return z

    def one_hot(self, targets: Array, into: Array) -> None:
        into[:] = 0
        into[self._samples, targets] = targets >= 0  # -1 says of the last class that it is not the one


class Numbers:
    """What losses of numbers have in common: targets [N, C], and the slope z - y. There are no classes to weigh."""

    def __init__(self, samples: int, outputs: int, dtype: DTypeLike, weights: Array | None = None) -> None:
        self._scratch = zeros((samples, outputs), dtype)
        self._unknown: Array | None = None  # [N, C] of the last `forward`, if there are any

    @staticmethod
    def targets(samples: tuple[int, ...], outputs: int) -> Array:
        return np.zeros((*samples, outputs))

    @staticmethod
    def known(targets: Array) -> Array:
        return np.asarray((~np.isnan(targets)).mean(axis=-1))

    def weigh(self, targets: Array) -> Array:
        return self.known(targets)

    def judge(self, terms: Array, right: Array, targets: Array, loss: Array, correct: Array) -> None:
        """Loss and correct from those of each number [N, C]; terms may be written."""
        unknown = np.isnan(targets)
        self._unknown = unknown if unknown.any() else None
        if self._unknown is not None:
            terms[unknown], right = 0, right | unknown
        np.all(right, axis=1, out=correct)
        loss[:] = terms.sum(axis=1)
        if self._unknown is not None:
            correct &= ~unknown.all(axis=1)

    def backward(self, z: Array, targets: Array) -> Array:
        z -= targets
        if self._unknown is not None:
            z[self._unknown] = 0
        return z

    def one_hot(self, targets: Array, into: Array) -> None:
        into[:] = np.nan_to_num(targets)


class Bits(Numbers):
    """p = sigmoid(z), loss = -sum over C of log p (or log 1-p): C bits each; right if all of them are."""

    can_be_right = True

    @staticmethod
    def chance(outputs: int) -> float:
        return outputs * math.log(2)

    def forward(self, z: Array, targets: Array, loss: Array, correct: Array) -> None:
        # log(1 + exp(-|z|)) + max(z, 0) - z y: nothing in it overflows
        a = np.abs(z, out=self._scratch)
        np.log1p(np.exp(np.negative(a, out=a), out=a), out=a)
        a += np.maximum(z, 0) - z * np.nan_to_num(targets)
        self.judge(a, (z > 0) == (targets > 0.5), targets, loss, correct)
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5


class Squared(Numbers):
    """loss = 1/2 |z - y|^2: C numbers each. No number is right or wrong."""

    can_be_right = False

    @staticmethod
    def chance(outputs: int) -> float:
        return math.inf

    def forward(self, z: Array, targets: Array, loss: Array, correct: Array) -> None:
        off = np.subtract(z, targets, out=self._scratch, casting="same_kind")
        off *= off
        self.judge(off, np.zeros(off.shape, bool), targets, loss, correct)
        loss *= 0.5


LOSSES: dict[str, type[Loss]] = {"softmax": Softmax, "bits": Bits, "squared": Squared}


def balanced(counts: Array) -> Array:
    """What a label of each class weighs [C], for all classes to weigh alike; 1 in the mean over the labels counted.

    w_c = n / (C n_c)         (King and Zeng 2001, section 4.2); a class of which nothing is learned weighs 1
    """
    weights: Array = counts.sum() / (len(counts) * np.maximum(counts, 1))
    weights[counts == 0] = 1
    return weights
