"""Messages as bytes: a header of fixed size, and the raw array in a frame of its own. Anything else is malformed.

magic  version  kind  channel  run       incarnation  index  sent     mark  dtype  rank  rows  columns
4 s    u16      u8    u8       16 bytes  u32          i64    float64  u8    u8     u8    u32   u32       little-endian
"""

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dni_actors.box.channel import Channel
from dni_actors.box.post import Kind, Message
from dni_actors.nn.arrays import Array

MAGIC = b"DNIA"
VERSION = 2
HEADER = struct.Struct("<4sHBB16sIqdBBBII")
CHANNELS, KINDS = tuple(Channel), tuple(Kind)
PLACES = {channel: place for place, channel in enumerate(CHANNELS)}
CODES = {"float16": 2, "float32": 4, "float64": 8}

Buffer = bytes | bytearray | memoryview


class Malformed(ValueError):
    """Bytes that are no message of this run; the text says why."""


class Frames(NamedTuple):
    """How the messages of a run look: its secret name [16 bytes], shape [b, H] and type of arrays, its incarnation."""

    run: bytes
    shape: tuple[int, int]
    dtype: str
    incarnation: int = 0

    @property
    def largest(self) -> int:
        """Bytes of the largest frame."""
        return max(HEADER.size, self.shape[0] * self.shape[1] * CODES[self.dtype])

    def encode(self, message: Message, sent: float) -> list[bytes | Array]:
        """Header, and the array if there is one."""
        kind, channel, index, incarnation, arrays, _, mark = message
        rank, rows, columns = (2, *arrays[0].shape) if arrays else (0, 0, 0)
        place, code = PLACES[channel], CODES[self.dtype]
        sort = (MAGIC, VERSION, kind, place, self.run, incarnation, index, sent, mark)
        return [HEADER.pack(*sort, code, rank, rows, columns), *arrays]

    def decode(self, frames: Sequence[Buffer]) -> Message:
        """The message; Malformed if it is none, of another run, or not of the shape and type of this one."""
        if len(frames[0]) != HEADER.size:
            raise Malformed(f"a header of {len(frames[0])} bytes, not {HEADER.size}")
        sort, shaped = (fields := HEADER.unpack(frames[0]))[:9], fields[9:]
        magic, version, kind, place, run, incarnation, index, sent, mark = sort
        code, rank, rows, columns = shaped
        if magic != MAGIC:
            raise Malformed("no magic number")
        if version != VERSION:
            raise Malformed(f"version {version} of the protocol, not {VERSION}; install one dni_actors everywhere")
        if run != self.run:
            raise Malformed("of another run")
        if kind >= len(KINDS) or place >= len(CHANNELS) or index < 0:
            raise Malformed(f"kind {kind}, channel {place}, index {index}")
        if not math.isfinite(sent) or mark > (CHANNELS[place] is Channel.STATE):
            raise Malformed(f"sent at {sent}, mark {mark}")
        if rank == 0 and kind == Kind.DATA and CHANNELS[place] is not Channel.GRADIENT:
            raise Malformed(f"an empty {CHANNELS[place]}")
        if rank not in (0, 2) or len(frames) != 1 + (rank > 0) or (rank and kind != Kind.DATA):
            raise Malformed(f"{len(frames)} frames for an array of rank {rank}")
        arrays: tuple[Array, ...] = ()
        if rank:
            shape = (rows, columns)
            if shape != self.shape or code != CODES[self.dtype]:
                raise Malformed(f"shape {shape} of type {code}, not {self.shape} of {CODES[self.dtype]}")
            if len(frames[1]) != rows * columns * code:
                raise Malformed(f"{len(frames[1])} bytes for shape {shape}")
            arrays = (np.frombuffer(frames[1], self.dtype).reshape(shape),)
        return Message(KINDS[kind], CHANNELS[place], index, incarnation, arrays, sent, bool(mark))
