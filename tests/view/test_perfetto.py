"""A trace for Perfetto is what its format asks for."""

import gzip
import json
import sys
from collections import Counter, defaultdict

import pytest

from dni_actors import report, run
from tests.records import long_run
from tests.tiny import tiny


@pytest.fixture(scope="module", params=["recorded", "synthetic"])
def trace(request, tmp_path_factory):
    """The events of a trace: of a run, restarted once, and of a made-up one. Nobody changes them."""
    tmp_path = tmp_path_factory.mktemp("trace")
    if request.param == "recorded":
        fields = {"trace": "full", "storage": str(tmp_path), "name": "it", "evaluate_every": 15}
        run(tiny(ticks=40, **fields))
        place = run(tiny(ticks=60, **fields)).path
    else:
        place = long_run(tmp_path / "long", ticks=5000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["report", str(place), "--perfetto", str(tmp_path / "trace.json.gz")])
        assert report.main() == 0
    with gzip.open(tmp_path / "trace.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)["traceEvents"]


def nanoseconds(microseconds):
    return round(microseconds * 1000)


def slices(trace):
    """By thread, in order, outer ones first: (begin, end, name)."""
    found = defaultdict(list)
    for event in trace:
        if event["ph"] == "X":
            begin = nanoseconds(event["ts"])
            found[event["pid"], event["tid"]].append((begin, begin + nanoseconds(event["dur"]), event["name"]))
    return {thread: sorted(several, key=lambda s: (s[0], -s[1])) for thread, several in found.items()}


def test_processes_are_nodes_and_threads_are_boxes(trace):
    assert all(isinstance(event["pid"], int) for event in trace)
    assert all(isinstance(event["tid"], int) for event in trace if event["ph"] != "C")
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in trace if e["name"] == "thread_name"}
    assert names == {(1, k + 1): f"box {k:03}" for k in range(len(names))}
    assert set(slices(trace)) == set(names)
    assert {e["ph"] for e in trace} == {"M", "X", "i", "s", "f", "C"}


def test_slices_of_a_thread_nest(trace):
    for several in slices(trace).values():
        open_until = []
        for begin, end, name in several:
            while open_until and open_until[-1][0] <= begin:
                open_until.pop()
            if open_until:
                assert end <= open_until[-1][0], f"{name} reaches out of {open_until[-1][1]}"
            open_until.append((end, name))


def test_phases_lie_in_their_ticks(trace):
    for several in slices(trace).values():
        ticks = [(begin, end) for begin, end, name in several if name.startswith("tick ")]
        phases = [one for one in several if one[2] in ("forward", "backward", "update")]
        assert len(phases) >= 3 * len(ticks)
        for begin, end, name in phases:
            assert any(first <= begin and end <= last for first, last in ticks), name


def test_arrows_have_both_ends_and_lie_on_slices(trace):
    ends = defaultdict(Counter)
    where = slices(trace)
    for event in trace:
        if event["ph"] in "sf":
            ends[event["id"]][event["ph"]] += 1
            at = nanoseconds(event["ts"])
            way = "put" if event["ph"] == "s" else "take"
            assert any(
                begin <= at <= end and name.startswith(f"{way} {event['name']} ")
                for begin, end, name in where[event["pid"], event["tid"]]
            )
    assert len(ends) > 100
    assert set(map(tuple, (sorted(both.items()) for both in ends.values()))) == {(("f", 1), ("s", 1))}


def test_counters_tell_depth_slack_and_cosine(trace):
    values = defaultdict(list)
    for event in trace:
        if event["ph"] == "C":
            values[event["name"]] += event["args"].values()
    assert {"box 000 Gradient depth", "box 001 State depth", "box 000 slack", "box 000 cosine"} <= set(values)
    for name, several in values.items():
        if name.endswith("depth"):
            assert min(several) == several[-1] == 0
        if name.endswith("cosine"):
            assert all(-1 <= value <= 1 for value in several)
