"""The tasks, by name. A task's facts are known without loading its data."""

from collections.abc import Callable
from functools import cache

from dni_actors.config.checks import ConfigError, choose
from dni_actors.config.plugins import imported
from dni_actors.tasks.adding import Adding
from dni_actors.tasks.binary import BinaryAddition
from dni_actors.tasks.copying import Copy, RepeatCopy
from dni_actors.tasks.idx import image_rows
from dni_actors.tasks.mnist import Mnist01, Rows
from dni_actors.tasks.own.file import PREFIX, file
from dni_actors.tasks.symbols import Mixed, Recall, Xor
from dni_actors.tasks.task import Fresh, Samples, Scaling, Split, Streaming, Task, fingerprint, optional
from dni_actors.tasks.text import novel, text_task

TASKS: dict[str, Callable[[], Task]] = {
    "mnist01": Mnist01,
    "rows": Rows,
    "recall": Recall,
    "xor": Xor,
    "mixed": Mixed,
    "adding": Adding,
    "binary-addition": BinaryAddition,
    "binary-addition-12": lambda: BinaryAddition(12),
    "copy": Copy,
    "repeat-copy": RepeatCopy,
    "text": novel,
}
FROM_DATA: dict[str, Callable[[str], Task]] = {"rows": image_rows, "text": text_task}
"""Those that may also be made from `--data`."""

__all__ = [
    "PREFIX",
    "TASKS",
    "Fresh",
    "Samples",
    "Scaling",
    "Split",
    "Streaming",
    "Task",
    "find",
    "fingerprint",
    "optional",
]


def find(name: str, data: str | None = None, labels: str = "auto") -> Task:
    """The task of a name, of a file or of an import path, made from `data` if that is given. ConfigError if there is
    none. `labels`: what those of a file are."""
    if data is not None and name not in FROM_DATA:
        problem = f"{data!r} is for task {' or '.join(FROM_DATA)}, not {name}; drop it, or name such a task"
        raise ConfigError("data", problem)
    if data is not None:
        return FROM_DATA[name](data)
    if name.startswith(PREFIX):
        return file(name.removeprefix(PREFIX), labels)
    if name in TASKS or ":" in name:
        return made(name)
    raise ConfigError("task", f"{name!r} is not known; {choose(name, TASKS)}")


@cache
def made(name: str) -> Task:
    """Once in a process."""
    task: Task = (TASKS[name] if name in TASKS else imported("task", name))()
    missing = [fact for fact in Task.__annotations__ if not hasattr(task, fact)]
    if missing:
        raise ConfigError("task", f"{name!r} lacks {', '.join(missing)}; see docs/extending.md")
    return task
