"""One box's loop: a thread that owns the program and the wire. It works while it can, and else waits on the wire."""

import dataclasses
import threading
import time

import psutil

from dni_actors.box.errors import BoxError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Status
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.post import Message
from dni_actors.runtime.wires.wire import Unplugged, Wire
from dni_actors.runtime.worker.delays import SlowLink
from dni_actors.runtime.worker.stepper import Stepper
from dni_actors.runtime.worker.timeline import Clock

ASK_AFTER = 1.0  # seconds that a box waits for a message before it asks for it; then twice as long, and so on ...
ASK_AT_LEAST_EVERY = 30.0  # ... lest asking and answering alone fill a slow link
STOP_WITHIN = 40.0  # seconds: one step of a box may take as long


class Loop:
    """Box k of a run, from a cut or the beginning. `wire` is set before `start`."""

    def __init__(self, config: RunConfig, k: int, incarnation: int = 0, cut: BoxCut | None = None) -> None:
        self.stepper = Stepper(config, k, self._carry, self._poll, self._wait, cut, incarnation=incarnation)
        self.wire: Wire = Unplugged()
        self._link = SlowLink(config, k, self.stepper.deliver) if config.slow_links else None
        self.deliver = self.stepper.deliver if self._link is None else self._link.add
        """takes what the wire brings"""
        self._error: BoxError | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"box {k}", daemon=True)

    def start(self) -> None:
        self.stepper.begin(Clock())
        self._thread.start()

    def stop(self) -> bool:
        """Ends the thread at its next request, or its next look if it waits; False if it does not end in time."""
        self._stopped = self.stepper.halted = True
        if self._thread.ident is None:  # never started: nobody else closes the wire
            self.wire.close()
        else:
            self._thread.join(STOP_WITHIN)
        return not self._thread.is_alive()

    def connected(self) -> None:
        """The wire made a connection to the box on the left."""
        self.stepper.post.greet(-1)

    def status(self) -> Status:
        """How the box stands and what is new since the last call; from any thread."""
        error = self._error  # read first: nothing is added after it
        status = self.stepper.status()
        counted = (("no message of this run", self.wire.dropped), ("connections lost", self.wire.broken))
        messages = status.messages + counted
        transit = self.wire.transit.get(-1), self.wire.transit.get(1)
        return dataclasses.replace(status, error=error, messages=messages, memory=own_memory(), transit=transit)

    def _carry(self, direction: int, message: Message) -> None:
        self.wire.carry(direction, message)

    def _poll(self, side: int) -> None:
        self.wire.poll(side)
        if self._link is not None:
            self._link.release()

    def _run(self) -> None:
        try:
            self._work()
        except BoxError as error:
            self._error = error
        except Exception as error:
            box, tick = self.stepper.box.index, self.stepper.tick
            self._error = BoxError(box, tick, f"{type(error).__name__}: {error}", self.stepper.story)
        finally:
            self.wire.close()

    def _work(self) -> None:
        """A box that is done still listens: its neighbours may ask for what they missed."""
        while not (self.stepper.done or self._stopped):
            self.stepper.advance()
        while not self._stopped:
            self._listen(ASK_AFTER, 1)

    def _wait(self) -> None:
        """Until the message is there that the program needs."""
        stepper = self.stepper
        side, interval = stepper.side, ASK_AFTER
        ask_at = time.monotonic() + interval
        while not (stepper.ready or self._stopped):
            patience = ask_at - time.monotonic()
            if patience <= 0:
                if not (self._link and stepper.waits_for and self._link.holds(stepper.waits_for)):
                    stepper.ask()
                patience = interval = min(2 * interval, ASK_AT_LEAST_EVERY)
                ask_at = time.monotonic() + interval
            self._listen(patience, side)

    def _listen(self, seconds: float, side: int) -> None:
        """Delivers what comes, after a wait of so many seconds at most."""
        due = None if self._link is None else self._link.next_due
        self.wire.wait(seconds if due is None else min(seconds, due), side)
        if self._link is not None:
            self._link.release()


def own_memory() -> int | None:
    """Bytes of this process that no file and no other process stands behind; None where the system does not tell."""
    memory = psutil.Process().memory_info()
    shared = getattr(memory, "shared", None)
    return None if shared is None else int(memory.rss - shared)
