"""What tasks promise: sizes, ranges, no sample in two parts, the same every time."""

import numpy as np
import pytest

from dni_actors.box.feed import Feed
from dni_actors.config import RunConfig
from dni_actors.nn.arrays import zeros
from dni_actors.tasks import TASKS, Fresh

BUILT_IN = ["mnist01", "rows", "recall", "xor"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_task_is_as_it_says(name):
    task = TASKS[name]
    steps = task.steps or 2
    split = task.load(0, steps)
    counts = [0 if isinstance(task, Fresh) else task.train, task.validation, task.test]
    for part, count in zip(split, counts, strict=True):
        assert part.x.shape == (steps, count, task.inputs)
        assert part.x.dtype == np.float32
        assert part.labels.shape == (count,)
        assert ((part.labels >= 0) & (part.labels < task.classes)).all()
    again = task.load(1, steps - 1)
    for part, later in zip(split, again, strict=True):
        np.testing.assert_array_equal(part.x[1:], later.x)


@pytest.mark.parametrize("name", ["mnist01", "rows"])
def test_no_image_is_in_two_parts(name):
    task = TASKS[name]
    rows = [{part.x[:, n].tobytes() for n in range(part.x.shape[1])} for part in task.load(0, task.steps or 1)]
    for i, one in enumerate(rows):
        for other in rows[i + 1 :]:
            assert not one & other


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_label_is_about_as_frequent_as_the_others(name):
    task = TASKS[name]
    for part in task.load(0, 1)[1:]:
        counts = np.bincount(part.labels, minlength=task.classes) / len(part.labels)
        np.testing.assert_allclose(counts, 1 / task.classes, atol=0.08)


def test_recall_asks_for_the_flagged_symbol():
    x, labels = TASKS["recall"].load(0, 20).test
    flagged = x[..., -1].argmax(axis=0)
    assert (x[..., -1].sum(axis=0) == 1).all()
    assert flagged.max() == 4
    np.testing.assert_array_equal(x[flagged, np.arange(len(labels)), :4].argmax(axis=1), labels)


def test_xor_asks_whether_the_two_flagged_symbols_last_bits_differ():
    x, labels = TASKS["xor"].load(0, 20).test
    rows = np.arange(len(labels))
    early, late = x[:10, :, -1].argmax(axis=0), 10 + x[10:, :, -1].argmax(axis=0)
    assert (x[..., -1].sum(axis=0) == 2).all()
    assert (early.max(), late.min()) == (4, 15)
    first, second = (x[at, rows, :4].argmax(axis=1) for at in (early, late))
    np.testing.assert_array_equal((first ^ second) % 2, labels)
    for symbol in (first, second):  # neither alone tells anything
        assert abs(np.corrcoef(symbol % 2, labels)[0, 1]) < 0.05


@pytest.mark.parametrize("name", ["recall", "xor"])
def test_fresh_samples_are_a_function_of_seed_and_tick_and_cut_alike_by_every_box(name):
    config = RunConfig.of(task=name, batch=6)
    feeds = [Feed(config, k) for k in range(4)]

    def batch(feed, n, part=0, parts=1):
        x, labels = zeros((5, 6 // parts, 6), "float32"), np.zeros(6 // parts, np.int64)
        feed.train(n, part, x, labels)
        return x, labels

    whole = TASKS[name].draw(np.random.Generator(np.random.Philox(key=[0, 4], counter=[0, 0, 7, 0])), 6)
    for k, feed in enumerate(feeds):
        batch(feed, 3)
        x, labels = batch(feed, 7)
        np.testing.assert_array_equal(x[..., :-1], whole.x[5 * k : 5 * k + 5])
        np.testing.assert_array_equal(labels, whole.labels)
        assert (x[..., -1] == 1).all()
        np.testing.assert_array_equal(batch(feed, 7, part=1, parts=2)[1], whole.labels[3:])
    assert not np.array_equal(batch(feeds[0], 8)[0], batch(feeds[0], 7)[0])
