"""What a run has trained can be used: in Python and from the command line."""

import re
import sys

import numpy as np
import pytest

from dni_actors import Result, predict, run
from tests.tiny import tiny


@pytest.fixture(params=[{}, {"cell": "lstm", "unroll": (3, 4, 0)}, {"update": "delayed", "lag": 3}], ids=str)
def trained(request, tmp_path):
    return run(tiny(ticks=60, storage=str(tmp_path), name="it", batch=3, stop_after=1000, **request.param))


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["predict", str(tmp_path / "it"), *map(str, argv)])
        code = predict.main()
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_test_split_gives_the_accuracy_of_the_run(trained, command):
    code, out, _ = command()
    assert code == 0
    assert out == f"test accuracy {trained.test_accuracy:.2%} ({round(trained.test_accuracy * 5)} of 5), " + (
        "weights of the cut at tick 60\n"
    )


def test_the_best_cut_can_be_asked_for(trained):
    assert trained.load_model(best=True).tick == trained.best["tick"]


def test_any_number_of_sequences_is_classified(trained, command, tmp_path, rng):
    x = rng.standard_normal((7, 7, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    code, out, _ = command("--input", tmp_path / "x.npy")
    p = Result.from_path(tmp_path / "it").load_model().outputs(x)
    assert code == 0
    assert list(map(int, out.split())) == p.argmax(axis=1).tolist()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert command("--input", tmp_path / "x.npy", "--output", tmp_path / "p.npy") == (0, "", "")
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), p)
    for n in range(7):  # a sample's probabilities do not depend on its neighbours
        np.testing.assert_allclose(trained.load_model().outputs(x[n : n + 1])[0], p[n], rtol=1e-5)


def test_weights_are_exported_by_name(trained, command, tmp_path):
    code, out, _ = command("--export", tmp_path / "w.npz")
    assert (code, out.split()[2]) == (0, "of")
    with np.load(tmp_path / "w.npz") as file:
        assert {"box-000/input", "box-000/recurrent", "box-002/readout"} <= set(file.files)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (np.zeros((2, 6, 3)), r"the input is \[2, 6, 3\]; give \[N, 7, 3\]"),
        (np.array(["text"]), "holds no array of numbers"),
        (None, "is no .npy file of numbers"),
    ],
    ids=["shape", "text", "garbage"],
)
def test_wrong_input_is_one_sentence(tmp_path, command, content, told):
    run(tiny(storage=str(tmp_path), name="it"))
    (tmp_path / "x.npy").write_bytes(b"garbage") if content is None else np.save(tmp_path / "x.npy", content)
    code, _, err = command("--input", tmp_path / "x.npy")
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(told, err)


def test_a_run_that_left_no_cut_is_one_sentence(tmp_path, command):
    assert command()[0] == 2
