"""A Ray that stays up between runs, whose boxes' processes serve one run after the other.

with session():
    first = run(RunConfig.preset("seed", seed=0))
    second = run(RunConfig.preset("seed", seed=1))     # starts in a moment
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from dni_actors.config.checks import ConfigError
from dni_actors.config.fields import FIELDS, field
from dni_actors.config.run import RunConfig
from dni_actors.runtime import Runtime, cluster_address, started

SETTLED = ("address", "kernels", "placement", "cpus_per_box", "resources_per_box", "placement_timeout")
"""fields of which a Ray, and the processes in it, have one value"""


class Open(NamedTuple):
    """A session that is open."""

    running: Runtime
    config: RunConfig


_open: list[Open] = []  # one at most


@contextmanager
def session(**settings: Any) -> Iterator[None]:
    """Runs within that are over Ray (`runtime="ray"`, as is the default) share one.

    Args:
        settings: of SETTLED; a run within has them, too, and may not ask for others.

    Raises:
        ConfigError: another setting, or a session is open already.
        RuntimeUnavailableError: no Ray can be had.
    """
    if _open:
        raise ConfigError("session", "one is open already; end it, or run within it")
    for name in settings:
        if field(name).name not in SETTLED:
            raise ConfigError(
                name, f"it belongs to each run; give it to run or fit (a session takes {', '.join(SETTLED)})"
            )
    config = RunConfig().replace(**settings)
    kernels = config.execution.kernels or ("portable" if cluster_address(config) else "native")
    config = config.replace(kernels=kernels)
    with started(config) as running:
        _open.append(Open(running, config))
        try:
            yield
        finally:
            _open.clear()


def within(config: RunConfig) -> tuple[RunConfig, Runtime | None]:
    """A run's configuration with what the open session has settled, and its runtime; None without one.

    ConfigError if the run asks for something else.
    """
    if not _open or config.execution.runtime == "inline":
        return config, None
    running, settled = _open[0]
    for name in SETTLED:
        mine, its = config.flat()[name], settled.flat()[name]
        if mine not in (FIELDS[name].default, its):
            raise ConfigError(name, f"{mine!r} is not the session's, which has {its!r}; give it to the session")
    config = config.replace(**{name: settled.flat()[name] for name in SETTLED})
    if cluster_address(config) is not None:  # each box has CPUs of its own
        running = running._replace(cores=config.execution.cpus_per_box * config.boxes)
    return config, running
