"""Cuts and configurations that are not as they were written: refused by name, or equal; and nothing is allocated for
what they claim to be."""

import hashlib
import json
import math
import random
import tomllib
import tracemalloc
from collections import Counter

import pyarrow as pa
import pytest
import tomli_w
from pyarrow import fs

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.options import read_toml
from dni_actors.protocol.program import Evaluation
from dni_actors.record import cut_files
from dni_actors.record.cut_files import COMPLETE, Complete, CutError
from dni_actors.record.storage import Storage
from tests.record.test_cuts import change, part, same, written


@pytest.fixture
def memory():
    """Where no disk is waited for."""
    storage = Storage(fs._MockFileSystem(), "it")
    storage.make()
    return storage


def altered(**changes):
    """A part's file, otherwise as it should be: facts, or the first row's fields, are others (`...`: left out)."""
    with pa.ipc.open_file(cut_files.encode(part(9))) as reader:
        table = reader.read_all()
    rows = table.to_pylist()
    facts = json.loads(table.schema.metadata[b"dni_actors"])
    for name, value in changes.items():
        (rows[0] if name in rows[0] else facts)[name] = value
    facts = {name: value for name, value in facts.items() if value is not ...}
    metadata = {"dni_actors": json.dumps(facts)}
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows, cut_files.SCHEMA.with_metadata(metadata))
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def forge(place, name, content):
    """Puts another file there, with hashes that fit, if COMPLETE can have any."""
    change(place, name, content)
    listed = json.loads(written(place, COMPLETE))
    if name != COMPLETE:
        listed["parts"][int(name[4:7])] = hashlib.sha256(content).hexdigest()
    listed.pop("sha256", None)
    change(place, COMPLETE, json.dumps(listed | {"sha256": cut_files.hash_of(listed)}).encode())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tick": ...}, "it is no part of a cut"),
        ({"tick": None}, "it is no part of a cut"),
        ({"tick": 8}, "it is of the cut at tick 8"),
        ({"seconds": "x"}, "could not convert string to float: 'x'"),
        ({"name": None}, "it is no part of a cut"),
        ({"name": "gradient"}, ""),
        ({"name": "under way/State/x/state"}, "invalid literal"),
        ({"name": "under way/State/7"}, "not enough values"),
        ({"name": "under way/State/7/what"}, "it is no part of a cut"),
        ({"shape": None}, "it is no part of a cut"),
        ({"shape": [7, 2**62]}, ""),
        ({"shape": [2**62, 2**62]}, ""),
        ({"bytes": None}, "it is no part of a cut"),
        ({"type": "object"}, "of type 'object'"),
    ],
    ids=str,
)
def test_a_part_that_is_wrong_but_fits_its_hash_is_named(memory, changes, problem):
    cut_files.write(memory, [part(9, k) for k in range(2)], Complete(9, 0, ["a", "b"], []))
    forge(memory, "box-001.arrow", altered(**changes))
    if changes == {"name": "gradient"}:  # nothing is wrong with that but that no box has such an array
        assert "gradient" in cut_files.read(memory, 9, 2)[1].arrays
    else:
        with pytest.raises(CutError, match=rf"cuts/000000000009/box-001\.arrow cannot be used: .*{problem}"):
            cut_files.read(memory, 9, 2)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"parts": None}, "it is no JSON of a cut"),
        ({"parts": []}, "it has 0 parts for 2 boxes"),
        ({"parts": ["a", "b", "c"]}, "it has 3 parts for 2 boxes"),
        ({"parts": [1, 2]}, "it is no JSON of a cut"),
        ({"digests": {}}, "it is no JSON of a cut"),
        ({"incarnation": "1"}, "it is no JSON of a cut"),
        ({"evaluations": [[1, 2]]}, "it is no JSON of a cut"),
        ({"evaluations": [["1", 0, 0, 0, 0, 0]]}, "it is no JSON of a cut"),
        ({"evaluations": [[1, 0, 0, 0, 0, []]]}, "it is no JSON of a cut"),
        ({"evaluations": [[1, 0, 0, 0, 0, "infinity"]]}, "it is no JSON of a cut"),
        ({"evaluations": [[1, 0, 0, 0, 0, 10**400]]}, "it is no JSON of a cut"),
        ({"evaluations": 7}, "it is no JSON of a cut"),
    ],
    ids=str,
)
def test_a_list_of_parts_that_is_wrong_but_fits_its_hash_is_named(memory, changes, problem):
    cut_files.write(memory, [part(9, k) for k in range(2)], Complete(9, 0, ["a", "b"], []))
    forge(memory, COMPLETE, json.dumps(json.loads(written(memory, COMPLETE)) | changes).encode())
    with pytest.raises(CutError, match=rf"cuts/000000000009/COMPLETE cannot be used: {problem}"):
        cut_files.read(memory, 9, 2)


