"""A rival: data parallelism in P processes with our own numerics; exact synchronous SGD, equal bits in all processes.

    python -m bench.rivals.data_parallel --batch 32 --hidden 64 --mini-batches 1250 --processes 2 [--link-delay-ms 20]
                                         [--link-mbps 100] [--every 50]

Prints one line of JSON (`common.Figures`). Each process backpropagates through time over its B/P samples, sends its
gradient to every other, adds up what it has, clips, and takes the same step as all. The last gradient through time is
also the first one complete, so there is nothing to send earlier. `--processes 1` is plain backpropagation in NumPy.

With `--every H` it is local SGD as in DiLoCo (Douillard et al. 2023, arXiv 2311.08105, algorithm 1): each process takes
H steps alone, with an Adam of its own, on its share of the mini-batches. Then the mean way that they went is the
gradient of an outer step with Nesterov's momentum, from which all go on. Measured is the model after outer steps.
"""

import ctypes
import multiprocessing
import time
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.rivals.common import INPUTS, STEPS, Figures, Job, flags, initial_weights, job, measure, report
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.digest import digest
from dni_actors.nn.optimizer import Adam
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from dni_actors.nn.rnn import RNN

SPIN = 0.0002  # seconds to ask again and again before sleeping: waking up takes a tenth of a step at 32 x 64
PATIENCE = 120  # seconds after which a silent process counts as dead


class Wires:
    """Shared memory in which every process tells its gradient to all others; one object, inherited by all.

    Two slots in turn are enough: nobody writes gradient n + 2 before all have sent n + 1, that is, have read n.
    """

    def __init__(self, context: SpawnContext, processes: int, size: int) -> None:
        self.processes, self.size = processes, size
        self.memory = context.RawArray(ctypes.c_float, 2 * processes * size)
        self.stamps = context.RawArray(ctypes.c_double, 2 * processes)
        self.sent = [[context.Semaphore(0) for _ in range(processes)] for _ in range(processes)]  # [from][to]


class Exchange:
    """One process's end of the wires: a link to every other process, slow as those between boxes are (SlowLink in
    dni_actors/runtime/worker/delays.py). A message sets out when it was sent and those before it have passed, passes
    for its bytes, if only so many megabits a second do, and is then under way for `delay` seconds."""

    def __init__(self, wires: Wires, rank: int, delay: float, megabits: float = 0.0) -> None:
        self._rank, self._others = rank, [r for r in range(wires.processes) if r != rank]
        self._delay, self._sent = delay, wires.sent
        self._passing = 4 * wires.size * 8e-6 / megabits if megabits else 0.0  # seconds
        self._free = dict.fromkeys(self._others, 0.0)  # when the last message from there has passed
        self._vectors = np.ctypeslib.as_array(wires.memory).reshape(2, wires.processes, wires.size)
        self._stamps = np.ctypeslib.as_array(wires.stamps).reshape(2, wires.processes)
        self._turn = 0

    def add_up(self, vector: Array) -> None:
        """The sum over all processes, in place; added in the order of ranks by everyone, so all get the same bits."""
        vectors, stamps = self._vectors[self._turn], self._stamps[self._turn]
        self._turn = 1 - self._turn
        vectors[self._rank] = vector
        stamps[self._rank] = time.perf_counter()  # one clock for all processes of a machine
        for other in self._others:
            self._sent[self._rank][other].release()
        for other in self._others:
            self._receive(self._sent[other][self._rank])
            self._free[other] = max(stamps[other], self._free[other]) + self._passing
            early = self._free[other] + self._delay - time.perf_counter()
            if early > 0:
                time.sleep(early)
        np.copyto(vector, vectors[0])
        for more in vectors[1:]:
            vector += more

    @staticmethod
    def _receive(sent: Any) -> None:
        until = time.perf_counter() + SPIN
        while not sent.acquire(block=False):
            if time.perf_counter() > until:
                if not sent.acquire(timeout=PATIENCE):
                    raise SystemExit("another process has gone silent")
                return


OUTER_RATE, OUTER_MOMENTUM = 0.7, 0.9  # DiLoCo, table 5


class Outer:
    """The weights that all processes share after every H steps, and the optimizer that moves them."""

    def __init__(self, start: Parameters, processes: int, every: int) -> None:
        self.parameters = start
        self._velocity = np.zeros_like(start.values)
        self._processes, self._every, self._steps = processes, every, 0

    def step(self, inner: Parameters, exchange: Exchange | None) -> None:
        """After an inner step; an outer one if it is time."""
        self._steps += 1
        if self._steps % self._every:
            return
        shared = self.parameters.values
        went = shared - inner.values
        if exchange is not None:
            exchange.add_up(went)
        went /= self._processes
        self._velocity *= OUTER_MOMENTUM
        self._velocity += went
        shared -= OUTER_RATE * (went + OUTER_MOMENTUM * self._velocity)
        np.copyto(inner.values, shared)


