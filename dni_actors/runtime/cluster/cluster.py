"""The Ray beneath a run: a private one on this machine, a cluster that is joined, or the calling program's own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dni_actors.config.run import RunConfig
from dni_actors.runtime import cluster_address
from dni_actors.runtime.cluster.below import RayBelow
from dni_actors.runtime.cluster.head import HeadLostError
from dni_actors.runtime.cluster.joined import (
    JoinedRay,
    check_answers,
    check_storage,
    end_without_ray,
    guard_token,
    join,
    leave,
    token_mode,
    variables,
)
from dni_actors.runtime.cluster.private import LOCAL, PrivateRay
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.kernels import kernel_environment

# Set before Ray is imported; a variable that the user has set stays as it is.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what Ray itself would print here: it tears tables and JSON lines
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@contextmanager
def cluster(config: RunConfig) -> Iterator[RayBelow]:
    """Ray, ready for the boxes. Raises RuntimeUnavailableError or ConfigError (an address that does not answer).

    A Ray that the calling program has initialised is used, and left, as it is.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    address, environment = cluster_address(config), ONE_THREAD | kernel_environment(config)
    with variables(token_mode() if address else local_mode()):
        import ray  # after the variables: Ray reads some of them once, now

        if ray.is_initialized():
            yield JoinedRay(config, environment)
        elif address:
            yield from joined(config, address, environment)
        else:
            yield from private(environment)


def joined(config: RunConfig, address: str, environment: dict[str, str]) -> Iterator[RayBelow]:
    guard_token()
    check_storage(config.output.storage)
    check_answers(address)
    try:
        join(address)
        yield JoinedRay(config, environment)
    finally:
        if isinstance(sys.exception(), HeadLostError):
            end_without_ray()
        else:
            with interrupts_held():
                leave(nobody)


def nobody() -> None:
    """A cluster's processes are not ours to kill."""


def private(environment: dict[str, str]) -> Iterator[RayBelow]:
    from ray._private import ray_constants

    clusters = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False  # as LOCAL says, for a Ray that was imported before
    try:
        below = PrivateRay(environment)
        try:
            yield below
        finally:
            below.stop()
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters


def local_mode() -> dict[str, str]:
    """What a private Ray needs. One that was imported before looks at the mode no more, but turns tokens on itself."""
    return {name: value for name, value in LOCAL.items() if name != "RAY_AUTH_MODE" or "ray" not in sys.modules}
