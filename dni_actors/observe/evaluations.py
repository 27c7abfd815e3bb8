"""The evaluations of a run: the only place that knows which of them is better, and when patience with them ends."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from dni_actors.box.errors import ProtocolError
from dni_actors.config.run import RunConfig
from dni_actors.observe.figure import Figure, figure
from dni_actors.protocol.program import Evaluation
from dni_actors.protocol.schedule import evaluates


class Evaluations(Sequence[Evaluation]):
    """A run's evaluations in the order in which they came.

    Args:
        config: the run's; what its task goes by, and which evaluations it asks for.
        known: those that are there already.
    """

    def __init__(self, config: RunConfig, known: Iterable[Evaluation] = ()) -> None:
        self._config = config
        self._known = list(known)

    @overload
    def __getitem__(self, i: int) -> Evaluation: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Evaluation]: ...
    def __getitem__(self, i: int | slice) -> Evaluation | Sequence[Evaluation]:
        return self._known[i]

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"Evaluations({self._known})"

    def take(self, evaluation: Evaluation, box: int) -> bool:
        """Adds one that a box has made.

        Returns:
            Whether it is new; an evaluation that is done again after a loss is not.

        Raises:
            ProtocolError: it is done again and not equal, to the last bit.
        """
        before = next((known for known in self._known if known.tick == evaluation.tick), None)
        if before is None:
            self._known.append(evaluation)
        elif repr(before) != repr(evaluation):  # whose NaNs are equal
            problem = f"an evaluation done again gave {evaluation}, not {before} as before"
            remedy = "machines that round differently? --kernels portable gives equal bits; replay finds where it began"
            raise ProtocolError(box, evaluation.tick, f"{problem}; {remedy}")
        return before is None

    def end_at(self, tick: int) -> None:
        """The run ends there: later ones do not count."""
        self._known = [evaluation for evaluation in self._known if evaluation.tick <= tick]

    @property
    def ranked(self) -> list[Evaluation]:
        """Best first, by the validation samples; of equals the earliest first. Not every one has a cut at its tick."""
        return sorted(sorted(self._regular(), key=lambda e: e.tick), key=self._merit, reverse=True)

    @property
    def best(self) -> Evaluation | None:
        """The first of the ranked ones."""
        return next(iter(self.ranked), None)

    @property
    def stops_at(self) -> int | None:
        """The tick of the evaluation that used up the patience of `stop_after`; None before."""
        patience, best, vain = self._config.learning.stop_after, (-math.inf, -math.inf), 0
        for evaluation in self._regular() if patience else ():
            vain = 0 if self._merit(evaluation) > best else vain + 1
            best = max(best, self._merit(evaluation))
            if vain >= patience:
                return evaluation.tick
        return None

    @property
    def figures(self) -> list[Figure]:
        """What the task goes by, of each."""
        return [figure(self._config.task, evaluation) for evaluation in self._known]

    def _regular(self) -> list[Evaluation]:
        """Those that the configuration asks for: not the one at the end of a run that was made longer since."""
        return sorted(evaluation for evaluation in self._known if evaluates(self._config, evaluation.tick))

    def _merit(self, evaluation: Evaluation) -> tuple[float, float]:
        """Larger is better: how far a curriculum came; less loss of numbers, where every step is asked, and where
        classes are weighed; else the accuracy, and of equal ones the one with less loss."""
        if math.isfinite(evaluation.reached):
            return evaluation.reached, 0.0
        task, loss = self._config.task, -evaluation.validation_loss
        loss = -math.inf if math.isnan(loss) else loss
        if task.per_step or task.loss == "squared" or self._config.learning.class_weights != "none":
            return loss, 0.0
        accuracy = evaluation.validation_accuracy
        return -math.inf if math.isnan(accuracy) else accuracy, loss


def recalled(facts: Mapping[str, Any]) -> Evaluation:
    """An evaluation as result.json has it: NaN for what is None there, or missing."""
    known = (facts.get(name) for name in Evaluation._fields)
    return Evaluation._make(math.nan if value is None else value for value in known)
