import random
import struct

import numpy as np
import pytest

from dni_actors.box.messages import Gradient, Score, State
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import Spec
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.wires.frames import SHAPES, SORT, VERSION, Frames, Malformed
from tests.tiny import states

SCORED = (Spec("float32", (2, 3)), Spec("int64", (2, 1)), Spec("float64", (3,)))
FRAMES = Frames(run=bytes(range(16)), layout=states((2, 3)) | {Channel.SCORE: SCORED})
HEADER = struct.Struct(SORT.format + SHAPES.format.removeprefix("<"))
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def as_bytes(frames):
    return [bytes(frame) for frame in frames]


@pytest.mark.parametrize(
    "message",
    [
        Message(Kind.DATA, Channel.STATE, 7, 3, State(ARRAY)),
        Message(Kind.DATA, Channel.GRADIENT, 2**40, 0, Gradient()),
        Message(Kind.HELLO, Channel.STATE, 0),
        Message(Kind.ASK, Channel.SCORE, 5, 2**32 - 1),
        Message(Kind.DATA, Channel.STATE, 7, 3, State(ARRAY), mark=True),
        Message(Kind.DATA, Channel.SCORE, 7, 3, Score(ARRAY, np.array([[1], [-5]]), np.array([0.5, 1, 2]))),
        Message(Kind.DATA, Channel.SCORE, 7, 3, Score(ARRAY, np.array([[1], [-5]]))),
        Message(Kind.DATA, Channel.SCORE, 7, 3, Score(ARRAY, sums=np.array([0.5, 1, 2]))),
    ],
    ids=str,
)
def test_a_message_comes_out_as_it_went_in(message):
    found = FRAMES.decode(as_bytes(FRAMES.encode(message, sent=1.5)))
    assert found[:4] == message[:4]
    assert (found.sent, found.mark) == (1.5, message.mark)
    assert type(found.contents) is type(message.contents)
    for came, went in zip(found.contents or (), message.contents or (), strict=True):
        assert (came is None) == (went is None)
        if came is not None:
            np.testing.assert_array_equal(came, went)
            assert not came.flags.writeable


GRADIENT = Message(Kind.DATA, Channel.GRADIENT, 7, 3, Gradient(ARRAY))
HEAD, BODY = as_bytes(FRAMES.encode(Message(Kind.DATA, Channel.STATE, 7, 3, State(ARRAY)), 0.0))


def changed(field, value):
    values = list(HEADER.unpack(HEAD))
    values[field] = value
    return HEADER.pack(*values)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b""], "a header of 0 bytes"),
        ([HEAD[:-1], BODY], "a header of"),
        ([changed(0, b"HTTP"), BODY], "no magic number"),
        ([changed(1, 1), BODY], f"version 1 of the protocol, not {VERSION}; install one dni_actors everywhere"),
        ([changed(4, b"x" * 16), BODY], "of another run"),
        ([changed(2, 9), BODY], "kind 9"),
        ([changed(3, 5), BODY], "channel 5"),
        ([changed(6, -1), BODY], "index -1"),
        ([changed(9, 3), BODY], "2 frames for fields 11 of State"),
        ([changed(8, 2), BODY], "mark 2"),
        ([as_bytes(FRAMES.encode(GRADIENT._replace(mark=True), 0.0))[0], BODY], "mark 1"),
        ([changed(9, 8), BODY], "a State without its first field"),
        ([changed(9, 255), BODY], "2 frames for fields 11111111 of State"),
        ([HEAD], "1 frames for fields 1 of State"),
        ([changed(9, 0)], "a State without its first field"),
        ([changed(7, float("inf")), BODY], "sent at inf"),
        ([changed(7, float("nan")), BODY], "sent at nan"),
        ([HEAD, BODY, BODY], "3 frames"),
        ([changed(2, Kind.ASK), BODY], "2 frames"),
        ([changed(11, 2**32 - 1), BODY], r"dtypes, rows and columns \(4, 4294967295, 3, .*, not \(4, 2, 3, "),
        ([changed(10, 8), BODY], r"\(8, 2, 3, .*, not \(4, 2, 3, "),
        ([changed(13, 1), BODY], r"\(4, 2, 3, 1, 0, .*, not \(4, 2, 3, 0, 0, "),
        ([HEAD, BODY[:-1]], "23 bytes for shape"),
        ([HEAD, BODY * 1000], "24000 bytes for shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_message_of_this_run_is_malformed_and_says_why(frames, reason):
    with pytest.raises(Malformed, match=reason):
        FRAMES.decode(frames)


def test_random_bytes_and_flipped_bits_never_do_anything_else():
    """Either malformed, or a message of the right shape: what a header can say is bounded by what it must say."""
    rng = random.Random(0)
    for _ in range(5000):
        head, body = bytearray(HEAD), bytearray(BODY)
        for _ in range(rng.randrange(1, 4)):
            target = rng.choice([head, body])
            target[rng.randrange(len(target))] ^= 1 << rng.randrange(8)
        frames = rng.choice(
            [[head, body], [head], [rng.randbytes(rng.randrange(100))], [rng.randbytes(len(HEAD)), body]]
        )
        try:
            message = FRAMES.decode(frames)
        except Malformed:
            continue
        assert all(field is None or field.shape == (2, 3) for field in message.contents or ())
        assert message.index >= 0
        assert message.contents or message.kind is not Kind.DATA


def test_the_header_is_as_long_as_its_table_says():
    assert HEADER.size == struct.calcsize("<4sHBB16sIqdBB" + 5 * "BII") == 91
