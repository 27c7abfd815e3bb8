"""The wire of plain Ray actor calls: slow (about 0.6 ms of CPU a message), but it needs no port of its own."""

from typing import Any

from dni_actors.box.channel import Arrays, Channel


class RayCalls:
    """Sends a box's messages by calling `deliver` on its neighbours' actors (`left`, `right`; None at the ends).

    Ray serialises the arrays before a call returns, so a box may go on to overwrite them. Calls keep their order from
    one caller, but nothing here relies on it: a message is known by its channel and index.
    """

    def __init__(self, left: Any, right: Any) -> None:
        calls = {-1: left, 1: right}
        self._deliver = {d: box.deliver.options(num_returns=0) for d, box in calls.items() if box is not None}

    def send(self, channel: Channel, index: int, arrays: Arrays) -> None:
        self._deliver[channel.direction].remote(channel, index, arrays)
