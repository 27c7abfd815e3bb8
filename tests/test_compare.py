"""Comparing update rules: what is asked for, what is run, and what comes out of it."""

import json
import os
import signal
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from dni_actors import compare
from dni_actors.config.checks import ConfigError
from dni_actors.record.comparison import comparison, curve, trials, verdicts
from dni_actors.record.result import Result
from dni_actors.runtime.interrupts import Terminated
from dni_actors.view.comparison import Comparing, slow_links, table
from dni_actors.view.figures import seconds_note
from tests.processes import eventually
from tests.tiny import tiny

RULES = ["synthetic", "truncated", "locked", "delayed"]


def names(updates, lags, seeds=1, **fields):
    return [(t.contender, t.config.learning.seed) for t in trials(tiny(**fields), updates, lags, seeds, "runs/c")]


def test_each_rule_runs_with_each_lag_and_seed_and_a_locked_chain_with_none():
    assert names(["synthetic", "locked"], [1, 4], 2, seed=5) == [
        ("synthetic, lag 1", 5), ("synthetic, lag 1", 6), ("synthetic, lag 4", 5), ("synthetic, lag 4", 6),
        ("locked", 5), ("locked", 6),
    ]  # fmt: skip
    (pieces,) = {t.config.learning.micro_batches for t in trials(tiny(), ["delayed"], [2], 1, "runs/c")}
    assert pieces == 1


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--updates", "synthetic,lockd"], "update: 'lockd' is not known; did you mean locked?"),
        (["--lags", "1,x"], "lags: 'x' is not a whole number from 1 to 1000000; give one"),
        (["--seeds", "0"], "seeds: '0' is not a whole number from 1 to 1000; give one"),
        (["--target", "2"], "target: '2' is not an accuracy; give one such as 0.9"),
        (["--target"], "target: a value is missing; give one, or see --help"),
        (["--update", "locked"], "update: --update is for one run; give --updates"),
        (["--resume=runs/x"], "resume: --resume is for one run; a comparison begins anew; drop it"),
        (["--lagg", "3"], "--lagg: there is no such option; did you mean --lag?"),
        (["--task", "nonsense"], "task: 'nonsense' is not known;"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(argv, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["compare", *argv])
    assert compare.main() == 2
    assert capsys.readouterr().err.startswith(f"dni_actors: {sentence}")
    assert not list(tmp_path.iterdir())


def run_compare(monkeypatch, *argv):
    monkeypatch.setattr(
        sys, "argv", ["compare", "--runtime", "inline", "--ticks", "60", "--evaluate-every", "20", *argv]
    )
    return compare.main()


def test_a_comparison_is_told_kept_and_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_compare(monkeypatch, "--name", "it", "--seeds", "2", "--lags", "1,3", "--link-mbps", "1000") == 0
    out = capsys.readouterr().out
    folder = tmp_path / "runs" / "it"
    content = json.loads((folder / "comparison.json").read_text())
    shown = [f"{rule}, lag {lag}" for rule in ("synthetic", "delayed", "truncated") for lag in (1, 3)] + ["locked"]
    assert [c["name"] for c in content["contenders"]] == shown
    assert out.count("event=run") == 14
    for line in (*shown, "2 seeds, links of 1000 Mbit/s", "overlap", "time to", "runs/it/comparison.png"):
        assert line in out
    synthetic, locked = (content["contenders"][i] for i in (0, 6))
    result = Result.from_path(folder / "synthetic-lag-1-seed-1")
    (of,) = [run for run in synthetic["runs"] if run["seed"] == 1]
    assert (of["digest"], of["sent"]) == (result.digest, result.sent)
    assert [tick for tick, _, _ in of["curve"]] == [20, 40, 60]
    seconds = [second for _, second, _ in of["curve"]]
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(result.seconds, rel=0.01)
    assert locked["test_accuracy"] == pytest.approx(np.mean([run["test_accuracy"] for run in locked["runs"]]))
    # 60 ticks, 3 boundaries' states and gradients of 4 x 64 float32, and the chunks of 3 evaluations.
    chunks = (locked["sent"] - 2 * 2 * 60) / (2 * 3)
    assert chunks == int(chunks) > 0
    assert locked["sent_bytes"] == locked["sent"] * 4 * 64 * 4
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert run_compare(monkeypatch, "--name", "it") == 2
    assert "name: 'it' is taken" in capsys.readouterr().err


def test_slow_and_narrow_links_are_named_and_without_them_a_note_says_that_seconds_say_little():
    fast = {"link_delay_ms": "0", "link_mbps": 0.0, "compute_delay_ms": "0", "runtime": "ray"}
    slow, narrow = fast | {"link_delay_ms": "5:9"}, fast | {"link_mbps": 12.5}
    assert [slow_links(content) for content in (fast, slow, narrow, slow | narrow | {"link_delay_ms": "5"})] == [
        [],
        ["links of 5:9 ms one way"],
        ["links of 12.5 Mbit/s"],
        ["links of 5 ms one way", "links of 12.5 Mbit/s"],
    ]
    assert "without slow links" in seconds_note(fast)
    assert seconds_note(slow) is seconds_note(narrow) is None


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    naive = ["--learning-rate", "1e6", "--clip", "0", "--cell", "rnn", "--precision", "float32", "--decay", "none"]
    wild = ["--synthesizer-optimizer", "sgd", "--synthesizer-learning-rate", "1e30"]
    assert run_compare(monkeypatch, "--updates", "synthetic,locked", "--seeds", "1", "--name", "it", *naive, *wild) == 1
    content = json.loads((tmp_path / "runs" / "it" / "comparison.json").read_text())
    failed, whole = (c["runs"][0]["status"] for c in content["contenders"])
    assert (failed, whole) == ("failed", "finished")
    assert "seed 0 failed: box " in capsys.readouterr().out


def test_ctrl_c_leaves_what_was_reached(tmp_path):
    argv = ["--runtime", "inline", "--name", "it", "--updates", "truncated,locked", "--seeds", "1", "--ticks", "30"]
    command = [sys.executable, "-m", "dni_actors.compare", *argv, "--compute-delay-ms", "30"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    folder = tmp_path / "runs" / "it"
    assert eventually(
        lambda: (folder / "locked-seed-0" / "boxes.json").exists() or process.poll() is not None, within=60
    )
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "dni_actors: interrupted\n")
    content = json.loads((folder / "comparison.json").read_text())
    assert [c["runs"][0]["status"] for c in content["contenders"]] == ["finished", "interrupted"]
    assert "seed 0 interrupted: cut short" in out
    assert os.path.exists(folder / "comparison.png")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Terminated("terminated"), 143)], ids=str)
