"""The chain as its boxes' statuses tell it."""

from dni_actors.observe.events import Kept, Lost, Place, Started, Status, Warned
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from tests.tiny import metrics_row, tiny

PLACES = tuple(Place(k, 1, "node", "host", "kernels") for k in range(3))


def test_what_boxes_had_counted_before_they_were_started_again_stays():
    standing = Standing(tiny())
    standing.take(Started(PLACES))
    standing.take(Status(1, 5, "forward", seconds=2.0, messages=(("asked", 2),), sent=10, sent_bytes=100))
    standing.take(Lost(1, "it was killed"))
    standing.take(Started(PLACES, tick=4))
    standing.take(Status(1, 6, "forward", seconds=3.0, messages=(("asked", 1),), sent=3, sent_bytes=30))
    assert (standing.messages, standing.sent) == ({"asked": 3}, (13, 130))
    assert [status.tick for status in standing.statuses] == [4, 6, 4]
    assert (standing.restarts, standing.losses) == ([0, 1, 0], [Lost(1, "it was killed")])
    assert standing.story[-1] == ("lost", "tick 5: box 1 started again: it was killed")


def test_rows_of_ticks_in_which_no_gradient_was_due_do_not_tell_what_ticks_take():
    standing = Standing(tiny(lag=4))
    rows = tuple(metrics_row(0, first_tick=first, last_tick=first + 1, seconds=1.0) for first in (0, 2, 4, 6))
    standing.take(Status(0, 8, "done", rows=rows))
    assert (standing.spent[0].ticks, standing.spent[0].period) == (4, 0.5)


def test_warnings_evaluations_and_cuts_are_kept_and_told_once():
    standing = Standing(tiny(evaluate_every=4))
    evaluation = Evaluation(4, 0.5, 0.7, 0.25, 0.8)
    for event in (Warned("full"), Kept(4), *[Status(2, 5, "forward", evaluations=(evaluation,))] * 2):
        standing.take(event)
    assert (standing.warnings, standing.kept, list(standing.evaluations)) == (["full"], 4, [evaluation])
    assert [kind for kind, _ in standing.story] == ["warning", "evaluation"]
    assert standing.story[-1][1] == "tick 4: test 50.0%, validation 25.0%"


def test_a_run_that_ends_early_ends_at_its_cut():
    standing = Standing(tiny(evaluate_every=2))
    evaluations = tuple(Evaluation(tick, 0.5, 0.7, 0.25, 0.8) for tick in (2, 4, 6))
    standing.take(Status(2, 7, "forward", evaluations=evaluations))
    standing.end_at(4, ["a", "b", "c"])
    assert (standing.ticks, standing.digests, len(standing.evaluations)) == (4, ["a", "b", "c"], 2)
