import numpy as np
import pytest

from dni_actors.view.thin import grid, thin


def test_a_spike_among_a_million_points_stays(rng):
    x = np.arange(1_000_000)
    y = rng.uniform(0, 1, len(x))
    y[[123_456, 777_777]] = 50, -50
    few_x, few_y = thin(x, y)
    assert len(few_x) <= 800
    assert {(123_456, 50), (777_777, -50)} <= set(zip(few_x, few_y, strict=True))
    assert (few_x[0], few_x[-1]) == (0, 999_999)
    assert (np.diff(few_x) > 0).all()
    assert (y[few_x] == few_y).all()


def test_a_short_curve_stays_as_it_is_but_for_what_is_nothing():
    x, y = thin(np.arange(4), np.array([1.0, np.nan, 3.0, 2.0]))
    assert (x.tolist(), y.tolist()) == ([0, 2, 3], [1, 3, 2])
    assert len(thin(np.arange(3), np.full(3, np.nan))[0]) == 0


def test_a_grid_has_the_means_of_its_cells():
    found = grid(np.array([0, 1, 5, 6]), np.array([1.0, 3.0, np.nan, 7.0]), np.array([0, 2, 4, 8]))
    assert found == pytest.approx([2, np.nan, 7], nan_ok=True)
