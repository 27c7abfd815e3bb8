"""What boxes did of late: the strip of marks that a status takes, and strips side by side.

A mark is a letter; what it names goes on until the next one:

    F forward   s synthesize   B backward   U update   S train synthesizer   E evaluate   h, g wait State, Gradient
"""

from collections.abc import Sequence
from typing import NamedTuple

from dni_actors.protocol.channel import Channel, Phase

LETTERS = {
    str(Phase.FORWARD): "F",
    str(Phase.SYNTHESIZE): "s",
    str(Phase.BACKWARD): "B",
    str(Phase.UPDATE): "U",
    str(Phase.TRAIN): "S",
    str(Phase.EVALUATE): "E",
} | {f"wait {channel}": "h" if channel.direction > 0 else "g" for channel in Channel}
"""by what a trace calls it (trace.py)"""
NOTHING, WAITS = " ", "hg"
MOST = 256  # marks in a strip
LONGEST = 1.0  # seconds of a strip


class Strip(NamedTuple):
    """A box's newest marks before an instant."""

    until: float
    """seconds of a clock that boxes share"""
    ages: tuple[float, ...]
    """seconds before that, oldest first"""
    letters: str


def span(strips: Sequence[Strip], most: float) -> float:
    """Seconds before their instant that all strips tell of, `most` at most, as a round number; 0 if one is empty."""
    known = min((strip.ages[0] if strip.ages else 0.0 for strip in strips), default=0.0)
    least = min(known, most, LONGEST)
    steps = [digit * 10.0**-power for power in range(6) for digit in (10, 7, 5, 3, 2, 1.5)]
    return next((step for step in steps if step <= least * (1 + 1e-9)), 0.0)


def slices(strip: Strip, seconds: float, count: int) -> str:
    """The last `seconds` before the strip's instant in `count` slices: of each whether the box mostly worked or waited,
    and of that the letter that fills most."""
    width = seconds / count
    shares: list[dict[str, float]] = [{} for _ in range(count)]
    for age, end, letter in zip(strip.ages, (*strip.ages[1:], 0.0), strip.letters, strict=False):
        left, right = max(0.0, (seconds - age) / width), (seconds - end) / width  # in slices from the left
        at = int(left)
        while right > 0 and at < count and left < right:
            part = min(right, at + 1) - left
            shares[at][letter] = shares[at].get(letter, 0.0) + part
            at, left = at + 1, at + 1.0
    return "".join(map(longest, shares))


def longest(share: dict[str, float]) -> str:
    """Of a slice's letters and how long each was."""
    waited = {letter: long for letter, long in share.items() if letter in WAITS}
    worked = {letter: long for letter, long in share.items() if letter not in WAITS}
    most = worked if sum(worked.values()) >= sum(waited.values()) else waited
    return max(most, key=most.__getitem__) if most else NOTHING
