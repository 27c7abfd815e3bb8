"""Strips side by side: their slices, and how far they reach back."""

import pytest

from dni_actors.observe.strip import Strip, slices, span


@pytest.mark.parametrize(
    ("letters", "ages", "seconds", "count", "told"),
    [
        ("FB", (1.0, 0.5), 1.0, 4, "FFBB"),
        ("FB", (1.0, 0.4), 1.0, 2, "FB"),
        ("FBh", (9.0, 0.5, 0.25), 1.0, 4, "FFBh"),  # what was going on before goes on
        ("F", (0.5,), 1.0, 4, "  FF"),  # before its first mark nothing is known
        ("", (), 1.0, 4, "    "),
        ("FBU", (2.0, 1.9, 1.8), 1.0, 3, "UUU"),
        ("hBU", (1.0, 0.6, 0.25), 1.0, 1, "B"),  # it worked for most of it, though no letter is as long as the wait
        ("hBU", (1.0, 0.45, 0.2), 1.0, 1, "h"),
    ],
)
def test_a_slice_shows_what_fills_most_of_it(letters, ages, seconds, count, told):
    assert slices(Strip(0.0, ages, letters), seconds, count) == told


@pytest.mark.parametrize(
    ("ages", "most", "seconds"),
    [((3.0, 2.0), 5.0, 1.0), ((3.0, 0.6), 5.0, 0.5), ((3.0, 3.0), 0.016, 0.015), ((3.0, 0.0), 1.0, 0.0), ((), 1, 0)],
)
def test_a_span_is_a_round_number_that_all_strips_cover(ages, most, seconds):
    assert span([Strip(0.0, (age,) if age else (), "F" if age else "") for age in ages], most) == pytest.approx(seconds)
