"""Decoupled neural interfaces as Ray actors: a recurrent network trained without waiting.

from dni_actors import RunConfig, run

result = run(RunConfig.preset("seed"))
result.test_accuracy, result.metrics
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dni_actors.config.checks import ConfigError
    from dni_actors.config.run import RunConfig
    from dni_actors.experiment import run
    from dni_actors.fitting import fit
    from dni_actors.record.result import Result
    from dni_actors.sessions import session

__version__ = "0.1.0"
__all__ = ["ConfigError", "Result", "RunConfig", "fit", "run", "session"]

_HOMES = {
    "ConfigError": "dni_actors.config.checks",
    "Result": "dni_actors.record.result",
    "RunConfig": "dni_actors.config.run",
    "fit": "dni_actors.fitting",
    "run": "dni_actors.experiment",
    "session": "dni_actors.sessions",
}


def __getattr__(name: str) -> Any:
    # On first use: who imports only a lower floor shall not load Ray or rich.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
