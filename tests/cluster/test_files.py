"""The files of launch/, each against the real command line or schema that reads it."""

import json
import os
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
import yaml

from dni_actors.options import parse

# They import Ray, which reads some variables once, when it is imported: after the fixture has set them.
pytestmark = pytest.mark.usefixtures("ray_cluster")
FOLDER = Path(__file__).parents[2] / "launch"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".sh", ".yaml"))
CLUSTERS = ["cluster.yaml", "cluster-aws.yaml"]


def load(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_begins_with_what_it_needs_and_how_it_is_used(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[: next(n for n, line in enumerate(lines) if line and line[0] != "#")]
    assert [line.split(":")[0] for line in head if line.startswith(("# Prerequisites:", "# Usage:"))] == [
        "# Prerequisites",
        "# Usage",
    ]
    assert path.name in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CLUSTERS)
def test_cluster_files_fit_the_schema_of_ray_up(name):
    import ray
    from ray.autoscaler._private.util import prepare_config, validate_config

    jsonschema.validate(load(name), json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text()))
    if load(name)["provider"]["type"] == "local":  # the other kind asks its cloud
        validate_config(prepare_config(load(name)))


@pytest.mark.parametrize("name", CLUSTERS)
def test_cluster_files_start_nodes_with_tokens_and_options_that_ray_start_knows(name):
    from ray.scripts import scripts

    content = load(name)
    assert "~/.ray/auth_token" in content["file_mounts"]
    assert any("chmod 600 ~/.ray/auth_token" in line for line in content["setup_commands"])
    for role in ("head", "worker"):
        (start,) = [line for line in content[f"{role}_start_ray_commands"] if "ray start" in line]
        before, _, options = start.partition("ray start ")
        assert "RAY_AUTH_MODE=token" in before.split()
        found = scripts.start.make_context("ray start", shlex.split(options)).params
        assert found["head"] == (role == "head")
        assert found["dashboard_host"] == "127.0.0.1"


def recorded(script, tmp_path, *argv, **env):
    """The words with which a script calls the last of its commands, which only writes them down."""
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/bash\nprintf "%s\\0" "$@" > "$RECORD"\n')
    tool.chmod(0o755)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    given = outside | {"RECORD": str(tmp_path / "record"), "HOME": str(tmp_path), **env}
    subprocess.run([FOLDER / script, *argv], check=True, env=given, timeout=30)
    return (tmp_path / "record").read_text().split("\0")[:-1]


def test_a_job_is_submitted_with_options_that_ray_job_submit_knows(tmp_path):
    from ray.dashboard.modules.job.cli import submit

    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("t")
    token.chmod(0o644)
    env = {"RAY": str(tmp_path / "tool"), "JOB_OPTIONS": "--no-wait --submission-id it"}
    words = recorded("job.sh", tmp_path, "--boxes", "7", "--task", "rows", **env)
    assert words[:2] == ["job", "submit"]
    found = submit.make_context("ray job submit", words[2:]).params
    assert (found["submission_id"], found["no_wait"], found["working_dir"]) == ("it", True, ".")
    assert (FOLDER.parent / found["runtime_env"]).exists()
    assert found["entrypoint"][:3] == ("python", "-m", "dni_actors.launch")
    config = parse(found["entrypoint"][3:])
    assert (config.boxes, config.output.storage) == (7, "~/dni-runs")
    assert token.stat().st_mode & 0o777 == 0o600
    words = recorded("job.sh", tmp_path, "--storage", "/shared", **env)
    assert parse(words[words.index("dni_actors.launch") + 1 :]).output.storage == "/shared"


def test_what_a_job_brings_along_is_a_runtime_environment_without_secrets():
    from ray.runtime_env import RuntimeEnv

    content = load("runtime-env.yaml")
    RuntimeEnv(**content)
    assert "env_vars" not in content
    assert {".venv*", "/runs", "/data", ".git"} <= set(content["excludes"])


