"""What a run leaves of what its boxes did when."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from dni_actors import run
from dni_actors.config.run import RunConfig
from dni_actors.observe.trace import BEGIN, CODES, KINDS, ROW, SLICES, TICK, messages
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.schedule import traces
from dni_actors.record.storage import Storage
from dni_actors.record.traces import Traces, TraceTable
from tests.tiny import tiny


def read(folder):
    return Traces(Storage.of(str(folder / "trace")))


def rows(found):
    """By what they are: (kind, box, tick, index)."""
    return Counter((KINDS[one["kind"]], int(one["box"]), int(one["tick"]), int(one["index"])) for one in found)


def whole(found, **how):
    return np.concatenate([np.empty(0, np.dtype([("kind", "i4")])), *found.events(**how)][1:])


@pytest.mark.parametrize("update", ["synthetic", "locked", "delayed", "truncated"])
def test_traces_leave_the_digest_alone(tmp_path, update):
    fields = {"update": update, "ticks": 250, "evaluate_every": 40, "storage": str(tmp_path)}
    assert len({run(tiny(trace=mode, name=mode, **fields)).digest for mode in ("off", "sampled", "full")}) == 1
    assert not (tmp_path / "off" / "trace").exists()


@pytest.mark.parametrize("update", ["synthetic", "locked", "delayed", "truncated", "local"])
def test_a_full_trace_tells_every_tick_and_both_ends_of_every_message(tmp_path, update):
    result = run(tiny(ticks=20, update=update, trace="full", evaluate_every=7, storage=str(tmp_path), name="it"))
    found = read(result.path)
    assert found.overview.ticks.tolist() == list(range(20))
    assert found.overview.starts == {0: 0}
    events = whole(found)
    seen = rows(events)
    for box in range(3):
        assert seen[BEGIN, box, 0, 0] == 1
        assert all(seen[TICK, box, n, 0] == 1 for n in range(20))
    states = [m for m in messages(events) if m["channel"] == list(Channel).index(Channel.STATE)]
    assert sorted((m["from"], m["to"], m["index"], m["tick"], m["taken_tick"]) for m in states) == [
        (k, k + 1, n, n, n) for k in range(2) for n in range(20)
    ]
    assert all(m["sent"] <= m["arrived"] <= m["taken"] for m in messages(events))
    lag = 0 if update == "locked" else 2
    gradients = [m for m in messages(events) if m["channel"] == list(Channel).index(Channel.GRADIENT)]
    assert {(m["from"] - m["to"], m["taken_tick"] - m["tick"]) for m in gradients} == {(1, lag)}
    assert len(gradients) == 2 * (20 - lag)


def test_a_box_does_one_thing_at_a_time_and_slices_fill_its_ticks(tmp_path):
    result = run(tiny(ticks=60, trace="full", evaluate_every=25, storage=str(tmp_path), name="it"))
    events = whole(read(result.path))
    for box in range(3):
        mine = events[events["box"] == box]
        slices = np.sort(mine[np.isin(mine["kind"], [CODES[kind] for kind in SLICES])], order="begin")
        assert (slices["begin"][1:] >= slices["end"][:-1]).all()
        for tick in mine[mine["kind"] == CODES[TICK]]:
            of_tick = (slices["begin"] >= tick["begin"]) & (slices["end"] <= tick["end"])
            filled = (slices["end"] - slices["begin"])[of_tick].sum()
            assert filled > 0.5 * (tick["end"] - tick["begin"])


def test_a_sampled_trace_holds_the_first_and_last_ticks_and_some_between(tmp_path):
    result = run(tiny(ticks=700, trace="sampled", storage=str(tmp_path), name="it"))
    expected = [*range(200), 200, 300, 400, *range(500, 700)]
    assert read(result.path).overview.ticks.tolist() == expected
    assert [n for n in range(700) if traces(result_config(), n)] == expected


def result_config():
    return tiny(ticks=700)


def test_a_run_that_is_resumed_goes_on_with_its_trace(tmp_path):
    fields = {"trace": "full", "storage": str(tmp_path), "name": "it", "checkpoint_every": 10}
    run(tiny(ticks=20, **fields))
    run(tiny(ticks=30, **fields))
    found = read(tmp_path / "it")
    assert found.overview.starts == {0: 0, 1: 20}
    seen = rows(whole(found))
    assert all(seen[TICK, box, n, 0] == 1 for box in range(3) for n in range(30))


def recorded(tmp_path, *several):
    """`several`: (incarnation, first tick, ticks) of box 0."""
    written = TraceTable(Storage.of(str(tmp_path / "trace")))
    for incarnation, first, ticks in several:
        packed = [ROW.pack(CODES[BEGIN], first, 0, 0.0, 0.0)] if first is not None else []
        packed += [ROW.pack(CODES[TICK], n, 0, n + incarnation, n + incarnation + 0.5) for n in ticks]
        written.take(0, incarnation, f"node {incarnation}", b"".join(packed))
        written.flush()
    return read(tmp_path)


def test_of_ticks_that_were_done_again_the_newest_count(tmp_path):
    found = recorded(tmp_path, (0, 0, range(8)), (1, 4, range(6, 8)), (2, 7, range(7, 9)))
    ticks = whole(found, kinds=(TICK,))
    seen = [(int(one["tick"]), int(one["incarnation"]), found.overview.nodes[one["node"]]) for one in ticks]
    # Tick 4 and 5 were traced before, and done again untraced.
    assert seen == [(n, 0, "node 0") for n in range(4)] + [(6, 1, "node 1")] + [(n, 2, "node 2") for n in (7, 8)]


def test_a_lost_beginning_is_taken_from_the_ticks(tmp_path):
    assert recorded(tmp_path, (0, 0, range(4)), (1, None, range(2, 6))).overview.starts == {0: 0, 1: 2}


def test_ticks_and_kinds_can_be_chosen(tmp_path):
    result = run(tiny(ticks=30, trace="full", storage=str(tmp_path), name="it"))
    found = read(result.path)
    chosen = whole(found, kinds=("forward", TICK), ticks=(5, 7))
    assert set(rows(chosen)) == {(kind, k, n, 0) for kind in ("forward", TICK) for k in range(3) for n in (5, 6)}


def test_no_trace_is_an_empty_one_and_a_damaged_one_is_told(tmp_path):
    assert not read(tmp_path)
    assert list(read(tmp_path).events()) == []
    found = recorded(tmp_path, (0, 0, range(3)))
    (tmp_path / "trace" / "part-00000.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(OSError, match=r"part-00000\.parquet is no Parquet file of a run; remove it"):
        list(found.events())


def test_boxes_trace_without_pyarrow():
    code = "import sys, dni_actors.runtime.worker.tracer; print('pyarrow' in sys.modules, 'matplotlib' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "False False\n"
    assert json.dumps(SLICES)  # plain names


def test_in_a_ring_the_last_box_sends_to_the_first(tmp_path):
    fields = {"task": "copy", "unroll": (1, 1, 1), "hidden": 4, "batch": 2, "ticks": 12, "console": "quiet"}
    result = run(RunConfig.of(**fields, runtime="inline", trace="full", storage=str(tmp_path), name="it"))
    found = messages(whole(read(result.path)))
    states = found[found["channel"] == list(Channel).index(Channel.STATE)]
    assert {(int(m["from"]), int(m["to"])) for m in states} == {(0, 1), (1, 2), (2, 0)}
    assert (states["taken"] >= states["sent"]).all()