class Replica:
    """One process's copy of the weights, and its share of every mini-batch. `every`: inner steps between outer ones; 0:
    gradients are exchanged in every step."""

    def __init__(
        self, job: Job, rank: int, processes: int, exchange: Exchange | None, heavy: float, every: int = 0
    ) -> None:
        share = job.batch // processes
        self._job, self._exchange = job, exchange
        self._mine = slice(rank * share, (rank + 1) * share)
        self.parameters = initial_weights(job)
        self._cell = RNN(self.parameters, STEPS, share, INPUTS, job.hidden, np.float32)
        self._readout = Readout(self.parameters, share, np.float32)
        self._optimizer = Adam(self.parameters)
        self._h_in = zeros((share, job.hidden), np.float32)
        self._samples = share if every else job.batch  # that a step's gradient is the mean of
        self._outer = Outer(initial_weights(job), processes, every) if every else None
        self.shared = self.parameters if self._outer is None else self._outer.parameters
        self._third = heavy / processes / 3  # emulated heaviness: seconds in each of forward, backward, update

    def prepare(self, x: Array, labels: Array) -> list[tuple[Array, Array]]:
        mine = list(zip(x[:, :, self._mine], labels[:, self._mine], strict=True))
        if self._exchange is not None:  # all begin together: none waits, on the clock, for one that still draws
            self._exchange.add_up(zeros(self.parameters.gradients.shape, np.float32))
        return mine

    def warm_up(self, segment: list[tuple[Array, Array]]) -> None:
        """Nothing to compile, but the first products are slow."""
        self._gradients(*segment[0])

    def train(self, segment: list[tuple[Array, Array]]) -> float:
        for x, labels in segment:
            self._gradients(x, labels)
            if self._exchange is not None and self._outer is None:
                self._exchange.add_up(self.parameters.gradients)
            self._update()
            if self._outer is not None:
                self._outer.step(self.parameters, self._exchange)
        return float(self._readout.loss.mean())

    def _gradients(self, x: Array, labels: Array) -> None:
        """Sums over this process's samples."""
        np.copyto(self._cell.x, x)
        h = self._cell.forward(self._h_in)
        self._be_heavy()
        self._readout.forward(h, labels)
        self._cell.backward(self._readout.backward())
        self._cell.weight_gradients()
        self._readout.weight_gradients()
        self._be_heavy()

    def _update(self) -> None:
        gradients = self.parameters.gradients
        gradients /= self._samples
        norm = self.parameters.gradient_norm()
        if norm > self._job.clip:
            gradients *= self._job.clip / norm
        self._optimizer.step(self._job.learning_rate, 1.0)
        self._be_heavy()

    def _be_heavy(self) -> None:
        if self._third:
            time.sleep(self._third)

    def accuracy(self, x: Array, labels: Array) -> float:
        """Every process measures, so that all of them stop at the same mini-batch."""
        cell = RNN(self.shared, STEPS, len(labels), INPUTS, self._job.hidden, np.float32)
        readout = Readout(self.shared, len(labels), np.float32)
        np.copyto(cell.x, x)
        readout.forward(cell.forward(zeros((len(labels), self._job.hidden), np.float32)), labels)
        return float(readout.correct.mean())


def run(
    job: Job, rank: int, wires: Wires, delay: float, megabits: float, heavy: float, every: int = 0
) -> tuple[Figures, str]:
    """One process's part, with one BLAS thread; its figures and the digest of the weights that all share."""
    exchange = Exchange(wires, rank, delay, megabits) if wires.processes > 1 else None
    with threadpool_limits(limits=1, user_api="blas"):
        replica = Replica(job, rank, wires.processes, exchange, heavy, every)
        figures = measure(replica, job)
    return figures, digest(replica.shared.items())


def run_and_tell(told: "SimpleQueue[tuple[Figures, str]]", *arguments: Any) -> None:
    told.put(run(*arguments))


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--link-delay-ms", type=float, default=0.0, help="emulates a slow link")
    parser.add_argument("--link-mbps", type=float, default=0.0, help="emulates a narrow link; 0: no limit")
    parser.add_argument("--compute-delay-ms", type=float, default=0.0, help="emulates a heavy model: of a whole batch")
    parser.add_argument("--every", type=int, default=0, metavar="H", help="DiLoCo: steps alone before an outer one")
    options = parser.parse_args()
    asked, processes = job(options), options.processes
    if asked.batch % processes:
        parser.error(f"--batch {asked.batch} cannot be shared by {processes} processes")
    context = multiprocessing.get_context("spawn")
    wires = Wires(context, processes, initial_weights(asked).gradients.size)
    local = options.link_delay_ms / 1000, options.link_mbps, options.compute_delay_ms / 1000, options.every
    told: SimpleQueue[tuple[Figures, str]] = context.SimpleQueue()
    for rank in range(1, processes):
        context.Process(target=run_and_tell, args=(told, asked, rank, wires, *local), daemon=True).start()
    figures, weights = run(asked, 0, wires, *local)
    for other, other_weights in (told.get() for _ in range(1, processes)):
        assert other_weights == weights, "the replicas have drifted apart"
        figures.cpu_seconds += other.cpu_seconds
        figures.loss += other.loss
    figures.loss /= processes  # each told the mean over its own samples
    report(figures)


if __name__ == "__main__":
    main()
