"""Who runs the programs: all boxes in one process (inline), or one Ray actor each. A runtime is a function.

    run(config) -> generator of events

It yields `Started`, then reports of boxes as they come, the last one of each box with its digest; it raises BoxError
if a box cannot go on, and leaves nothing behind however it ends (closing the generator stops the run).
"""

import os
from collections.abc import Callable, Generator

from dni_actors.box.report import Event
from dni_actors.config import RunConfig

Runtime = Callable[[RunConfig], Generator[Event]]


def runtime(name: str) -> Runtime:
    """The runtime called `name`; imports Ray only if it is asked for."""
    if name == "inline":
        from dni_actors.runtime import inline

        return inline.run
    from dni_actors.runtime import supervisor

    return supervisor.run


def cluster_address(config: RunConfig) -> str | None:
    """The Ray cluster to join; None: a private one is started, or none is needed."""
    if config.execution.runtime == "inline":
        return None
    address = config.execution.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address
