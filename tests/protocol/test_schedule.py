from dni_actors.protocol.channel import Channel
from dni_actors.protocol.schedule import bounds, evaluates
from tests.tiny import tiny


def places(**fields):
    config = tiny(**fields)
    return [n for n in range(config.ticks + 1) if evaluates(config, n)]


def test_evaluations_lie_at_multiples_and_at_the_end():
    assert places(ticks=10, evaluate_every=4) == [4, 8, 10]
    assert places(ticks=8, evaluate_every=4) == [4, 8]
    assert places(ticks=8, evaluate_every=0) == [8]
    assert places(epochs=2) == [5, 10]


def test_bounds_follow_from_the_lag():
    assert bounds(tiny(lag=3), 5, 1)[Channel.STATE] == 3
    assert bounds(tiny(update="locked"), 5, 1)[Channel.GRADIENT] == 1
    assert bounds(tiny(lag=3, evaluate_every=2), 5, 1)[Channel.SCORE] == (1 + 2) * 5
