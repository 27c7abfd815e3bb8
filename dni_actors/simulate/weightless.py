"""A time box without numerics: its program runs, and its messages say only whether they carry anything."""

from typing import Any

import numpy as np

from dni_actors.box.messages import Gradient, State
from dni_actors.box.time_box import TimeBox
from dni_actors.nn.arrays import Array
from dni_actors.timing.scene import SILENT, Scene

NOTHING = np.zeros(0, np.float32)
STATE, EMPTY, FULL = State(NOTHING), Gradient(), Gradient(NOTHING)


class WeightlessBox(TimeBox):
    """Box k of a scene: what `protocol/program.py` asks a box for, and no more."""

    def __init__(self, scene: Scene, k: int) -> None:
        self.index, self.update_rule, self.lag = k, scene.update, scene.lag
        self.is_first, self.is_last = k == 0, k == scene.boxes - 1
        self.has_left, self.has_right = not self.is_first, not self.is_last
        self.state_lag, self.micro_batches, self.pieces = 0, scene.pieces, 1
        self.delay, self.predicted = int(scene.delays[k]), None
        self.gradient = EMPTY if scene.update in SILENT else FULL

    def begin(self, n: int) -> None:
        pass

    def learn(self, n: int, answer: Gradient) -> None:
        pass

    def load(self, n: int, piece: int | None = None) -> None:
        pass

    def enter(self, n: int, came: State | None, piece: int = 0) -> Array:
        return NOTHING

    def forward(self, h_in: Array, piece: int = 0) -> Array:
        return NOTHING

    def onward(self, n: int, state: Array, piece: int = 0) -> State:
        return STATE

    def synthesize(self, n: int, piece: int = 0) -> tuple[Array, Array]:
        return NOTHING, NOTHING

    def backward(self, d_out: Array | None, piece: int = 0) -> Array:
        return NOTHING

    def answer(self, n: int, gradient: Array) -> Gradient:
        return self.gradient

    def update(self, n: int, piece: Any = None) -> None:
        pass
