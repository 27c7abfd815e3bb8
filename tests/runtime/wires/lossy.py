"""A box whose calls of its neighbours are lost, repeated or held back, as chance has it."""

import random

from dni_actors.runtime import loop
from dni_actors.runtime.actor import BoxActor
from dni_actors.runtime.wires.ray_calls import RayCalls


class LossyCalls(RayCalls):
    def __init__(self, left, right, deliver, seed):
        super().__init__(left, right, deliver)
        self._rng, self._held = random.Random(seed), []

    def carry(self, direction, message):
        fate = self._rng.choice(["come"] * 6 + ["be lost", "come twice", "be late"])
        if fate == "be late":
            self._held.append((direction, message))
        elif fate != "be lost":
            for _ in range(1 + (fate == "come twice")):
                super().carry(direction, message)
        if self._held and self._rng.random() < 0.3:
            super().carry(*self._held.pop(self._rng.randrange(len(self._held))))


class LossyActor(BoxActor):
    def __init__(self, config, k, run):
        super().__init__(config, k, run)
        loop.ASK_AFTER = 0.05

    def call(self, left, right):
        self._box.wire = LossyCalls(left, right, self._box.stepper.deliver, self._k)
