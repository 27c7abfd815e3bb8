"""The API reference is built from the docstrings, without a warning, and has all that others may use."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import dni_actors
from dni_actors.estimators import DNIClassifier, DNIRegressor

ROOT = Path(__file__).parent.parent


def test_the_reference_is_built_without_a_warning_and_has_what_others_may_use(tmp_path):
    command = [sys.executable, "-W", "error", ROOT / "docs" / "make_api.py", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "dni_actors.html").read_text(encoding="utf-8")
    assert set(re.findall(r'<section id="(\w+)"', page)) == set(dni_actors.__all__)
    built = {path.relative_to(tmp_path).with_suffix("") for path in tmp_path.rglob("*.html")}
    extending = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    named = {Path(path) for path in re.findall(r"\(\.\./(dni_actors/[\w/]+)\.py\)", extending)}
    named |= {Path(name.replace(".", "/")) for name in re.findall(r"^from (dni_actors[\w.]*) import", extending, re.M)}
    assert len(named) >= 7
    assert named <= built, "what docs/extending.md names has a page"


def test_whatever_is_exported_says_what_it_is():
    exported = [getattr(dni_actors, name) for name in dni_actors.__all__] + [DNIClassifier, DNIRegressor]
    for what in exported:
        members = [member for name, member in vars(what).items() if inspect.isclass(what) and not name.startswith("_")]
        methods = [member for member in members if inspect.isroutine(member) or isinstance(member, property)]
        silent = [member for member in (what, *methods) if not inspect.getdoc(member)]
        assert not silent, f"{what.__name__} has parts without a docstring"