def test_ctrl_c_before_there_is_any_result_ends_it_as_well(error, code, tmp_path, monkeypatch, capsys):
    def fails(*_):
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dni_actors.experiment.run", fails)
    assert run_compare(monkeypatch, "--name", "it") == code
    assert capsys.readouterr().err == f"dni_actors: {str(error) or 'interrupted'}\n"


def test_what_has_no_effect_under_a_rule_is_left_out_there_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ["--warmup", "4", "--micro-batches", "2", "--lag", "3", "--updates", "synthetic,local,locked"]
    assert run_compare(monkeypatch, "--name", "it", "--seeds", "1", *given) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in told] == [
        "dni_actors: synthetic goes without micro_batches",
        "dni_actors: local goes without micro_batches",
        "dni_actors: locked goes without warmup",
    ]
    runs = {
        c["name"]: c["runs"][0]["path"]
        for c in json.loads((tmp_path / "runs/it/comparison.json").read_text())["contenders"]
    }
    settings = {name: tomllib.loads((tmp_path / path / "config.toml").read_text()) for name, path in runs.items()}
    assert [(of["warmup"], of["micro_batches"]) for of in settings.values()] == [(4, 1), (0, 1), (0, 2)]
    assert run_compare(monkeypatch, "--streams", "2") == 2
    assert capsys.readouterr().err.startswith("dni_actors: streams: 2 has no effect: mnist01 is no stream;")


