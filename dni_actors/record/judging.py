"""What is said of a run that has ended: a verdict, how each class fared, and whether its numbers are of
a size to learn from, if nothing was learned."""

import dataclasses

from dni_actors.box.errors import BROKEN
from dni_actors.config.checks import ConfigError
from dni_actors.observe.guessing import guessing
from dni_actors.observe.size import too_large
from dni_actors.observe.standing import Standing
from dni_actors.observe.verdict import NOTHING, verdict
from dni_actors.protocol.model import Model
from dni_actors.record.result import Result
from dni_actors.record.run_files import RunFiles
from dni_actors.record.scores import scores
from dni_actors.tasks.told import class_names


def judged(result: Result, standing: Standing, files: RunFiles) -> Result:
    """The result, with what can be said: data that are not here, or a cut that was not kept, leave it as it is."""
    config, best = standing.config, standing.evaluations.best
    try:
        if BROKEN in (result.error or ""):
            return hinted(result, too_large(config))
        if best is None or result.status != "finished":
            return result
        result = dataclasses.replace(result, verdict=verdict(config.task, best, guessing(config)))
        if result.verdict is not None and NOTHING in result.verdict:
            result = hinted(result, too_large(config))
        if config.task.loss == "softmax" and config.streaming is None and result.cuts:
            model = Model(config, files.cut(result.tick_to_use(config, result.cuts), config.boxes))
            result = dataclasses.replace(result, scores=scores(*model.of_test_samples(), class_names(config.task)))
    except (ConfigError, OSError, MemoryError):
        pass
    return result


def hinted(result: Result, hint: str | None) -> Result:
    return result if hint is None else dataclasses.replace(result, hints=[*result.hints, hint])
