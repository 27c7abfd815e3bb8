"""A box's own slice of the data: it cuts the mini-batch of tick n by itself, so only states and gradients travel."""

import numpy as np

from dni_actors.config import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks import Fresh, Samples


class Feed:
    """The window of box k, of training, validation and test samples; T steps, B samples a mini-batch, I inputs."""

    def __init__(self, config: RunConfig, k: int) -> None:
        first, steps = sum(config.unrolls[:k]), config.unrolls[k]
        data = config.task.load(first, steps)
        self._seed, self._per_epoch, self._batch = config.learning.seed, config.ticks_per_epoch, config.learning.batch
        self._rows = config.rows
        self._train, *self._held_out = (
            (with_ones(samples, config.chain.precision), samples.labels)
            for samples in (data.train, data.validation, data.test)
        )
        self._epoch, self._order = -1, np.arange(0)
        self._fresh = config.task if isinstance(config.task, Fresh) else None
        self._window = slice(first, first + steps)
        self._tick, self._drawn = -1, data.train

    def train(self, n: int, part: int, x: Array, labels: Array) -> None:
        """Fills x [T, b, I + 1] and labels [b] with part `part` of the mini-batch of tick n, b samples each.

        Every epoch shuffles anew; the order is a function of (seed, epoch) alone, the same in every box. Fresh samples
        are a function of (seed, tick).
        """
        if self._fresh is not None:
            self._draw(self._fresh, n, part, x, labels)
            return
        epoch, place = divmod(n, self._per_epoch)
        if epoch != self._epoch:
            rng = generator(self._seed, Stream.BATCHES, epoch)
            self._epoch, self._order = epoch, rng.permutation(len(self._train[1]))
        first = place * self._batch + part * len(labels)
        gather(*self._train, self._order[first : first + len(labels)], x, labels)

    def _draw(self, task: Fresh, n: int, part: int, x: Array, labels: Array) -> None:
        if n != self._tick:
            self._tick, self._drawn = n, task.draw(generator(self._seed, Stream.FRESH, n), self._batch)
        chosen = slice(part * len(labels), (part + 1) * len(labels))
        labels[:] = self._drawn.labels[chosen]
        if len(x):  # a read-out alone sees no x
            x[..., :-1] = self._drawn.x[self._window, chosen]
            x[..., -1] = 1

    @property
    def validation_chunks(self) -> int:
        return self._chunks(0)

    @property
    def chunks(self) -> int:
        """An evaluation goes in chunks of one message's size: the same products, so the same bits, everywhere."""
        return self._chunks(0) + self._chunks(1)

    def _chunks(self, which: int) -> int:
        return -(-len(self._held_out[which][1]) // self._rows)

    def held_out(self, chunk: int, x: Array, labels: Array) -> int:
        """Fills x and labels with a chunk of the validation samples, then of the test samples; how many count.

        The last chunk of each is filled up by repeating its last sample, which does not count again.
        """
        which = int(chunk >= self.validation_chunks)
        all_x, all_labels = self._held_out[which]
        first, samples = (chunk - which * self.validation_chunks) * self._rows, len(all_labels)
        chosen = np.minimum(np.arange(first, first + self._rows), samples - 1)
        gather(all_x, all_labels, chosen, x, labels)
        return min(self._rows, samples - first)


def gather(all_x: Array, all_labels: Array, chosen: Array, x: Array, labels: Array) -> None:
    if len(x):  # a read-out alone sees no x
        np.take(all_x, chosen, axis=1, out=x, mode="clip")  # "clip": the default mode would buffer `out`
    np.take(all_labels, chosen, out=labels, mode="clip")


def with_ones(samples: Samples, precision: str) -> Array:
    """x [T, N, I] -> [T, N, I + 1] with a last column of ones, which carries the cell's bias."""
    steps, count, inputs = samples.x.shape
    x = zeros((steps, count, inputs + 1), precision)
    x[..., :-1] = samples.x
    x[..., -1] = 1
    return x
