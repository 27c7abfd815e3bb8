"""What is said of a run in one sentence, and what guessing has."""

import math

import numpy as np
import pytest

from dni_actors.config.run import RunConfig
from dni_actors.observe.guessing import Guess, guessing, of_labels
from dni_actors.observe.verdict import verdict
from dni_actors.protocol.program import Evaluation
from dni_actors.tasks import find

NAN = math.nan


def test_a_guess_is_the_commonest_answer_of_the_training_samples():
    assert of_labels("softmax", np.array([2, 2, 1]), np.array([2, 1, 1, 2]), ("a", "b", "c")) == ("class c", 0.5, 4)
    steps = np.array([[0, -1], [0, 1]])
    assert of_labels("softmax", steps, steps, ("a", "b")) == ("class a", 2 / 3, 3)
    numbers = of_labels("squared", np.array([[1.0, 2], [3, NAN]]), np.array([[2.0, 4], [0, NAN]]), ())
    assert numbers == ("the mean", (0 + 4 + 4) / 3, 2)
    bits = of_labels("bits", np.array([[1, 0], [1, 0], [0, 1]]), np.array([[1, 0], [1, 1]]), ())
    assert bits == ("the commonest bits", 0.5, 2)
    assert of_labels("softmax", np.array([-1]), np.array([1]), ("a", "b")) is None


def test_guesses_of_known_tasks():
    assert guessing(RunConfig.of(task="rows")) == ("class 0", 0.1, 800)
    assert guessing(RunConfig.of(task="adding")).value == pytest.approx(1 / 6, rel=0.05)
    assert guessing(RunConfig.of(task="text")).value == pytest.approx(math.log2(find("text").classes))


@pytest.mark.parametrize(
    ("task", "of", "guess", "sentence"),
    [
        ("rows", {"accuracy": 0.9}, Guess("class 3", 0.1, 800), "It has learned: 90.0% of 800 test sequences"),
        ("rows", {"accuracy": 0.11}, Guess("class 3", 0.1, 800), "It has learned nothing that shows: 11.0% of 800"),
        ("rows", {"accuracy": 0.05}, Guess("class 3", 0.1, 800), "It has learned something wrong: 5.0% of 800"),
        ("adding", {"error": 0.04}, Guess("the mean", 0.16, 9), "It has learned 75% of what numbers vary by: test"),
        ("adding", {"error": 0.16}, Guess("the mean", 0.16, 9), "It has learned nothing that shows: test error 0.16"),
        ("text", {"loss": 2 * math.log(2)}, Guess("", 6.0, 0), "It has learned: 2.000 bits a step, where"),
        ("copy", {"reached": 4.0}, Guess("", 3.0, 0), None),
        ("rows", {"accuracy": 0.9}, None, None),
        ("adding", {"error": math.inf}, Guess("the mean", 0.16, 9), None),
    ],
)  # fmt: skip
def test_a_verdict_holds_a_run_against_guessing(task, of, guess, sentence):
    found = verdict(find(task), Evaluation(10, NAN, NAN, NAN, NAN)._replace(**of), guess)
    assert found is None if sentence is None else found.startswith(sentence)
