"""Two other ways to use K machines, which cut the mini-batch and not the sequence: each worker holds the whole chain.

    data-parallel   workers average their gradients after each tick
    DiLoCo          workers average what they have learned after every H ticks (Douillard et al. 2023, H = 500)

In a tick a worker does as much work as its box did. All wait for the slowest, then exchange the weights of the whole
chain by recursive halving and doubling: 2 log2 K messages one after the other, 2 (K-1)/K of the weights each way
(Thakur, Rabenseifner and Gropp 2005, section 4.5).
"""

import math

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.simulate.scene import Late, Row, Scene


class Together:
    """Workers that wait for each other after every so many ticks. As `recurrence.Ticks`."""

    def __init__(self, scene: Scene, every: int, sending: int) -> None:
        """`sending`: nanoseconds that a link needs for the weights of the whole chain."""
        self._every, boxes = every, scene.boxes
        self._rounds = 2 * math.ceil(math.log2(boxes))
        self._sending = round(2 * (boxes - 1) / boxes * sending)
        self.done: Array = np.zeros(boxes, np.int64)
        self.late = Late.of(1, boxes)

    def tick(self, n: int, row: Row) -> None:
        self.done = self.done + row.work.total
        if (n + 1) % self._every == 0:
            self.done[:] = self.done.max() + self._sending + self._rounds * row.there.max(initial=0)

    def restart(self, n: int, at: int) -> None:
        self.done[:] = at
