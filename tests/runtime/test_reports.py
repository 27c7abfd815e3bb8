"""What a box reports arrives once, however many replies are lost on their way to the driver."""

import random

import pytest

from dni_actors.box.errors import BoxDiedError
from dni_actors.observe.events import Status
from dni_actors.runtime.driver.questions import Questions
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.worker.reports import Reports
from tests.tiny import tiny


class Call:
    def __init__(self, reply):
        self.reply = reply


class Line:
    """Ray, as far as questions need it: every call is made and answered at once, and some replies are lost."""

    class exceptions:
        class RayError(Exception):
            pass

        class ActorUnavailableError(RayError):
            pass

        class ActorDiedError(RayError):
            pass

    def __init__(self, lost):
        self._lost, self.replies, self._rng = lost, 0, random.Random(5)

    def wait(self, calls, num_returns, timeout):
        return list(calls), []

    def get(self, call):
        self.replies += 1
        if self._rng.random() < self._lost:
            raise self.exceptions.ActorUnavailableError("the connection is reset")
        if isinstance(call.reply, Exception):
            raise call.reply
        return call.reply


class Actor:
    def __init__(self, newest):
        reports = Reports(newest)

        class status:
            @staticmethod
            def remote(number):
                return Call(reports.after(number))

        self.status = status


@pytest.mark.parametrize("lost", [0.0, 0.5, 0.9])
def test_rows_evaluations_probes_and_cuts_come_once_and_in_order(lost):
    config = tiny(ticks=60, evaluate_every=7, probe_every=9)
    chain = Chain(config, random.Random(1), cuts_at=range(10, 61, 10))
    line = Line(lost)
    questions = Questions(line, [Actor(stepper.status) for stepper in chain.steppers])
    heard: list[Status] = []

    def ask():
        questions.ask(range(3))
        heard.extend(questions.answers(0.0))

    for _ in chain.turns():
        ask()
    while len({status.box for status in heard if status.digest}) < 3:
        ask()
    for k in range(3):
        mine = [status for status in heard if status.box == k]
        assert [n for s in mine for row in s.rows for n in range(row.first_tick, row.last_tick + 1)] == list(range(60))
        assert [part.tick for status in mine for part in status.cuts] == [10, 20, 30, 40, 50, 60]
        assert [status.number for status in mine] == list(range(1, len(mine) + 1))
        assert [probe.tick for status in mine for probe in status.probes] == ([9, 18, 27, 36, 45, 54] if k < 2 else [])
    evaluated = [evaluation.tick for status in heard for evaluation in status.evaluations]
    assert evaluated == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert (line.replies > len(heard)) == (lost > 0)


def test_a_box_that_is_dead_is_told_as_such():
    box = Actor(lambda: Status(0, 0, "forward"))
    box.status.remote = lambda number: Call(Line.exceptions.ActorDiedError("killed"))
    questions = Questions(Line(0.0), [box])
    questions.ask([0])
    (death,) = questions.answers(0.0)
    assert isinstance(death, BoxDiedError)
    assert death.box == 0
