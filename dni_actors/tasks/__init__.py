"""The tasks, by name. A task's facts are known without loading its data."""

from dni_actors.tasks.mnist import Mnist01, Rows
from dni_actors.tasks.task import Samples, Task

TASKS: dict[str, Task] = {task.name: task for task in (Mnist01(), Rows())}

__all__ = ["TASKS", "Samples", "Task"]
