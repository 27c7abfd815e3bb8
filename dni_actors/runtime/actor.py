"""One box as a Ray actor: a loop thread owns the program; control and messages come as plain synchronous calls."""

import dataclasses
import os
import threading
import time
from typing import Any

import ray

from dni_actors.box.channel import Arrays, Channel
from dni_actors.box.errors import BoxError
from dni_actors.box.report import Place, Report
from dni_actors.config import RunConfig
from dni_actors.runtime.kernels import describe_kernels, single_blas_thread
from dni_actors.runtime.meter import Clock
from dni_actors.runtime.stepper import Stepper
from dni_actors.runtime.wires.ray_calls import RayCalls

ORPHANED_AFTER = 60.0  # seconds without a `status` call: nobody watches this box any more


class BoxActor:
    """The calls return at once; the loop never waits for one of them."""

    def __init__(self, config: RunConfig, k: int) -> None:
        self._blas = single_blas_thread()
        self._blas.__enter__()  # for as long as the process lives
        self._wire: RayCalls | None = None
        self._stepper = Stepper(config, k, self._send)
        self._arrived = threading.Condition()
        self._error: BoxError | None = None
        self._asked = time.monotonic()

    def place(self) -> Place:
        context = ray.get_runtime_context()
        node, address = context.get_node_id(), ray.util.get_node_ip_address()
        return Place(self._stepper.box.index, os.getpid(), node, address, describe_kernels())

    def connect(self, left: Any, right: Any) -> None:
        """Tells the box its neighbours' actors; None at the chain's ends."""
        self._wire = RayCalls(left, right)

    def start(self) -> None:
        self._asked = time.monotonic()
        self._stepper.begin(Clock())
        threading.Thread(target=self._loop, name="box", daemon=True).start()
        threading.Thread(target=self._end_when_orphaned, name="orphan watch", daemon=True).start()

    def deliver(self, channel: Channel, index: int, arrays: Arrays) -> None:
        """A message from a neighbour."""
        self._stepper.deliver(channel, index, arrays)
        with self._arrived:
            self._arrived.notify()

    def status(self) -> Report:
        """How the box stands and what is new since the last call."""
        self._asked = time.monotonic()
        error = self._error  # read first: nothing is added after it
        return dataclasses.replace(self._stepper.report(), error=error)

    def _send(self, channel: Channel, index: int, arrays: Arrays) -> None:
        assert self._wire is not None
        self._wire.send(channel, index, arrays)

    def _loop(self) -> None:
        try:
            while not self._stepper.done:
                self._stepper.advance()
                with self._arrived:
                    while not (self._stepper.done or self._stepper.ready):
                        self._arrived.wait(self._stepper.next_due)
        except BoxError as error:
            self._error = error
        except Exception as error:
            self._error = BoxError(self._stepper.box.index, self._stepper.tick, f"{type(error).__name__}: {error}")

    def _end_when_orphaned(self) -> None:
        while time.monotonic() - self._asked < ORPHANED_AFTER:
            time.sleep(5)
        os._exit(1)
