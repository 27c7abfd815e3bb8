"""Cuts on disk: what comes back is what was written, or a sentence that names the file."""

import errno
import itertools
import json
import math
import os

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from pyarrow import fs

from dni_actors.box.messages import Gradient, State
from dni_actors.observe.events import Kept, Status, Warned
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.program import Evaluation
from dni_actors.record import cut_files
from dni_actors.record.cut_files import COMPLETE, Complete, CutError
from dni_actors.record.cut_store import CutStore
from dni_actors.record.storage import Storage, inside


def part(tick, k=0):
    rng = np.random.default_rng([tick, k])
    arrays = {
        "values": rng.standard_normal(7).astype(np.float32),
        "stash": rng.standard_normal((2, 3, 4)),
        "steps": np.array([tick]),
        "nothing": np.zeros((0, 3), np.float32),
    }
    under_way = {
        Channel.GRADIENT: {tick - 1: Gradient(exact=np.ones((2, 2), np.float16)), tick - 2: Gradient()},
        Channel.STATE: {tick - 1: State(np.ones((2, 2), np.float16), np.array([[tick], [k]]))},
    }
    return BoxCut(tick, f"digest {k}", 1.5, arrays, under_way)


def same(one, other):
    assert (one.tick, one.digest, one.seconds) == (other.tick, other.digest, other.seconds)
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        np.testing.assert_array_equal(array, other.arrays[name])
    known, found = ({(c, i): a for c, put in of.under_way.items() for i, a in put.items()} for of in (one, other))
    assert known.keys() == found.keys()
    for index, arrays in known.items():
        assert type(arrays) is type(found[index])
        for a, b in zip(arrays, found[index], strict=True):
            assert a is b is None or a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def places(tmp_path):
    return {
        "a path": Storage.of(str(tmp_path / "it")),
        "a URI": Storage.of(f"file://{tmp_path}/it"),
        "memory": Storage(fs._MockFileSystem(), "it"),
    }


@pytest.fixture(params=["a path", "a URI", "memory"])
def place(request, tmp_path):
    storage = places(tmp_path)[request.param]
    storage.make()
    return storage


@pytest.fixture
def local(tmp_path):
    return Storage.of(str(tmp_path))


def test_what_comes_back_is_what_was_written(place):
    parts = [part(9, k) for k in range(3)]
    facts = Complete(9, 2, ["a", "b", "c"], [Evaluation(5, 0.5, 1.0, 0.25, 2.0, 3.0)])
    cut_files.write(place, parts, facts)
    assert cut_files.complete(place) == [9]
    assert cut_files.read_complete(place, 9)[0] == facts
    for came, went in zip(cut_files.read(place, 9, 3), parts, strict=True):
        same(came, went)


