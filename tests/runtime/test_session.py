"""A Ray that stays up between runs: in a process of its own, for tests in this one share another Ray."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys

import pytest
import ray

from dni_actors import ConfigError, run, session
from dni_actors.runtime.cluster.below import RayLostError
from dni_actors.runtime.inline import Chain
from tests.tiny import tiny

assert not ray.is_initialized()
fields = {"runtime": "ray", "storage": sys.argv[1], "task": "tests.tiny:Tiny"}
with session():
    node = ray.get_runtime_context().get_node_id()
    for boxes, seed in ((3, 0), (2, 1), (3, 2)):
        config = tiny(boxes=boxes, seed=seed, ticks=20, **fields)
        assert run(config).digests == Chain(config.replace(runtime="inline")).run()
        assert ray.get_runtime_context().get_node_id() == node
    with pytest.raises(ConfigError, match=r"^session: one is open already; end it, or run within it"), session():
        pass
    with pytest.raises(ConfigError, match=r"^kernels: 'portable' is not the session's, which has 'native'; give"):
        run(tiny(kernels="portable", **fields))
    assert run(tiny(ticks=5, storage=sys.argv[1])).runtime == "inline"
    assert run(tiny(ticks=5, **fields)).status == "finished"
assert not ray.is_initialized()
with pytest.raises(ConfigError, match=r"^batch: it belongs to each run; give it to run or fit"), session(batch=3):
    pass
with pytest.raises(RayLostError), session():
    raise RayLostError("whatever goes wrong within")
assert not ray.is_initialized()
"""

LEAVES = """
import weakref

from dni_actors.runtime.worker.actor import BoxActor
from tests.tiny import tiny

actor, loops = BoxActor(), []
actor._k = 0
for _ in range(3):
    actor.stand(tiny(boxes=2, ticks=5), bytes(16), 0, None)
    actor.listen(None, b"", True)
    loops.append(weakref.ref(actor._loop))
actor.rest()
print([loop() for loop in loops])
"""


def test_a_process_keeps_nothing_of_the_runs_that_it_has_left():
    ended = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=120)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("[None, None, None]\n", "", 0)


def test_runs_share_a_ray_and_come_to_their_own_bits(tmp_path):
    """Of other boxes, one after the other, and after an error; at the end nothing is left."""
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=Path(__file__).parents[2], check=True)
