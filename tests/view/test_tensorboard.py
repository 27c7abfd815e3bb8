"""Curves as TensorBoard reads them."""

import sys

import pytest

pytest.importorskip("tensorboardX")

from dni_actors.config.checks import ConfigError
from dni_actors.experiment import run
from dni_actors.observe.events import Started, Status
from dni_actors.protocol.program import Evaluation
from dni_actors.view.tensorboard import TensorBoard
from tests.tiny import metrics_row, tiny


def read(folder):
    """(tag, step) -> value of every scalar in the event files."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir(), key=lambda path: int(path.suffix[1:])):
        content = path.read_bytes()
        while content:  # records: length (8), its checksum (4), the event, its checksum (4)
            size = int.from_bytes(content[:8], "little")
            event = Event.FromString(content[12 : 12 + size])
            content = content[16 + size :]
            if event.HasField("session_log"):  # what lies from there on was purged
                found = {of: value for of, value in found.items() if of[1] < event.step}
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return found


def test_rows_and_evaluations_become_curves(tmp_path):
    board = TensorBoard(tmp_path)
    board.open()
    board.show(Started(()))
    board.show(Status(1, 50, "forward", rows=(metrics_row(1, cosine=0.25, loss=None),)))
    board.show(Status(2, 50, "forward", evaluations=(Evaluation(40, 0.875, 0.5, 0.75, 0.25),)))
    board.close(None)
    found = read(tmp_path)
    assert found["cosine/box-1", 49] == 0.25
    assert found["busy/box-1", 49] == pytest.approx(0.6)
    assert ("loss/box-1", 49) not in found
    assert [found[tag, 40] for tag in ("test/accuracy", "test/loss", "validation/accuracy", "validation/loss")] == [
        0.875, 0.5, 0.75, 0.25
    ]  # fmt: skip


def test_a_run_leaves_them_in_its_folder(tmp_path):
    result = run(tiny(storage=str(tmp_path), tensorboard=True, ticks=8, evaluate_every=4))
    found = read(result.path / "tensorboard")
    assert found["test/accuracy", 8] == pytest.approx(result.test_accuracy)
    assert found["slack/box-0", 7] >= 0


def test_what_is_shown_is_there_at_once_and_what_is_done_again_stands_once(tmp_path):
    """As after a kill: nothing is closed, and the run goes on from the cut at tick 40."""
    first = TensorBoard(tmp_path)
    for tick in (30, 40, 50):
        first.show(Status(2, 50, "forward", evaluations=(Evaluation(tick, 0.5, 0.5, 0.5, 0.5),)))
        assert ("test/loss", tick) in read(tmp_path)
    again = TensorBoard(tmp_path)
    again.show(Started((), 40))
    assert {tick for _, tick in read(tmp_path)} == {30}
    again.show(Status(2, 50, "forward", evaluations=(Evaluation(40, 0.5, 0.25, 0.5, 0.5),)))
    assert read(tmp_path)["test/loss", 40] == 0.25
    for board in (first, again):
        board.close(None)


def test_where_it_cannot_be_one_sentence_says_so(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"tensorboard: .*folders of this machine only"):
        TensorBoard(None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match=r"tensorboard: .*pip install tensorboardX"):
        run(tiny(storage=str(tmp_path), tensorboard=True))
    assert not list(tmp_path.iterdir())
