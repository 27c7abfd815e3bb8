"""Anybody's own samples: what a file may hold, and what is said of one that cannot be used."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dni_actors import Result, compare, predict, replay
from dni_actors.box.time_box import TimeBox
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.observe.events import Place, Started
from dni_actors.runtime import Runtime
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import find

COUNT, STEPS, INPUTS = 40, 6, 3


def labelled(rng, kind):
    """x and labels of a kind."""
    x = rng.standard_normal((COUNT, STEPS, INPUTS))
    return x, {
        "classes": (x.sum(axis=(1, 2)) > 0).astype(np.int32),
        "classes at steps": np.where(x[..., 0] > 1, -1, x[..., 1] > 0),
        "number": x.sum(axis=(1, 2)),
        "numbers": x[:, 0],
        "numbers at steps": np.where(x[..., :2] > 1, np.nan, x[..., 1:]),
    }[kind]


KINDS = {  # loss, per_step, classes
    "classes": ("softmax", False, 2),
    "classes at steps": ("softmax", True, 2),
    "number": ("squared", False, 1),
    "numbers": ("squared", False, 3),
    "numbers at steps": ("squared", True, 2),
}


def write(path, x, labels):
    if path.suffix == ".npz":
        np.savez(path, x=x, labels=labels)
    else:
        parquet.write_table(pa.table({"x": x.tolist(), "labels": labels.tolist()}), path)
    return f"file:{path}"


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_holds_is_what_boxes_see(tmp_path, rng, kind, suffix):
    x, labels = labelled(rng, kind)
    task = find(write(tmp_path / f"it.{suffix}", x, labels))
    assert (task.loss, task.per_step, task.classes) == KINDS[kind]
    assert (task.steps, task.inputs, task.train, task.validation, task.test) == (STEPS, INPUTS, 32, 4, 4)
    rows = {row.astype(np.float64).tobytes(): label for row, label in zip(x, labels, strict=True)}
    for part in task.load(0, STEPS):
        for n in range(part.x.shape[1]):
            wanted = rows.pop(part.x[:, n].tobytes())  # each sample in one part, once
            np.testing.assert_array_equal(part.labels[:, n] if task.per_step else part.labels[n], np.atleast_1d(wanted))
    assert not rows
    later = task.load(2, 3).train
    np.testing.assert_array_equal(later.x, task.load(0, STEPS).train.x[2:5])
    assert later.labels.shape[0] == (3 if task.per_step else 32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_learns_from_a_file(tmp_path, rng, kind):
    task = write(tmp_path / "it.npz", *labelled(rng, kind))
    config = RunConfig.of(task=task, boxes=2, batch=8, epochs=25, hidden=8, learning_rate=0.01, evaluate_every=5)
    chain = Chain(config)
    chain.run()
    found = chain.statuses()[-1].evaluations
    assert found[-1].loss < found[0].loss


@pytest.mark.parametrize("boxes", [1, 3])
@pytest.mark.parametrize("column", [0, 1])
def test_an_error_is_the_mean_over_the_known_numbers(tmp_path, rng, boxes, column):
    """Wherever the unknown ones stand. Told by the run, and found from its answers."""
    x = rng.standard_normal((400, 8, 2))
    y = x.copy()
    y[..., column][rng.random((400, 8)) < 0.5] = np.nan
    task = write(tmp_path / "it.npz", x, y)
    fields = {"console": "quiet", "runtime": "inline", "storage": str(tmp_path), "name": "it"}
    result = run(RunConfig.of(task=task, boxes=boxes, epochs=2, **fields))
    test, answers = find(task).load(0, 8).test, result.load_model(best=False).outputs
    said = answers(test.x.transpose(1, 0, 2)).transpose(1, 0, 2)
    assert result.test_error == pytest.approx(np.nanmean((said - test.labels) ** 2), rel=1e-6)


def test_a_file_that_is_written_again_is_read_again(tmp_path, rng):
    """In one process, as a notebook does; and one that has not changed is read once."""
    x, labels = labelled(rng, "classes")

    def digest(name):
        return Chain(RunConfig.of(task=name, boxes=2, batch=8, ticks=5, hidden=4)).run()

    name = write(tmp_path / "it.npz", x, labels)
    first = digest(name)
    assert find(name) is find(name)
    write(tmp_path / "it.npz", x, 1 - labels)
    second = digest(name)
    assert second != first
    assert second == digest(write(tmp_path / "other.npz", x, 1 - labels))
    write(tmp_path / "it.npz", x, labels)
    assert digest(name) == first


def test_a_configuration_that_is_run_again_is_checked_against_the_file_as_it_is_now(tmp_path, rng):
    x, labels = labelled(rng, "classes")
    fields = {"console": "quiet", "runtime": "inline", "storage": str(tmp_path)}
    config = RunConfig.of(task=write(tmp_path / "it.npz", x, labels), boxes=6, batch=8, ticks=5, **fields)
    assert run(config).status == "finished"
    write(tmp_path / "it.npz", x[:, :3], labels)
    with pytest.raises(ConfigError, match=r"^boxes: "):
        run(config)


def test_a_run_that_has_begun_is_kept_when_a_new_box_no_longer_finds_its_data(tmp_path, rng):
    """As after a kill; one that never began leaves nothing."""
    config = RunConfig.of(task=write(tmp_path / "it.npz", *labelled(rng, "classes")), boxes=2, batch=8, ticks=5)

    def told(name, begins):
        def fails(config, cuts):
            if begins:
                yield Started(tuple(Place(k, 1, "here", "inline", "") for k in range(2)), 0)
            (tmp_path / "it.npz").rename(tmp_path / "gone.npz")
            try:
                yield find(config.chain.task)
            finally:
                (tmp_path / "gone.npz").rename(tmp_path / "it.npz")

        fields = {"console": "quiet", "runtime": "inline", "storage": str(tmp_path / "runs"), "name": name}
        with pytest.raises(ConfigError, match=r"it\.npz cannot be read"):
            run(config.replace(**fields), Runtime(fails, 1))

    told("begun", True)
    told("never", False)
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["begun"]
    result = Result.from_path(tmp_path / "runs" / "begun")
    assert result.status == "failed"
    assert "it.npz cannot be read" in result.error


def test_a_run_goes_on_is_done_again_and_is_scored_with_its_own_data_only(tmp_path, rng, monkeypatch, capsys):
    x, labels = labelled(rng, "classes")
    path = tmp_path / "it.npz"
    fields = {"boxes": 2, "batch": 8, "console": "quiet", "runtime": "inline", "storage": str(tmp_path), "name": "run"}
    config = RunConfig.of(task=write(path, x, labels), ticks=10, **fields)
    digest = run(config).digest

    def told(command, *flags):
        monkeypatch.setattr(sys, "argv", [command.__name__, str(tmp_path / "run"), *flags])
        return command.main(), capsys.readouterr().err

    for command in (predict, replay):
        assert told(command)[0] == 0
    write(path, x, 1 - labels)
    for command in (predict, replay):
        code, error = told(command)
        assert code == 2
        begun = rf"dni_actors: task: file:{path} holds other data than the run in {tmp_path}/run began with "
        assert re.match(begun + r"\(\w{16}, not \w{16}\); bring those back", error), error
    np.save(tmp_path / "x.npy", x[:2])
    assert told(predict, "--input", str(tmp_path / "x.npy"))[0] == 0
    with pytest.raises(ConfigError, match=r"holds other data than the run in .*run began with"):
        run(RunConfig.of(task=f"file:{path}", ticks=20, **fields))
    for command in (predict, replay):  # ... but where somebody wants it so
        assert told(command, "--data-changed", "allow")[0] == int(command is replay), "it is done with other labels"
    write(path, x[:, :5], labels)
    code, error = told(predict, "--data-changed", "allow")
    assert code == 2
    assert "of another kind (steps 5, not 6); bring those back, or begin a run of another name" in error
    write(path, x, labels)
    resumed = run(RunConfig.of(task=f"file:{path}", ticks=20, **fields))
    write(path, x, 1 - labels)
    other = run(RunConfig.of(task=f"file:{path}", ticks=30, data_changed="allow", **fields))
    assert [of["tick"] for of in other.evaluations] == [20, 24, 28, 30], "what was found on other data does not count"
    assert "data_changed" not in (tmp_path / "run" / "config.toml").read_text()
    assert run(RunConfig.of(task=f"file:{path}", ticks=40, **fields)).status == "finished"
    write(path, x, labels)
    fields["name"] = "whole"
    assert resumed.digest == run(RunConfig.of(task=f"file:{path}", ticks=20, **fields)).digest != digest


def test_one_input_needs_no_axis_of_its_own(tmp_path, rng):
    task = find(write(tmp_path / "it.parquet", rng.standard_normal((12, 5)), np.arange(12) % 3))
    assert (task.steps, task.inputs, task.train, task.test) == (5, 1, 10, 1)


X, Y = np.zeros((20, 4, 2)), np.arange(20) % 2


def with_one(value, x=X):
    x = x.copy()
    x.flat[3] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": X}, "has x; give x and labels"),
        ({"x": X[:9], "labels": Y[:9]}, "has 9 samples; give at least 10"),
        ({"x": X, "labels": Y[:9]}, r"has x \[20, 4, 2\] and labels \[9\]; give x \[N, T, I\]"),
        (
            {"x": X, "labels": np.zeros((20, 3), int)},
            r"has labels \[20, 3\] for 4 steps; give one class for each step, as a number",
        ),
        ({"x": X.reshape(20, 2, 2, 2), "labels": Y}, r"has .*; give x \[N, T, I\]"),
        ({"x": with_one(np.nan), "labels": Y}, "has NaN, .* or too large numbers in x, first in sample 0; fill in"),
        ({"x": with_one(1e39), "labels": Y}, "has .* numbers in x, first in sample 0; .* below 1e38"),
        (
            {"x": X, "labels": np.where(np.arange(20)[:, None] == 0, [0, 1, 0, 1], -1)},
            "has no known label among the",
        ),
        ({"x": X, "labels": np.full((20, 4), -1)}, "has no known class among 0 labels; give at least two"),
        ({"x": X, "labels": Y * 0}, "has only the class 0 among 20 labels; give at least two"),
        ({"x": X, "labels": with_one(np.nan, Y + 0.5)}, "has NaN among the labels; drop those samples"),
        ({"x": X, "labels": np.int64(1)}, r"has x \[20, 4, 2\] and labels \[\]; give x"),
        ({"x": np.float64(1), "labels": Y}, r"has x \[\] and labels \[20\]; give x"),
        ({"x": X, "labels": Y - 1}, "has labels from -1 to 0; number the classes 0, 1 and so on"),
        ({"x": X, "labels": Y * 10**9}, "has labels from 0 to 1000000000; .*, or learn numbers with --labels numbers"),
        ({"x": X.astype(str), "labels": Y}, "has x of type <U32; give numbers"),
        ({"x": X.astype(object), "labels": Y}, "holds no arrays of numbers"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else "",
)
def test_an_unfit_file_is_one_sentence(tmp_path, arrays, told):
    np.savez(tmp_path / "it.npz", **arrays)
    with pytest.raises(ConfigError, match=rf"^task: file:.*it\.npz {told}"):
        RunConfig.of(task=f"file:{tmp_path}/it.npz")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"x": [[[1.0], [2.0, 3.0]]] * 10, "labels": [0, 1] * 5},
            r"has lists of different lengths in the steps of x \(from 1 to 2\); give each step as many numbers",
        ),
        ({"x": [[[1.0]], []] * 5, "labels": [0, 1] * 5}, "has sequences without a step in x; drop those"),
        ({"x": [[1.0, None]] * 10, "labels": [0, 1] * 5}, "has empty cells in x; fill them in"),
        ({"x": [[1.0, 2.0]] * 10, "labels": [b"a", b"b"] * 5}, "has binary in labels; give numbers, or texts"),
        ({"x": [[1.0, 2.0]] * 10, "y": [0, 1] * 5}, "has x, y; give x and labels"),
        (
            {"x": [[1.0, 2.0]] * 9 + [None], "labels": [0, 1] * 5},
            "has list.* with empty rows in x; give lists of numbers",
        ),
    ],
    ids=range(6),
)
def test_an_unfit_table_is_one_sentence(tmp_path, columns, told):
    parquet.write_table(pa.table(columns), tmp_path / "it.parquet")
    with pytest.raises(ConfigError, match=rf"^task: file:.*it\.parquet {told}"):
        RunConfig.of(task=f"file:{tmp_path}/it.parquet")


@pytest.mark.parametrize("name", ["it.npz", "it.parquet", "it.csv", "none.npz", "none.parquet", "."])
def test_what_is_no_such_file_is_one_sentence(tmp_path, name):
    if name.startswith("it"):
        (tmp_path / name).write_bytes(b"garbage")
    with pytest.raises(
        ConfigError, match=r"^task: file:.* (cannot be read|holds no arrays|is of no known kind)"
    ) as told:
        RunConfig.of(task=f"file:{tmp_path}/{name}")
    assert "\n" not in str(told.value)


def test_the_prefix_wins_over_an_import_path(tmp_path, rng, monkeypatch):
    write(tmp_path / "it.npz", *labelled(rng, "classes"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.py").write_text("raise AssertionError")
    assert find("file:it.npz").train == 32


def test_boxes_of_other_tasks_load_no_pyarrow():
    code = "import sys, dni_actors.config.run as c; c.RunConfig.of(task='rows'); sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_that_is_written_again_is_not_compared_with_itself(tmp_path, rng, monkeypatch, capsys):
    x, labels = labelled(rng, "classes")
    task, begun = write(tmp_path / "it.npz", x, labels), []

    def writes_again(*args):
        begun.append(run(*args))
        write(tmp_path / "it.npz", x, 1 - labels)
        return begun[-1]

    monkeypatch.setattr("dni_actors.experiment.run", writes_again)
    words = ["compare", "--task", task, "--storage", str(tmp_path), "--runtime", "inline", "--console", "quiet"]
    monkeypatch.setattr(sys, "argv", [*words, "--ticks", "3", "--batch", "8", "--seeds", "1", "--boxes", "2"])
    assert compare.main() == 2
    assert len(begun) == 1
    assert "was written again while it was compared; compare once more" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["inputs", "numbers to learn"])
def test_numbers_far_from_one_get_a_hint_where_nothing_was_learned(tmp_path, rng, which):
    x, y = labelled(rng, "number")
    x, y = (x * 1e6, y) if which == "inputs" else (x, y * 1e6)
    fields = {"boxes": 2, "batch": 8, "ticks": 20, "console": "quiet", "runtime": "inline", "storage": str(tmp_path)}
    task = write(tmp_path / "it.npz", x, y)
    result = run(RunConfig.of(task=task, standardize=False, **fields))
    hint = next(hint for hint in result.hints if "far from the size of 1" in hint)
    assert hint.startswith(f"{which} reach ")
    assert hint.endswith("leave out --no-standardize")
    assert not [hint for hint in run(RunConfig.of(task=task, **fields)).hints if "far from" in hint]


def test_a_box_that_finds_other_data_than_the_driver_is_one_sentence(tmp_path, rng):
    """On another node, or where the file is written again while the run begins."""
    x, labels = labelled(rng, "classes")
    config = RunConfig.of(task=write(tmp_path / "it.npz", x, labels), boxes=2, batch=8, ticks=5)
    assert config.task
    sent = pickle.dumps(config)
    TimeBox(pickle.loads(sent), 0)
    write(tmp_path / "it.npz", x, 1 - labels)
    with pytest.raises(ConfigError, match=r"^task: .*holds other data here than where the run was started; give all"):
        TimeBox(pickle.loads(sent), 1)
