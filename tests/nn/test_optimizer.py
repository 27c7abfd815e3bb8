from functools import partial

import numpy as np
import pytest

from dni_actors.nn.optimizer import OPTIMIZERS, ahead_of_delay
from dni_actors.nn.parameters import Parameters

RATE, POWER = 0.1, 4.0


def slow_sgd(w, gradients):
    for g in gradients:
        w = w - RATE * g
    return w


def slow_nlms(w, gradients):
    for g in gradients:
        w = w - RATE / POWER * g
    return w


def slow_momentum(w, gradients):
    v = 0
    for g in gradients:
        v = 0.9 * v + g
        w = w - RATE * v
    return w


def slow_nesterov(w, gradients):
    """Sutskever et al. 2013, equations 3 and 4: the gradient is taken ahead, at w + 0.9 v; weights told are those."""
    v = 0
    for g in gradients:
        behind = w - 0.9 * v
        v = 0.9 * v - RATE * g
        w = behind + v + 0.9 * v
    return w


def slow_rmsprop(w, gradients):
    v = 0
    for g in gradients:
        v = 0.9 * v + 0.1 * g**2
        w = w - RATE * g / (np.sqrt(v) + 1e-8)
    return w


def slow_adam(w, gradients):
    """Kingma and Ba 2015, algorithm 1, as printed."""
    m = v = 0
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def slow_delayed_nesterov(w, gradients, mu=0.99):
    """Ajanthan et al. 2025: Nesterov's look-ahead, its gradient discounted by 1 - mu."""
    v = 0
    for g in gradients:
        v = mu * v + (1 - mu) * g
        w = w - RATE * (mu * v + (1 - mu) * g)
    return w


def slow_delayed_nadam(w, gradients, beta1=0.99):
    """NAdam as PyTorch documents it, with betas (.99, .999) and momentum decay .004, which Ajanthan et al. 2025 use."""
    m = v = 0
    mus = [beta1 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in range(len(gradients) + 2)]
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = 0.999 * v + 0.001 * g**2
        mean = mus[t + 1] * m / (1 - np.prod(mus[1 : t + 2])) + (1 - mus[t]) * g / (1 - np.prod(mus[1 : t + 1]))
        w = w - RATE * mean / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


SLOW = {
    "sgd": slow_sgd,
    "nlms": slow_nlms,
    "momentum": slow_momentum,
    "nesterov": slow_nesterov,
    "rmsprop": slow_rmsprop,
    "adam": slow_adam,
    "delayed adam": slow_delayed_nadam,
    "delayed sgd": slow_delayed_nesterov,
    "delayed adam, momentum .92": partial(slow_delayed_nadam, beta1=0.92),
    "delayed sgd, momentum .92": partial(slow_delayed_nesterov, mu=0.92),
}
BOTH = OPTIMIZERS | {
    f"delayed {name}{suffix}": partial(ahead_of_delay(name), momentum=momentum)
    for name in ("adam", "sgd")
    for suffix, momentum in (("", 0.99), (", momentum .92", 0.92))
}


@pytest.mark.parametrize("name", BOTH)
def test_steps_are_the_published_ones(name, rng):
    parameters = Parameters({"w": (3, 2)}, "float64")
    start, gradients = rng.standard_normal((3, 2)), rng.standard_normal((60, 3, 2))
    parameters["w"][:] = start
    optimizer = BOTH[name](parameters)
    for g in gradients:
        parameters.gradient("w")[:] = g
        optimizer.step(RATE, POWER)
    np.testing.assert_allclose(parameters["w"], SLOW[name](start, gradients), rtol=1e-7)


@pytest.mark.parametrize("name", BOTH)
def test_state_is_all_that_an_optimizer_remembers(name, rng):
    gradients = rng.standard_normal((6, 4))

    def steps(parameters, optimizer, some):
        for g in some:
            parameters.gradient("w")[:] = g
            optimizer.step(RATE, POWER)

    def make():
        parameters = Parameters({"w": (4,)}, "float32")
        return parameters, BOTH[name](parameters)

    whole, first, second = make(), make(), make()
    steps(*whole, gradients)
    steps(*first, gradients[:3])
    second[0].values[:] = first[0].values
    for key, array in first[1].state.items():
        second[1].state[key][...] = array
    steps(*second, gradients[3:])
    np.testing.assert_array_equal(whole[0].values, second[0].values)