NUMBERS = some.floats()
ROWS = some.builds(Evaluation, some.integers(0, 2**40), NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


@given(some.lists(ROWS, max_size=3))
@example([Evaluation(5, math.inf, -math.inf, math.nan, -0.0, 5e-324)])
def test_evaluations_come_back_to_the_last_bit_whatever_they_are(evaluations):
    memory = Storage(fs._MockFileSystem(), "it")
    memory.make()
    cut_files.write(memory, [part(9)], Complete(9, 0, ["a"], evaluations))
    assert repr(cut_files.read_complete(memory, 9)[0].evaluations) == repr(evaluations)  # where NaNs are equal


def change(place, name, content):
    (place / "cuts" / f"{9:012}").write(name, content)


def written(place, name):
    return (place / "cuts" / f"{9:012}").read(name)


FORMAT, NEWER = (f'"format": {number}'.encode() for number in (cut_files.FORMAT, cut_files.FORMAT + 1))  # one digit


def newer(content):
    facts = json.loads(content)
    facts["format"] = cut_files.FORMAT + 1
    return json.dumps(facts).encode()


@pytest.mark.parametrize(
    ("name", "damage", "problem"),
    [
        ("box-001.arrow", lambda b: b[: len(b) // 2], "box-001.arrow cannot be used: it is not as it was written"),
        ("box-001.arrow", lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:], "it is not as it was written"),
        ("box-000.arrow", lambda b: b"", "box-000.arrow cannot be used: it is not as it was written"),
        (COMPLETE, lambda b: b[:-20], "COMPLETE cannot be used: it is no JSON of a cut"),
        (COMPLETE, lambda b: b.replace(b'"incarnation": 0', b'"incarnation": 1'), "it is not as it was written"),
        (
            COMPLETE,
            newer,
            f"its format {cut_files.FORMAT + 1} is newer than {cut_files.FORMAT}; use a newer dni_actors",
        ),
        (COMPLETE, lambda b: b"[]", "it was not written by dni_actors"),
        (COMPLETE, lambda b: b"[" * 100_000, "it is no JSON of a cut"),
        (COMPLETE, lambda b: b"\xff", "it is no JSON of a cut"),
    ],
    ids=itertools.count(),
)
def test_what_was_altered_is_named_and_the_cut_before_is_used(local, name, damage, problem):
    news = []
    store = CutStore(local, 2, news.append)
    for tick in (8, 9):
        cut_files.write(local, [part(tick, k) for k in range(2)], Complete(tick, 0, ["a", "b"], []))
    change(local, name, damage(written(local, name)))
    with pytest.raises(CutError, match=rf"cuts/000000000009/.*{problem}"):
        cut_files.read(local, 9, 2)
    assert [one.tick for one in store.newest()] == [8, 8]
    assert [type(event) for event in news] == [Warned]
    assert "the cut before is used" in news[0].text
    store.close()


def test_a_missing_part_is_named(local):
    cut_files.write(local, [part(9, k) for k in range(2)], Complete(9, 0, ["a", "b"], []))
    (local / "cuts" / f"{9:012}").remove("box-001.arrow")
    with pytest.raises(CutError, match=r"box-001\.arrow cannot be used: it is missing"):
        cut_files.read(local, 9, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ARROW1",
        cut_files.encode(part(9)).to_pybytes().replace(FORMAT, NEWER),
        cut_files.encode(part(9)).to_pybytes().replace(b"float32", b"object0"),
    ],
    ids=itertools.count(),
)
def test_bytes_that_are_no_part_are_refused_even_if_a_hash_fits(content):
    with pytest.raises(ValueError, match=r"no Arrow file|newer|of type"):
        cut_files.decode(content)


def report(parts, k):
    return Status(k, 0, "forward", cuts=tuple(parts))


def evaluation(tick, validation):
    return Evaluation(tick, 0.5, 1.0, validation, 1.0)


def test_the_last_two_and_the_best_are_kept(place):
    """The evaluation at tick 9 is better, but has no cut."""
    news = []
    store = CutStore(place, 2, news.append)
    for tick in range(1, 7):
        assert store.gather(report([part(tick, 1)], 1)) == []
        (parts,) = store.gather(report([part(tick, 0)], 0))
        store.write(parts, [evaluation(tick, 0.1)], [9, 3, 1], wait=True)
    assert news == [Kept(tick) for tick in range(1, 7)]
    assert store.complete == [3, 5, 6]
    assert (place / "cuts").names() == [f"{tick:012}" for tick in (3, 5, 6)]
    same(store.newest()[1], part(6, 1))
    assert repr([facts.evaluations for facts in store.known()]) == repr([[evaluation(t, 0.1)] for t in (3, 5, 6)])
    store.drop_after(5)
    assert store.complete == [3, 5]
    store.close()


def test_parts_of_a_cut_that_was_not_whole_when_boxes_went_back_do_not_count(local):
    store = CutStore(local, 2, lambda event: None)
    store.gather(report([part(1, 0)], 0))
    assert store.newest() is None
    assert store.gather(report([part(1, 1)], 1)) == []
    assert len(store.gather(report([part(1, 0)], 0))) == 1
    store.close()


def test_a_folder_that_cannot_be_written_is_told_once_and_mends_itself(local, tmp_path):
    """Somebody has put a file where the cuts were to be; later it is gone."""
    news, blocking = [], tmp_path / "cuts"
    blocking.touch()
    store = CutStore(local, 1, news.append)
    for tick in (1, 2):
        store.write([part(tick)], [], [], wait=True)
    assert [type(event) for event in news] == [Warned]
    assert news[0].text.startswith("the cut at tick 1 could not be kept (")
    blocking.unlink()
    store.write([part(3)], [], [], wait=True)
    assert news[1:] == [Kept(3)]
    assert store.complete == [3]
    store.close()


def test_a_cut_that_fails_half_way_leaves_nothing_behind(local, monkeypatch):
    """On a full disk its parts would be in the way of the next one, and of result.json."""
    news = []
    store = CutStore(local, 4, news.append)
    store.write([part(1, k) for k in range(4)], [], [], wait=True)
    write = Storage.write

    def full(storage, name, content):
        if name == "box-002.arrow":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(storage, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", full)
        for tick in range(2, 8):
            store.write([part(tick, k) for k in range(4)], [], [], wait=True)
    assert (local / "cuts").names() == ["000000000001"]
    assert [type(event) for event in news] == [Kept, Warned], "told once"
    assert "the cut at tick 2 could not be kept (No space left on device)" in news[1].text
    assert store.complete == [1]
    store.close()


def test_a_damaged_cut_stays_until_it_is_written_anew(local):
    news = []
    store = CutStore(local, 2, news.append)
    for tick in (8, 9):
        cut_files.write(local, [part(tick, k) for k in range(2)], Complete(tick, 0, ["a", "b"], []))
    change(local, "box-001.arrow", b"")
    assert [one.tick for one in store.newest()] == [8, 8]
    assert (store.complete, (local / "cuts").names()) == ([8], ["000000000008", "000000000009"])
    store.write([part(9, k) for k in range(2)], [], [], wait=True)
    assert store.complete == [8, 9]
    assert [one.tick for one in store.newest()] == [9, 9]
    store.close()


def test_storage_that_cannot_be_reached_is_no_empty_run(local, monkeypatch):
    """A network that fails for a moment must not send a run back to its beginning."""
    cut_files.write(local, [part(9)], Complete(9, 0, ["a"], []))
    store = CutStore(local, 1, lambda event: None)

    def fails(self, name):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "read", fails)
        with pytest.raises(OSError, match="Input/output error"):
            store.newest()
    assert [one.tick for one in store.newest()] == [9]
    store.close()


def test_the_names_of_new_folders_are_forced_to_the_disk(tmp_path, monkeypatch):
    """As are those of files: each in the folder that lists it."""
    synced = []
    monkeypatch.setattr("dni_actors.record.storage.sync", synced.append)
    place = Storage.of(str(tmp_path / "runs" / "it"))
    place.make()
    assert sorted(synced) == [tmp_path, tmp_path / "runs"]
    place.make()
    place.write("x", b"")
    assert synced[2:] == [tmp_path / "runs" / "it"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("runs", "runs/it"),
        ("/a/b/", "/a/b/it"),
        ("s3://bucket/runs", "s3://bucket/runs/it"),
        ("s3://bucket/runs?region=here&x=1", "s3://bucket/runs/it?region=here&x=1"),
        ("what?", "what?/it"),
    ],
)
def test_a_uri_keeps_its_options_at_its_end(place, expected):
    assert inside(place, "it") == expected
