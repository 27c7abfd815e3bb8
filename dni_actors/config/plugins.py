"""Parts of a user's own, by import path: a task, a cell, a synthesizer."""

import importlib
from typing import Any

from dni_actors.config.checks import ConfigError


def imported(field: str, path: str) -> Any:
    """What `package.module:Name` names. ConfigError says what is wrong with it."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        problem = f"{path!r} cannot be imported ({error}); give package.module:Class, and run where Python finds it"
        raise ConfigError(field, problem) from error
    except AttributeError as error:
        raise ConfigError(
            field, f"{path!r}: the module {module} has no {name or 'empty name'}; give a class"
        ) from error
    except Exception as error:  # the user's own code, whatever it does
        raise ConfigError(field, f"{path!r} fails when it is imported ({type(error).__name__}: {error})") from error
