"""The files of launch/ ask for the versions of pyproject.toml and constraints.txt, and for what is there."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dni_actors import __version__

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n") if "==" in line
)
ON_A_NODE = {
    "ray[default]" + one.removeprefix("ray") if one.startswith("ray==") else one for one in PROJECT["dependencies"]
}
DOCKERFILE = (LAUNCH / "Dockerfile").read_text(encoding="utf-8")
STEPS = re.findall(r"^([A-Z]+) (.*)$", DOCKERFILE, re.MULTILINE)
IMAGE = f"registry.example/dni-actors:{__version__}"


def test_the_package_has_one_version():
    assert PROJECT["version"] == __version__


def test_what_is_pinned_fits_what_is_asked_for():
    for asked in map(Requirement, PROJECT["dependencies"]):
        pinned = {name.lower().replace("_", "-"): version for name, version in PINNED.items()}[asked.name]
        assert asked.specifier.contains(pinned), f"{asked} and {pinned}"


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster-aws.yaml"])
def test_nodes_of_a_cluster_get_what_the_package_needs(name):
    setup = yaml.safe_load((LAUNCH / name).read_text(encoding="utf-8"))["setup_commands"]
    (install,) = [shlex.split(line) for line in setup if "pip install" in line]
    assert set(install[install.index("--quiet") + 1 :]) - {"boto3"} == ON_A_NODE


def test_a_job_may_bring_what_the_package_needs_beside_ray():
    (line,) = re.findall(r"^# pip: (\[.*\])$", (LAUNCH / "runtime-env.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    names = {Requirement(one).name for one in PROJECT["dependencies"]}
    assert set(yaml.safe_load(line)) == names - {"ray"}


def test_the_image_is_the_one_that_kubernetes_runs_with_the_ray_that_is_pinned():
    cluster = yaml.safe_load((LAUNCH / "rayjob.yaml").read_text(encoding="utf-8"))["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    images = {pod["image"] for group in groups for pod in group["template"]["spec"]["containers"]}
    assert images == {IMAGE}
    assert set(re.findall(r"registry\.example/\S+", DOCKERFILE)) == {IMAGE}
    assert cluster["rayVersion"] == PINNED["ray"]


def test_the_image_installs_what_is_pinned_with_a_python_that_the_package_takes():
    kinds = [kind for kind, _ in STEPS]
    assert kinds[0] == "FROM"
    image, _, version = STEPS[0][1].partition(":")
    assert image == "python"
    assert version.removesuffix("-slim") in SpecifierSet(PROJECT["requires-python"])
    (install,) = [shlex.split(what.split(" && ")[0]) for kind, what in STEPS if kind == "RUN" and "pip install" in what]
    assert install[-3:] == ["--constraint", "constraints.txt", ".[cluster]"]
    assert "cluster" in PROJECT["optional-dependencies"]
    assert not re.search(r"==|>=", DOCKERFILE), "versions stand in constraints.txt alone"


def test_what_the_image_copies_is_there_and_reaches_the_builder():
    sources = [source for kind, what in STEPS if kind == "COPY" for source in what.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    lines = (LAUNCH / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert sorted(line[1:] for line in lines if line[0] == "!") == sorted(sources)
    needed = {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml", "constraints.txt", "dni_actors"}
    assert needed == set(sources)
