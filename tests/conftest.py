"""Fixtures for all tests. Tests that need Ray share one local cluster, started when the first of them asks."""

import numpy as np
import pytest

import tests.tiny  # noqa: F401  registers the tiny task
from dni_actors.runtime.kernels import single_blas_thread


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    with single_blas_thread():
        yield
