"""The tasks, by name. A task's facts are known without loading its data."""

from dni_actors.tasks.mnist import Mnist01, Rows
from dni_actors.tasks.symbols import Recall, Xor
from dni_actors.tasks.task import Fresh, Samples, Split, Task

TASKS: dict[str, Task] = {"mnist01": Mnist01(), "rows": Rows(), "recall": Recall(), "xor": Xor()}

__all__ = ["TASKS", "Fresh", "Samples", "Split", "Task"]
