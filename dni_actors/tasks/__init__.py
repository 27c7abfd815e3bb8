"""The tasks, by name. A task's facts are known without loading its data."""

from dni_actors.tasks.mnist import Mnist01, Rows
from dni_actors.tasks.task import Samples, Split, Task

TASKS: dict[str, Task] = {"mnist01": Mnist01(), "rows": Rows()}

__all__ = ["TASKS", "Samples", "Split", "Task"]
