"""A cut: a box's part of the chain's state between tick n-1 and tick n."""

from typing import NamedTuple

from dni_actors.box.channel import Arrays, Channel, Inbox
from dni_actors.box.time_box import TimeBox
from dni_actors.nn.arrays import Array


class BoxCut(NamedTuple):
    """At a cut the State channels are empty and a Gradient channel holds the last L gradients, no more."""

    tick: int
    arrays: dict[str, Array]
    gradients: dict[int, Arrays]
    """by index: under way to this box"""


def take(box: TimeBox, inbox: Inbox, n: int) -> BoxCut:
    """A copy of all that box and inbox carry over the cut before tick n."""
    return BoxCut(n, {name: a.copy() for name, a in box.state().items()}, inbox.pending(Channel.GRADIENT))


def restore(box: TimeBox, inbox: Inbox, cut: BoxCut) -> None:
    """Puts a fresh box and its empty inbox to where the cut was taken."""
    state = box.state()
    for name, array in cut.arrays.items():
        state[name][: len(array)] = array  # a stash that was no longer than its run goes into a longer one
    inbox.unanswered = len(cut.gradients)
    for index, arrays in cut.gradients.items():
        inbox.add(Channel.GRADIENT, index, arrays, cut.tick)
