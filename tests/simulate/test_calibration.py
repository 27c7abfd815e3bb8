"""How a run is predicted from calibration runs of others (bench/calibration.py, bench/simulation.py)."""

import numpy as np
import pytest

from bench.calibration import Calibration, Ways, beside
from bench.simulation import LARGE, Case, Measured, Round, group, predicted, row, scene

# Each of the six phases costs 1 ms with 2 steps, 2 ms with 7, 4 ms with 12; in the last box 3 ms more.
CALIBRATION = Calibration(
    np.array([2, 7, 12]), np.array([[0.001, 0.002, 0.004]] * 6), np.array([[0, 0, 0.003]] * 6), 0.0, 0.8
)


def test_costs_of_other_numbers_of_steps_lie_on_the_lines_between_and_beyond():
    found = CALIBRATION.cpu([1, 2, 4, 7, 12, 16, 2])
    assert found[0] == pytest.approx([0.0008, 0.001, 0.0014, 0.002, 0.004, 0.0056, 0.004])


def test_what_else_the_cores_do_is_told_apart():
    """Ten seconds of 4 boxes: 12 s of their threads, 13 s of their processes, 1 s of the driver, 3 s of others."""
    looks = [np.array([0.0, 5, 5, 5, 5]), np.array([10.0, 22, 18, 6, 17])]
    assert beside(looks, 4) == pytest.approx((2 / 4 / 10, 3 / 10))


def measured(**changes):
    return Measured(dict.fromkeys(("synthetic", "locked"), CALIBRATION._replace(**changes)), Ways(0.0005, np.ones(1)))


def test_a_run_is_predicted_with_its_own_links_steps_and_emulated_work():
    case = Case(4, 8, compute="9", link="10", unroll=(7, 7, 7, 7))
    found = scene(case, measured())
    assert found.latency.tolist() == [10_500_000] * 3
    assert found.sleeps.sum(axis=0).tolist() == [9_000_000] * 4
    assert found.work.forward.tolist() == [5_000_000] * 3 + [8_000_000]


def test_boxes_get_a_part_of_the_cores(monkeypatch):
    """Half a core goes to others; each box takes a twenty-eighth for its reports."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    case = Case(14, 4, compute="0", size=LARGE)
    whole, part, less = (predicted(case, measured(box=box), rest) for box, rest in ((0, 0), (0, 0.5), (1 / 28, 0.5)))
    assert part == pytest.approx(whole * 0.75, rel=0.05)
    assert less == pytest.approx(whole * 0.5, rel=0.05)
    locked = case._replace(update="locked")
    assert predicted(locked, measured(), 0.5) == predicted(locked, measured())


def test_boxes_with_a_core_of_their_own_work_faster(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    case = Case(2, 4, compute="0", size=LARGE)
    assert predicted(case, measured()) == pytest.approx(predicted(case, measured(warm=1.0)) / 0.8, rel=0.02)


def test_cases_of_one_size_that_sleep_or_not_share_a_calibration():
    assert group(Case(2, 1, compute="20")) == group(Case(28, 4, "locked", compute="5:35"))
    assert group(Case(2, 1, compute="20")) != group(Case(2, 1, compute="0")) != group(Case(2, 1, "x", "0", size=LARGE))


def test_medians_of_rounds_count():
    assert row([Round(9, 10, 0), Round(30, 10, 0), Round(11, 10, 0.2)])["error"] == pytest.approx(0.1)