class Peak:
    """Bytes that Python, and Arrow, had allocated at most since the last `begin`."""

    def __init__(self):
        self._system, self._pools = pa.default_memory_pool(), []

    def begin(self):
        self._pools.append(pa.proxy_memory_pool(self._system))  # the old ones stay: Arrow may still hold their memory
        pa.set_memory_pool(self._pools[-1])
        self._before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()

    def bytes(self):
        return tracemalloc.get_traced_memory()[1] - self._before + self._pools[-1].max_memory()


@pytest.fixture
def peak():
    pool = pa.default_memory_pool()
    tracemalloc.start()
    yield Peak()
    tracemalloc.stop()
    pa.set_memory_pool(pool)


def junk(rng):
    return rng.choice(
        [
            None,
            -1,
            2**70,
            0.5,
            True,
            "x",
            [],
            {},
            ["x", 1],
            [[9, 0, 0, 0, 0, 0]],
            [[2**70] * 6],
            [["inf"] * 6],
            "9" * 5000,
        ]
    )


def test_two_thousand_mutated_cuts_are_refused_or_equal_and_take_no_memory(memory, peak):
    """Random bits, lengths and pieces of every file of a cut, and values of COMPLETE. A half is forged: the hashes fit.

    What cannot be told by a hash is refused as well, or well-formed: no other error, and nothing larger than the file.
    """
    rng, place = random.Random(0), memory
    parts = [part(9, k) for k in range(2)]
    cut_files.write(place, parts, Complete(9, 0, ["a", "b"], [Evaluation(5, 0.5, math.inf, 0.25, math.nan, 3.0)]))
    names = [COMPLETE, "box-000.arrow", "box-001.arrow"]
    whole = {name: written(place, name) for name in names}
    size = sum(map(len, whole.values()))
    refused, most, breaks = Counter(), 0, {0}
    for i in range(2000):
        name, forged = rng.choice(names), i % 2 == 1
        content = mutated(rng, whole[name])
        if forged and name == COMPLETE:
            fields = json.loads(whole[name])
            content = json.dumps(fields | {rng.choice(list(fields)): junk(rng)}).encode()
        (forge if forged else change)(place, name, content)
        peak.begin()
        try:
            found = cut_files.read(place, 9, 2)
        except CutError as error:
            breaks.add(str(error).count("\n"))
            refused[forged] += 1
        else:
            for came, went in zip(found, parts, strict=True):
                if forged:
                    assert sum(array.nbytes for array in came.arrays.values()) <= len(content) + size
                else:
                    same(came, went)
        if i > 200:  # by then all is imported that reading may need
            most = max(most, peak.bytes())
        for file in {name, COMPLETE}:
            change(place, file, whole[file])
    assert breaks == {0}, "one line each"
    assert refused[False] > 950
    assert 400 < refused[True] < 1000
    assert most < 100_000 + 20 * size


def mutated(rng, content):
    content = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(content[: rng.randrange(len(content))])
    if kind == 1:
        at = rng.randrange(len(content))
        return bytes(content[:at] + rng.randbytes(rng.randrange(1, 40)) + content[at:])
    for _ in range(rng.randrange(1, 5)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def test_two_thousand_mutated_configurations_are_refused_or_usable_and_take_no_memory(tmp_path, peak):
    """A half in their bytes, a half with a value that was never meant; what is taken means the same when it is kept."""
    rng, path = random.Random(2), tmp_path / "config.toml"
    fields = {name: value for name, value in RunConfig.of(task="rows").flat().items() if value is not None}
    text, taken, most, breaks = tomli_w.dumps(fields).encode(), 0, 0, {0}
    for i in range(2000):
        value = junk(rng)
        other = fields | {rng.choice(list(fields)): value} if value is not None else fields
        path.unlink(missing_ok=True)  # to write over it would wait for the disk
        path.write_bytes(mutated(rng, text) if i % 2 else tomli_w.dumps(other).encode())
        peak.begin()
        try:
            config = RunConfig.of(**read_toml(path))
        except ConfigError as error:
            breaks.add(str(error).count("\n"))
        else:
            kept = {name: value for name, value in config.flat().items() if value is not None}
            assert RunConfig.of(**tomllib.loads(tomli_w.dumps(kept))) == config
            taken += 1
        most = max(most, peak.bytes())
    assert breaks == {0}, "one line each"
    assert 100 < taken < 1900
    assert most < 300_000 + 100 * len(text)
