"""Real runs over Ray against what a simulation predicts for them; `make simulate-vs-real` has many more."""

import pytest

from bench.calibration import watched
from bench.simulation import Case, group, measure, predicted
from tests.conftest import Shared

CASES = (
    Case(3, 1, link="40", compute="30"),
    Case(3, 4, link="60", compute="30"),
    Case(3, 1, "locked", link="40", compute="30"),
)


def test_real_runs_are_as_fast_as_predicted(ray_cluster):
    """Emulated delays are most of the time, so that a busy machine changes little."""
    measured = measure(Shared.running, CASES)
    for case in CASES:
        rate = predicted(case, measured[group(case)])
        real = watched(Shared.running, case.config(int(max(15, 2 * rate)))).rate
        assert rate == pytest.approx(real, rel=0.1), case.name
