"""One box as a Ray actor: a loop thread owns program and wire; control comes as plain synchronous calls."""

import gc
import math
import os
import threading
import time
from pathlib import Path
from typing import Any

import ray

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Place, Status
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Message
from dni_actors.protocol.schedule import bounds
from dni_actors.runtime.kernels import describe_kernels, single_blas_thread, work_in_turns
from dni_actors.runtime.wires.connection import fits
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import VERSION, Frames
from dni_actors.runtime.wires.links import Links
from dni_actors.runtime.wires.ray_calls import RayCalls
from dni_actors.runtime.wires.zeromq import Keys
from dni_actors.runtime.worker.loop import Loop
from dni_actors.runtime.worker.reports import Reports

ORPHANED_AFTER = 60.0  # seconds without a `status` call: nobody watches this box any more


class BoxActor:
    """The calls return at once; the loop never waits for one of them.

    `stand`, then `call` or `listen` and `connect`, then `start`: so it begins, and so it goes on from a cut whenever
    the run has to, in a fresh process or in one that has been at work, be it for another run and as another box.
    """

    def __init__(self) -> None:
        self._blas = single_blas_thread()
        self._blas.__enter__()  # for as long as the process lives
        work_in_turns()
        gc.freeze()  # what is there already stays: `rest` need not look through it
        self._loop: Loop | None = None
        self._folder: SocketFolder | None = None
        self._asked = math.inf  # from `start` on; before that, Ray itself ends what nobody owns
        threading.Thread(target=self._end_when_orphaned, name="orphan watch", daemon=True).start()

    def place(self, k: int) -> tuple[Place, int]:
        """It is to be box k: where it runs, and the version of its protocol."""
        self._k = k
        context = ray.get_runtime_context()
        node, address = context.get_node_id(), ray.util.get_node_ip_address()
        return Place(k, os.getpid(), node, address, describe_kernels()), VERSION

    def sees(self, file: str, content: bytes) -> tuple[str, bool]:
        """This node's address, and whether a file of the driver's lies here, too."""
        try:
            same = Path(file).read_bytes() == content
        except OSError:
            same = False
        return ray.util.get_node_ip_address(), same

    def stand(self, config: RunConfig, run: bytes, incarnation: int, cut: BoxCut | None) -> bytes:
        """Leaves whatever it does, and stands at a cut of a run: the public key for its sockets.

        `run`: its secret name, in every header of its messages. What comes from others, and from other incarnations of
        this one, is dropped from now on.
        """
        self.rest()
        self._keys = Keys.new()
        self._loop = Loop(config, self._k, incarnation, cut)
        self._reports = Reports(lambda: self._box.status())  # not the loop itself, which would outlive `rest`
        self._frames = Frames(run, layout(config), incarnation)
        self._states = bounds(config, chunks=0, k=self._k)[Channel.STATE]
        return self._keys.public

    def rest(self) -> None:
        """Leaves whatever it does."""
        self._asked = math.inf
        if self._loop is not None and not self._loop.stop():
            os._exit(1)  # it hangs; a fresh process will not
        self._loop = None
        gc.collect()  # a loop and its wire know each other: the arrays of a session's runs would pile up
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    @property
    def _box(self) -> Loop:
        assert self._loop is not None
        return self._loop

    def folder(self) -> str:
        """Makes the folder for the sockets of all boxes on this node; it is gone soon after this process."""
        self._folder = SocketFolder(self._k)
        return self._folder.path

    def call(self, left: Any, right: Any) -> None:
        """Messages go by calls of the neighbours' actors; None at the chain's ends."""
        self._box.wire = RayCalls(left, right, self._box.deliver)

    def listen(self, where: str | None, allowed: bytes, near: bool) -> str | None:
        """Messages go by sockets: opens the one for the box on the right, who has the key `allowed`; its address."""
        loop = self._box
        wire = loop.wire = Links(self._k, self._frames, loop.deliver, loop.connected)
        if where is None:
            return None
        if not fits(self._states * self._frames.heaviest):
            where = where.replace("unix:", "ipc:")
        return wire.listen(where, self._keys_for(where), allowed, near)

    def connect(self, address: str | None, server: bytes, near: bool) -> None:
        """Joins the box on the left, who listens there and has the key `server`."""
        wire = self._box.wire
        if address is not None and isinstance(wire, Links):
            wire.connect(address, self._keys_for(address), server, near)

    def _keys_for(self, address: str) -> Keys | None:
        return self._keys if address.startswith("tcp:") else None

    def start(self) -> None:
        self._asked = time.monotonic()
        self._box.start()

    def arrive(self, message: Message) -> None:
        """A message from a neighbour, if they come by calls."""
        if self._loop is not None and isinstance(self._loop.wire, RayCalls):
            self._loop.wire.arrive(message)

    def hold(self) -> None:
        """The driver is busy with other boxes and may not ask for a while."""
        self._asked = math.inf

    def status(self, number: int) -> Status:
        """How the box stands and what is new since the status of this number, the last that the driver has."""
        self._asked = time.monotonic()
        return self._reports.after(number)

    def _end_when_orphaned(self) -> None:
        while time.monotonic() - self._asked < ORPHANED_AFTER:
            time.sleep(5)
        os._exit(1)
