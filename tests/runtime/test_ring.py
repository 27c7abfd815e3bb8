"""Streams: the chain is a ring. With one box, one group and a lag of 1 it is the DNI paper's recurrent algorithm."""

import random

import numpy as np
import pytest

from dni_actors.box.messages import State
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import copying, text
from dni_actors.tasks.copying import Copy, RepeatCopy
from dni_actors.tasks.text import Text
from tests.tiny import tiny

RATE, SYNTHESIZER_RATE = 0.1, 0.05


@pytest.fixture(autouse=True)
def short_evaluations(monkeypatch):
    monkeypatch.setattr(text, "EVALUATED", 100)
    monkeypatch.setattr(copying, "EVALUATED", 30)


def ring(task="copy", unroll=(3,), **fields):
    chosen = {"ticks": 20, "batch": 4, "look_ahead": 2, "lag": 1, "evaluate_every": 0, "cell": "rnn"}
    chosen |= {"synthetic_scale": 1.0, "discount": 1.0}
    return tiny(RunConfig.lenient, task=task, unroll=unroll, **(chosen | fields))


def paper(config, weights):
    """Jaderberg et al. 2016, section 2.1, for a tanh RNN with a loss at every step, said plainly: every T steps the
    weights go down the gradient of the window's losses and of SG(h_T), and SG goes towards what came back to h_0."""
    task, rows, (steps,) = config.streaming, config.learning.batch, config.unrolls
    ahead, memory = config.synthesizer.look_ahead, np.zeros(config.streaming.memory)
    sg = np.zeros((config.chain.hidden + ahead * task.classes + 1, config.chain.hidden))
    facts, h, z_before = None, np.zeros((rows, config.chain.hidden)), None
    for n in range(config.ticks):
        afresh = np.ones(rows, bool)
        if n == 0:
            facts = task.start(0, 0, rows, memory)
        else:
            facts[:, -1] += np.rint(losses.sum(axis=0) / np.log(2) * 1e6).astype(int)  # noqa: F821
            facts, afresh = task.advance(facts, steps, memory)
        h = np.where(afresh[:, None], 0, h)
        x, y = np.zeros((steps, rows, task.inputs)), np.zeros((steps, rows), int)
        following = np.zeros((ahead, rows), int)
        task.window(0, config.learning.seed, facts, 0, x, y)
        task.window(0, config.learning.seed, facts, steps, np.zeros((0, rows, task.inputs)), following)
        trail, losses, d_logits = [h], np.zeros((steps, rows)), []
        for t in range(steps):
            ones = np.hstack([x[t], np.ones((rows, 1))])
            trail.append(np.tanh(ones @ weights["input"] + trail[-1] @ weights["recurrent"]))
            p = np.exp(trail[-1] @ weights["readout"] + weights["readout_bias"])
            p /= p.sum(axis=1, keepdims=True)
            asked = y[t] >= 0
            losses[t, asked] = -np.log(p[asked, y[t, asked]])
            p[asked, y[t, asked]] -= 1
            d_logits.append(p * asked[:, None])
        h = trail[-1]
        told = [np.eye(task.classes)[np.maximum(a, 0)] * (a >= 0)[:, None] for a in following]
        z = np.hstack([h, *told, np.ones((rows, 1))])
        d, step = z @ sg, {name: np.zeros_like(w) for name, w in weights.items()}
        for t in reversed(range(steps)):
            d = d + d_logits[t] @ weights["readout"].T
            a = (1 - trail[t + 1] ** 2) * d
            step["readout"] += trail[t + 1].T @ d_logits[t] / rows
            step["readout_bias"] += d_logits[t].mean(axis=0)
            step["input"] += np.hstack([x[t], np.ones((rows, 1))]).T @ a / rows
            step["recurrent"] += trail[t].T @ a / rows
            d = a @ weights["recurrent"].T
        for name, gradient in step.items():
            weights[name] -= RATE * gradient
        if z_before is not None and n + 1 < config.ticks:  # the last gradient is not taken any more
            target = np.where(afresh[:, None], 0, d)
            sg -= SYNTHESIZER_RATE * z_before.T @ (z_before @ sg - target) / rows
        z_before = z
    return weights, sg, memory


