"""Marks in a ring, the strips cut from them, and their slices."""

import pytest

from dni_actors.observe.strip import MOST, SIZE, Marks, Strip, slices, span


def marks(*several):
    found = Marks()
    for now, letter in several:
        found.add(now, ord(letter))
    return found


def test_a_strip_holds_the_marks_before_its_end_and_what_was_going_on_a_second_ago():
    strip = marks((0.0, "F"), (1.0, "B"), (2.5, "U"), (3.0, "h"), (3.5, "F")).strip(3.25, 100.0)
    assert (strip.until, strip.letters) == (100.0, "BUh")
    assert strip.ages == pytest.approx((2.25, 0.75, 0.25))
    assert marks().strip(3.0, 100.0) == Strip(100.0, (), "")


def test_the_ring_forgets_and_a_strip_has_no_more_marks_than_it_may():
    found = Marks()
    for i in range(3 * SIZE + 5):
        found.add(i * 1e-5, ord("FB"[i % 2]))
    end = (3 * SIZE + 4) * 1e-5
    strip = found.strip(end, 0.0)
    assert len(strip.letters) == len(strip.ages) == MOST
    assert strip.ages[-1] == pytest.approx(0.0)
    assert strip.ages[0] == pytest.approx((MOST - 1) * 1e-5)
    assert found.strip(0.0, 0.0).letters == ""  # long overwritten


@pytest.mark.parametrize(
    ("letters", "ages", "seconds", "count", "told"),
    [
        ("FB", (1.0, 0.5), 1.0, 4, "FFBB"),
        ("FB", (1.0, 0.4), 1.0, 2, "FB"),
        ("FBh", (9.0, 0.5, 0.25), 1.0, 4, "FFBh"),  # what was going on before goes on
        ("F", (0.5,), 1.0, 4, "  FF"),  # before its first mark nothing is known
        ("", (), 1.0, 4, "    "),
        ("FBU", (2.0, 1.9, 1.8), 1.0, 3, "UUU"),
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
