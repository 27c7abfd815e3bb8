"""A cut: the chain's state between tick n-1 and tick n in every box, of which each box has its part.

There a Gradient channel holds the last L gradients put, no more, and a State channel nothing (but a ring's last one G
states, and L where states are predicted). Box 0 decides that a
cut comes after a tick and marks that tick's State; who takes the mark hands it on and puts its part aside after the
tick. So a cut is consistent, whoever is ahead of whom, and nobody waits for it (Chandy and Lamport 1985: the mark is
their marker, on channels that the program reads in step).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from dni_actors.box.errors import ProtocolError
from dni_actors.box.messages import Contents
from dni_actors.box.time_box import PASSAGE, TimeBox
from dni_actors.nn.arrays import Array
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.post import Post


class BoxCut(NamedTuple):
    """A box's part of a cut."""

    tick: int
    """the cut lies before it"""
    digest: str
    """of the box's weights, then"""
    seconds: float
    """of training, up to then"""
    arrays: dict[str, Array]
    under_way: dict[Channel, dict[int, Contents]]
    """by channel and index: what the box has put and a neighbour has still to take"""


class Cuts(Protocol):
    """Where the complete cuts of a run are kept."""

    @property
    def marker(self) -> str | None:
        """A file beside them; None where they are not in a folder."""

    def newest(self) -> Sequence[BoxCut] | None:
        """Each box's part of the last complete cut; None if there is none yet."""


class NoCuts:
    """For runs that are not kept."""

    marker = None

    def newest(self) -> None:
        return None


def take(box: TimeBox, post: Post, n: int, first: dict[Channel, int], seconds: float) -> BoxCut:
    """A copy of all that the box carries over the cut before tick n; `first`: see schedule.under_way."""
    arrays = {name: array.copy() for name, array in box.state().items()}
    return BoxCut(n, box.digest(), seconds, arrays, {c: post.kept(c, index) for c, index in first.items()})


def restore(box: TimeBox, inbox: Inbox, post: Post, cut: BoxCut) -> None:
    """Puts a fresh box and its post to where the cut was taken. ProtocolError as in `fill`."""
    fill(box, cut)
    if box.has_right:
        inbox.unanswered = cut.tick * box.micro_batches - inbox.first[Channel.GRADIENT]
    for channel, put in cut.under_way.items():
        post.keep(channel, put)


def fill(box: TimeBox, cut: BoxCut) -> None:
    """Gives a fresh box all that the cut's carried. ProtocolError if it was taken of another kind of box."""
    state = box.state()

    def fits(name: str, array: Array) -> bool:
        return name in state and array.shape[1:] == state[name].shape[1:] and len(array) <= len(state[name])

    wrong = [f"{name} {array.shape}" for name, array in cut.arrays.items() if not fits(name, array)]
    wrong += [f"no {name}" for name in state if name not in cut.arrays and not name.startswith(PASSAGE)]
    if wrong:
        problem = f"its cut does not fit ({wrong[0]}); was it written by another version of dni_actors?"
        raise ProtocolError(box.index, cut.tick, problem)
    for name, array in cut.arrays.items():
        state[name][: len(array)] = array  # a stash that was no longer than its run goes into a longer one
