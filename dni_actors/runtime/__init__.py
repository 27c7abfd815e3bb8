"""Who runs the programs: all boxes in one process (inline), or one Ray actor each.

    with started(config) as running:            what the runtime needs is there: Ray, for one
        for event in running.run(config, cuts): ...

A run goes on from the newest of `cuts` (protocol/cut.py), or begins. It yields `Started`, then the boxes'
statuses as they come, the last one of each box with its digest; after a `Lost`, another `Started`. It raises BoxError
if a box cannot go on, and leaves nothing behind however it ends (closing the generator stops the run).
"""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import NamedTuple

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event


class Runtime(NamedTuple):
    """A runtime that is up."""

    run: Callable[..., Generator[Event]]
    """run(config, cuts): from the newest of the cuts, if there are any"""
    cores: float
    """that the boxes of a run share"""


def started(config: RunConfig) -> AbstractContextManager[Runtime]:
    """The configured runtime; imports Ray only if it is asked for."""
    if config.execution.runtime == "inline":
        from dni_actors.runtime import inline

        return inline.started()
    from dni_actors.runtime.driver import supervisor

    return supervisor.started(config)


def cluster_address(config: RunConfig) -> str | None:
    """The Ray cluster to join; None: a private one is started, or none is needed."""
    if config.execution.runtime == "inline":
        return None
    address = config.execution.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address