def test_the_target_is_near_the_best_or_as_given_and_who_never_reaches_it_says_so():
    several = []
    for trial, best in zip(
        trials(tiny(evaluate_every=4), ["locked", "truncated"], [2], 1, "x"), (0.9, 0.5), strict=True
    ):
        curves = [{"tick": t, "accuracy": best * t / 8} for t in (4, 8)]
        fields = {"status": "finished", "error": None, "digest": "d", "ticks": 8, "test_accuracy": best, "path": "p"}
        fields |= {"ticks_per_second": 1.0, "overlap": 1.0, "sent": 4, "sent_bytes": 8, "lag": 2, "evaluations": curves}
        several.append(trial._replace(result=Stub(**fields)))
    content = comparison(several)
    assert content["target"] == 0.85
    assert [c["reached"] for c in content["contenders"]] == [1, 0]
    assert content["contenders"][0]["seconds_to_target"] == pytest.approx(2.0)
    told = table(content).splitlines()
    assert "2.0 s" in told[2]
    assert "never" in told[3]
    assert ".900-.900" in told[2]
    assert comparison(several, 0.4)["contenders"][1]["seconds_to_target"] == pytest.approx(2.0)


class Stub:
    """A result whose last box took a second for four ticks."""

    def __init__(self, **fields):
        vars(self).update(fields)

    @property
    def metrics(self):
        import pyarrow as pa

        rows = [{"box": b, "first_tick": t, "last_tick": t + 1, "seconds": 0.5} for t in range(0, 8, 2) for b in (1, 2)]
        return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("task", "ends", "figure", "target", "reached"),
    [
        ("adding", ({"error": 0.04}, {"error": 0.08}), "squared error", 0.05, [1, 0]),
        ("copy", ({"reached": 9.0}, {"reached": 4.0}), "symbols", 8.54, [1, 0]),
        ("text", ({"loss": 1.0}, {"loss": 1.5}), "bits per step", 1.52, [1, 0]),
    ],
)
def test_tasks_are_compared_by_their_own_figure(task, ends, figure, target, reached):
    several = []
    base = tiny(task=task, boxes=3, ticks=8)
    for trial, end in zip(trials(base, ["synthetic", "truncated"], [2], 1, "x"), ends, strict=True):
        fields = {"status": "finished", "error": None, "digest": "d", "ticks": 8, "test_accuracy": 0.1, "path": "p"}
        fields |= {"ticks_per_second": 1.0, "overlap": 1.0, "sent": 4, "sent_bytes": 8, "lag": 2}
        several.append(trial._replace(result=Stub(**fields, evaluations=[{"tick": 8, "accuracy": 0.1} | end])))
    content = json.loads(json.dumps(comparison(several)))
    assert (content["figure"], content["target"]) == (figure, target)
    assert [of["reached"] for of in content["contenders"]] == reached
    assert f"test {figure}" in table(content)


def test_an_evaluation_within_a_row_of_the_metrics_lies_in_proportion():
    config = tiny()
    fields = {"evaluations": [{"tick": t, "accuracy": 0.5} for t in (1, 4)]}
    assert curve(config, Stub(**fields)) == [(1, 0.25, 0.5), (4, 1.0, 0.5)]


def test_the_progress_of_a_comparison_fits_every_terminal():
    shown = Comparing("quiet", "", ["synthetic, lag 2"] * 3 + ["locked"] * 3)
    shown.close(
        {"status": "finished", "test_accuracy": 0.9}
        | dict.fromkeys(("seed", "ticks_per_second", "overlap"))
        | dict.fromkeys(("sent", "sent_bytes", "path"))
    )
    for width in (60, 80, 200):
        shown._console.size = (width, 24)
        lines = ["".join(segment.text for segment in line) for line in shown._draw().lines]
        assert all(len(line) <= width for line in lines)
        assert "run 2 of 6" in lines[0]
        assert "90.0%" in lines[1]


def test_wrong_values_are_config_errors():
    with pytest.raises(ConfigError):
        compare.share("nan")


def test_a_sentence_tells_what_decoupling_cost_and_brought():
    def contender(update, figure, rate):
        return {"name": update, "update": update, "figure": figure, "ticks_per_second": rate}

    several = [contender("synthetic", 0.9, 200.0), contender("locked", 0.91, 100.0), contender("truncated", 0.7, 300.0)]
    assert verdicts(several, "accuracy") == [
        "synthetic: 1.0 points below exact backpropagation (locked), at 2 times its ticks/s; "
        "20.0 points above truncation"
    ]
    assert verdicts(several[:1], "accuracy") == []
    several[0]["figure"] = 0.91
    assert verdicts(several[:2], "accuracy")[0].startswith("synthetic: as good as exact backpropagation")
    assert verdicts(several[:2], "squared error") == [
        "synthetic: squared error 0.91, not 0.91 as exact backpropagation (locked), at 2 times its ticks/s"
    ]
