"""Every command of README.md runs, in a folder that looks like the repository.

What would take minutes or hours is made short by options, and what needs a cluster only shows its help: `shorter`
has the list.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
CODE = "\n".join(FENCED.findall(TEXT) + re.findall(r"`([^`]+)`", FENCED.sub("", TEXT)))
COMMANDS = dict.fromkeys(
    re.findall(r"^((?:make|python|dni(?= )|launch/\w+\.sh)\b[^#\n]*?) *(?:#.*)?$", CODE, re.MULTILINE)
)
INSTALLING = ("python3 ", ".venv/bin/python -m pip ", "touch ")
SHORT = ["--ticks", "8", "--runtime", "inline"]


def shorter(words):
    """One command, as words, with what makes it short."""
    command = re.sub(r"python -m dni_actors[. ]", "dni ", " ".join(words))  # three ways to say the same
    if "dni launch" in command and "--help" not in command:
        return [*words, *SHORT]  # over Ray: tests/test_launch.py
    if "dni compare" in command:
        return [*words, *SHORT, "--seeds", "1"]  # 100 s
    if "dni demo" in command or "bench" in command:
        return [*words, "--help"]  # a minute: tests/test_demo.py runs it, shorter; the benches take up to hours
    if "pytest" in command:
        return [*words, "-n", "0", "--collect-only", "-q"]  # minutes, and this test is one of them
    if words[0].endswith(("/ruff", "/mypy")):
        return [*words, "--help"]  # half a minute: CI does it
    return words


def recipe(target, arguments):
    """The commands that make runs for a target, without those that install."""
    # Not make's in make: what `make test ARGS=...` was given is for the tests.
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "ARGS"))}
    asked = ["make", "-n", target, *arguments]
    made = subprocess.run(asked, cwd=ROOT, env=bare, capture_output=True, text=True, check=True)
    lines = made.stdout.replace("\\\n", " ").splitlines()
    return [line for line in lines if not line.startswith(INSTALLING)]


def commands(text):
    """What a command of the page comes to, as words."""
    words = shlex.split(re.sub(r"\[[^\]]*\]", "", text))  # [RUN ...] is what may be left out
    if words[0] != "make":
        return [words]
    if words == ["make", "report"]:
        words.append("ARGS=runs/NAME")  # it has to be told what to draw
    return [shlex.split(line) for line in recipe(words[1], words[2:])]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Links to all that lies in the repository, but for runs; and a run."""
    folder = tmp_path_factory.mktemp("repository")
    for path in ROOT.iterdir():
        if path.name[0] != "." and path.name not in ("runs", "build"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    run = [sys.executable, "-m", "dni_actors.launch", *SHORT, "--name", "NAME", "--console", "quiet"]
    subprocess.run(run, cwd=folder, check=True)
    return folder


def test_the_page_has_commands():
    assert {"make demo", "make run", "python -m dni_actors.compare --task rows"} <= set(COMMANDS)


@pytest.mark.parametrize("text", COMMANDS)
def test_every_command_runs(text, repository):
    path = f"{repository / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "RAY": "echo"}  # job.sh without a cluster: tests/cluster has one
    found = commands(text)
    assert found, f"{text} does nothing"
    for words in found:
        given = dict([words.pop(0).split("=")]) if "=" in words[0] else {}  # CLUSTER=1 ...
        command = shorter(words)
        env = {**environment, **given}
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
