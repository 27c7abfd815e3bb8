"""A task's own arrays: a right result, or one sentence that names the array, what it is and what it should be."""

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.box.errors import BoxError
from dni_actors.config.checks import ConfigError
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import TASKS, Samples, Split, find, made
from tests.tiny import Tiny, TinyNumbers, TinySteps, tiny


def bent(base, part, change):
    """A kind of task of which one part's (x, labels) are changed."""

    class Bent(base):
        def load(self, first, steps):
            parts = [list(of) for of in super().load(first, steps)]
            parts[part] = change(*(np.array(a) for a in parts[part]))
            return Split(*(Samples(*of) for of in parts))

    return Bent


@pytest.fixture
def register(monkeypatch):
    """Takes a kind of task to be `tiny`."""

    def put_in_place(kind):
        monkeypatch.setitem(TASKS, "tiny", kind)
        made.cache_clear()

    yield put_in_place
    monkeypatch.undo()
    made.cache_clear()


def put(array, at, value):
    array[at] = value
    return array


WRONG = {  # what is changed, of what kind of task, and the sentence's beginning
    "a class too large": (Tiny, lambda x, y: (x, put(y, 1, 2)), "labels from 0 to 2 .*give classes 0 to 1$"),
    "signs": (Tiny, lambda x, y: (x, 2 * y - 1), "labels from -1 to 1 .*give classes 0 to 1$"),
    "a class below -1": (TinySteps, lambda x, y: (x, put(y, 0, -2)), "labels from -2 to .*0 to 1, or -1 where"),
    "large unsigned": (Tiny, lambda x, y: (x, put(y.astype(np.uint64), 0, 2**63)), "labels from 0 to 92233720"),
    "floats for classes": (Tiny, lambda x, y: (x, y / 1), "labels float64 .*whole numbers, classes 0 to 1"),
    "one-hot": (Tiny, lambda x, y: (x, np.eye(2, dtype=int)[y]), r"labels \[\d+, 2\] .*give \[\d+\]: \[N\]"),
    "too few labels": (Tiny, lambda x, y: (x, y[:-1]), r"labels \[\d+\] .*give \[\d+\]: \[N\]"),
    "a sample too few": (Tiny, lambda x, y: (x[:, :-1], y[:-1]), r"x \[2, \d+, 3\] .*give \[2, \d+, 3\]"),
    "batch first": (Tiny, lambda x, y: (x.swapaxes(0, 1), y), r"x \[\d+, 2, 3\] .*: \[T, N, I\], steps first"),
    "two axes": (Tiny, lambda x, y: (x[..., 0], y), r"x \[2, \d+\] .*steps first"),
    "NaN": (Tiny, lambda x, y: (put(x, (1, 3, 2), np.nan), y), r"nan as float32 .*sample 3, step 1 of a box, input 2"),
    "too large": (Tiny, lambda x, y: (put(x.astype(float), (1, 0, 0), 1e39), y), "inf as float32 in x .*scale"),
    "texts": (Tiny, lambda x, y: (x, y.astype(str)), "labels <U.*give arrays of numbers"),
    "complex": (Tiny, lambda x, y: (x * 1j, y), "x complex.*give arrays of numbers"),
    "ragged": (Tiny, lambda x, y: (x, None), "labels object.*give arrays of numbers"),
    "infinite": (TinyNumbers, lambda x, y: (x, put(y, (0, 0), np.inf)), "infinite labels .*NaN for unknown"),
    "a far target": (TinyNumbers, lambda x, y: (x, put(y, (0, 0), 1e39)), "infinite labels .as float32.*scale"),
    "one of two": (TinyNumbers, lambda x, y: (x, y[:, :1]), r"labels \[\d+, 1\] .*give \[\d+, 2\]: \[N, C\]"),
}  # fmt: skip


@pytest.mark.parametrize("part", range(3), ids=["training", "validation", "test"])
@pytest.mark.parametrize("kind", WRONG)
def test_arrays_that_do_not_fit_are_one_sentence(register, kind, part):
    base, change, told = WRONG[kind]
    register(bent(base, part, change))
    config = tiny(unroll=(2, 2, 3), data=None, name=None)
    whose = ("training", "validation", "test")[part]
    with pytest.raises(ConfigError, match=f"^task: tiny has .*{told}") as caught:
        Feed(config, config.window(0))
    assert f"{whose} samples" in str(caught.value)


@pytest.mark.parametrize("kind", ["int8", "uint64", ">i4", "bool"])
def test_any_whole_numbers_are_classes_and_come_to_the_same_bits(register, kind):
    expected = Chain(tiny()).run()
    register(bent(Tiny, 0, lambda x, y: (x.astype(">f8"), y.astype(kind))))
    assert Chain(tiny()).run() == expected


class Fails(Tiny):
    def load(self, first, steps):
        raise KeyError("column")


class OnePart(Tiny):
    def load(self, first, steps):
        return super().load(first, steps)[:1]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (Fails, r"fails when it loads its data \(KeyError: 'column'\); load gives"),
        (OnePart, "loads 1 parts; give three"),
    ],
)
def test_a_load_that_fails_is_one_sentence(register, task, told):
    register(task)
    with pytest.raises(ConfigError, match=f"^task: tiny {told}"):
        Chain(tiny())


class Draws(Tiny):
    """Draws labels that there are not, now and then."""

    def draw(self, rng, count):
        labels = rng.integers(2, size=count)
        return Samples(rng.standard_normal((self.steps, count, 3)), labels + 2 * int(rng.random() < 0.3))


def test_what_a_users_task_draws_is_seen_in_its_tick():
    chain = Chain(tiny(task=f"{__name__}:Draws"))
    told = r"tick [1-7]: task: .*Draws has labels from 2 to [23] in its drawn samples; give classes 0 to 1"
    with pytest.raises(BoxError, match=told):
        chain.run()


class Bent(type(find("copy"))):
    """A stream whose labels, or inputs, are none."""

    wrong = 99

    def window(self, part, seed, facts, first, x, labels):
        super().window(part, seed, facts, first, x, labels)
        (labels if self.wrong == 99 else x)[:1] = self.wrong


class BentInputs(Bent):
    wrong = np.nan


@pytest.mark.parametrize(("kind", "told"), [(Bent, "labels from .* to 99"), (BentInputs, "nan as float32 in x")])
def test_what_a_users_stream_holds_is_seen_in_its_tick(kind, told):
    chain = Chain(tiny(task=f"{__name__}:{kind.__name__}", unroll=(2, 2), streams=2, lag=1))
    with pytest.raises(BoxError, match=rf"tick 0: task: .*{kind.__name__} has {told} .*its streams"):
        chain.run()
