"""A run on a cluster of several nodes: where its boxes go, that nodes may come and go, and what it leaves."""

import json
import os
import signal
import subprocess
import sys

import pytest

from dni_actors.config.checks import ConfigError, parse_resources
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.runtime.inline import Chain
from tests.cluster.hosts import environment
from tests.processes import alive, eventually
from tests.test_survival import Command

SIZE = {"task": "rows", "boxes": 6, "hidden": 8, "batch": 20, "seed": 7, "evaluate_every": 0}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZE.items()]


class Nodes:
    """The process of nodes.py."""

    def __init__(self, cpus, env):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.nodes", cpus],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env,
        )  # fmt: skip
        self.address = self._answer()["address"]

    def __call__(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        text = self.process.stdout.readline()
        assert text, "the cluster's process has ended"
        return json.loads(text)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where commands run, as in test_launch; one token for cluster and drivers."""
    folder = tmp_path_factory.mktemp("cluster")
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # or Ray takes this machine's own address for 127.0.0.1
    return {"cwd": folder, "env": environment(folder) | loopback | {"PYTHONPATH": os.getcwd()}}


@pytest.fixture(scope="module")
def nodes(place):
    """Three nodes of two CPUs, and a head without any."""
    cluster = Nodes("2,2,2", place["env"])
    yield cluster
    cluster.close()


@pytest.fixture
def begin(place, nodes):
    """Starts a run on the cluster."""
    commands = []

    def start(name, *argv):
        given = ["--address", nodes.address, "--kernels", "native", "--console", "json", "--name", name, *argv]
        commands.append(Command(place, *FLAGS, *given))
        return commands[-1]

    yield start
    for command in commands:
        command.close()


def digest(ticks):
    """Inline."""
    return combine(Chain(RunConfig.of(**SIZE, ticks=ticks, runtime="inline")).run())


def of_boxes(line):
    return [box["node"] for box in line["boxes"]]


def test_a_node_is_lost_and_the_run_waits_for_another_one_to_the_same_digest(begin, nodes, place):
    command = begin("lost", "--ticks", "1000", "--placement", "spread", "--checkpoint-every", "100")
    before = of_boxes(command.event("started"))
    assert len(set(before)) == 3
    assert all(before[k] == before[k + 1] for k in (0, 2, 4)), "neighbours share a node"
    command.event("kept")
    nodes("remove 1")
    assert command.event("lost")["box"] in range(6)
    told = command.event("warned")["text"]
    assert "has no room for 2 of 6 boxes of 1 CPU each (spread): waiting for it" in told
    assert "(--placement-timeout)" in told
    nodes("add 2")
    after = of_boxes(command.event("started"))
    assert sum(one == other for one, other in zip(before, after, strict=True)) == 4, "the others stay where they are"
    result = command.ended()
    assert result["digest"] == digest(1000)
    assert sum(result["restarts"]) == 2
    assert [warning.startswith("the cluster") for warning in result["warnings"]] == [True]
    assert len(result["links_ms"]) == 5
    near, far = "stream sockets", "ZeroMQ with CURVE"
    assert result["links"] == [near, far, near, far, near]
    assert all(0 < link < 1000 for link in result["links_ms"])
    where = json.loads((place["cwd"] / "runs" / "lost" / "boxes.json").read_text())
    assert [box["node"] for box in where] == after
    assert not any(nodes("left").values())


@pytest.mark.skipif(not os.environ.get("CLUSTER"), reason="a minute: boxes of other nodes may be silent for long")
def test_a_box_that_hangs_on_another_node_is_gone_when_it_is_replaced(begin, nodes):
    command = begin("hangs", "--ticks", "3000", "--checkpoint-every", "100")
    hangs = command.event("started")["boxes"][3]["pid"]
    command.event("kept")
    os.kill(hangs, signal.SIGSTOP)
    told = command.until(lambda line: line.get("event") == "lost")
    assert told["box"] == 3
    assert "its process hangs" in told["why"]
    assert eventually(lambda: not alive(hangs))
    assert command.ended()["digest"] == digest(3000)
    assert not any(nodes("left").values())


def test_a_run_without_room_gives_up_in_time_and_one_that_is_interrupted_can_go_on_and_neither_leaves_anything(
    begin, nodes, place
):
    roomless = begin("none", "--ticks", "10", "--placement", "strict-spread", "--placement-timeout", "4")
    command = begin(
        "stopped", "--ticks", "100000", "--checkpoint-every", "50", "--resources-per-box", "memory=1000,room=1"
    )
    command.event("kept")
    assert "has no room for 6 of 6 boxes of 1 CPU each (strict-spread)" in roomless.event("warned")["text"]
    assert roomless.until(lambda line: "status" in line)["status"] == "failed"
    assert roomless.process.wait(timeout=60) == 1
    assert "and none came within 4 s; add nodes, free some, use fewer --boxes" in roomless.error()
    command.process.terminate()
    result = command.until(lambda line: "status" in line)
    assert command.process.wait(timeout=60) == 143
    assert result["cuts"][-1] >= 50
    assert not any(nodes("left").values())
    folder = place["cwd"] / "runs" / "stopped"
    token = (place["cwd"] / "token").read_text()
    for file in folder.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes()
    assert (place["cwd"] / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("text", "found"), [("", {}), ("fast=1", {"fast": 1.0}), ("a=0.5, b=2", {"a": 0.5, "b": 2.0})])
def test_resources_are_read_by_name_and_amount(text, found):
    assert parse_resources("resources_per_box", text) == found


@pytest.mark.parametrize("text", ["fast", "fast=", "=1", "fast=-1", "fast=inf", "CPU=2", "fast=1,,"])
def test_what_is_no_list_of_resources_is_told(text):
    with pytest.raises(ConfigError, match=r"resources_per_box: '.*' is no list of resources; give names and amounts"):
        parse_resources("resources_per_box", text)
