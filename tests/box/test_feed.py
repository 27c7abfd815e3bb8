import numpy as np

from dni_actors.box.data.feed import Feed
from dni_actors.nn.arrays import zeros
from tests.tiny import Tiny, tiny


def batches(config, k, ticks):
    feed = Feed(config, config.window(k))
    x = zeros((config.unrolls[k], config.learning.batch, Tiny.inputs + 1), "float32")
    labels = np.zeros(config.learning.batch, np.int64)
    shown = []
    for n in ticks:
        feed.train(n, 0, x, labels)
        shown.append((labels.copy(), x.copy()))
    return shown


def test_an_epoch_shows_every_sample_once_and_the_next_in_another_order():
    config = tiny(epochs=2)
    first, second = (batches(config, 0, range(5 * e, 5 * e + 5)) for e in (0, 1))
    shown = [np.concatenate([x[0] for _, x in epoch]) for epoch in (first, second)]
    everything = Tiny().load(0, 1)[0].x[0]
    for rows in shown:
        np.testing.assert_array_equal(np.sort(rows[:, :-1], axis=0), np.sort(everything, axis=0))
    assert (shown[0] != shown[1]).any()


def test_boxes_cut_the_same_samples_out_of_their_own_windows():
    config = tiny(unroll=(3, 4))
    whole = batches(tiny(boxes=1), 0, range(7))
    for (labels, x), (labels_0, x_0), (labels_1, x_1) in zip(
        whole, batches(config, 0, range(7)), batches(config, 1, range(7)), strict=True
    ):
        np.testing.assert_array_equal(x, np.concatenate([x_0, x_1]))
        assert (labels == labels_0).all()
        assert (labels == labels_1).all()


def test_parts_make_up_the_whole_mini_batch():
    config = tiny(boxes=1, batch=4, update="locked", micro_batches=2)
    ((labels, x),) = batches(tiny(boxes=1, batch=4), 0, [1])
    feed = Feed(config, config.window(0))
    for part in range(2):
        piece, some = zeros((7, 2, Tiny.inputs + 1), "float32"), np.zeros(2, np.int64)
        feed.train(1, part, piece, some)
        np.testing.assert_array_equal(piece, x[:, 2 * part : 2 * part + 2])
        np.testing.assert_array_equal(some, labels[2 * part : 2 * part + 2])


def test_a_batch_is_a_function_of_its_tick_alone():
    config = tiny(epochs=3)
    forwards, backwards = batches(config, 1, range(15)), batches(config, 1, range(14, -1, -1))[::-1]
    for (labels, x), (labels_again, x_again) in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(labels, labels_again)


def test_held_out_samples_come_once_each_the_last_chunk_filled_up():
    config = tiny()
    feed = Feed(config, config.window(0))
    x = zeros((config.unrolls[0], 2, Tiny.inputs + 1), "float32")
    counts = [feed.held_out(chunk, x, np.zeros(2, np.int64)) for chunk in range(feed.chunks)]
    assert counts == [2, 2, 2, 2, 1]
    assert feed.validation_chunks == 2
    np.testing.assert_array_equal(x[:, 0], x[:, 1])
