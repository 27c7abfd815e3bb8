"""What the rivals share: the flags, the job, the clock, and the one line of JSON that each prints.

The job is task `rows` for one RNN that is not cut. Its initial weights and the order of its samples are those of our
own run with one box, so all rivals compute the same losses but for rounding. The clock runs only while a rival trains;
it stands still while mini-batches are drawn, code is compiled and accuracy is measured: to the rivals' advantage.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from dni_actors.nn.rnn import RNN
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks import Samples, find

TASK = find("rows")
STEPS, INPUTS, CLASSES = 28, TASK.inputs, TASK.classes


@dataclass(frozen=True)
class Job:
    """What to train, and for how long."""

    batch: int
    hidden: int
    mini_batches: int
    learning_rate: float
    until: float | None
    """test accuracy at which to stop"""
    seed: int
    clip: float = 1.0

    @property
    def per_epoch(self) -> int:
        return TASK.train // self.batch


class Rival(Protocol):
    """Trains by segments of n mini-batches: x [n, T, B, I + 1], ones in the last column, and labels [n, B]."""

    def prepare(self, x: Array, labels: Array) -> Any:
        """A segment as `train` takes it. Not timed."""

    def warm_up(self, segment: Any) -> None:
        """Compiles what `train` needs for a segment of this length, and learns nothing. Not timed."""

    def train(self, segment: Any) -> float:
        """n steps; returns the last one's loss, when all is computed."""

    def accuracy(self, x: Array, labels: Array) -> float:
        """On held-out samples, x [T, N, I + 1] and labels [N]. Not timed."""


@dataclass
class Figures:
    """The line of JSON. The steady state leaves out the first tenth."""

    rate: float
    """mini-batches per second, steady state"""
    cpu_seconds: float
    """CPU seconds per mini-batch, all threads and processes, steady state"""
    loss: float
    """of the last mini-batch"""
    test_accuracy: float
    seconds_until: float | None
    """seconds of training until the accuracy of --until was reached; null: it was not"""
    mini_batches: int


class Lap(NamedTuple):
    mini_batches: int
    seconds: float
    cpu_seconds: float


def flags(description: str) -> argparse.ArgumentParser:
    """The flags of every rival, to which each adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--mini-batches", type=int, default=1250, help="how many to train on (at most, with --until)")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--until", type=float, metavar="ACC", help="stop at this test accuracy, between 0 and 1")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights and the order of the samples")
    return parser


def job(options: argparse.Namespace) -> Job:
    return Job(options.batch, options.hidden, options.mini_batches, options.learning_rate, options.until, options.seed)


def initial_weights(job: Job) -> Parameters:
    """`input` [I + 1, H] with the bias in its last row, `recurrent` [H, H], `readout` [H, C], `readout_bias` [C]."""
    parameters = Parameters(RNN.shapes(INPUTS, job.hidden) | Readout.shapes(job.hidden, CLASSES), np.float32)
    rng = generator(job.seed, Stream.WEIGHTS, 0)
    RNN.initialise(parameters, rng)
    Readout.initialise(parameters, rng)
    return parameters


def with_ones(samples: Samples) -> Array:
    """x [T, N, I] -> [T, N, I + 1]"""
    return np.concatenate([samples.x, np.ones((*samples.x.shape[:2], 1), np.float32)], axis=2)


class Batches:
    """Mini-batches of the training samples, which are shuffled anew each epoch."""

    def __init__(self, job: Job, train: Samples) -> None:
        self._job, self._x, self._labels = job, with_ones(train), train.labels

    def segment(self, first: int, count: int) -> tuple[Array, Array]:
        """x [count, T, B, I + 1] and labels [count, B] of the mini-batches from `first` on."""
        batch, per_epoch = self._job.batch, self._job.per_epoch
        x = zeros((count, STEPS, batch, INPUTS + 1), np.float32)
        labels = np.zeros((count, batch), np.int64)
        for i in range(count):
            epoch, place = divmod(first + i, per_epoch)
            order = generator(self._job.seed, Stream.BATCHES, epoch).permutation(len(self._labels))
            chosen = order[place * batch : (place + 1) * batch]
            x[i], labels[i] = self._x[:, chosen], self._labels[chosen]
        return x, labels


def measure(rival: Rival, job: Job) -> Figures:
    """Trains for so many mini-batches, or until the accuracy is reached; looks every quarter epoch."""
    train, _, test = TASK.load(0, STEPS)
    batches, test_x = Batches(job, train), with_ones(test)
    quarter = max(1, job.per_epoch // 4)
    lengths = [min(quarter, job.mini_batches - first) for first in range(0, job.mini_batches, quarter)]
    for length in set(lengths):
        rival.warm_up(rival.prepare(*batches.segment(0, length)))

    laps: list[Lap] = []
    done, loss, seconds_until = 0, float("nan"), None
    for length in lengths:
        segment = rival.prepare(*batches.segment(done, length))
        began, cpu_began = time.perf_counter(), time.process_time()
        loss = rival.train(segment)
        laps.append(Lap(length, time.perf_counter() - began, time.process_time() - cpu_began))
        done += length
        if job.until is not None and rival.accuracy(test_x, test.labels) >= job.until:
            seconds_until = sum(lap.seconds for lap in laps)
            break

    steady = laps[-(-len(laps) // 10) :] or laps
    count, seconds, cpu_seconds = (sum(column) for column in zip(*steady, strict=True))
    return Figures(count / seconds, cpu_seconds / count, loss, rival.accuracy(test_x, test.labels), seconds_until, done)


def report(figures: Figures) -> None:
    print(json.dumps(asdict(figures)), flush=True)
