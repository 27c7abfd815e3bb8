"""Sequences of unequal lengths: exactly what running each by itself gives, in every cell, forward and back."""

import numpy as np
import pytest

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import zeros
from dni_actors.nn.cell import CELLS, keeps_zero
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import RNN
from dni_actors.nn.streams import Stream, generator
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import find
from tests.bptt import bptt
from tests.golden.packed import CASES, load

STEPS, COUNT = 6, 24


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_gives_what_packed_sequences_give(name):
    """Of PyTorch (tests/golden/packed.py): states, and gradients of weights and of inputs, within 1e-5."""
    golden, begins = load(name), CASES.begins
    steps, batch, inputs = golden["x"].shape
    hidden = golden["h"].shape[1]
    kind = CELLS[name]
    parameters = Parameters(kind.shapes(inputs, hidden), "float64")
    for weight in ("input", "recurrent"):
        parameters[weight][:] = golden[weight]
    cell = kind(parameters, steps, batch, inputs, hidden, "float64")
    cell.x[..., :-1], cell.x[..., -1] = golden["x"], 1
    cell.x[np.arange(steps)[:, None] < begins] = 0
    state = cell.forward(zeros((batch, kind.width(hidden)), "float64"))
    np.testing.assert_allclose(state[:, :hidden], golden["h"], atol=1e-5)
    back = zeros(state.shape, "float64")
    back[:, :hidden] = golden["d_h"]
    cell.backward(back)
    cell.weight_gradients()
    for weight in ("input", "recurrent"):
        np.testing.assert_allclose(parameters.gradient(weight), golden[f"d_{weight}"], atol=1e-5)


@pytest.fixture
def late(tmp_path, rng):
    """A file of sequences of 1 to STEPS steps, and the steps of each."""
    lengths = np.arange(COUNT) % STEPS + 1
    x = rng.standard_normal((COUNT, STEPS, 2))
    np.savez(tmp_path / "late.npz", x=x, labels=np.arange(COUNT) % 2, lengths=lengths)
    return f"file:{tmp_path}/late.npz"


def chain(task, **fields):
    fields = {"boxes": 3, "batch": 6, "ticks": 1, "hidden": 4, "precision": "float64", "standardize": False} | fields
    return Chain(RunConfig.of(task=task, **fields))


@pytest.mark.parametrize("boxes", [1, 3])
def test_a_mini_batch_learns_what_its_sequences_would_one_by_one(late, boxes, monkeypatch):
    """Each of its own length, through the steps that it has in each box: plain backpropagation, one after the other."""
    monkeypatch.setattr("dni_actors.box.weights.OwnWeights.step", lambda self, rate: None)
    locked = {"update": "locked"} if boxes > 1 else {}
    of = chain(late, boxes=boxes, cell="rnn", clip=0, **locked)
    of.run()
    task, config = find(late), of.steppers[0]._config
    weights = [dict(stepper.box.parameters.items()) for stepper in of.steppers]
    chosen = generator(0, Stream.BATCHES, 0).permutation(task.train)[:6]
    train = task.load(0, STEPS).train
    total = [{name: np.zeros_like(w) for name, w in box.items()} for box in weights]
    for n in chosen:
        first = int(task.begins[0][n])
        windows = [range(max(first, start), start + steps) for start, steps in map(config.window, range(boxes))]
        x = [train.x[list(window), n : n + 1] for window in windows]
        alone = bptt(weights, x, train.labels[n : n + 1], np.zeros((1, 4)))
        for mine, its in zip(total, alone.weights, strict=True):
            for name in mine:
                mine[name] += its[name] / 6
    assert len({int(task.begins[0][n]) for n in chosen}) > 3
    for stepper, mine in zip(of.steppers, total, strict=True):
        for name, wanted in mine.items():
            np.testing.assert_allclose(stepper.box.parameters.gradient(name), wanted, atol=1e-12)


def test_nothing_comes_of_what_has_not_begun(late):
    """States are zero before, no gradient goes back beyond a sequence's beginning, and a synthesizer learns nothing of
    it."""
    of = chain(late, ticks=3, lag=1, synthesizer="mlp1")
    of.run()
    begins = find(late).begins[0][generator(0, Stream.BATCHES, 0).permutation(20)[12:18]]  # of the last tick
    for k, stepper in enumerate(of.steppers[:-1]):
        box, end = stepper.box, sum(stepper._config.window(k))
        stash, gone = box.boundary.state()["stash"][0], begins >= end
        assert gone.any()
        assert not stash[gone].any()
        assert (stash[~gone, -1] == 1).all()
        assert stash[~gone, :4].all()
        assert not box.boundary._synthesizer.predict(stash)[gone].any()
        piece = box._pieces[0]
        piece.begins[:] = begins
        assert (piece.local_labels[gone] == -1).all()
        assert np.array_equal(piece.local_labels[~gone], piece.labels[~gone])
        back = of.steppers[k + 1].box._pieces[0]
        back.begins[:] = begins
        assert not back.backward(np.ones_like(piece.state))[gone].any()


def test_what_cannot_begin_late_is_refused(late):
    class Bright(RNN):
        def forward(self, h_in):
            h = super().forward(h_in)
            h += 0.5
            return h

    assert all(map(keeps_zero, CELLS.values()))
    assert not keeps_zero(Bright)
    fields = {"task": late, "boxes": 2, "batch": 8}
    for field, wrong in (("cell", {"cell": "dense"}), ("unlock", {"unlock": "full"})):
        with pytest.raises(ConfigError, match=f"^{field}: "):
            RunConfig.of(**fields, **wrong)
