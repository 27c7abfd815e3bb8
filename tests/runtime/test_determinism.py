"""What is learned is a function of the configuration, whatever the order, the delays and the interruptions."""

import random
import time
from collections import Counter

import pytest

from dni_actors.box.errors import DeadlockError
from dni_actors.config.run import RunConfig
from dni_actors.protocol.channel import Channel, Put, Take
from dni_actors.runtime.inline import Chain
from tests.tiny import tiny

SCHEDULES = 100  # of a real chain; protocol/test_every_course.py goes through all courses of smaller ones


def digests(config, **how):
    return Chain(config, **how).run()


def test_random_schedules_give_one_digest():
    config = tiny(boxes=4, ticks=4, lag=2, batch=5, evaluate_every=3)
    expected = digests(config)
    for seed in range(SCHEDULES):
        assert digests(config, schedule=random.Random(seed)) == expected, f"schedule {seed}"


def test_delays_evaluations_and_runtime_settings_leave_the_digest_alone():
    expected = digests(tiny(ticks=12))
    assert digests(tiny(ticks=12, compute_delay_ms="0:1", link_delay_ms="0:2")) == expected
    assert digests(tiny(ticks=12, evaluate_every=1)) == expected
    assert digests(tiny(ticks=12, evaluate_every=0)) == expected


@pytest.mark.parametrize(
    "fields",
    [{"seed": 1}, {"lag": 3}, {"update": "truncated"}, {"conditioned": False}, {"learning_rate": 3e-3}, {"batch": 3}],
    ids=str,
)
def test_what_decides_the_result_changes_it(fields):
    assert digests(tiny(**fields)) != digests(tiny())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"update": "locked"},
        {"update": "locked", "micro_batches": 2},
        {"update": "truncated"},
        {"optimizer": "momentum"},
        {"lag": 5},
        {"update": "delayed"},
        {"wire_dtype": "float16"},
        {"wire_dtype": "int8", "cell": "lstm"},
    ],
    ids=str,
)
def test_150_ticks_and_150_more_equal_300(fields):
    whole = digests(tiny(ticks=300, **fields))
    half = Chain(tiny(ticks=150, **fields))
    half.run()
    assert digests(tiny(ticks=300, **fields), cuts=half.cuts()) == whole


SETTLING = {"settle": True, "target_scale": True, "update_probability": 0.7}


@pytest.mark.parametrize("fields", [{}, {"update": "locked"}, {"update": "delayed"}, SETTLING], ids=str)
def test_a_program_thrown_away_after_every_tick_goes_on_as_if_nothing_had_been(fields):
    whole = digests(tiny(ticks=9, **fields))
    cuts = None
    for n in range(1, 10):
        chain = Chain(tiny(ticks=n, **fields), cuts=cuts)
        found = chain.run()
        cuts = chain.cuts()
    assert found == whole


def random_setting(seed):
    rng = random.Random(seed)
    fields = {
        "boxes": rng.randint(1, 8),
        "lag": rng.randint(1, 6),
        "ticks": rng.randint(1, 12),
        "evaluate_every": rng.randint(0, 4),
        "update": rng.choice(["synthetic", "local", "truncated", "locked", "delayed"]),
        "cell": rng.choice(["rnn", "gru", "lstm"]),
        "local_readout": rng.choice([None, True]),
    }
    if fields["update"] == "locked":
        fields |= {"batch": 6, "micro_batches": rng.choice([1, 2, 3])}
    return rng, fields


@pytest.mark.parametrize("seed", range(60))
def test_any_chain_lives_and_keeps_its_bounds_under_any_schedule(seed):
    rng, fields = random_setting(seed)
    config = tiny(RunConfig.lenient, **fields)
    lag = 1 if fields["update"] == "locked" else fields["lag"]
    under_way_at_most = fields.get("micro_batches", lag)
    story = []
    chain = Chain(config, schedule=rng, story=story)
    told, under_way = 0, Counter()
    for _ in chain.turns():
        for box, _, request in story[told:]:
            # A token per state put right and not yet answered by a gradient taken: waiting, in hand, or coming back.
            if isinstance(request, Put) and request.channel is Channel.STATE:
                under_way[box] += 1
            if isinstance(request, Take) and request.channel is Channel.GRADIENT:
                under_way[box] -= 1
            assert under_way[box] <= under_way_at_most
        told = len(story)
        ahead = chain.steppers[0].tick - chain.steppers[-1].tick
        assert -1 <= ahead <= lag * (config.boxes - 1)  # -1: box 0 has put its state, and still updates
    assert all(stepper.tick == config.ticks for stepper in chain.steppers)
    assert all(stepper.post.counts["far ahead"] == 0 for stepper in chain.steppers), "bounds hold at both ends"


@pytest.mark.parametrize("seed", range(8))
def test_any_chain_lives_under_random_delays(seed):
    _, fields = random_setting(seed)
    config = tiny(RunConfig.lenient, **fields, compute_delay_ms="0:0.3", link_delay_ms="0:1")
    assert digests(config) == digests(tiny(RunConfig.lenient, **fields))


def test_a_message_that_never_comes_is_told_not_waited_for():
    chain = Chain(tiny())
    carry = chain.carry
    chain.carry = lambda k, *message: None if k == 1 else carry(k, *message)
    with pytest.raises(
        DeadlockError, match=r"every box waits: box 0 wait Gradient 0; box 1 wait Gradient 0; box 2 wait St"
    ):
        chain.run()


@pytest.mark.parametrize("update", ["synthetic", "truncated", "delayed"])
def test_a_cut_before_the_first_gradient_goes_on_too(update):
    begun = Chain(tiny(ticks=2, lag=5, update=update))
    begun.run()
    assert digests(tiny(ticks=12, lag=5, update=update), cuts=begun.cuts()) == digests(
        tiny(ticks=12, lag=5, update=update)
    )


@pytest.mark.parametrize("fields", [{"update": "delayed"}, {"update": "locked", "micro_batches": 2}], ids=str)
def test_evaluations_disturb_no_passage_that_is_on_its_way(fields):
    assert digests(tiny(ticks=12, evaluate_every=1, **fields)) == digests(tiny(ticks=12, evaluate_every=0, **fields))


def test_a_message_that_comes_between_two_looks_is_no_deadlock(monkeypatch):
    config, pause = tiny(boxes=2, link_delay_ms="0.1", evaluate_every=2), Chain._pause
    expected = digests(tiny(boxes=2))

    def late(chain, waiting):
        time.sleep(0.002)  # longer than any link: whatever was on its way is there now
        pause(chain, waiting)

    monkeypatch.setattr(Chain, "_pause", late)
    assert digests(config) == expected
