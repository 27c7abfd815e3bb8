"""What came out of a run, in one sentence: did it learn, and how much more than guessing has?"""

import math

from dni_actors.observe.figure import figure
from dni_actors.observe.guessing import Guess
from dni_actors.protocol.program import Evaluation
from dni_actors.tasks import Task

ERRORS = 2.0  # standard errors of a share, within which two shares are equal
NOTHING = "It has learned nothing that shows"
LITTLE = 0.02  # share of the variance, or of the bits, up to which next to nothing was learned


def verdict(task: Task, evaluation: Evaluation, guess: Guess | None) -> str | None:
    """Of the evaluation that counts; None where there is nothing to hold it against."""
    found = figure(task, evaluation)
    if guess is None or found.name == "symbols" or not math.isfinite(found.value):
        return None
    if found.name == "accuracy":
        return of_shares(found.value, guess, "steps" if task.per_step else "sequences")
    if found.name == "squared error":
        what = f"error {found.value:.4g}, where always saying the mean of the training samples has {guess.value:.4g}"
        if guess.value == 0:
            return f"It has nothing to learn: all numbers of the test are the mean ({what})."
        explained = 1 - found.value / guess.value
        if explained <= LITTLE:
            return f"{NOTHING}: test {what}."
        return f"It has learned {explained:.0%} of what numbers vary by: test {what}."
    what = f"{found.value:.3f} bits a step, where guessing needs {guess.value:.3f}"
    if found.value >= guess.value * (1 - LITTLE):
        return f"{NOTHING}: {what}."
    return f"It has learned: {what}."


def of_shares(value: float, guess: Guess, what: str) -> str:
    asked, share = guess.asked, guess.value
    error = ERRORS * math.sqrt(max(share * (1 - share), 1 / asked) / asked)
    has = f"{value:.1%} of {asked} test {what} are right, where always saying {guess.answer} has {share:.1%}"
    if value > share + error:
        return f"It has learned: {has}."
    if value < share - error:
        return f"It has learned something wrong: {has}."
    return f"{NOTHING}: {has}, which is equal within the error of so few."
