"""Other people's data, a file and nothing else: as good as PyTorch, by the figures of bench/results/defaults.json."""

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("sktime")

from bench.defaults import SETS, ours

RIVALS = json.loads((Path(__file__).parents[1] / "bench" / "results" / "defaults.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SETS)
def test_defaults_are_as_good_as_the_rival(tmp_path, name):
    """Within two points of accuracy, or a tenth of the error."""
    np.savez(tmp_path / "it.npz", **SETS[name]())
    found = ours(tmp_path / "it.npz", seed=0)["best"]
    rival = statistics.fmean(run["best"] for run in RIVALS[name]["torch"])
    assert found < 1.1 * rival if name == "covid" else found > rival - 0.02
