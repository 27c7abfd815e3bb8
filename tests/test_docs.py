"""Whatever the docs point at is there: files, headings, pictures, modules, options. Nothing is asked of a network."""

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from dni_actors.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
FOLDERS = [
    path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in ("build", "runs")
]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for found in (ROOT.glob("*.md"), *(folder.rglob(kind) for folder in FOLDERS for kind in ("*.md", "*.ipynb")))
    for path in found
)
OF_NOW = [name for name in PAGES if name != "CHANGELOG.md"]  # which tells of what was, too
# Of other people's commands: ray, ray start, git worktree, pip, ssh.
FOREIGN = {"--generate", "--head", "--port", "--temp-dir"}
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


@cache
def text_of(page):
    """A page's Markdown: of a notebook, that of its cells."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".md"):
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def anchors(page):
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    bare = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in bare}


def code(page):
    """All that is set as code: blocks and spans."""
    text = text_of(page)
    return "\n".join(FENCED.findall(text) + re.findall(r"`([^`]+)`", FENCED.sub("", text)))


def test_every_page_is_looked_at():
    assert {"README.md", "CONTRIBUTING.md", "docs/tutorial.md", "docs/your-data.ipynb", "launch/README.md"} <= set(
        PAGES
    )


def test_the_index_has_every_page_of_the_docs():
    links = set(re.findall(r"\]\((\S+?)\)", text_of("docs/README.md")))
    assert {Path(page).name for page in PAGES if page.startswith("docs/")} - {"README.md"} <= links


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            there = str(found.resolve().relative_to(ROOT.resolve()))
            assert anchor in anchors(there), f"{page} links to {target}; {there} has the headings {anchors(there)}"


@pytest.mark.parametrize("page", OF_NOW)
def test_every_module_is_there(page):
    for name in set(re.findall(r"\b(?:dni_actors|bench)(?:\.\w+)+", code(page))):
        if name.endswith((".py", ".md")):
            continue
        parts = name.split(".")
        try:
            what = importlib.import_module(".".join(parts[:2]))
        except ModuleNotFoundError:
            what = importlib.import_module(parts[0])
            assert hasattr(what, parts[1]), f"{page} names {name}"
        for n, part in enumerate(parts[2:], 2):
            if not hasattr(what, part):
                module = ".".join(parts[: n + 1])
                if module == name:  # there it may need packages that only `make bench` has
                    assert importlib.util.find_spec(module), f"{page} names {name}"
                    break
                importlib.import_module(module)
            what = getattr(what, part)


@pytest.mark.parametrize("page", OF_NOW)
def test_every_file_is_there(page):
    """`tests/test_x.py` from the root; `box/time_box.py` and the like within the package, as well."""
    for name in set(re.findall(r"(?<![\w./-])[\w-]+/[\w./-]+\.(?:py|md|sh|yaml|txt|toml)\b", code(page))):
        places = [ROOT, ROOT / "dni_actors", ROOT / "dni_actors" / "box", (ROOT / page).parent]
        made = name.startswith(("runs/", "results/"))
        assert made or any((place / name).exists() for place in places), f"{page} names {name}"


@pytest.fixture(scope="module")
def options():
    """Those of all commands, and of the benches."""
    known = set()
    for name in COMMANDS:
        words = [sys.executable, "-m", f"dni_actors.{name}", "--help-all" if name == "launch" else "--help"]
        known |= options_in(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    for path in (ROOT / "bench").glob("*.py"):
        known |= options_in(" ".join(re.findall(r'"--[\w-]+"', path.read_text(encoding="utf-8"))))
    return known


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


@pytest.mark.parametrize("page", OF_NOW)
def test_every_option_is_there(page, options):
    ours = "\n".join(line for line in code(page).splitlines() if not re.search(r"\b(pip|pytest|git) ", line))
    assert options_in(ours) - options - FOREIGN == set()
