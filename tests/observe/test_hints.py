"""What a run shows that another setting would do better: said only where following it helps."""

import math
import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from bench.law import decoupled_period
from dni_actors.config.run import RunConfig
from dni_actors.observe.advice import hints
from dni_actors.observe.events import Status, Tuned
from dni_actors.observe.spent import Cost
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from tests.tiny import metrics_row, tiny

COST = 0.1  # seconds of each phase that a row of 50 ticks has: so a box works for 0.5 s in one of 1 s


def standing(*rows, lag=4, cores=math.inf, transit=0.0, **fields):
    """Of a chain whose boxes gave these rows, and whose messages took so many seconds one way."""
    found = Standing(tiny(RunConfig.lenient, boxes=len(rows), lag=lag, ticks=100, **({"runtime": "ray"} | fields)))
    found.cores = cores
    for k, row in enumerate(rows):
        given = metrics_row(k, first_tick=50, last_tick=99, **row)
        messages = (("asked", k), ("came twice", 0))
        found.take(Status(k, 100, "done", rows=(given,), messages=messages, transit=(transit, transit)))
    assert found.messages == ({"asked": sum(range(len(rows)))} if len(rows) > 1 else {})
    return found


STARVED = ({"slack": 0.0, "wait_gradient_seconds": 0.5}, {"slack": None, "wait_state_seconds": 0.5})
PASSAGE = 5 * COST / 50  # two forwards, one backward with its synthesis, one training: of a tick, without links


def link(lag, period=1 / 50):
    """Seconds one way of a link with which a tick takes as long as here: 20 ms, where 10 ms are worked."""
    return (lag * period - PASSAGE) / 2


def test_where_the_lag_makes_both_sides_of_a_boundary_wait_the_one_that_ends_it_is_named():
    (hint,) = hints(standing(*STARVED, transit=link(4)))
    assert hint == (
        "box 0 waits 50% of its time for gradients, box 1 50% for states: "
        "with --lag 8 the run would be about 2.0 times as fast, learning from older gradients"
    )


def test_a_link_that_is_emulated_counts_as_one():
    (hint,) = hints(standing(*STARVED, link_delay_ms=f"{link(4) * 1e3:g}"))
    assert "--lag 8" in hint


def test_boxes_that_wait_because_others_work_on_their_cores_are_as_they_should_be():
    assert hints(standing(*STARVED)) == [], "without links a passage fits into the lag"
    assert hints(standing(*STARVED, transit=link(4), cores=0.5)) == [], "the cores are busy all the time"


def test_boxes_that_wait_for_what_the_law_does_not_know_are_promised_no_more_than_it_explains():
    slower = [row | {"seconds": 10.0, "wait_gradient_seconds": 9.0, "wait_state_seconds": 9.0} for row in STARVED]
    assert hints(standing(*slower, transit=link(4))) == [], "10 ms of 200 would be spared"


def test_a_box_that_a_slower_one_holds_back_is_as_it_should_be():
    assert hints(standing(STARVED[0], {"slack": None, "wait_state_seconds": 0.0}, transit=link(4))) == []


SECONDS = some.floats(0.001, 0.1)
COSTS = some.builds(
    Cost, train=SECONDS, forward=SECONDS, backward=SECONDS, update=SECONDS, cpu=some.just(0.0), prepare=some.just(0.0)
)


