"""Messages as bytes: a header of fixed size, and each raw array in a frame of its own.

magic  version  kind  channel  run       incarnation  index  sent     mark  arrays     four times: dtype  rows  columns
4 s    u16      u8    u8       16 bytes  u32          i64    float64  u8    u8                     u8     u32   u32

Little-endian; a vector has 0 columns. What a channel's messages carry is known (protocol/layout.py): all else is
malformed.
"""

import math
import struct
from collections.abc import Sequence

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import Layout, Spec
from dni_actors.protocol.post import Kind, Message

MAGIC = b"DNIA"
VERSION = 3
MOST = 4  # arrays in a message
SORT, SHAPES = struct.Struct("<4sHBB16sIqdBB"), struct.Struct("<" + MOST * "BII")
HEADER_SIZE = SORT.size + SHAPES.size  # bytes
CHANNELS, KINDS = tuple(Channel), tuple(Kind)
PLACES = {channel: place for place, channel in enumerate(CHANNELS)}
CODES = {"float16": 2, "float32": 4, "float64": 8, "int64": 9}

Buffer = bytes | bytearray | memoryview


class Malformed(ValueError):
    """Bytes that are no message of this run; the text says why."""


def shapes(specs: Sequence[Spec]) -> bytes:
    """The header's end: dtype, rows and columns of these arrays."""
    told = [(CODES[spec.dtype], *spec.shape, 0)[:3] for spec in specs]
    return SHAPES.pack(*(number for three in told + [(0, 0, 0)] * (MOST - len(told)) for number in three))


def bytes_of(spec: Spec) -> int:
    return math.prod(spec.shape) * np.dtype(spec.dtype).itemsize


class Frames:
    """How the messages of a run look: its secret name [16 bytes], what they carry, its incarnation."""

    def __init__(self, run: bytes, layout: Layout, incarnation: int = 0) -> None:
        self.run, self.incarnation = run, incarnation
        sizes = {channel: tuple(bytes_of(spec) for spec in specs) for channel, specs in layout.items()}
        # By channel, and by the number of a message's arrays: what is the same in each of its messages.
        self._shapes = {c: tuple(shapes(specs[:n]) for n in range(len(specs) + 1)) for c, specs in layout.items()}
        self._forms = {c: tuple(zip(layout[c], sizes[c], strict=True)) for c in layout}
        self.largest = max(HEADER_SIZE, *(size for of in sizes.values() for size in of))
        """bytes of the largest frame"""

    def encode(self, message: Message, sent: float) -> list[bytes | Array]:
        """Header, and the arrays."""
        kind, channel, index, incarnation, arrays, _, mark = message
        count = len(arrays)
        sort = SORT.pack(MAGIC, VERSION, kind, PLACES[channel], self.run, incarnation, index, sent, mark, count)
        return [sort + self._shapes[channel][count], *arrays]

    def decode(self, frames: Sequence[Buffer]) -> Message:
        """The message; Malformed if it is none, of another run, or does not carry what this run's messages do."""
        header = frames[0]
        if len(header) != HEADER_SIZE:
            raise Malformed(f"a header of {len(header)} bytes, not {HEADER_SIZE}")
        magic, version, kind, place, run, incarnation, index, sent, mark, count = SORT.unpack_from(header)
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
        forms = self._forms[channel]
        if len(frames) != 1 + count or count > len(forms) or (count and kind != Kind.DATA):
            raise Malformed(f"{len(frames)} frames for {count} arrays of {channel}")
        if header[SORT.size :] != (expected := self._shapes[channel][count]):
            told, known = SHAPES.unpack_from(header, SORT.size), SHAPES.unpack(expected)
            raise Malformed(f"dtypes, rows and columns {told}, not {known}")
        arrays = []
        for frame, (spec, size) in zip(frames[1:], forms, strict=False):
            if len(frame) != size:
                raise Malformed(f"{len(frame)} bytes for shape {spec.shape}")
            arrays.append(np.frombuffer(frame, spec.dtype).reshape(spec.shape))
        return Message(KINDS[kind], channel, index, incarnation, tuple(arrays), sent, bool(mark))
