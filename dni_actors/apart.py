"""Runs in processes of their own, side by side, whose events come here, so that several can be shown at once."""

import multiprocessing
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Event
from dni_actors.runtime.interrupts import listen

GLANCE = 0.2  # seconds without an event, after which whoever looks may look


class Piped:
    """A view that passes a run's events on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self) -> None:
        pass

    def show(self, event: Event) -> None:
        with suppress(OSError):  # nobody looks any more
            self._connection.send(event)

    def close(self, result: dict[str, Any] | None) -> None:
        pass


def work(connection: Connection, config: RunConfig) -> None:
    """In the run's own process: its last word is how it ended, nothing or a sentence."""
    listen()
    told: str | None = None
    try:
        run(config, shown_by=lambda standing: Piped(connection))
    except KeyboardInterrupt:
        told = "interrupted"
    except Exception as error:
        told = str(error) or type(error).__name__
    with suppress(OSError):
        connection.send(told)


def side_by_side(configs: Sequence[RunConfig]) -> Generator[tuple[int, Event | str | None]]:
    """Starts them; yields events as they come, each with its run's number, and of each run how it ended: None, or a
    sentence. (-1, None) where nothing has come for a while. Closed early, the runs are interrupted, and end as they do
    after Ctrl-C."""
    spawn = multiprocessing.get_context("spawn")
    runs, processes = {}, []
    try:
        for i, config in enumerate(configs):
            here, there = spawn.Pipe(duplex=False)
            process = spawn.Process(target=work, args=(there, config), name=f"run {i}")
            process.start()
            there.close()
            runs[here] = i
            processes.append(process)
        while runs:
            ready = wait(list(runs), GLANCE)
            if not ready:
                yield -1, None
            for connection in ready:
                assert isinstance(connection, Connection)
                i = runs[connection]
                try:
                    event = connection.recv()
                except EOFError:
                    event = "its process was killed"
                if event is None or isinstance(event, str):
                    del runs[connection]
                    connection.close()
                yield i, event
    finally:
        for process in processes:
            if process.is_alive() and runs:
                process.terminate()  # which it takes as Ctrl-C
        for process in processes:
            process.join()