def by_the_law(costs, link, lag, cores):
    """Of a run that is exactly as fast as the lag law says, the closed form of what is simulated."""
    costs = [*costs[:-1], costs[-1]._replace(train=0.0)]  # the last box has no synthesizer
    costs = [cost._replace(cpu=cost.tick) for cost in costs]
    period = decoupled_period(costs, [2 * link] * (len(costs) - 1), lag, cores)
    rows = []
    for cost in costs:
        wait = (period - cost.tick) * 50
        waits = {"wait_gradient_seconds": wait, "wait_state_seconds": wait, "seconds": period * 50}
        work = {"train": cost.train, "forward": cost.forward, "synthesize": 0.0, "backward": cost.backward}
        phases = {f"{name}_seconds": seconds * 50 for name, seconds in (work | {"update": cost.update}).items()}
        rows.append(waits | phases | {"cpu_seconds": cost.cpu * 50, "slack": 0.0})
    return standing(*rows, lag=lag, cores=cores, transit=link), period


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # each simulates
@given(
    some.lists(COSTS, min_size=2, max_size=4),
    some.floats(0.0, 0.3),
    some.integers(1, 20),
    some.sampled_from([1, 2, 64]),
)
def test_who_follows_a_hint_gets_what_it_promised_and_no_other_one(costs, link, lag, cores):
    before, period = by_the_law(costs, link, lag, cores)
    for hint in hints(before):
        better, promised = re.search(r"with --lag (\d+) the run would be about ([\d.]+) times", hint).groups()
        after, shorter = by_the_law(costs, link, int(better), cores)
        assert hints(after) == []
        assert period / shorter == pytest.approx(float(promised), abs=0.051)


READY = {"slack": 7.0, "wait_gradient_seconds": 0.0, "wait_state_seconds": 0.0}


def test_gradients_that_grow_old_for_nothing_are_told():
    (hint,) = hints(standing(READY, READY, READY | {"slack": None}, lag=8))
    assert hint.startswith("every gradient lies ready for 7.0 ticks and more before its turn: --lag 2 would be as fast")
    assert hints(standing(READY, READY | {"slack": 2.0}, READY | {"slack": None}, lag=8)) == []


@pytest.mark.parametrize("fields", [{"lag": 4}, {"lag": 8, "update": "truncated"}], ids=str)
def test_where_older_gradients_do_no_harm_nothing_is_said(fields):
    row = READY | {"slack": fields["lag"] - 1.0}
    assert hints(standing(row, row, row | {"slack": None}, **fields)) == []


@pytest.mark.parametrize(
    "fields",
    [{"update": "locked"}, {"runtime": "inline"}, {"unlock": "full", "lag": 4}],
    ids=str,
)
def test_where_the_law_does_not_hold_nothing_is_said(fields):
    assert hints(standing(*STARVED, transit=link(4), **fields)) == []


def test_a_lag_that_was_measured_for_the_run_is_not_sent_back_to_be_measured():
    found = standing(*STARVED, transit=link(4))
    found.take(Tuned(4, 0.08, 0.02))
    assert hints(found) == []


def test_training_that_has_run_away_is_told():
    def loses(loss, task):
        found = Standing(RunConfig.of(runtime="inline", ticks=100, evaluate_every=10, task=task))
        evaluation = Evaluation(50, 0.1, loss, 0.1, loss)
        found.take(Status(len(found.statuses) - 1, 100, "done", evaluations=(evaluation,)))
        return hints(found)

    (hint,) = loses(1e5, "rows")
    assert hint == "a test loss of 1e+05, where guessing has 2.3: training has run away; lower --learning-rate"
    assert loses(2.0, "rows") == loses(1e5, "adding") == []


def of_test_losses(*losses):
    found = standing({}, {})
    for n, loss in enumerate(losses):
        found.evaluations.take(Evaluation(10 * (n + 1), 0.5, loss, 0.5, 0.5), 1)
    return [hint for hint in hints(found) if "by heart" in hint]


def test_a_test_loss_that_grows_while_training_goes_on_is_told():
    (hint,) = of_test_losses(0.9, 0.5, 0.55, 0.6, 0.7)
    assert hint.startswith("the test loss has grown from 0.5 at tick 20 to 0.7 while training went on")
    assert not of_test_losses(0.9, 0.5, 0.55, 0.7), "too soon to tell"
    assert not of_test_losses(0.9, 0.5, 0.55, 0.6, 0.6), "little"
    assert not of_test_losses(0.9, 0.5, 0.55, 0.6, math.inf)
    assert not of_test_losses()