def test_a_slurm_job_starts_ray_and_the_run_with_options_that_both_know(tmp_path):
    from ray.scripts import scripts, symmetric_run

    for name in ("scontrol", "srun"):
        (tmp_path / name).write_text('#!/bin/bash\n[ "${0##*/}" = scontrol ] && echo n1 && exit\nexec tool "$@"\n')
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "n[1-4]", "SLURM_JOB_NUM_NODES": "4"}
    words = recorded("slurm.sh", tmp_path, "--boxes", "7", "--task", "rows", SLURM_JOB_ID="9", **env)
    rest = words[words.index("symmetric-run") + 1 :]
    ours, entrypoint = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    found = symmetric_run.symmetric_run.make_context("_", ours, resilient_parsing=True).params
    assert (found["address"], found["min_nodes"]) == ("n1:6379", 4)
    scripts.start.make_context("ray start", symmetric_run.curate_and_validate_ray_start_args(ours))
    assert entrypoint[:3] == ["python", "-m", "dni_actors.launch"]
    config = parse(entrypoint[3:])
    assert (config.boxes, config.execution.address) == (7, "n1:6379")
    assert not (tmp_path / ".ray" / "slurm-9").exists(), "the token is gone with the job"


TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}


def closed(required, **properties):
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


LIST = {"type": "array", "minItems": 1}
AMOUNTS = {"type": "object", "additionalProperties": TEXT}
CONTAINER = closed(
    ["name", "image"],
    name=TEXT, image=TEXT,
    env=LIST | {"items": closed(["name", "value"], name=TEXT, value=TEXT)},
    resources=closed(["limits"], limits=AMOUNTS, requests=AMOUNTS),
    volumeMounts=LIST | {"items": closed(["name", "mountPath"], name=TEXT, mountPath=TEXT)},
)  # fmt: skip
CLAIM = closed(["claimName"], claimName=TEXT)
VOLUME = closed(["name", "persistentVolumeClaim"], name=TEXT, persistentVolumeClaim=CLAIM)
POD = closed(["containers"], containers=LIST | {"items": CONTAINER}, volumes=LIST | {"items": VOLUME})
GROUP = {"rayStartParams": AMOUNTS, "template": closed(["spec"], spec=POD)}
WORKERS = closed(
    ["groupName", "rayStartParams", "template"],
    groupName=TEXT, replicas=NUMBER, minReplicas=NUMBER, maxReplicas=NUMBER, **GROUP,
)  # fmt: skip
# The fields used, as KubeRay's API reference has them (ray.io/v1).
RAY_JOB = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=closed(["name"], name=TEXT),
    spec=closed(
        ["entrypoint", "rayClusterSpec"],
        entrypoint=TEXT,
        shutdownAfterJobFinishes={"type": "boolean"},
        ttlSecondsAfterFinished=NUMBER,
        submissionMode={"enum": ["K8sJobMode", "HTTPMode", "SidecarMode", "InteractiveMode"]},
        backoffLimit=NUMBER,
        rayClusterSpec=closed(
            ["rayVersion", "authOptions", "headGroupSpec"],
            rayVersion=TEXT,
            authOptions=closed(["mode"], mode={"const": "token"}),
            headGroupSpec=closed(["rayStartParams", "template"], **GROUP),
            workerGroupSpecs=LIST | {"items": WORKERS},
        ),
    ),
)


def test_the_manifest_for_kubernetes_fits_the_schema_and_the_command():
    content = load("rayjob.yaml")
    jsonschema.validate(content, RAY_JOB)
    assert content["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")
    words = shlex.split(content["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "dni_actors.launch"]
    config = parse(words[3:])
    workers = content["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    pods = [(group["replicas"], group["template"]["spec"]["containers"][0]) for group in workers]
    assert sum(n * int(pod["resources"]["limits"]["cpu"]) for n, pod in pods) >= config.boxes
    for _, pod in pods:
        assert config.output.storage in [mount["mountPath"] for mount in pod["volumeMounts"]]
