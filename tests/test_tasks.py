"""What tasks promise: sizes, ranges, no sample in two parts, the same every time."""

import gzip
import struct

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import zeros
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import Fresh, find

CLASSES = ["mnist01", "rows", "recall", "xor", "mixed"]
BUILT_IN = [*CLASSES, "adding", "binary-addition", "binary-addition-12"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_task_is_as_it_says(name):
    task = find(name)
    steps = task.steps or 2
    split = task.load(0, steps)
    counts = [0 if isinstance(task, Fresh) else task.train, task.validation, task.test]
    for part, count in zip(split, counts, strict=True):
        assert part.x.shape == (steps, count, task.inputs)
        assert part.x.dtype == np.float32
        if task.loss == "softmax":
            assert part.labels.shape == (count,)
            assert ((part.labels >= 0) & (part.labels < task.classes)).all()
        else:
            assert part.labels.shape == (count, task.classes)
            assert ((part.labels >= 0) & (part.labels <= (1 if task.loss == "bits" else 2))).all()
    again = task.load(1, steps - 1)
    for part, later in zip(split, again, strict=True):
        np.testing.assert_array_equal(part.x[1:], later.x)


@pytest.mark.parametrize("name", ["mnist01", "rows", "adding", "binary-addition", "binary-addition-12"])
def test_no_sample_is_in_two_parts(name):
    task = find(name)
    parts = task.load(0, task.steps or 1)
    rows = [{part.x[:, n].tobytes() for n in range(part.x.shape[1])} for part in parts]
    for i, one in enumerate(rows):
        for other in rows[i + 1 :]:
            assert not one & other


@pytest.mark.parametrize("name", CLASSES)
def test_every_label_is_about_as_frequent_as_the_others(name):
    task = find(name)
    for part in task.load(0, 1)[1:]:
        counts = np.bincount(part.labels, minlength=task.classes) / len(part.labels)
        np.testing.assert_allclose(counts, 1 / task.classes, atol=0.08)


def test_recall_asks_for_the_flagged_symbol():
    x, labels = find("recall").load(0, 20).test
    flagged = x[..., -1].argmax(axis=0)
    assert (x[..., -1].sum(axis=0) == 1).all()
    assert flagged.max() == 4
    np.testing.assert_array_equal(x[flagged, np.arange(len(labels)), :4].argmax(axis=1), labels)


def test_xor_asks_whether_the_two_flagged_symbols_last_bits_differ():
    x, labels = find("xor").load(0, 20).test
    rows = np.arange(len(labels))
    early, late = x[:10, :, -1].argmax(axis=0), 10 + x[10:, :, -1].argmax(axis=0)
    assert (x[..., -1].sum(axis=0) == 2).all()
    assert (early.max(), late.min()) == (4, 15)
    first, second = (x[at, rows, :4].argmax(axis=1) for at in (early, late))
    np.testing.assert_array_equal((first ^ second) % 2, labels)
    for symbol in (first, second):  # neither alone tells anything
        assert abs(np.corrcoef(symbol % 2, labels)[0, 1]) < 0.05


def test_mixed_asks_for_the_early_symbols_first_bit_and_the_xor():
    x, labels = find("mixed").load(0, 20).test
    rows = np.arange(len(labels))
    early, late = x[:10, :, -1].argmax(axis=0), 10 + x[10:, :, -1].argmax(axis=0)
    first, second = (x[at, rows, :4].argmax(axis=1) for at in (early, late))
    np.testing.assert_array_equal(labels // 2, first // 2)
    np.testing.assert_array_equal(labels % 2, (first ^ second) % 2)


def test_adding_asks_for_the_sum_of_a_marked_number_in_each_half():
    x, labels = find("adding").load(0, 40).test
    marks = x[..., 1]
    assert set(np.unique(marks)) == {0, 1}
    assert (marks[:20].sum(axis=0) == 1).all()
    assert (marks[20:].sum(axis=0) == 1).all()
    np.testing.assert_allclose((x[..., 0] * marks).sum(axis=0), labels[:, 0], rtol=1e-6)
    assert ((labels - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.05)


@pytest.mark.parametrize(("name", "bits"), [("binary-addition", 8), ("binary-addition-12", 12)])
def test_binary_addition_asks_for_the_bits_of_the_sum(name, bits):
    value = 2 ** np.arange(bits)[::-1]
    for part in find(name).load(0, 1):
        one, other = part.x[0, :, :bits] @ value, part.x[0, :, bits:] @ value
        np.testing.assert_array_equal(one + other, part.labels @ value)
    split = find(name).load(0, 1)
    assert [part.labels.shape[0] for part in split] == [8000, 1000, 1000]


def test_the_text_comes_with_the_package_and_is_the_same_under_every_python():
    task = find("text")
    assert (task.train, task.validation, task.test, task.classes) == (420168, 23343, 23343, 62)
    facts, labels = task.start(2, 0, 1, np.zeros(0)), np.zeros((task.test - 1, 1), np.int64)
    task.window(2, 0, facts, 0, np.zeros((0, 1, task.inputs)), labels)
    read = "".join((task.alphabet + "?")[c] for c in labels[:, 0])
    assert read.endswith("domestic virtues than in its\nnational importance.\n\n\n\nFinis\n")


class Incomplete:
    steps, inputs, classes = 1, 1, 2


def test_a_task_by_import_path_is_found_and_what_it_lacks_is_told():
    assert find("tests.tiny:Tiny").train == 10
    assert RunConfig.of(task="tests.tiny:Tiny", boxes=3, batch=2).unrolls == (3, 2, 2)
    with pytest.raises(ConfigError, match=r"task: 'tests.test_tasks:Incomplete' lacks loss, per_step, train, valid"):
        find("tests.test_tasks:Incomplete")
    with pytest.raises(ConfigError, match=r"task: 'no.such:Task' cannot be imported \(No module"):
        find("no.such:Task")
    with pytest.raises(ConfigError, match=r"the module tests\.tiny has no Tony; give a class"):
        find("tests.tiny:Tony")


@pytest.mark.parametrize("name", ["recall", "xor", "mixed"])
def test_fresh_samples_are_a_function_of_seed_and_tick_and_cut_alike_by_every_box(name):
    config = RunConfig.of(task=name, batch=6)
    feeds = [Feed(config, config.window(k)) for k in range(4)]

    def batch(feed, n, part=0, parts=1):
        x, labels = zeros((5, 6 // parts, 6), "float32"), np.zeros(6 // parts, np.int64)
        feed.train(n, part, x, labels)
        return x, labels

    whole = find(name).draw(np.random.Generator(np.random.Philox(key=[0, 4], counter=[0, 0, 7, 0])), 6)
    for k, feed in enumerate(feeds):
        batch(feed, 3)
        x, labels = batch(feed, 7)
        np.testing.assert_array_equal(x[..., :-1], whole.x[5 * k : 5 * k + 5])
        np.testing.assert_array_equal(labels, whole.labels)
        assert (x[..., -1] == 1).all()
        np.testing.assert_array_equal(batch(feed, 7, part=1, parts=2)[1], whole.labels[3:])
    assert not np.array_equal(batch(feeds[0], 8)[0], batch(feeds[0], 7)[0])


def idx(path, array, packed=False):
    content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.with_name(path.name + ".gz" * packed).write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def folder(request, tmp_path, rng):
    for part, count in (("train", 48), ("t10k", 12)):
        idx(
            tmp_path / f"{part}-images-idx3-ubyte", rng.integers(256, size=(count, 6, 5), dtype=np.uint8), request.param
        )
        idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 3, request.param)
    return tmp_path


def test_images_of_a_folder_are_read_row_by_row(folder):
    config = RunConfig.of(task="rows", data=str(folder), boxes=3, batch=4, epochs=1, runtime="inline", hidden=4)
    task = config.task
    assert (task.steps, task.inputs, task.classes) == (6, 5, 3)
    assert (task.train, task.validation, task.test) == (44, 4, 12)
    split = task.load(2, 3)
    assert [part.x.shape for part in split] == [(3, 44, 5), (3, 4, 5), (3, 12, 5)]
    assert split.train.x.max() <= 1
    assert split.test.labels.tolist() == [0, 1, 2] * 4
    assert config.ticks == 11
    assert len(Chain(config).run()) == 3


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda f: [p.unlink() for p in f.glob("t10k-images*")],
            r"data: .*t10k-images-idx3-ubyte cannot be read \(No such",
        ),
        (lambda f: idx(f / "t10k-labels-idx1-ubyte", np.zeros(5, np.uint8)), "has 12 test images and 5 labels"),
        (
            lambda f: (f / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x0c123"),
            "is truncated or too long",
        ),
        (lambda f: (f / "t10k-labels-idx1-ubyte").write_bytes(b"garbage"), "is no IDX file of bytes with 1 dim"),
        (lambda f: idx(f / "t10k-images-idx3-ubyte", np.zeros((12, 9, 5), np.uint8)), "test images of another size"),
    ],
    ids=range(5),
)
def test_files_that_are_none_are_named(tmp_path, rng, damage, told):
    for part, count in (("train", 48), ("t10k", 12)):
        idx(tmp_path / f"{part}-images-idx3-ubyte", rng.integers(256, size=(count, 6, 5), dtype=np.uint8))
        idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 3)
    damage(tmp_path)
    with pytest.raises(ConfigError, match=told):
        RunConfig.of(task="rows", data=str(tmp_path), boxes=3)


def test_data_is_for_rows_alone():
    with pytest.raises(ConfigError, match=r"data: 'x' is for task rows or text, not recall"):
        RunConfig.of(task="recall", data="x")
