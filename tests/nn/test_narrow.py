"""Numbers on the wire: how far they are rounded, and what is left of those that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dni_actors.nn.narrow import LEAST, narrow, raw_shape, raw_size, rounded, wide

KINDS = ("float16", "int8")
TINY = float(np.finfo(np.float32).tiny)


def rows(most):
    """Arrays of numbers up to 2^most; those without rows or columns are among them."""
    numbers = st.floats(width=32, min_value=-(2.0**most), max_value=2.0**most)
    return arrays(np.float32, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5), elements=numbers)


@given(rows(126))
def test_int8_is_off_by_at_most_half_a_scale_of_its_row(x):
    found = rounded(x, "int8")
    scale = np.maximum(np.abs(x).max(axis=-1, keepdims=True, initial=0).astype(np.float64) / 127, LEAST)
    assert found.shape == x.shape
    assert (np.abs(found - x.astype(np.float64)) <= scale * 0.50002).all(), "the scale itself is a float32"


@given(rows(126))
def test_float16_is_rounded_once(x):
    once = rounded(x, "float16")
    assert rounded(once, "float16").tobytes() == once.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 8), (0, 8), (3, 0), (8,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_is_as_large_as_is_said_and_comes_back_in_its_shape(kind, shape, dtype, rng):
    x = rng.standard_normal(shape).astype(dtype)
    carried = narrow(x, kind)
    assert (carried.dtype.name, carried.shape) == (kind, raw_shape(kind, shape))
    assert carried.nbytes == raw_size(kind, shape)
    back = wide(carried, kind, dtype)
    assert (back.dtype.name, back.shape) == (dtype, shape)
    assert np.abs(back - x).max(initial=0) < 0.03


def test_float32_is_carried_as_it_is_and_copied(rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    carried = narrow(x, "float32")
    assert carried.tobytes() == x.tobytes()
    assert not np.shares_memory(carried, x)


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_stay_zeros(kind):
    assert rounded(np.zeros((2, 5), np.float32), kind).tolist() == [[0.0] * 5] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so_and_spoils_no_other_row(kind, wrong):
    x = np.ones((3, 4), np.float32)
    x[1, 2] = wrong
    found = rounded(x, kind)
    assert not np.isfinite(found[1, 2])
    assert found[[0, 2]].tolist() == [[1.0] * 4] * 2


def test_a_number_beyond_all_of_its_kind_becomes_infinite_or_none():
    assert rounded(np.array([7e4], np.float32), "float16").tolist() == [np.inf]
    assert np.isnan(rounded(np.array([1e300]), "int8")).all(), "its scale is a float32"
    assert rounded(np.array([3e38, 3e36], np.float32), "int8") == pytest.approx([3e38, 3e38 / 127], rel=1e-6)


def test_denormal_numbers_become_zeros():
    x = np.array([1e-45, -3e-42, 5e-39, TINY], np.float32)
    assert rounded(x, "int8").tolist() == [0.0, 0.0, 0.0, TINY], "no scale is less than the least normal number"


def test_a_tie_goes_to_the_even_one():
    assert rounded(np.array([1 + 2**-11, 1 + 3 * 2**-11], np.float32), "float16").tolist() == [1, 1 + 2**-9]
    x = np.array([127, 0.5, 1.5, 2.5, -0.5, -1.5], np.float32)
    assert rounded(x, "int8").tolist() == [127, 0, 2, 2, 0, -2]


def test_each_row_has_a_scale_of_its_own():
    x = np.array([[127, 1, 0.4], [1270, 1, 14]], np.float32)
    assert rounded(x, "int8").tolist() == [[127, 1, 0], [1270, 0, 10]]


def test_an_input_is_not_written_and_may_lie_apart(rng):
    whole = rng.standard_normal((4, 6)).astype(np.float32)
    part = whole[::2, ::3]
    part.flags.writeable = False
    for kind in KINDS:
        assert rounded(part, kind).tobytes() == rounded(part.copy(), kind).tobytes()
