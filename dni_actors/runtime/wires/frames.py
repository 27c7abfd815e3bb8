"""Messages as bytes: a header of fixed size, and each raw array in a frame of its own.

magic  version  kind  channel  run       incarnation  index  sent     mark  arrays     four times: dtype  rows  columns
4 s    u16      u8    u8       16 bytes  u32          i64    float64  u8    u8                     u8     u32   u32

Little-endian; a vector has 0 columns. What a channel's messages carry is known (box/layout.py): all else is malformed.
"""

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dni_actors.box.channel import Channel
from dni_actors.box.layout import Layout, Spec
from dni_actors.box.post import Kind, Message
from dni_actors.nn.arrays import Array

MAGIC = b"DNIA"
VERSION = 3
MOST = 4  # arrays in a message
HEADER = struct.Struct("<4sHBB16sIqdBB" + MOST * "BII")
CHANNELS, KINDS = tuple(Channel), tuple(Kind)
PLACES = {channel: place for place, channel in enumerate(CHANNELS)}
CODES = {"float16": 2, "float32": 4, "float64": 8, "int64": 9}

Buffer = bytes | bytearray | memoryview


class Malformed(ValueError):
    """Bytes that are no message of this run; the text says why."""


def described(spec: Spec) -> tuple[int, int, int]:
    """dtype, rows, columns as in the header."""
    rows, columns = spec.shape if len(spec.shape) == 2 else (*spec.shape, 0)
    return CODES[spec.dtype], rows, columns


def bytes_of(spec: Spec) -> int:
    return int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize


class Frames(NamedTuple):
    """How the messages of a run look: its secret name [16 bytes], what they carry, its incarnation."""

    run: bytes
    layout: Layout
    incarnation: int = 0

    @property
    def largest(self) -> int:
        """Bytes of the largest frame."""
        return max(HEADER.size, *(bytes_of(spec) for specs in self.layout.values() for spec in specs))

    def encode(self, message: Message, sent: float) -> list[bytes | Array]:
        """Header, and the arrays."""
        kind, channel, index, incarnation, arrays, _, mark = message
        shapes = [described(spec) for spec in self.layout[channel][: len(arrays)]]
        shapes += [(0, 0, 0)] * (MOST - len(arrays))
        sort = (MAGIC, VERSION, kind, PLACES[channel], self.run, incarnation, index, sent, mark, len(arrays))
        return [HEADER.pack(*sort, *(number for shape in shapes for number in shape)), *arrays]

    def decode(self, frames: Sequence[Buffer]) -> Message:
        """The message; Malformed if it is none, of another run, or does not carry what this run's messages do."""
        if len(frames[0]) != HEADER.size:
            raise Malformed(f"a header of {len(frames[0])} bytes, not {HEADER.size}")
        fields = HEADER.unpack(frames[0])
        magic, version, kind, place, run, incarnation, index, sent, mark, count = fields[:10]
        if magic != MAGIC:
            raise Malformed("no magic number")
        if version != VERSION:
            raise Malformed(f"version {version} of the protocol, not {VERSION}; install one dni_actors everywhere")
        if run != self.run:
            raise Malformed("of another run")
        if kind >= len(KINDS) or place >= len(CHANNELS) or index < 0:
            raise Malformed(f"kind {kind}, channel {place}, index {index}")
        channel = CHANNELS[place]
        if not math.isfinite(sent) or mark > (channel is Channel.STATE):
            raise Malformed(f"sent at {sent}, mark {mark}")
        if count == 0 and kind == Kind.DATA and channel is not Channel.GRADIENT:
            raise Malformed(f"an empty {channel}")
        specs = self.layout[channel]
        if len(frames) != 1 + count or count > len(specs) or (count and kind != Kind.DATA):
            raise Malformed(f"{len(frames)} frames for {count} arrays of {channel}")
        arrays = []
        for i, (frame, spec) in enumerate(zip(frames[1:], specs, strict=False)):
            told = fields[10 + 3 * i : 13 + 3 * i]
            if told != described(spec):
                raise Malformed(f"dtype, rows and columns {told}, not {described(spec)}")
            if len(frame) != bytes_of(spec):
                raise Malformed(f"{len(frame)} bytes for shape {spec.shape}")
            arrays.append(np.frombuffer(frame, spec.dtype).reshape(spec.shape))
        return Message(KINDS[kind], channel, index, incarnation, tuple(arrays), sent, bool(mark))
