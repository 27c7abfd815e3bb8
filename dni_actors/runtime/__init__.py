"""Who runs the programs: all boxes in one process (inline), or one Ray actor each.

    with session(config) as running:            what the runtime needs is there: Ray, for one
        for event in running.run(config, cuts): ...

A run goes on from the newest of `cuts` (box/cut.py), or begins. It yields `Started`, then reports of boxes as they
come, the last one of each box with its digest; after a `Lost`, another `Started`. It raises BoxError if a box cannot go
on, and leaves nothing behind however it ends (closing the generator stops the run).
"""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import NamedTuple

from dni_actors.box.report import Event
from dni_actors.config import RunConfig


class Session(NamedTuple):
    """A runtime that is up."""

    run: Callable[..., Generator[Event]]
    """run(config, cuts): from the newest of the cuts, if there are any"""
    cores: float
    """that the boxes of a run share"""


def session(config: RunConfig) -> AbstractContextManager[Session]:
    """The configured runtime; imports Ray only if it is asked for."""
    if config.execution.runtime == "inline":
        from dni_actors.runtime import inline

        return inline.session()
    from dni_actors.runtime import supervisor

    return supervisor.session(config)


def cluster_address(config: RunConfig) -> str | None:
    """The Ray cluster to join; None: a private one is started, or none is needed."""
    if config.execution.runtime == "inline":
        return None
    address = config.execution.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address
