"""Handwritten digits: the 5,000 MNIST images that come with the package (see data/README.md)."""

from functools import cache
from pathlib import Path

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.tasks.task import Samples

FILE = Path(__file__).with_name("data") / "mnist_5k.npz"
PER_DIGIT, TRAIN_PER_DIGIT = 500, 400


@cache
def images() -> tuple[Array, Array]:
    """pixels [5000, 784] of 0 .. 255, labels [5000] int64, sorted by digit."""
    with np.load(FILE) as file:
        return file["pixels"], file["labels"].astype(np.int64)


def split(digits: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(train, test) of the digits 0 .. digits-1: the first 400 images of each digit, and its last 100."""
    pixels, labels = images()
    kept = np.arange(len(labels)) < digits * PER_DIGIT
    train = kept & (np.arange(len(labels)) % PER_DIGIT < TRAIN_PER_DIGIT)
    test = kept & ~train
    return (pixels[train], labels[train]), (pixels[test], labels[test])


def unit(pixels: Array) -> Array:
    """0 .. 255 -> float32 in 0 .. 1: of a box's own window only, for all of it would be four times the file."""
    return pixels.astype(np.float32) / np.float32(255)


class Mnist01:
    """Digits 0 and 1; the whole image is shown at every time step (Seo 2018), so any number of steps fits."""

    steps: int | None = None
    inputs, classes = 784, 2
    train, test = 800, 200

    def load(self, first: int, steps: int) -> tuple[Samples, Samples]:
        def window(pixels: Array, labels: Array) -> Samples:
            return Samples(np.broadcast_to(unit(pixels), (steps, *pixels.shape)), labels)

        train, test = split(digits=2)
        return window(*train), window(*test)


class Rows:
    """Ten digits, read row by row: 28 steps of 28 pixels."""

    steps: int | None = 28
    inputs, classes = 28, 10
    train, test = 4000, 1000

    def load(self, first: int, steps: int) -> tuple[Samples, Samples]:
        def window(pixels: Array, labels: Array) -> Samples:
            rows = pixels.reshape(-1, 28, 28)[:, first : first + steps]
            return Samples(unit(rows.transpose(1, 0, 2)), labels)

        train, test = split(digits=10)
        return window(*train), window(*test)
