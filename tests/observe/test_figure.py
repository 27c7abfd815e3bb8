"""What a task goes by, as it is shown."""

import math

import pytest

from dni_actors.observe.figure import figure
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from dni_actors.tasks import find
from tests.tiny import tiny

ONE = Evaluation(50, accuracy=0.875, loss=2 * math.log(2), validation_accuracy=0.8, validation_loss=0.5)


@pytest.mark.parametrize(
    ("task", "evaluation", "name", "words"),
    [
        ("rows", ONE, "accuracy", "accuracy 87.50%"),
        ("binary-addition", ONE, "accuracy", "accuracy 87.50%"),
        ("text", ONE, "bits per step", "2.000 bits"),
        ("copy", ONE._replace(reached=12.0), "symbols", "12 symbols"),
        ("adding", ONE._replace(error=0.01), "squared error", "error 0.01"),
    ],
)
def test_a_task_goes_by_one_figure(task, evaluation, name, words):
    found = figure(find(task), evaluation)
    assert (found.name, found.words) == (name, words)


def test_a_run_without_evaluations_has_no_figure():
    assert Standing(tiny()).figure is None
