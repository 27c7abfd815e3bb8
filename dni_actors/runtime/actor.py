"""One box as a Ray actor: a loop thread owns program and wire; control comes as plain synchronous calls."""

import os
import threading
import time
from typing import Any

import ray

from dni_actors.box.post import Message
from dni_actors.box.report import Place, Report
from dni_actors.config import RunConfig
from dni_actors.runtime.kernels import describe_kernels, single_blas_thread, work_in_turns
from dni_actors.runtime.loop import Loop
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import VERSION, Frames
from dni_actors.runtime.wires.ray_calls import RayCalls
from dni_actors.runtime.wires.zeromq import Keys, ZeroMQ

ORPHANED_AFTER = 60.0  # seconds without a `status` call: nobody watches this box any more


class BoxActor:
    """The calls return at once; the loop never waits for one of them."""

    def __init__(self, config: RunConfig, k: int, run: bytes) -> None:
        """`run`: the run's secret name, in every header of its messages."""
        self._blas = single_blas_thread()
        self._blas.__enter__()  # for as long as the process lives
        work_in_turns()
        self._loop = Loop(config, k)
        self._frames = Frames(run, self._loop.stepper.box.initial_state.shape, config.wire_dtype)
        self._keys = Keys.new()
        self._folder: SocketFolder | None = None
        self._asked = time.monotonic()

    def place(self) -> tuple[Place, bytes, int]:
        """Where the box runs, its public key, and the version of the protocol it speaks."""
        context = ray.get_runtime_context()
        node, address = context.get_node_id(), ray.util.get_node_ip_address()
        place = Place(self._loop.stepper.box.index, os.getpid(), node, address, describe_kernels())
        return place, self._keys.public, VERSION

    def folder(self) -> str:
        """Makes the folder for the sockets of all boxes on this node; it is gone soon after this process."""
        self._folder = SocketFolder(self._loop.stepper.box.index)
        return self._folder.path

    def call(self, left: Any, right: Any) -> None:
        """Messages go by calls of the neighbours' actors; None at the chain's ends."""
        self._loop.wire = RayCalls(left, right, self._loop.stepper.deliver)

    def listen(self, where: str | None, allowed: bytes, near: bool) -> str | None:
        """Messages go by sockets: opens the one for the box on the right, who has the key `allowed`; its address."""
        loop = self._loop
        wire = loop.wire = ZeroMQ(loop.stepper.box.index, self._frames, loop.stepper.deliver, loop.connected)
        return None if where is None else wire.listen(where, self._keys_for(where), allowed, near)

    def connect(self, address: str | None, server: bytes, near: bool) -> None:
        """Joins the box on the left, who listens there and has the key `server`."""
        wire = self._loop.wire
        if address is not None and isinstance(wire, ZeroMQ):
            wire.connect(address, self._keys_for(address), server, near)

    def _keys_for(self, address: str) -> Keys | None:
        return self._keys if address.startswith("tcp:") else None

    def start(self) -> None:
        self._asked = time.monotonic()
        self._loop.start()
        threading.Thread(target=self._end_when_orphaned, name="orphan watch", daemon=True).start()

    def arrive(self, message: Message) -> None:
        """A message from a neighbour, if they come by calls."""
        wire = self._loop.wire
        if isinstance(wire, RayCalls):
            wire.arrive(message)

    def status(self) -> Report:
        """How the box stands and what is new since the last call."""
        self._asked = time.monotonic()
        return self._loop.report()

    def _end_when_orphaned(self) -> None:
        while time.monotonic() - self._asked < ORPHANED_AFTER:
            time.sleep(5)
        os._exit(1)
