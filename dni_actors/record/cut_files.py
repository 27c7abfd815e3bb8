"""A cut on disk: `cuts/<tick>/box-<k>.arrow`, one part a box, and `COMPLETE`, which is written when all of them are.

A part is an Arrow IPC file: a row per array (name, type, shape, little-endian bytes), and as the schema's metadata the
facts, in JSON. COMPLETE is JSON: facts, the parts' SHA-256, and last its own. No pickles: reading executes nothing, and
allocates no more than the files hold. What is truncated, altered, foreign or of a newer format is refused by name.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dni_actors.protocol.channel import Channel
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.layout import KINDS
from dni_actors.protocol.program import Evaluation
from dni_actors.record.storage import Storage

FORMAT = 4
CUTS, COMPLETE = "cuts", "COMPLETE"
SCHEMA = pa.schema(
    [("name", pa.string()), ("type", pa.string()), ("shape", pa.list_(pa.int64())), ("bytes", pa.large_binary())]
)
TYPES = ("int8", "float16", "float32", "float64", "int64")
INFINITIES = {str(value): value for value in (math.inf, -math.inf)}
UNDER_WAY = "under way/"  # rows of messages still to be taken, as `under way/State/7/state`; `.../`: an empty one
# What may go wrong with bytes that are no cut's, whatever their hash says.
NONE_OF_OURS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, pa.ArrowException,
    FileNotFoundError,
)  # fmt: skip


class CutError(OSError):
    """A cut's file is damaged, or none of ours; the text names it and says why."""


class Complete(NamedTuple):
    """The content of COMPLETE, beside the parts' hashes."""

    tick: int
    incarnation: int
    digests: list[str]
    """of each box's weights"""
    evaluations: list[Evaluation]
    """up to then"""


def encode(part: BoxCut) -> pa.Buffer:
    """A part as the bytes of its file."""
    rows: list[tuple[str, str, list[int], bytes | None]]
    rows = [(name, array.dtype.name, list(array.shape), little(array)) for name, array in part.arrays.items()]
    for channel, index, contents in ((c, i, m) for c, put in part.under_way.items() for i, m in put.items()):
        of = f"{UNDER_WAY}{channel}/{index}"
        fields = {name: field for name, field in contents._asdict().items() if field is not None}
        rows += [(f"{of}/{name}", a.dtype.name, list(a.shape), little(a)) for name, a in fields.items()]
        rows += [] if fields else [(f"{of}/", "", [], None)]
    facts = {"format": FORMAT, "tick": part.tick, "digest": part.digest, "seconds": part.seconds}
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
    table = pa.Table.from_arrays(columns, schema=SCHEMA.with_metadata({"dni_actors": json.dumps(facts)}))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def little(array: Any) -> bytes:
    return bytes(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes())


