import json
import os
import subprocess
import sys

import pytest

from dni_actors.observe.events import Place, Started, Status, Tuned
from dni_actors.observe.standing import Standing
from dni_actors.protocol.program import Evaluation
from dni_actors.view.console import view
from dni_actors.view.summary import summary
from tests.tiny import metrics_row, tiny


def standing(boxes=3):
    found = Standing(tiny(boxes=boxes, ticks=100))
    found.take(Started(tuple(Place(k, 100 + k, "node", "host", "blas") for k in range(boxes))))
    for k in range(boxes):
        last = k == boxes - 1
        row = metrics_row(k, loss=0.25 if last else None, slack=1.5)
        state = "wait Gradient 48" if k == 0 else "backward"
        evaluations = (Evaluation(50, 0.875, 0.3, 0.85, 0.4),) if last else ()
        found.take(Status(k, 50, state, steady_rate=50.0, rows=(row,), evaluations=evaluations))
    return found


RESULT = {
    "status": "finished", "figure": "accuracy 99.50%", "ticks": 1600, "seconds": 4.0, "ticks_per_second": 390.0,
    "overlap": 0.7, "digest": "abc", "path": "runs/x", "kernels": ["a"], "hints": [],
    "warnings": [], "restarts": [0, 0, 0], "cuts": [1600],
}  # fmt: skip


def test_the_summary_tells_what_was_reached():
    text = summary(RESULT)
    for piece in (
        "finished: test accuracy 99.50% after 1600 ticks",
        "390.0 ticks/s, overlap 0.70, digest abc",
        "runs/x",
    ):
        assert piece in text
    assert "warning" not in text
    assert "  the lag does not fit\n" in summary(RESULT | {"hints": ["the lag does not fit"]})
    assert "warning: boxes used different CPU kernels (a; b)" in summary(RESULT | {"kernels": ["a", "b"]})
    cut_short = RESULT | {"status": "interrupted", "figure": None, "digest": None, "cuts": [700, 800]}
    assert "no evaluation yet" in summary(cut_short)
    assert "goes on from tick 800 with --resume runs/x" in summary(cut_short)
    assert "boxes started again: 3" in summary(RESULT | {"restarts": [0, 1, 2]})
    assert "warning: the disk is full\n" in summary(RESULT | {"warnings": ["the disk is full"]})


def test_json_lines_end_with_the_result(capsys):
    shown = view("json", standing())
    shown.open()
    shown.show(Tuned(3, 0.04, 0.01))
    shown.show(Started((Place(0, 1, "n", "h", "k"),)))
    shown.show(standing().statuses[2])
    shown.close(RESULT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("event") for line in lines] == ["tuned", "started", "row", "evaluation", None]
    assert lines[0] == {"event": "tuned", "lag": 3, "round_trip": 0.04, "busy": 0.01}
    assert lines[-1] == RESULT


def test_plain_is_what_is_shown_off_a_terminal(capsys):
    shown = view("auto", standing())
    shown.open()
    shown.close(RESULT)
    lines = capsys.readouterr().out.splitlines()
    assert "task=tiny boxes=3 update=synthetic" in lines[0]
    assert "finished" in lines[1]


def test_the_kinds_of_links_are_told_and_counted_where_they_differ(capsys):
    places = tuple(Place(k, k, f"n{k // 2}", f"h{k // 2}", "b") for k in range(4))
    near, far = "stream sockets", "ZeroMQ with CURVE"
    for links, told in (((near,) * 3, near), ((near, far, near), f"2 {near}, 1 {far}")):
        event = Started(places, 0, links)
        view("plain", standing()).show(event)
        assert f'event=started boxes=4 nodes=h0,h1 links="{told}"' in capsys.readouterr().out
        view("json", standing()).show(event)
        assert json.loads(capsys.readouterr().out)["links"] == list(links)


def test_quiet_says_nothing(capsys):
    shown = view("quiet", standing())
    shown.open()
    shown.show(standing().statuses[0])
    shown.close(RESULT)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "given",
    [{"FORCE_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}, {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}],
    ids=str,
)
@pytest.mark.parametrize("console", ["auto", "live"])
def test_a_file_gets_plain_text_whatever_the_environment_says(tmp_path, given, console):
    """And letters that its encoding lacks fail no run."""
    flags = ["--task", "xor", "--boxes", "2", "--ticks", "20", "--runtime", "inline", "--storage", "caf\xe9"]
    ended = subprocess.run(
        [sys.executable, "-m", "dni_actors.launch", *flags, "--console", console],
        capture_output=True, cwd=tmp_path, env=os.environ | {"PYTHONUTF8": "0"} | given, timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\x1b" not in ended.stdout
    assert "café" in ended.stdout.decode() or rb"caf\xe9" in ended.stdout
