"""Messages as bytes: a header of fixed size, and each raw array in a frame of its own.

magic  version  kind  channel  run       incarnation  index  sent     mark  fields     five times: dtype  rows  columns
4 s    u16      u8    u8       16 bytes  u32          i64    float64  u8    u8                     u8     u32   u32

Little-endian; bit i of `fields` tells whether the message has field i of its channel's (box/messages.py), and a vector
has 0 columns. What a run's messages carry is known (protocol/layout.py): all else is malformed.
"""

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.nn.arrays import Array
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import Layout, Spec, contents_of
from dni_actors.protocol.post import Kind, Message

MAGIC = b"DNIA"
VERSION = 5
MOST = 5  # fields of a message
SORT, SHAPES = struct.Struct("<4sHBB16sIqdBB"), struct.Struct("<" + MOST * "BII")
HEADER_SIZE = SORT.size + SHAPES.size  # bytes
CHANNELS, KINDS = tuple(Channel), tuple(Kind)
PLACES = {channel: place for place, channel in enumerate(CHANNELS)}
CODES = {"int8": 1, "float16": 2, "float32": 4, "float64": 8, "int64": 9}

Buffer = bytes | bytearray | memoryview


class Malformed(ValueError):
    """Bytes that are no message of this run; the text says why."""


class Form(NamedTuple):
    """A message that has some of its channel's fields."""

    fields: tuple[int, ...]
    """their places"""
    specs: tuple[Spec, ...]
    sizes: tuple[int, ...]
    """bytes"""
    shapes: bytes
    """the header's end: dtype, rows and columns of each field"""


def form(specs: Sequence[Spec | None], mask: int) -> Form | None:
    """Of the fields that the mask names; None if a message of the run cannot have one of them."""
    chosen = [(i, spec) for i, spec in enumerate(specs) if mask >> i & 1]
    known = [(i, spec) for i, spec in chosen if spec is not None]
    if len(known) < len(chosen):
        return None
    numbers = [0] * 3 * MOST
    for i, spec in known:
        numbers[3 * i : 3 * i + 3] = (CODES[spec.dtype], *spec.shape, 0)[:3]
    packed = SHAPES.pack(*numbers)
    return Form(tuple(i for i, _ in known), tuple(s for _, s in known), tuple(s.size for _, s in known), packed)


class Frames:
    """How the messages of a run look: its secret name [16 bytes], what they carry, its incarnation."""

    def __init__(self, run: bytes, layout: Layout, incarnation: int = 0) -> None:
        self.run, self.incarnation = run, incarnation
        # By channel, and by which fields a message has: what is the same in each such message.
        self._forms = {c: tuple(form(specs, mask) for mask in range(2 ** len(specs))) for c, specs in layout.items()}
        self._counts = {channel: len(specs) for channel, specs in layout.items()}
        sizes = [[spec.size for spec in specs if spec is not None] for specs in layout.values()]
        self.largest = max(HEADER_SIZE, *(size for several in sizes for size in several))
        """bytes of the largest frame"""
        self.heaviest = HEADER_SIZE + max(sum(several) for several in sizes)
        """bytes of the largest message"""

    def encode(self, message: Message, sent: float) -> list[bytes | Array]:
        """Header, and the arrays."""
        kind, channel, index, incarnation, contents, _, mark = message
        mask, arrays = 0, []
        for i, field in enumerate(contents or ()):
            if field is not None:
                mask |= 1 << i
                arrays.append(field)
        known = self._forms[channel][mask]
        assert known is not None
        sort = SORT.pack(MAGIC, VERSION, kind, PLACES[channel], self.run, incarnation, index, sent, mark, mask)
        return [sort + known.shapes, *arrays]

    def decode(self, frames: Sequence[Buffer]) -> Message:
        """The message; Malformed if it is none, of another run, or does not carry what this run's messages do."""
        header = frames[0]
        if len(header) != HEADER_SIZE:
            raise Malformed(f"a header of {len(header)} bytes, not {HEADER_SIZE}")
        magic, version, kind, place, run, incarnation, index, sent, mark, mask = SORT.unpack_from(header)
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
        if kind == Kind.DATA and channel is not Channel.GRADIENT and not mask & 1:
            raise Malformed(f"a {channel} without its first field")
        forms = self._forms[channel]
        known = forms[mask] if mask < len(forms) else None
        if known is None or len(frames) != 1 + len(known.fields) or (mask and kind != Kind.DATA):
            raise Malformed(f"{len(frames)} frames for fields {mask:b} of {channel}")
        if header[SORT.size :] != known.shapes:
            came, expected = SHAPES.unpack_from(header, SORT.size), SHAPES.unpack(known.shapes)
            raise Malformed(f"dtypes, rows and columns {came}, not {expected}")
        if kind != Kind.DATA:
            return Message(KINDS[kind], channel, index, incarnation, None, sent, bool(mark))
        contents = self._contents(channel, known, frames[1:])
        return Message(Kind.DATA, channel, index, incarnation, contents, sent, bool(mark))

    def _contents(self, channel: Channel, known: Form, frames: Sequence[Buffer]) -> Contents:
        fields: list[Array | None] = [None] * self._counts[channel]
        for i, spec, size, frame in zip(known.fields, known.specs, known.sizes, frames, strict=True):
            if len(frame) != size:
                raise Malformed(f"{len(frame)} bytes for shape {spec.shape}")
            fields[i] = np.frombuffer(frame, spec.dtype).reshape(spec.raw_shape)
        return contents_of(channel, fields)
