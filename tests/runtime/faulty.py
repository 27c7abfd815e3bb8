"""Boxes with faults: one whose calls of its neighbours are lost, repeated or held back, and one that hangs."""

import random
import threading

from dni_actors.runtime.wires.ray_calls import RayCalls
from dni_actors.runtime.worker import loop
from dni_actors.runtime.worker.actor import BoxActor


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
    def __init__(self):
        super().__init__()
        loop.ASK_AFTER = 0.05

    def call(self, left, right):
        self._box.wire = LossyCalls(left, right, self._box.deliver, self._k)


class HangingActor(BoxActor):
    """Box 1 comes to its sixth forward pass and no further, but for when it has been started again."""

    def stand(self, config, run, incarnation, cut):
        key = super().stand(config, run, incarnation, cut)
        if incarnation == 0 and self._k == 1:
            box = self._box.stepper.box
            forward, left = box.forward, iter(range(5))

            def hanging(*args):
                if next(left, None) is None:
                    threading.Event().wait()
                return forward(*args)

            vars(box)["forward"] = hanging
        return key
