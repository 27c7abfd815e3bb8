"""Handwritten digits: the 5,000 MNIST images that come with the package (see data/README.md)."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.tasks.task import Samples, Split

FILE = Path(__file__).with_name("data") / "mnist_5k.npz"
PER_DIGIT = 500
BORDERS = (0, 400, 420, 500)  # of the training, validation and test images of each digit


@cache
def images() -> tuple[Array, Array]:
    """pixels [5000, 784] of 0 .. 255, labels [5000] int64, sorted by digit."""
    with np.load(FILE) as file:
        return file["pixels"], file["labels"].astype(np.int64)


def split(digits: int) -> list[tuple[Array, Array]]:
    """Train, validation and test (pixels, labels) of the digits 0 .. digits-1."""
    pixels, labels = images()
    kept, place = np.arange(len(labels)) < digits * PER_DIGIT, np.arange(len(labels)) % PER_DIGIT
    chosen = [kept & (place >= low) & (place < high) for low, high in pairwise(BORDERS)]
    return [(pixels[of], labels[of]) for of in chosen]


def unit(pixels: Array) -> Array:
    """0 .. 255 -> float32 in 0 .. 1: of a box's own window only, for all of it would be four times the file."""
    return pixels.astype(np.float32) / np.float32(255)


class Mnist01:
    """Digits 0 and 1; the whole image is shown at every time step (Seo 2018), so any number of steps fits."""

    steps: int | None = None
    inputs, classes = 784, 2
    loss, per_step = "softmax", False
    train, validation, test = 800, 40, 160

    def load(self, first: int, steps: int) -> Split:
        def window(pixels: Array, labels: Array) -> Samples:
            return Samples(np.broadcast_to(unit(pixels), (steps, *pixels.shape)), labels)

        return Split(*(window(*part) for part in split(digits=2)))


class Rows:
    """Ten digits, read row by row: 28 steps of 28 pixels."""

    steps: int | None = 28
    inputs, classes = 28, 10
    loss, per_step = "softmax", False
    train, validation, test = 4000, 200, 800

    def load(self, first: int, steps: int) -> Split:
        def window(pixels: Array, labels: Array) -> Samples:
            rows = pixels.reshape(-1, 28, 28)[:, first : first + steps]
            return Samples(unit(rows.transpose(1, 0, 2)), labels)

        return Split(*(window(*part) for part in split(digits=10)))
