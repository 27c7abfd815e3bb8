"""What engine 2 moves about: boxes at their seats, the cores that they share, and the ways and links between them.

A million ticks of boxes are ten million requests of their programs, so these are small objects that know each other.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.protocol.channel import Channel, Step
from dni_actors.simulate.weightless import WeightlessBox
from dni_actors.timing.scene import Nodes, Row, Scene


class Costs:
    """A tick's row, to be read number by number."""

    __slots__ = ("asleep", "back", "there", "work")

    def __init__(self, row: Row) -> None:
        self.work, self.asleep = (np.ravel(times, order="F").data for times in (np.array(row.work), row.asleep))
        """[6 K]: box after box"""
        self.there, self.back = row.there.data, row.back.data


class Link:
    """What carries one message after the other."""

    __slots__ = ("free",)

    def __init__(self, at: int) -> None:
        self.free = at
        """when it has sent what it has to send"""


class Way:
    """From a box to a neighbour. Messages of a channel are taken in the order in which they are put."""

    __slots__ = ("boundary", "came", "channel", "link", "sending", "to")

    def __init__(self, channel: Channel, to: "Seat", boundary: int, link: Link, sending: int) -> None:
        self.channel, self.to, self.boundary, self.link, self.sending = channel, to, boundary, link, sending
        self.came = deque[tuple[int, int, Contents]]()
        """of each message that has not been taken yet: when it arrives, its index, and what it carries"""


class Cores:
    """Of a node."""

    __slots__ = ("idle", "queue")

    def __init__(self, idle: int) -> None:
        self.idle = idle
        self.queue = deque[Seat]()
        """boxes whose work waits for one: only while none is idle"""


class Seat:
    """Where a box stands."""

    __slots__ = (
        "asked", "asleep", "awake", "begun", "box", "cores", "costs", "gradients", "k", "late_gradient", "late_state",
        "left", "node", "place", "program", "queued", "right", "states", "tick", "wanted", "working",
    )  # fmt: skip

    def __init__(self, box: WeightlessBox, node: int, cores: Cores, n: int, at: int) -> None:
        self.k, self.box, self.node, self.cores, self.tick, self.begun = box.index, box, node, cores, n, at
        self.costs: Costs
        """of its tick"""
        self.program: Generator[Step, Any, None] | None = None
        """of its tick; None: that has not begun"""
        self.working: bool | None = None
        """True with a core, False without one (emulated work), None: it does not work"""
        self.place = self.asked = self.awake = self.asleep = 0
        """at which phase it works, since when it asked for a core, and nanoseconds with a core and without one"""
        self.wanted: Way | None = None
        """by which a message has to come, since `asked`"""
        self.late_state = self.late_gradient = False
        self.queued = 0
        """what it has waited for in its tick, as in `Late`"""
        self.right: Way
        self.left: Way
        """to the boxes beside it"""
        self.states: Way
        self.gradients: Way
        """from them"""


def seats(boxes: list[WeightlessBox], scene: Scene, n: int, at: int) -> list[Seat]:
    """All boxes before tick n, with ways between neighbours: each over a link of its own, or over that of a node."""
    nodes = scene.nodes or Nodes(tuple(range(scene.boxes)))
    cores = {node: Cores(nodes.cores or scene.boxes) for node in set(nodes.of_box)}
    uplinks = {node: Link(at) for node in cores}
    found = [Seat(box, node, cores[node], n, at) for box, node in zip(boxes, nodes.of_box, strict=True)]
    sendings = zip(scene.sending.tolist(), scene.gradient_sending.tolist(), strict=True)
    for k, (state, gradient) in enumerate(sendings):
        one, other = found[k : k + 2]
        shared = nodes.shared_uplink and one.node != other.node
        there, back = (uplinks[seat.node] if shared else Link(at) for seat in (one, other))
        one.right = other.states = Way(Channel.STATE, other, k, there, state)
        other.left = one.gradients = Way(Channel.GRADIENT, one, k, back, gradient)
    return found
