"""A Ray for one run on this machine: on loopback, in a private folder, started again when it is gone.

All that it leaves is in that folder, which is gone when it ends, and so are its processes, however it ends.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dni_actors.box.errors import RuntimeUnavailableError
from dni_actors.runtime.cluster.below import RayLostError, Room
from dni_actors.runtime.cluster.joined import guard_token, last_line, leave, variables
from dni_actors.runtime.cluster.processes import Process, alive, below, kill, known, stopped
from dni_actors.runtime.cluster.warden import Warden, WardenError
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.kernels import cores

OBJECT_STORE = 100 * 2**20  # bytes; messages travel inside calls, so little is needed
LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own switch for "this machine only": every port on loopback
    "RAY_worker_niceness": "0",  # boxes are the work, not the background
}
SYSTEM_CONFIG = {
    # Hidden states beyond Ray's default of 100 KiB shall not take the detour through the object store (2 ms each).
    "max_direct_call_object_size": 4 * 2**20,
    "task_rpc_inlined_bytes_limit": 64 * 2**20,
    "worker_register_timeout_seconds": 30,  # one that stands still before it is up is killed by Ray itself
}
RAYS_NAMES = 70  # bytes of /r/session_2030-01-01_00-00-00_000000_0000000/sockets/plasma_store
LONGEST = 107  # bytes that the name of a socket's file may have
PILLARS = {"gcs_server", "raylet"}  # processes without which Ray is gone; its agents take the raylet with them


class PrivateRay:
    """Raises RuntimeUnavailableError where it cannot be started."""

    def __init__(self, environment: dict[str, str]) -> None:
        """`environment`: variables for its processes, which boxes inherit."""
        self._environment = environment
        self._start()

    def _start(self) -> None:
        before = set(below())  # the calling program's own, which stay
        try:
            with interrupts_held():
                self._warden = Warden(parent())
        except (WardenError, OSError) as error:
            problem = f"no private folder can be made ({error}); set TMPDIR to a folder that you may write to"
            raise RuntimeUnavailableError(problem) from error
        try:
            # Workers inherit what is set while Ray starts; an environment of their own would start each anew.
            with variables(self._environment), private_files():
                init(f"{self._warden.folder}/r")  # a folder in it: Ray lets everybody into its own
        except BaseException:
            self._end(lambda: self._new(before))
            raise
        guard_token()
        # No CPUs: boxes share the machine's cores as its kernel deals them, however many boxes a run has.
        self.room = Room(0.0, {}, self._warden.folder)
        self._family = self._new(before)
        self._pillars = {process.name(): process for process in self._family if process.name() in PILLARS}
        self._warden.watch(process.pid for process in self._family)

    def _new(self, before: set[Process]) -> list[Process]:
        """Ray's processes that have started since."""
        return [process for process in below() if process not in before and process.pid != self._warden.pid]

    def check(self) -> None:
        gone = [name for name, process in self._pillars.items() if not alive(process)]
        if gone:
            raise RayLostError(f"Ray's {' and '.join(gone)} ended")

    def rouse(self) -> None:
        kill(process for process in self._everyone() if stopped(process))

    def watch(self, pids: list[int]) -> None:
        self._family += known(pids)
        self._warden.watch(pids)

    def _everyone(self) -> list[Process]:
        """Boxes that are just being started, too."""
        return self._family + [process for pillar in self._pillars.values() for process in below(pillar)]

    def renew(self) -> None:
        kill(self._everyone())
        self.stop()
        self._start()

    def stop(self) -> None:
        self._end(self._everyone)

    def _end(self, everyone: Callable[[], list[Process]]) -> None:
        """This process leaves Ray before the folder goes: Ray's own end would make it anew."""
        with interrupts_held():
            leave(lambda: kill(everyone()))
            kill(everyone())
            self._warden.close()


def init(folder: str) -> None:
    """RuntimeUnavailableError if Ray does not come up."""
    import ray

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
                    _temp_dir=folder,
                    _system_config=dict(SYSTEM_CONFIG),  # to which Ray adds, of its session
                )
            return
        except Exception as error:
            ray.shutdown()
            if last_try:
                problem = f"Ray could not be started here ({last_line(error)}); try --runtime inline"
                raise RuntimeUnavailableError(problem) from error


def parent() -> str:
    """Where the private folder is made: as short a name as sockets need, for Ray's own must fit."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + len("/dni-12345678") + RAYS_NAMES <= LONGEST else "/tmp"


@contextmanager
def private_files() -> Iterator[None]:
    """What is written meanwhile, Ray's token for one, is for this user only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
