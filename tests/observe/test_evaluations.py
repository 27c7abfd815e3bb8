"""Which evaluation is the best, and when patience with them ends."""

import math

import pytest

from dni_actors.box.errors import ProtocolError
from dni_actors.config.run import RunConfig
from dni_actors.observe.evaluations import Evaluations, recalled
from dni_actors.observe.events import plain
from dni_actors.protocol.program import Evaluation

NAN, INF = math.nan, math.inf
ONE = Evaluation(50, accuracy=0.875, loss=2 * math.log(2), validation_accuracy=0.8, validation_loss=0.5)


def evaluations(*several, **fields):
    return Evaluations(RunConfig.of(**({"runtime": "inline", "ticks": 100, "evaluate_every": 10} | fields)), several)


@pytest.mark.parametrize(
    ("task", "better"),
    [
        ("rows", {"validation_accuracy": 0.9, "validation_loss": 9.0}),
        ("text", {"validation_accuracy": 0.1, "validation_loss": 0.4}),
        ("adding", {"validation_accuracy": 0.1, "validation_loss": 0.4}),
        ("copy", {"validation_accuracy": 0.1, "validation_loss": 9.0, "reached": 3.0}),
    ],
)
def test_the_better_one_is_so_by_what_the_task_goes_by(task, better):
    before = ONE._replace(reached=2.0) if task == "copy" else ONE
    after = before._replace(tick=60, **better)
    assert evaluations(before, after, task=task).ranked == [after, before]


def of_losses(*losses):
    return [ONE._replace(tick=10 * (n + 1), validation_loss=loss) for n, loss in enumerate(losses)]


def test_the_best_one_is_the_earliest_of_the_best_and_never_one_that_is_not_a_number():
    several = of_losses(NAN, 0.5, 0.3, 0.3, INF)
    assert [e.tick for e in evaluations(*several, task="adding").ranked] == [30, 40, 20, 10, 50]
    assert evaluations(*several, task="adding").best.tick == 30
    assert evaluations(*several, task="rows").best.tick == 30, "of equal accuracies, the one with less loss"
    assert evaluations(task="rows").best is None


def test_patience_ends_with_the_nth_in_a_row_that_is_no_better():
    several = of_losses(NAN, 0.5, 0.3, 0.3, 0.4)
    assert evaluations(*several, task="adding", stop_after=2).stops_at == 50
    assert evaluations(*several, task="adding", stop_after=3).stops_at is None
    assert evaluations(*several, task="adding").stops_at is None


def test_one_at_an_old_end_of_the_run_is_kept_but_not_ranked():
    several = of_losses(0.5, 0.4)
    found = evaluations(*several, several[0]._replace(tick=25, validation_loss=0.1), task="adding", stop_after=1)
    assert (len(found), found.best.tick, found[-1].tick) == (3, 20, 25)


def test_one_that_is_done_again_is_equal_to_the_last_bit_or_an_error():
    found = evaluations(task="rows")
    odd = ONE._replace(loss=INF, validation_loss=NAN)
    assert found.take(odd, 3)
    assert not found.take(odd._replace(validation_loss=float("nan")), 3)
    with pytest.raises(ProtocolError, match=r"an evaluation done again gave .*--kernels portable"):
        found.take(odd._replace(accuracy=math.nextafter(odd.accuracy, 1)), 3)
    assert list(found) == [odd]


def test_what_comes_after_the_end_does_not_count():
    found = evaluations(*of_losses(0.5, 0.4, 0.3), task="adding")
    found.end_at(20)
    assert ([e.tick for e in found], found.best.tick) == ([10, 20], 20)


def test_results_are_recalled_without_what_json_cannot_say():
    odd = ONE._replace(loss=INF)
    assert repr(recalled(plain(odd._asdict()))) == repr(ONE._replace(loss=NAN))
    assert repr(recalled({"tick": 7, "accuracy": 0.5})) == repr(Evaluation(7, 0.5, NAN, NAN, NAN))
