"""Whether a task's numbers are of a size that boxes can learn from: asked where nothing, or nonsense, was learned."""

import numpy as np

from dni_actors.box.data.checked import Checked
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.tasks import Fresh, optional

LARGE = 50.0  # times what standardised numbers are


def too_large(config: RunConfig) -> str | None:
    """A hint at scaling, if training samples are far from the size of one. ConfigError if they cannot be had."""
    task = config.task
    if config.scaling is not None or config.streaming is not None:
        return None
    split = Checked(config).split(0, config.steps)
    samples = split.validation if isinstance(task, Fresh) else split.train
    found = []
    if (size := reach(samples.x)) > LARGE:
        found.append(f"inputs reach {size:.3g}")
    if task.loss == "squared" and (size := reach(samples.labels)) > LARGE:
        found.append(f"numbers to learn reach {size:.3g}")
    if not found:
        return None
    remedy = "leave out --no-standardize" if optional(task).scaling is not None else "scale them to about 1"
    return f"{' and '.join(found)}, which is far from the size of 1 that boxes learn from: {remedy}"


def reach(numbers: Array) -> float:
    known = np.abs(numbers[~np.isnan(numbers)])
    return float(known.max(initial=0.0))