@pytest.mark.parametrize("task", ["copy", "repeat-copy", "text"])
def test_one_box_and_one_group_are_the_papers_recurrent_algorithm(task):
    rates = {"learning_rate": RATE, "synthesizer_learning_rate": SYNTHESIZER_RATE}
    plain = {"optimizer": "sgd", "synthesizer_optimizer": "sgd", "clip": 0.0, "precision": "float64"}
    config = ring(task, unroll=(2,), ticks=30, **rates, **plain)
    chain = Chain(config)
    box = chain.steppers[0].box
    weights, sg, memory = paper(config, {name: w.copy() for name, w in box.parameters.items()})
    chain.run()
    for name, weight in box.parameters.items():
        np.testing.assert_allclose(weight, weights[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(box.boundary.parameters["synthesizer"], sg, rtol=1e-9, atol=1e-12)
    assert np.abs(sg).max() > 1e-4, "it has learned something"
    np.testing.assert_allclose(box.data.memory, memory)


RINGS = [
    {"unroll": (3, 2), "streams": 1},
    {"unroll": (2, 1, 2), "streams": 3, "lag": 2},
    {"unroll": (2, 2), "streams": 5, "update": "truncated", "lag": 3},
    {"unroll": (1, 1, 1), "streams": 2, "task": "text", "weights": "shared", "sync_every": 3},
]


@pytest.mark.parametrize("fields", RINGS, ids=str)
def test_any_schedule_of_a_ring_gives_one_digest_and_so_does_going_on_from_any_cut(fields):
    config = ring(**fields, ticks=14, evaluate_every=4, checkpoint_every=1)
    chain = Chain(config)
    expected = chain.run()
    cuts = [status.cuts for status in chain.statuses()]
    for seed in range(5):
        assert Chain(config, schedule=random.Random(seed)).run() == expected
    for n in range(1, 14):
        part = [next(cut for cut in of if cut.tick == n) for of in cuts]
        assert Chain(config, cuts=part, incarnation=1).run() == expected, f"from the cut before tick {n}"


@pytest.mark.parametrize("fields", RINGS, ids=str)
def test_evaluations_of_streams_leave_the_digest_alone_and_are_the_same_every_time(fields):
    config = ring(**fields, ticks=12)
    chains = [Chain(config.replace(evaluate_every=every)) for every in (0, 5, 5)]
    digests = [chain.run() for chain in chains]
    assert digests[0] == digests[1] == digests[2]
    first, *others = [chain.statuses()[-1].evaluations for chain in chains]
    assert repr(others[0]) == repr(others[1])
    assert repr(first[-1]) == repr(others[0][-1])
    assert [e.tick for e in others[0]] == [5, 10, 12]


def test_a_row_that_begins_afresh_has_no_past_and_tells_it_nothing():
    config = ring(unroll=(3,), ticks=1)
    box = Chain(config).steppers[0].box
    box.data.memory[0] = 5  # six symbols
    box.begin(0)
    box.enter(0, None)
    facts = box.data._facts.copy()
    facts[:, 2] = [0, 0, 0, 90]  # the last row's episode is over
    h_in = box.enter(1, State(np.ones((4, 4), np.float32), facts))
    np.testing.assert_array_equal(h_in, [[1] * 4] * 3 + [[0] * 4])
    box.forward(h_in)
    gradient = box.backward(np.ones((4, 4), np.float32)).copy()
    back = box.answer(1, gradient).gradient
    np.testing.assert_array_equal(back[:3], gradient[:3])
    assert gradient[3].any()
    assert not back[3].any()


def test_copy_shows_symbols_then_wants_them_again():
    task, memory = Copy(), np.zeros(2)
    memory[0] = 2  # three symbols
    facts = task.start(0, 0, 5, memory)
    x, y = np.zeros((8, 5, task.inputs)), np.zeros((8, 5), int)
    task.window(0, 0, facts, 0, x, y)
    shown = x[:3, :, :-1].argmax(axis=2)
    assert (x[:3].sum(axis=2) == 1).all()
    assert (x[3, :, -1] == 1).all()
    assert not x[4:].any()
    np.testing.assert_array_equal(y[4:7], shown)
    assert (np.delete(y, [4, 5, 6], axis=0) == -1).all()
    assert len(np.unique(shown, axis=1).T) > 1, "rows differ"


def test_repeat_copy_says_how_often_and_wants_it_so_often():
    task, memory = RepeatCopy(), np.zeros(2)
    assert [task.size(level) for level in range(5)] == [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]
    memory[0] = 3
    facts = task.start(0, 0, 2, memory)
    x, y = np.zeros((12, 2, task.inputs)), np.zeros((12, 2), int)
    task.window(0, 0, facts, 0, x, y)
    np.testing.assert_array_equal(x[3, :, -2:], [[1, 0.2]] * 2)
    np.testing.assert_array_equal(y[4:10], np.tile(x[:3, :, :-2].argmax(axis=2), (2, 1)))
    assert (y[10:] == -1).all()


def test_a_curriculum_goes_on_when_the_error_is_below_its_bound():
    task, memory = Copy(), np.zeros(2)
    facts = task.start(0, 0, 3, memory)
    levels = []
    for bits in [3.0] * 20 + [0.0] * 400:
        facts[:, 2], facts[:, -1] = 3, round(bits * 1e6)  # each tick ends an episode of one symbol
        facts, over = task.advance(facts, 1, memory)
        assert over.all()
        levels.append(memory[0])
        if memory[0]:
            break
    assert levels[19] == 0
    assert levels[-1] == 1
    assert 60 < len(levels) < 100
    assert task.reached(task.start(1, 0, 3, memory)) == 1


def test_text_asks_for_the_next_character_and_keeps_its_parts_apart():
    content = "abcdefghij" * 300
    task = Text(content)
    assert (task.alphabet, task.classes) == ("abcdefghij", 10)
    for part, (low, high) in enumerate([(0, 2700), (2700, 2850), (2850, 3000)]):
        facts = task.start(part, 0, 4, np.zeros(0))
        x, y = np.zeros((6, 4, 10)), np.zeros((6, 4), int)
        task.window(part, 0, facts, 0, x, y)
        at = low + facts[:, 0] + np.arange(6)[:, None]
        assert (at < high).all()
        np.testing.assert_array_equal(x.argmax(axis=2), at % 10)
        np.testing.assert_array_equal(y, np.where(at + 1 < high, (at + 1) % 10, -1))
    rare = Text("ab" * 20_000 + "c")
    assert (rare.alphabet, rare.classes) == ("ab", 3), "what is rarer than one in 20,000 is one class"


def test_a_stream_at_its_texts_end_begins_anew():
    task = Text("ab" * 1000)
    facts, over = task.advance(np.array([[1790, 0], [5, 0]]), 4, np.zeros(0))
    np.testing.assert_array_equal(facts[:, 0], [1794, 9])
    facts, over = task.advance(facts, 4, np.zeros(0))
    np.testing.assert_array_equal(facts[:, 0], [0, 13])
    np.testing.assert_array_equal(over, [True, False])


def test_rules_that_need_a_sequences_end_are_refused():
    for fields, told in (
        ({"update": "locked"}, "update: locked needs the end of the sequence"),
        ({"lambda": 0.5}, "lambda: 0.5"),
    ):
        with pytest.raises(ConfigError, match=told):
            ring(**fields)
