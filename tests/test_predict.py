"""What a run has trained can be used: in Python and from the command line."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dni_actors import Result, RunConfig, predict, run
from dni_actors.box.time_box import TimeBox
from dni_actors.observe.events import plain
from dni_actors.tasks import TASKS
from tests.tiny import Tiny, tiny


class OneStep(Tiny):
    steps = 1


TASKS["one-step"] = OneStep


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


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e39])
def test_an_input_with_a_number_that_is_none_gets_no_answer(trained, command, tmp_path, wrong):
    x = np.zeros((5, 7, 3))
    x[2, 3, 1] = wrong
    np.save(tmp_path / "x.npy", x)
    code, out, err = command("--input", tmp_path / "x.npy")
    assert (code, out) == (2, "")
    assert err.startswith("dni_actors: input: sample 2 of the input has NaN or infinite numbers as float32; fill in")


def test_the_best_cut_can_be_asked_for(trained):
    assert trained.load_model(best=True).tick == trained.best["tick"]


def test_of_numbers_the_best_cut_is_the_one_of_least_loss_as_the_result_says(tmp_path):
    by_accuracy = []
    for seed in range(4):
        name, fields = f"{seed}", {"ticks": 12, "evaluate_every": 4, "stop_after": 1000, "learning_rate": 1.0}
        result = run(tiny(task="tiny-numbers", seed=seed, storage=str(tmp_path), name=name, **fields))
        best = min(result.evaluations, key=lambda e: (e["validation_loss"], e["tick"]))
        assert result.best == best
        assert Result.from_path(tmp_path / name).load_model(best=True).tick == best["tick"]
        cuts = [e for e in result.evaluations if e["tick"] in result.cuts]
        by_accuracy.append(max(cuts, key=lambda e: (e["validation_accuracy"], -e["tick"])) == best)
    assert not all(by_accuracy), "accuracy and loss disagree for some seed"


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


KINDS = {
    "classes": ({"task": "recall", "boxes": 2}, r"\d$"),
    "classes, over a narrow wire": ({"task": "recall", "boxes": 4, "wire_dtype": "int8"}, r"\d$"),
    "bits": ({"task": "binary-addition", "cell": "dense", "boxes": 3}, r"[01]{8}$"),
    "numbers": ({"task": "adding", "boxes": 2}, r"-?[\d.e-]+$"),
    "streams": ({"task": "copy", "unroll": 4, "look_ahead": 3, "boxes": 2, "streams": 2}, r"\d( \d){7}$"),
    "curriculum at one box": ({"task": "repeat-copy", "unroll": 4, "look_ahead": 3}, r"\d( \d){3}$"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_is_scored_as_the_run_did_and_answers_a_line_a_sequence(kind, tmp_path, command, rng):
    fields, answer = KINDS[kind]
    chosen = {"ticks": 5, "batch": 4, "hidden": 4, "runtime": "inline", "console": "quiet", "evaluate_every": 0}
    result = run(RunConfig.of(**chosen, **fields, storage=str(tmp_path), name="it"))
    model = result.load_model(data=True)
    last = result.evaluations[-1]
    assert plain(model.evaluation()._asdict()) == last
    code, out, _ = command()
    assert code == 0
    assert out.startswith(f"test {result.figure} (" if kind != "numbers" else f"test {result.figure}, weights")
    assert ("on the test stream" in out) == ("unroll" in fields)
    config = model.config
    x = rng.standard_normal((3, config.steps, config.task.inputs)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    code, out, _ = command("--input", tmp_path / "x.npy")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert all(re.match(answer, line) for line in out.splitlines())
    code, _, err = command("--output", tmp_path / "p.npy")
    if config.streaming is None:
        assert np.load(tmp_path / "p.npy").shape == (config.task.test, config.task.classes)
    else:
        assert (code, err) == (
            2,
            f"dni_actors: output: {config.chain.task} is a stream, not sequences; give some as --input\n",
        )


ONE_RNN = {
    "shared": {"weights": "shared", "sync_every": 3, "boxes": 3},
    "shared LSTM": {"weights": "shared", "boxes": 3, "cell": "lstm"},
    "shared, a read-out at the end": {"weights": "shared", "unroll": (3, 4, 0)},
    "a single box": {"boxes": 1, "cell": "gru"},
}


@pytest.mark.parametrize("fields", ONE_RNN.values(), ids=ONE_RNN)
def test_a_chain_that_is_one_rnn_runs_at_any_length(fields, tmp_path, rng):
    # So small a rate leaves the weights as they were: the same in every box.
    fields = fields | {"learning_rate": 1e-30, "storage": str(tmp_path), "optimizer": "sgd"}
    model = run(tiny(**fields)).load_model()
    x = rng.standard_normal((5, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(unrolled(model, x), model.outputs(x), rtol=1e-5)
    twice = np.concatenate([x, x[:, ::-1]], axis=1)
    np.testing.assert_allclose(model.outputs(twice), unrolled(model, twice), rtol=1e-5)
    assert not np.allclose(model.outputs(twice), model.outputs(x), rtol=1e-3)
    assert model.outputs(x[:, :1]).shape == (5, 2)


def unrolled(model, x):
    """The same cell and read-out step by step, each as a chain of its own of one step: [N, C]."""
    config = model.config
    box = TimeBox(config.replace(boxes=1, unroll=None, weights="own", task="one-step"), 0)
    last = model._boxes[-1]
    learner = model._boxes[1 if config.unrolls[-1] == 0 else -1]
    weights = learner.weights.base
    for name, array in box.parameters.items():
        array[:] = last.parameters[name] if name.startswith("readout") else weights[name]
    found = []
    for one in x:
        state = np.zeros((config.rows, config.state_width), np.float32)
        for step in one:
            state = box.infer(np.broadcast_to(step, (1, config.rows, 3)), state).copy()
        found.append(box.said()[0].copy())
    return np.array(found)


def test_of_a_task_that_asks_at_every_step_what_was_said_before_stays(tmp_path, rng):
    fields = {"task": "copy", "unroll": 4, "look_ahead": 3, "boxes": 1, "cell": "lstm"}
    chosen = {"ticks": 2, "batch": 4, "hidden": 4, "runtime": "inline", "console": "quiet"}
    model = run(RunConfig.of(**chosen, **fields, storage=str(tmp_path))).load_model()
    x = rng.standard_normal((5, 16, 9)).astype(np.float32)
    assert model.outputs(x).shape == (5, 16, 8)
    np.testing.assert_allclose(model.outputs(x)[:, :4], model.outputs(x[:, :4]), rtol=1e-5)


def test_a_chain_of_own_weights_has_one_length(tmp_path, rng):
    model = run(tiny(storage=str(tmp_path))).load_model()
    with pytest.raises(ValueError, match=r"the input is \[5, 8, 3\]; give \[N, 7, 3\]"):
        model.outputs(rng.standard_normal((5, 8, 3)))


def test_a_run_that_left_no_cut_is_one_sentence(tmp_path, command):
    assert command()[0] == 2


@pytest.fixture
def answering(tmp_path, rng):
    """A process that has answered the first of many sequences."""
    run(tiny(task="tests.tiny:Tiny", storage=str(tmp_path), name="it"))
    np.save(tmp_path / "x.npy", rng.standard_normal((50_000, 7, 3)).astype(np.float32))
    argv = [sys.executable, "-m", "dni_actors.predict", str(tmp_path / "it"), "--input", str(tmp_path / "x.npy")]
    root = Path(__file__).parent.parent
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout.readline() in ("0\n", "1\n")
        yield process
        process.kill()


def test_who_reads_no_more_ends_it_without_a_word(answering):
    answering.stdout.close()
    assert answering.stderr.read() == ""
    assert answering.wait(timeout=60) == 141


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_ctrl_c_and_sigterm_are_one_sentence(answering, number, code, word):
    answering.send_signal(number)
    _, err = answering.communicate(timeout=60)
    assert (answering.returncode, err) == (
        code,
        "dni_actors: interrupted\n" if code == 130 else "dni_actors: terminated\n",
    )
