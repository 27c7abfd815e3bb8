"""The replay of a recorded run: equal, or down to the tick and the box in which it differs."""

import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dni_actors import replay, run
from dni_actors.box.time_box import TimeBox
from tests.tiny import tiny


def record(tmp_path, **fields):
    chosen = {"ticks": 60, "checkpoint_every": 10, "evaluate_every": 0, "storage": str(tmp_path), "name": "it"}
    return run(tiny(**(chosen | fields)))


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs the command in this process: (exit code, what it printed)."""

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["replay", str(tmp_path / "it"), *argv])
        code = replay.main()
        told = capsys.readouterr()
        return code, told.out + told.err

    return call


@pytest.mark.parametrize("fields", [{}, {"update": "locked"}, {"update": "delayed"}, {"decay": "linear"}], ids=str)
def test_a_run_is_equal_to_itself_from_anywhere(tmp_path, command, fields):
    result = record(tmp_path, **fields)
    first = max((tick for tick in result.cuts if tick <= 55), default=0)
    assert command() == (0, "equal: 6 cuts and ticks 0 to 59 of 3 boxes\n")
    assert command("--from", "55") == (0, f"equal: {(60 - first) // 10} cuts and ticks {first} to 59 of 3 boxes\n")
    assert command("--until", "24") == (0, "equal: 2 cuts and ticks 0 to 24 of 3 boxes\n")


@pytest.fixture
def a_bit_flips(monkeypatch):
    """The last bit of a weight of box 1, after its update of tick 37."""
    update = TimeBox.update

    def faulty(box, n, piece=None):
        update(box, n, piece)
        if box.index == 1 and n == 37:
            box.parameters.values.view(np.uint32)[3] ^= 1

    with monkeypatch.context() as patch:
        patch.setattr(TimeBox, "update", faulty)
        yield patch


def test_the_first_cut_tick_and_box_that_differ_are_named(tmp_path, command, a_bit_flips):
    record(tmp_path)
    a_bit_flips.undo()
    code, told = command()
    assert code == 1
    lines = told.splitlines()
    assert lines[0].startswith("the first cut that differs: before tick 40, box ")
    assert lines[1:] == ["the first tick that differs: 37, box 1", "  look closer with --until 37 --box 1 --inspect"]
    assert command("--until", "36") == (0, "equal: 3 cuts and ticks 0 to 36 of 3 boxes\n")


def test_a_tick_of_a_box_can_be_looked_into(tmp_path, command):
    record(tmp_path)
    code, told = command("--until", "5", "--box", "1", "--inspect")
    lines = told.splitlines()
    assert code == 0
    heads = [line.partition(":")[0] for line in lines]
    assert heads[:4] == ["take Gradient 3", "take State 5", "put State 5", "put Gradient 5"]
    assert {"then weights/values", "then boundary/stash", "then weights/optimizer/mean"} <= set(heads)
    assert ": gradient [2, 4] float32, norm " in lines[0]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--until", "60"], "until: 60 is not recorded; give a tick from 0 to 59"),
        (["--until", "x"], "until: 'x' is not a whole number; give one"),
        (["--until"], "until: a value is missing; give one, or see --help"),
        (["--inspect", "--box", "3"], "box: 3 is not one of the chain's; give 0 to 2"),
        (["--from", "55", "--until", "20"], "until: 20 is not recorded; give a tick from 55 to 59"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path, command, argv, told):
    record(tmp_path, evaluate_every=5, stop_after=100)  # with which every cut is written, however fast they come
    assert command(*argv) == (2, f"dni_actors: {told}\n")


def test_a_folder_without_a_run_is_one_sentence(tmp_path, command):
    told = f"dni_actors: run: '{tmp_path}/it' holds no run that can be read (No such file or directory); give a folder"
    assert command() == (2, f"{told} such as runs/NAME\n")


@pytest.mark.parametrize(
    ("missing", "hole", "remedy"),
    [
        (lambda row: row["box"] == 1 and 20 <= row["first_tick"] < 30, "20 to 29", "replay what comes before with --u"),
        (
            lambda row: row["box"] == 2 and row["first_tick"] >= 50,
            "50 to 59",
            "replay what comes before with --until 49",
        ),
        (lambda row: row["box"] == 0 and row["first_tick"] < 10, "0 to 9", "do the run again"),
        (lambda row: True, "0 to 59", "do the run again"),
    ],
    ids=["middle", "end", "beginning", "all"],
)
def test_a_hole_in_the_record_is_an_error_that_names_the_ticks(tmp_path, command, missing, hole, remedy):
    record(tmp_path)
    (part,) = (tmp_path / "it" / "metrics").iterdir()
    table = pq.read_table(part)
    pq.write_table(pa.Table.from_pylist([row for row in table.to_pylist() if not missing(row)], table.schema), part)
    code, problem = command()
    assert code == 2
    assert re.search(rf"no metrics of box \d for ticks {hole}: its record has a hole; {remedy}", problem)
    first = int(hole.split()[0])
    if first:
        assert command("--until", str(first - 1))[0] == 0, "before it, all is there"


def test_ticks_inside_a_window_are_compared_too(tmp_path, command, a_bit_flips):
    """In a run of 1,000 ticks a row of the metrics tells of ten."""
    record(tmp_path, ticks=1000, checkpoint_every=500)
    a_bit_flips.undo()
    assert command("--until", "36") == (0, "equal: 0 cuts and ticks 0 to 36 of 3 boxes\n")
    code, told = command("--until", "38")
    assert (code, told.splitlines()[0]) == (1, "the first tick that differs: 37, box 1")
