"""Starts a private Ray on this machine, or joins a cluster; gives back what it took."""

import atexit
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from dni_actors.box.errors import RuntimeUnavailableError
from dni_actors.config.checks import ConfigError, parse_resources
from dni_actors.config.run import RunConfig
from dni_actors.runtime import cluster_address
from dni_actors.runtime.driver.head import HeadLostError
from dni_actors.runtime.driver.warden import warden
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.kernels import cores, kernel_environment

ANSWER_WITHIN = 20  # seconds that a cluster's address gets to answer, on a machine that may be busy
OBJECT_STORE = 100 * 2**20  # bytes; messages travel inside calls, so little is needed
CPU_RESOLUTION = 10_000  # Ray counts CPUs in units of 1e-4

# Set before Ray is imported; a variable that the user has set stays as it is.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what Ray itself would print here: it tears tables and JSON lines
}
LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own switch for "this machine only": every port on loopback
    "RAY_worker_niceness": "0",  # boxes are the work, not the background
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Hidden states beyond Ray's default of 100 KiB shall not take the detour through the object store (2 ms each).
SYSTEM_CONFIG = {"max_direct_call_object_size": 4 * 2**20, "task_rpc_inlined_bytes_limit": 64 * 2**20}


class Room(NamedTuple):
    """What a box gets."""

    cpus: float
    environment: dict[str, str]
    """variables that its process still needs to be given"""
    private: bool = False
    """whether all boxes run on this machine"""
    resources: dict[str, float] = {}  # noqa: RUF012  never written
    strategy: str = "pack"
    patience: float = 0.0
    """seconds that a run waits for nodes with room for its boxes"""
    guarded: bool = True
    """whether we have a token to show; a cluster that lets us in without one lets everybody in"""


@contextmanager
def cluster(config: RunConfig) -> Iterator[Room]:
    """Ray, ready for the boxes. Raises RuntimeUnavailableError or ConfigError (an address that does not answer).

    A Ray that the calling program has initialised is used, and left, as it is.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    address, environment = cluster_address(config), ONE_THREAD | kernel_environment(config)
    with variables(token_mode() if address else local_mode()):
        import ray  # after the variables: Ray reads some of them once, now
        from ray._private import ray_constants

        if ray.is_initialized():
            yield room_of(config, environment)
            return
        clusters = ray_constants.ENABLE_RAY_CLUSTER
        watched, gone = ExitStack(), False
        try:
            if address:
                guard_token()
                check_storage(config.output.storage)
                check_answers(address)
                join(ray, address)
                room = room_of(config, environment)
            else:
                ray_constants.ENABLE_RAY_CLUSTER = False  # as LOCAL says, for a Ray that was imported before
                # Workers inherit what is set while Ray starts; an environment of their own would start each anew.
                with variables(environment):
                    room = Room(start(ray, config.boxes), {}, private=True)
                watched.enter_context(warden())
            yield room
        except HeadLostError:
            gone = True
            raise
        finally:
            with interrupts_held():
                if gone:
                    leave(ray)
                else:
                    ray.shutdown()
                watched.close()
            ray_constants.ENABLE_RAY_CLUSTER = clusters


def check_storage(place: str) -> None:
    """ConfigError if runs would lie in a submitted job's working directory, which Ray removes with the job."""
    relative = "://" not in place and not Path(place).expanduser().is_absolute()
    if relative and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        told = f"{place!r} lies in the job's own working directory, which Ray removes"
        raise ConfigError("storage", f"{told}; give an absolute path, ~/..., or a URI such as s3://bucket/runs")


def leave(ray: Any) -> None:
    """A Ray whose head is gone: its own end would wait for that, and then crash. So this process ends before it."""
    atexit.unregister(ray.shutdown)
    atexit.register(end_at_once)


def end_at_once() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(1)


def local_mode() -> dict[str, str]:
    """What a private Ray needs. One that was imported before looks at the mode no more, but turns tokens on itself."""
    return {name: value for name, value in LOCAL.items() if name != "RAY_AUTH_MODE" or "ray" not in sys.modules}


@contextmanager
def variables(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start(ray: Any, boxes: int) -> float:
    """A private Ray on loopback: token authentication, no dashboard. Returns the CPUs of a box."""
    before = os.umask(0o077)  # Ray writes its token with the umask's mode
    try:
        for last_try in (False, True):  # the raylet gives up when its agent is slow (ray issue 65983)
            try:
                with interrupts_held():
                    ray.init(
                        address="local",
                        num_cpus=cores(),
                        include_dashboard=False,
                        object_store_memory=OBJECT_STORE,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        _system_config=SYSTEM_CONFIG,
                    )
                break
            except Exception as error:
                ray.shutdown()
                if last_try:
                    told = last_line(error)
                    raise RuntimeUnavailableError(
                        f"Ray could not be started here ({told}); try --runtime inline"
                    ) from error
    finally:
        os.umask(before)
    guard_token()
    return max(1, cores() * CPU_RESOLUTION // boxes) / CPU_RESOLUTION


def join(ray: Any, address: str) -> None:
    try:
        with interrupts_held():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise ConfigError("address", f"{address!r} cannot be joined ({last_line(error)}); {REMEDY}") from error


def room_of(config: RunConfig, environment: dict[str, str]) -> Room:
    """On a cluster, as it was asked for."""
    chosen = config.execution
    resources = parse_resources("resources_per_box", chosen.resources_per_box)
    guarded = os.environ.get("RAY_AUTH_MODE") == "token"
    return Room(chosen.cpus_per_box, environment, False, resources, chosen.placement, chosen.placement_timeout, guarded)


REMEDY = "start one with `ray start --head`, check host and port, or run on this machine (no --address, no RAY_ADDRESS)"


def check_answers(address: str) -> None:
    """ConfigError, within seconds, if no Ray answers there. (`ray.init` itself tries for two minutes.)"""
    if address.startswith("ray://"):
        raise ConfigError("address", f"{address!r} is a Ray Client address; give the cluster's own host:port")
    end = time.monotonic() + ANSWER_WITHIN
    if address != "auto":
        host, colon, port = address.rpartition(":")
        if not (colon and port.isdigit()):
            raise ConfigError("address", f"{address!r} is not host:port; give one such as 127.0.0.1:6379")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_WITHIN / 2).close()
        except (OSError, OverflowError, ValueError) as error:
            raise ConfigError("address", f"{address!r} does not answer ({error}); {REMEDY}") from error
    check = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check", "--address", address]
    refused = ConfigError("address", f"{address!r} is not a Ray cluster, or refuses us; {REMEDY}")
    try:
        within = end - time.monotonic()
        told = subprocess.run(check, capture_output=True, timeout=within, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise refused from error
    if told.returncode:
        raise refused


def token_mode() -> dict[str, str]:
    """A token does no harm where none is asked for; without the mode set, a cluster that asks would answer 401."""
    known = os.environ.get("RAY_AUTH_TOKEN") or token_file().exists()
    return {"RAY_AUTH_MODE": "token"} if known and "RAY_AUTH_MODE" not in os.environ else {}


def token_file() -> Path:
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def guard_token() -> None:
    """Nobody else may read it, whoever wrote it."""
    with suppress(OSError):  # there is none; or not ours, as where it is mounted
        token_file().chmod(0o600)


def last_line(error: BaseException) -> str:
    """Ray's errors begin with where and end with what; colours are left out."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return f"{type(error).__name__}: {text.splitlines()[-1]}" if text else type(error).__name__
