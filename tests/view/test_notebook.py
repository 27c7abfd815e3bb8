"""The console in a notebook, of which a stand-in collects what it is shown; docs/your-data.ipynb runs in a real one."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dni_actors.experiment import run
from tests.tiny import tiny


class ZMQInteractiveShell:
    """As a kernel's is called."""


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, update by update."""
    found = []

    def display(data, raw, display_id):
        assert raw
        assert display_id
        found.append(data)
        return SimpleNamespace(update=lambda data, raw: found.append(data))

    ipython = SimpleNamespace(get_ipython=ZMQInteractiveShell, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return found


@pytest.mark.parametrize("console", ["auto", "live"])
def test_a_notebook_shows_one_display_that_is_updated_and_the_summary(tmp_path, shown, capsys, console):
    run(tiny(storage=str(tmp_path), console=console, ticks=20))
    assert len(shown) >= 2
    assert "making 3 boxes" in shown[0]["text/plain"]
    assert "20/20" in shown[-1]["text/plain"]
    assert shown[-1]["text/html"].startswith("<pre")
    assert "\x1b" not in shown[-1]["text/plain"]
    out = capsys.readouterr().out
    assert out.startswith("sequences of 7 steps, 3 inputs; 2 classes, one a sequence; ")
    assert "\nfinished: test accuracy" in out


def test_other_consoles_stay_what_they_are_in_a_notebook(tmp_path, shown, capsys):
    run(tiny(storage=str(tmp_path), console="plain", ticks=5))
    run(tiny(storage=str(tmp_path), console="quiet", ticks=5))
    assert not shown
    assert capsys.readouterr().out.count("finished:") == 1


def test_the_notebook_in_the_docs_runs(tmp_path):
    """In a real kernel, from top to bottom."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    page = nbformat.read(Path(__file__).parents[2] / "docs" / "your-data.ipynb", as_version=4)
    nbclient.NotebookClient(page, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = "".join(output.get("text", "") for cell in page.cells for output in cell.get("outputs", []))
    assert "It has learned" in told
    htmls = [
        o["data"]["text/html"] for c in page.cells for o in c.get("outputs", []) if "text/html" in o.get("data", {})
    ]
    assert any("<pre" in text for text in htmls), "the console"
    assert any("data:image/png" in text for text in htmls), "the result"
