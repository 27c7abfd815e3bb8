"""A Ray that does not let this process go: it ends all the same, in time, with the exit code of what it was doing."""

import subprocess
import sys

import pytest

HANGS = """
import sys, threading
import ray
from dni_actors.runtime import limits
from dni_actors.runtime.cluster import joined
from dni_actors.runtime.interrupts import Terminated

limits.LEAVE_WITHIN = 0.1
ray.shutdown = threading.Event().wait
killed = []
error = eval(sys.argv[1])
try:
    try:
        if error is not None:
            raise error
    finally:
        joined.leave(lambda: killed.append(1))
except BaseException:
    pass
print("the rest is done", killed, flush=True)
"""


@pytest.mark.parametrize(
    ("error", "code"),
    [("None", 0), ("KeyboardInterrupt()", 130), ("Terminated()", 143), ("ValueError()", 1)],
)
def test_a_process_ends_without_a_ray_that_hangs(error, code):
    ended = subprocess.run([sys.executable, "-c", HANGS, error], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "the rest is done [1]\n", "")
