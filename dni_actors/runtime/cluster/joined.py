"""A cluster that a run joins: checks that it answers and lets us in, and watches that it is still there."""

import atexit
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dni_actors.box.errors import RuntimeUnavailableError
from dni_actors.config.checks import ConfigError, parse_resources
from dni_actors.config.run import RunConfig
from dni_actors.runtime import limits
from dni_actors.runtime.cluster.below import Room
from dni_actors.runtime.cluster.head import Head
from dni_actors.runtime.interrupts import Terminated, interrupts_held

ANSWER_WITHIN = 20  # seconds that a cluster's address gets to answer, on a machine that may be busy


class JoinedRay:
    """The cluster that this process has joined, or the Ray that the calling program has started."""

    def __init__(self, config: RunConfig, environment: dict[str, str]) -> None:
        import ray

        self.room = room_of(config, environment)
        node: Any = ray._private.worker._global_node
        self._head = Head(ray.get_runtime_context().gcs_address, node.raylet_socket_name)

    def check(self) -> None:
        self._head.check()

    def rouse(self) -> None:
        """Others' processes are left alone."""

    def watch(self, pids: list[int]) -> None:
        """Ray ends what nobody owns."""

    def renew(self) -> None:
        raise RuntimeUnavailableError("a joined cluster cannot be started again from here")


def leave(kill: Callable[[], None]) -> None:
    """Ends this process's part in Ray. Where that does not come about in time, `kill` ends those who are waited for;
    where that does not help, either, this process ends before Ray's own end, with the exit code of what it was doing.
    """
    import ray

    thread = threading.Thread(target=ray.shutdown, name="leaving Ray", daemon=True)
    thread.start()
    thread.join(limits.LEAVE_WITHIN)
    if thread.is_alive():
        kill()
        thread.join(limits.LEAVE_WITHIN)
    if thread.is_alive():
        end_without_ray()


def end_without_ray() -> None:
    """At this process's end, nothing of Ray's is waited for: it would not come, and then crash."""
    import ray

    code = exit_code(sys.exception())
    atexit.unregister(ray.shutdown)
    atexit.register(end_at_once, code)


def exit_code(error: BaseException | None) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 143 if isinstance(error, Terminated) else 130
    return 0 if error is None else 1


def end_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def check_storage(place: str) -> None:
    """ConfigError if runs would lie in a submitted job's working directory, which Ray removes with the job."""
    relative = "://" not in place and not os.path.isabs(os.path.expanduser(place))
    if relative and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        problem = f"{place!r} lies in the job's own working directory, which Ray removes"
        raise ConfigError("storage", f"{problem}; give an absolute path, ~/..., or a URI such as s3://bucket/runs")


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


def join(address: str) -> None:
    import ray

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
    return Room(chosen.cpus_per_box, environment, "", resources, chosen.placement, chosen.placement_timeout, guarded)


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
        answer = subprocess.run(check, capture_output=True, timeout=within, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise refused from error
    if answer.returncode:
        raise refused


def token_mode() -> dict[str, str]:
    """A token does no harm where none is asked for; without the mode set, a cluster that asks would answer 401."""
    known = os.environ.get("RAY_AUTH_TOKEN") or token_file().exists()
    return {"RAY_AUTH_MODE": "token"} if known and "RAY_AUTH_MODE" not in os.environ else {}


def token_file() -> Path:
    # os.path, which without a home leaves the text as it is: then there is no such file.
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token"))


def guard_token() -> None:
    """Nobody else may read it, whoever wrote it."""
    with suppress(OSError):  # there is none; or not ours, as where it is mounted
        token_file().chmod(0o600)


def last_line(error: BaseException) -> str:
    """Ray's errors begin with where and end with what; colours are left out."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return f"{type(error).__name__}: {text.splitlines()[-1]}" if text else type(error).__name__
