"""Two other ways to use K machines, which cut the mini-batch and not the sequence: each worker holds the whole chain.

    data-parallel   workers average their gradients after each tick
    DiLoCo          workers average what they have learned after every H ticks (Douillard et al. 2023, H = 500)

In a tick a worker does as much work as its box did. All wait for the slowest, then exchange the weights of the whole
chain by recursive halving and doubling: 2 log2 K messages one after the other, 2 (K-1)/K of the weights each way
(Thakur, Rabenseifner and Gropp 2005, section 4.5).

Workers of one node share its cores, so that together they take at least as long as the cores need; and only one message
of each node goes over links: averages within a node are for nothing.
"""

import math

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.timing.scene import Late, Nodes, Row, Scene


class Together:
    """Workers that wait for each other after every so many ticks. As `recurrence.Ticks`."""

    def __init__(self, scene: Scene, every: int, sending: int) -> None:
        """`sending`: nanoseconds that a link needs for the weights of the whole chain."""
        nodes = scene.nodes or Nodes(tuple(range(scene.boxes)))
        self._every, self._cores, self._node = every, nodes.cores or scene.boxes, np.array(nodes.of_box)
        parties = len(set(nodes.of_box))
        self._rounds = 2 * math.ceil(math.log2(parties))
        self._sending = round(2 * (parties - 1) / parties * sending)
        self._spent: Array = np.zeros(scene.boxes, np.int64)
        """with and without a core, since all began together"""
        self._awake = self._spent
        self.done = self._begun = self._spent
        self.late = Late.of(1, scene.boxes)

    def tick(self, n: int, row: Row) -> None:
        self._spent = self._spent + row.work.total
        self._awake = self._awake + row.work.total - row.asleep.sum(axis=0)
        needed = np.bincount(self._node, self._awake).astype(np.int64) // self._cores
        self.done = self._begun + np.maximum(self._spent, needed[self._node])
        if (n + 1) % self._every == 0:
            self.restart(n + 1, int(self.done.max()) + self._sending + self._rounds * int(row.there.max(initial=0)))

    def restart(self, n: int, at: int) -> None:
        self._spent = self._awake = np.zeros_like(self._spent)
        self.done = self._begun = np.full_like(self._spent, at)
