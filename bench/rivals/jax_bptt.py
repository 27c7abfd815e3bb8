"""A rival: backpropagation through time in JAX, jitted.

    python -m bench.rivals.jax_bptt --batch 32 --hidden 64 --mini-batches 1250 --threads 1 --unroll 28

Prints one line of JSON (`common.Figures`). A quarter epoch of steps is one call, a scan over its mini-batches, so the
steady state has next to no Python in it.
"""

import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from bench.rivals.common import Job, flags, initial_weights, job, measure, report
from dni_actors.nn.optimizer import Adam

Weights = dict[str, Array]
State = tuple[Weights, Weights, Weights, Array]  # weights, Adam's mean and square, steps done
Segment = tuple[Array, Array]


def adam(state: State, gradients: Weights, rate: float) -> State:
    """Kingma and Ba 2015, algorithm 1."""
    weights, mean, square, t = state
    t = t + 1
    b1, b2 = Adam.BETA1, Adam.BETA2
    mean = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, mean, gradients)
    square = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, square, gradients)
    mean_part, square_part = 1 - b1**t, 1 - b2**t
    weights = jax.tree.map(
        lambda w, m, v: w - rate * (m / mean_part) / (jnp.sqrt(v / square_part) + Adam.EPSILON), weights, mean, square
    )
    return weights, mean, square, t


def forward(projected: Array, recurrent: Array, unroll: int) -> tuple[Array, Array]:
    """From the input projections [T, B, H]: the last state [B, H], and the state before each step [T, B, H]."""
    return lax.scan(
        lambda h, p: (jnp.tanh(p + h @ recurrent), h), jnp.zeros_like(projected[0]), projected, unroll=unroll
    )


def logits(h: Array, readout: Weights) -> Array:
    return h @ readout["readout"] + readout["readout_bias"]


def loss_and_gradients(weights: Weights, x: Array, labels: Array, unroll: int) -> tuple[Array, Weights]:
    """Autodiff down to d = dL/d(pre-activation) of all steps; from there each weight gradient is one product, which is
    faster than `jax.grad` of everything (one product a step, added up) by up to a tenth, never slower."""
    readout = {name: weights[name] for name in ("readout", "readout_bias")}

    def upper(projected: Array, readout: Weights) -> tuple[Array, Array]:
        h, before = forward(projected, weights["recurrent"], unroll)
        of_label = jnp.take_along_axis(jax.nn.log_softmax(logits(h, readout)), labels[:, None], axis=1)
        return -of_label.mean(), before

    differentiate = jax.value_and_grad(upper, argnums=(0, 1), has_aux=True)
    (loss, before), (d, gradients) = differentiate(x @ weights["input"], readout)
    summed = partial(jnp.einsum, "tbi,tbh->ih")
    return loss, {"input": summed(x, d), "recurrent": summed(before, d), **gradients}


@partial(jax.jit, donate_argnums=0, static_argnames=("unroll", "clip", "rate"))
def train(state: State, x: Array, labels: Array, unroll: int, clip: float, rate: float) -> tuple[State, Array]:
    """All the steps of a segment; returns their losses too."""

    def step(state: State, mini_batch: Segment) -> tuple[State, Array]:
        loss, gradients = loss_and_gradients(state[0], *mini_batch, unroll)
        norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(gradients)))
        gradients = jax.tree.map(lambda g: g * jnp.minimum(1, clip / norm), gradients)
        return adam(state, gradients, rate), loss

    return lax.scan(step, state, (x, labels))


@jax.jit
def accuracy(weights: Weights, x: Array, labels: Array) -> Array:
    h, _ = forward(x @ weights["input"], weights["recurrent"], unroll=1)
    return (logits(h, weights).argmax(1) == labels).mean()


class JaxRival:
    def __init__(self, job: Job, unroll: int) -> None:
        self._start = {name: jnp.array(a) for name, a in initial_weights(job).items()}
        self._train = partial(train, unroll=unroll, clip=job.clip, rate=job.learning_rate)
        self._state = self._fresh()

    def _fresh(self) -> State:
        mean, square = (jax.tree.map(jnp.zeros_like, self._start) for _ in range(2))
        return jax.tree.map(jnp.copy, self._start), mean, square, jnp.float32(0)

    def prepare(self, x: Any, labels: Any) -> Segment:
        return jax.block_until_ready((jnp.array(x), jnp.array(labels)))

    def warm_up(self, segment: Segment) -> None:
        jax.block_until_ready(self._train(self._fresh(), *segment))

    def train(self, segment: Segment) -> float:
        self._state, losses = jax.block_until_ready(self._train(self._state, *segment))
        return float(losses[-1])

    def accuracy(self, x: Any, labels: Any) -> float:
        return float(accuracy(self._state[0], x, labels))


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1)
    parser.add_argument("--unroll", type=int, choices=(1, 28), default=28, help="of the scan over time")
    options = parser.parse_args()
    # XLA's pool has one thread per core that this variable tells, and is made at JAX's first use. The flags known from
    # older versions (xla_cpu_multi_thread_eigen, intra_op_parallelism_threads) leave a second core at work.
    os.environ["PJRT_NPROC"] = str(options.threads)
    asked = job(options)
    report(measure(JaxRival(asked, options.unroll), asked))


if __name__ == "__main__":
    main()