def decode(content: bytes) -> BoxCut:
    """The part; ValueError says why it is none."""
    try:
        with pa.ipc.open_file(pa.BufferReader(content)) as reader:
            table, metadata = reader.read_all(), reader.schema.metadata or {}
        table.validate(full=True)  # offsets may point anywhere
        if not table.schema.equals(SCHEMA):
            raise ValueError("other columns")
        facts = json.loads(metadata.get(b"dni_actors", b"{}"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError("it is no Arrow file") from error
    check_format(facts)
    arrays: dict[str, Any] = {}
    under_way: dict[Channel, dict[int, dict[str, Any]]] = {}
    for row in table.to_pylist():
        name, kind, shape, stored = row["name"], row["type"], row["shape"], row["bytes"]
        value = None
        if stored is not None:
            if kind not in TYPES or any(length < 0 for length in shape):
                raise ValueError(f"{name} is of type {kind!r}, shape {shape}")
            value = np.frombuffer(stored, np.dtype(kind).newbyteorder("<")).reshape(shape).astype(kind)
        if name.startswith(UNDER_WAY):
            channel, index, field = name.removeprefix(UNDER_WAY).split("/")
            fields = under_way.setdefault(Channel(channel), {}).setdefault(int(index), {})
            fields |= {field: value} if field else {}
        elif value is None:
            raise TypeError(f"{name} has no bytes")
        else:
            arrays[name] = value
    messages = {c: {i: KINDS[c](**fields) for i, fields in put.items()} for c, put in under_way.items()}
    return BoxCut(int(facts["tick"]), str(facts["digest"]), float(facts["seconds"]), arrays, messages)


def check_format(facts: Any) -> None:
    found = facts.get("format") if isinstance(facts, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise ValueError(f"its format {found} is newer than {FORMAT}; use a newer dni_actors")
    if found != FORMAT:
        older = isinstance(found, int) and found > 0
        raise ValueError(f"its format {found} is an older one" if older else "it was not written by dni_actors")


def folder(storage: Storage, tick: int) -> Storage:
    return storage / CUTS / f"{tick:012}"


def write(storage: Storage, parts: Sequence[BoxCut], facts: Complete) -> None:
    """Writes a cut; OSError leaves one that is not complete, which nobody reads."""
    place = folder(storage, facts.tick)
    place.make()
    hashes = []
    for k, part in enumerate(parts):
        content = encode(part)
        place.write(name_of(k), content)
        hashes.append(hashlib.sha256(content).hexdigest())
    rows = [list(map(jsonable, evaluation)) for evaluation in facts.evaluations]
    content = {"format": FORMAT, **facts._asdict(), "evaluations": rows, "parts": hashes}
    place.write_json(COMPLETE, content | {"sha256": hash_of(content)})


def name_of(k: int) -> str:
    return f"box-{k:03}.arrow"


def jsonable(number: float) -> float | str | None:
    """A number as JSON can have it, to the last digit: None for NaN, and infinities by their names."""
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else str(number)


def number(stored: Any) -> float:
    """The other way. TypeError if it is no such number."""
    if stored is None:
        return math.nan
    if stored in INFINITIES:
        return INFINITIES[stored]
    if not isinstance(stored, int | float) or not math.isfinite(stored):
        raise TypeError("no number")
    return stored


def hash_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def complete(storage: Storage) -> list[int]:
    """The ticks of the cuts that say they are complete, in order."""
    cuts = storage / CUTS
    return [int(name) for name in cuts.names() if name.isdecimal() and (cuts / name).exists(COMPLETE)]


def read_complete(storage: Storage, tick: int) -> tuple[Complete, list[str]]:
    """What COMPLETE says, and the parts' hashes. CutError if it cannot be used."""
    place = f"cuts/{tick:012}/{COMPLETE}"
    try:
        content = json.loads(folder(storage, tick).read(COMPLETE))
        check_format(content)
        stored = content.pop("sha256", None)
        if stored != hash_of(content) or content["tick"] != tick:
            raise ValueError("it is not as it was written")
        check_fields(content)
        fields = {name: content[name] for name in Complete._fields}
        fields["evaluations"] = [evaluation(row) for row in content["evaluations"]]
    except NONE_OF_OURS as error:
        raise CutError(f"{place} cannot be used: {reason(error, 'JSON')}") from error
    return Complete(**fields), content["parts"]


def check_fields(content: dict[str, Any]) -> None:
    """TypeError if a field of COMPLETE is of another type than `write` gives it."""
    good = isinstance(content["incarnation"], int) and isinstance(content["evaluations"], list)
    good = good and all(isinstance(content[name], list) for name in ("digests", "parts"))
    good = good and all(isinstance(text, str) for text in (*content["digests"], *content["parts"]))
    if not good:
        raise TypeError("a field of another type")


def evaluation(row: Any) -> Evaluation:
    """TypeError if a row of COMPLETE is none."""
    if not isinstance(row, list) or len(row) != len(Evaluation._fields) or not isinstance(row[0], int):
        raise TypeError("no evaluation")
    return Evaluation(row[0], *map(number, row[1:]))


def read(storage: Storage, tick: int, boxes: int) -> list[BoxCut]:
    """Each box's part of the cut. CutError names the file that cannot be used; OSError: it cannot be reached now."""
    _, hashes = read_complete(storage, tick)
    if len(hashes) != boxes:
        raise CutError(f"cuts/{tick:012}/{COMPLETE} cannot be used: it has {len(hashes)} parts for {boxes} boxes")
    parts = []
    for k, expected in enumerate(hashes):
        try:
            content = folder(storage, tick).read(name_of(k))
            if hashlib.sha256(content).hexdigest() != expected:
                raise ValueError("it is not as it was written")
            parts.append(decode(content))
            if parts[k].tick != tick:
                raise ValueError(f"it is of the cut at tick {parts[k].tick}")
        except NONE_OF_OURS as error:
            raise CutError(f"cuts/{tick:012}/{name_of(k)} cannot be used: {reason(error, 'part')}") from error
    return parts


def reason(error: Exception, what: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    return str(error) if type(error) is ValueError else f"it is no {what} of a cut"
