"""What a task goes by, shown and chosen by."""

import math

import pytest

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Status
from dni_actors.observe.figure import figure, merit
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from dni_actors.tasks import find
from tests.tiny import tiny

NAN = math.nan
ONE = Evaluation(50, accuracy=0.875, loss=2 * math.log(2), validation_accuracy=0.8, validation_loss=0.5)


@pytest.mark.parametrize(
    ("task", "evaluation", "name", "words"),
    [
        ("rows", ONE, "accuracy", "accuracy 87.50%"),
        ("binary-addition", ONE, "accuracy", "accuracy 87.50%"),
        ("text", ONE, "bits per step", "2.000 bits"),
        ("copy", ONE._replace(reached=12.0), "symbols", "12 symbols"),
        ("adding", ONE._replace(loss=0.005), "squared error", "error 0.01"),
    ],
)
def test_a_task_goes_by_one_figure(task, evaluation, name, words):
    found = figure(find(task), evaluation)
    assert (found.name, found.words) == (name, words)


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
    assert merit(find(task), before._replace(**better)) > merit(find(task), before)


def standing(*evaluations, **fields):
    found = Standing(RunConfig.of(runtime="inline", ticks=100, evaluate_every=10, **fields))
    last = len(found.statuses) - 1
    found.take(Status(last, 100, "done", evaluations=tuple(evaluations)))
    return found


def test_the_best_evaluation_is_the_earliest_of_the_best_and_never_one_that_is_not_a_number():
    losses = (NAN, 0.5, 0.3, 0.3, 0.4)
    several = [ONE._replace(tick=10 * (n + 1), validation_loss=loss) for n, loss in enumerate(losses)]
    assert standing(*several, task="adding").best.tick == 30
    assert standing(*several, task="adding", stop_after=2).stops_at == 50
    assert standing(*several, task="rows").best.tick == 10


def test_training_that_has_run_away_is_told():
    (hint,) = standing(ONE._replace(loss=1e5), task="rows").hints
    assert hint == "a test loss of 1e+05, where guessing has 2.3: training has run away; lower --learning-rate"
    assert standing(ONE, task="rows").hints == standing(ONE._replace(loss=1e5), task="adding").hints == []


def test_a_standing_without_evaluations_has_no_figure():
    assert Standing(tiny()).figure is None
