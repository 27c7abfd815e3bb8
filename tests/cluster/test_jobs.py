"""Runs as jobs: `ray start` twice on loopback, with tokens; launch/job.sh submits; `ray job` tells, follows and stops.

A part of `make cluster`, for it needs ray[default].
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from dni_actors import Result
from dni_actors.nn.digest import combine
from dni_actors.options import parse
from dni_actors.runtime.inline import Chain
from tests.cluster.hosts import RAY, STARTED, ended, environment
from tests.processes import eventually

if not os.environ.get("CLUSTER"):
    pytest.skip("a part of make cluster", allow_module_level=True)
if find_spec("aiohttp") is None:
    pytest.skip("needs ray[default]", allow_module_level=True)

ROOT = Path(__file__).parents[2]
RUN = ["--task", "rows", "--boxes", "8", "--hidden", "8", "--batch", "20", "--seed", "7", "--kernels", "native"]
STORE = str(80 * 2**20)
ADDRESS = "127.0.0."  # and 2 for the head, 3 to 6 for the others; of 1 Ray makes this machine's own address


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without CPUs and four nodes of two, all on loopback; what commands need to reach them."""
    folder = tmp_path_factory.mktemp("jobs")
    port, dashboard = free_port(), free_port()
    home = folder / "home"
    home.mkdir()
    env = environment(folder) | {"HOME": str(home)}
    base = Path(f"/tmp/dni-{secrets.token_hex(3)}")  # a short name: sockets lie in it
    env |= {"RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}", "PYTHONUNBUFFERED": "1", "TEST_BASE": str(base)}
    common = ["--object-store-memory", STORE, "--min-worker-port", "0", "--max-worker-port", "0", "--block"]
    head = ["--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "true"]
    head += ["--dashboard-port", str(dashboard)]
    node = ["--address", f"{ADDRESS}2:{port}", "--num-cpus", "2"]
    running = []
    try:
        for k, words in enumerate([head] + [node] * 4):
            log = (folder / f"ray-{k}.log").open("w")
            own = ["--node-ip-address", f"{ADDRESS}{k + 2}", "--dashboard-agent-listen-port", str(free_port())]
            own += ["--temp-dir", str(base / str(k))]  # nodes that share one unpack a job's files over each other
            command = [*RAY, "start", *words, *own, *common]
            start = subprocess.Popen(command, env=env, stdout=log, stderr=log)
            running.append(ended(start))
            running[-1].__enter__()
            log.close()
            told = folder / f"ray-{k}.log"  # one after the other: Ray's nodes take each other's ports
            up = eventually(lambda s=start, t=told: s.poll() is not None or STARTED in t.read_text(), within=90)
            assert up, told.read_text()
            assert start.poll() is None, told.read_text()
        assert eventually(lambda: reaches(env), within=90)
        yield env
    finally:
        for one in reversed(running):
            one.__exit__(None, None, None)
        shutil.rmtree(base, ignore_errors=True)


def reaches(env):
    return ray(env, "job", "list").returncode == 0


def ray(env, *words):
    return subprocess.run([*RAY, *words], env=env, capture_output=True, text=True, timeout=120)


def submit(env, *argv, options=""):
    return subprocess.run(
        ["bash", str(ROOT / "launch" / "job.sh"), *RUN, *argv],
        env=env | {"JOB_OPTIONS": options}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def listed(env, *words):
    told = ray(env, "list", *words, "--format", "json")
    assert told.returncode == 0, told.stderr
    return [] if told.stdout.startswith("No resource") else json.loads(told.stdout)


def actors(env):
    """Names of the boxes that Ray knows and that are not dead."""
    return sorted(actor["name"] for actor in listed(env, "actors", "--filter", "state!=DEAD") if is_box(actor))


def is_box(actor):
    return actor["class_name"] == "BoxActor"


def groups(env):
    return [group for group in listed(env, "placement-groups") if group["state"] != "REMOVED"]


def inline(*argv):
    return combine(Chain(parse([*RUN, *argv, "--runtime", "inline"])).run())


def test_a_job_is_followed_to_its_end_and_its_result_read(cluster, tmp_path):
    """Without --storage: in the home of the head."""
    told = submit(cluster, "--ticks", "200", "--name", "first", "--placement", "spread")
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"seconds=\d+ event=started boxes=8 nodes=127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6", told.stdout)
    assert "finished: test accuracy" in told.stdout
    result = Result.from_path(Path(cluster["HOME"]) / "dni-runs" / "first")
    assert result.digest == inline("--ticks", "200")
    places = json.loads((Path(cluster["HOME"]) / "dni-runs" / "first" / "boxes.json").read_text())
    assert len({place["node"] for place in places}) == 4
    assert actors(cluster) == []
    assert groups(cluster) == []


def test_a_job_that_fails_says_so_to_ray(cluster):
    told = submit(cluster, "--learning-rate", "-1")
    assert told.returncode == 1
    assert "dni_actors: learning_rate: -1.0 is out of range; give a number above 0" in told.stdout
    told = submit(cluster, "--ticks", "10", "--storage", "runs")
    assert "storage: 'runs' lies in the job's own working directory" in told.stdout
    assert told.returncode == 1
    told = submit(cluster, "--synthesizer-optimizer", "sgd", "--synthesizer-learning-rate", "1e30", "--ticks", "100")
    assert re.search(r"dni_actors: box \d, tick \d+: .* is no longer finite", told.stdout)
    assert told.returncode == 1
    assert actors(cluster) == []
    assert groups(cluster) == []


def test_a_job_that_is_stopped_ends_in_time_and_can_be_resumed(cluster):
    given = ["--ticks", "1500", "--evaluate-every", "0", "--checkpoint-every", "50"]
    slow = ["--compute-delay-ms", "20", "--name", "long"]
    assert submit(cluster, *given, *slow, options="--no-wait --submission-id long").returncode == 0
    cuts = Path(cluster["HOME"]) / "dni-runs" / "long" / "cuts"
    assert eventually(lambda: list(cuts.glob("*/COMPLETE")), within=90)
    assert actors(cluster) == [f"dni/long/box-{k:03}" for k in range(8)]
    ray(cluster, "job", "stop", "--no-wait", "long")
    result = cuts.parent / "result.json"
    assert eventually(result.exists)
    assert eventually(lambda: "STOPPED" in ray(cluster, "job", "status", "long").stdout.upper())
    stopped = json.loads(result.read_text())
    assert (stopped["status"], stopped["cuts"] != []) == ("interrupted", True)
    log = ray(cluster, "job", "logs", "long").stdout
    assert "goes on from tick" in log, "it was not killed"
    assert actors(cluster) == []
    assert groups(cluster) == []
    again = submit(cluster, *given, "--resume", "~/dni-runs/long", "--compute-delay-ms", "0")
    assert again.returncode == 0, again.stdout
    assert f"from_tick={stopped['cuts'][-1]}" in again.stdout
    assert json.loads(result.read_text())["digest"] == inline(*given)


def test_who_has_no_token_or_another_one_is_refused(cluster, tmp_path):
    for token in (None, secrets.token_hex(32)):
        file = tmp_path / "token"
        file.unlink(missing_ok=True)
        if token:
            file.write_text(token)
        told = submit(cluster | {"RAY_AUTH_TOKEN_PATH": str(file)}, "--ticks", "10", "--name", "foreign")
        assert told.returncode != 0
        assert re.search("token", told.stdout + told.stderr, re.IGNORECASE)
    told = submit(cluster | {"RAY_AUTH_MODE": "disabled"}, "--ticks", "10", "--name", "foreign")
    assert told.returncode != 0
    assert not (Path(cluster["HOME"]) / "dni-runs" / "foreign").exists()


def test_no_token_is_in_what_runs_and_logs_tell(cluster):
    token = Path(cluster["RAY_AUTH_TOKEN_PATH"]).read_bytes()
    assert Path(cluster["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777 == 0o600
    runs = [path for path in (Path(cluster["HOME"]) / "dni-runs").rglob("*") if path.is_file()]
    assert len(runs) > 10
    logs = [path for path in Path(cluster["TEST_BASE"]).glob("*/session_*/logs/*") if path.is_file()]
    assert logs
    for path in runs + logs:
        assert token not in path.read_bytes(), path
