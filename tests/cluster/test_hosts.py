"""Two hosts, that is network namespaces, with a slow link between them: a part of `make cluster`."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from dni_actors import Result
from tests.cluster.hosts import ADDRESSES, hindrance, hosts
from tests.processes import eventually

if not os.environ.get("CLUSTER"):
    pytest.skip("a part of make cluster", allow_module_level=True)
if why := hindrance():
    pytest.skip(why, allow_module_level=True)

# Messages of 8 KiB: 64 x 32 numbers.
RUN = ["--task", "rows", "--boxes", "4", "--hidden", "32", "--batch", "64", "--seed", "7", "--evaluate-every", "0"]
RUN += ["--console", "json", "--kernels", "portable"]


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Inline, in a process of its own, which starts with those kernels."""
    known = {}

    def of(*argv):
        if argv not in known:
            storage = str(tmp_path_factory.mktemp("inline"))
            command = [sys.executable, "-m", "dni_actors.launch", *RUN, *argv, "--runtime", "inline"]
            told = subprocess.run(
                [*command, "--storage", storage], capture_output=True, text=True, check=True, timeout=200
            )
            known[argv] = json.loads(told.stdout.splitlines()[-1])["digest"]
        return known[argv]

    return of


@contextmanager
def lines(both, storage, *argv):
    """The lines of a run on the hosts, as they come."""
    run = both.launch(*RUN, *argv, "--storage", storage, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield (json.loads(text) for text in run.stdout)
        assert run.wait(timeout=60) == 0, run.stderr.read()
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
        run.stderr.close()


@pytest.mark.parametrize(("delay", "loss"), [(0, 0.0), (10, 0.0), (50, 0.0), (10, 0.0001)])
def test_a_slow_link_leaves_the_digest_alone_and_is_measured(digest, tmp_path, delay, loss):
    flags = ("--ticks", "300", "--lag", "12")
    with hosts(delay, loss) as both, lines(both, tmp_path, *flags) as told:
        result = list(told)[-1]
    assert result["digest"] == digest(*flags)
    first, last = result["nodes"][::3]
    assert (result["nodes"], {first, last}) == ([first] * 2 + [last] * 2, set(ADDRESSES)), "two boxes on each"
    near, far, other = result["links_ms"]
    assert far >= 2 * delay
    assert max(near, other) < 2 * delay or not delay
    assert sum(result["restarts"]) == 0
    assert result["kernels"] == [result["kernels"][0]]


def test_a_partition_of_ten_seconds_heals_without_a_restart(digest, tmp_path):
    flags = ("--ticks", "3000", "--lag", "12")
    with hosts(1) as both, lines(both, tmp_path, *flags) as told:
        assert next(line for line in told if line.get("event") == "row")
        both.link("down")
        assert not eventually(lambda: False, within=10)
        both.link("up")
        result = list(told)[-1]
    assert result["digest"] == digest(*flags)
    assert result["restarts"] == [0, 0, 0, 0]
    assert result["messages"]["asked"] > 0, "boxes have waited, and asked"
    rows = Result.from_path(result["path"]).metrics.to_pylist()
    for k in range(4):
        ticks = [n for row in rows if row["box"] == k for n in range(row["first_tick"], row["last_tick"] + 1)]
        assert ticks == list(range(3000)), "what a box reports arrives once, in a partition too"
    assert result["warnings"] == []
