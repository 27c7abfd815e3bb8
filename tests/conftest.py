"""Fixtures for all tests. Tests that need Ray share one local cluster, started when the first of them asks."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import tests.tiny  # noqa: F401  registers the tiny task
from dni_actors.config.run import RunConfig
from dni_actors.runtime import Runtime, started
from dni_actors.runtime.cluster.cluster import ONE_THREAD, QUIET
from dni_actors.runtime.cluster.joined import variables
from dni_actors.runtime.cluster.private import LOCAL, OBJECT_STORE
from dni_actors.runtime.kernels import single_blas_thread


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    with single_blas_thread():
        yield


@pytest.fixture(scope="session")
def sockets():
    """Where boxes of the shared Ray make the folders of their sockets: a short name, for they may have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Shared:
    """A runtime over the shared Ray, whose boxes' processes serve all runs of tests that need no others."""

    running: Runtime


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory, sockets):
    """One local Ray for all tests, as the product starts its own, with CPUs to spare."""
    token = tmp_path_factory.mktemp("ray") / "token"
    token.write_text(secrets.token_hex(32))
    given = (
        QUIET
        | LOCAL
        | ONE_THREAD
        | {"RAY_AUTH_TOKEN_PATH": str(token), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "TMPDIR": str(sockets)}
    )
    with variables(given):
        import ray

        ray.init(
            address="local",
            _temp_dir="/tmp/ray",
            num_cpus=16,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=OBJECT_STORE,
        )
        with started(RunConfig.of(task="rows")) as Shared.running:
            yield ray
        ray.shutdown()


settings.register_profile("suite", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("soak", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


LONGEST = ("test_survival.py", "test_runtimes.py", "test_nodes.py", "test_launch.py")  # minutes, of few tests


def pytest_collection_modifyitems(items):
    """The longest files first, so that at the end nobody who tests beside others is left alone with one."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))
