"""What a box asks of its data, whether that is a window of samples or the next steps of streams."""

from collections.abc import Sequence
from typing import Protocol

from dni_actors.box.data.feed import Feed
from dni_actors.box.data.scaled import Scaled
from dni_actors.box.data.stream import StreamFeed
from dni_actors.box.messages import Score, State
from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array


class Data(Protocol):
    """Shapes: b samples of a piece, S state width, F facts of a stream's row."""

    chunks: int
    """of an evaluation: first those of the validation part, then those of the test part"""
    validation_chunks: int

    def load(self, n: int, pieces: Sequence[Piece]) -> None:
        """Shares the mini-batch of tick n out over the pieces, if it does not come with the state."""

    def enter(self, n: int, came: State | None, piece: Piece) -> Array:
        """What came with the state, None where a sequence begins: the state [b, S] that the passage begins with."""

    def facts(self, piece: Piece) -> Array | None:
        """[b, F] that ride on with the state."""

    def back(self, gradient: Array) -> Array:
        """dL/d(state in) [b, S] as it goes back."""

    def enter_held_out(self, chunk: int, came: Score | None, piece: Piece) -> tuple[Array, int]:
        """As `enter`, for a chunk of an evaluation; and how many of its rows count."""

    def begins(self, chunk: int) -> bool:
        """Whether a chunk goes on from no other one."""

    def reached(self) -> float:
        """How far a curriculum has come, after a chunk; NaN if there is none."""

    @property
    def scaled(self) -> Scaled:
        """How numbers come in, and answers go out."""

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""


def data_of(config: RunConfig, k: int) -> Data:
    """Of box k."""
    if config.streaming is not None:
        return StreamFeed(config, config.streaming, k)
    return Feed(config, config.window(k), flat=config.chain.cell == "dense")
