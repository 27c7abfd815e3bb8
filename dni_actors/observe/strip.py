"""What boxes did of late: marks of (when, what) in a ring, the strip a status takes of them, and strips side by side.

A mark is a letter; what it names goes on until the next one:

    F forward   s synthesize   B backward   U update   S train synthesizer   E evaluate   h, g wait State, Gradient
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from dni_actors.protocol.channel import Channel, Phase

LETTERS = {
    Phase.FORWARD: "F",
    Phase.SYNTHESIZE: "s",
    Phase.BACKWARD: "B",
    Phase.UPDATE: "U",
    Phase.TRAIN: "S",
    Phase.EVALUATE: "E",
}
WAITS = {channel: "h" if channel.direction > 0 else "g" for channel in Channel}
NOTHING = " "
SIZE = 2**15  # marks that the ring holds: a quarter of a second and more, however small a tick is
MOST = 256  # marks in a strip
LONGEST = 1.0  # seconds of a strip


class Strip(NamedTuple):
    """A box's newest marks before an instant."""

    until: float
    """seconds of a clock that boxes share"""
    ages: tuple[float, ...]
    """seconds before that, oldest first"""
    letters: str


class Marks:
    """The ring: one thread adds, any may look."""

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * SIZE))
        self._letters = bytearray(SIZE)
        self._count = 0

    def add(self, now: float, letter: int) -> None:
        """From `now` on the box does what the letter (its code) names."""
        at = self._count & (SIZE - 1)
        self._times[at] = now
        self._letters[at] = letter
        self._count += 1

    def strip(self, end: float, until: float) -> Strip:
        """The newest marks up to `end`, a time of the clock of `add`, which is `until` on the clock that boxes share.

        A second of them and the one before it, or as many as a strip may have.
        """
        count, times = self._count, self._times
        held = range(max(0, count - SIZE + SIZE // 4), count)  # the rest may be overwritten meanwhile
        last = bisect_right(held, end, key=lambda i: times[i & (SIZE - 1)])
        first = bisect_right(held, end - LONGEST, key=lambda i: times[i & (SIZE - 1)])
        mine = held[max(0, first - 1, last - MOST) : last]
        ages = tuple(end - times[i & (SIZE - 1)] for i in mine)
        return Strip(until, ages, "".join(chr(self._letters[i & (SIZE - 1)]) for i in mine))


def span(strips: Sequence[Strip], most: float) -> float:
    """Seconds before their instant that all strips tell of, `most` at most, as a round number; 0 if one is empty."""
    told = min((strip.ages[0] if strip.ages else 0.0 for strip in strips), default=0.0)
    least = min(told, most, LONGEST)
    steps = [digit * 10.0**-power for power in range(6) for digit in (10, 7, 5, 3, 2, 1.5)]
    return next((step for step in steps if step <= least * (1 + 1e-9)), 0.0)


def slices(strip: Strip, seconds: float, count: int) -> str:
    """The last `seconds` before the strip's instant in `count` slices: of each the letter that fills most of it."""
    width = seconds / count
    shares: list[dict[str, float]] = [{} for _ in range(count)]
    for age, end, letter in zip(strip.ages, (*strip.ages[1:], 0.0), strip.letters, strict=False):
        left, right = max(0.0, (seconds - age) / width), (seconds - end) / width  # in slices from the left
        at = int(left)
        while right > 0 and at < count and left < right:
            part = min(right, at + 1) - left
            shares[at][letter] = shares[at].get(letter, 0.0) + part
            at, left = at + 1, at + 1.0
    return "".join(max(share, key=share.__getitem__) if share else NOTHING for share in shares)
