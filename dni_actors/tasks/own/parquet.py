"""Columns of a Parquet file: numbers and texts, and lists of them, of unequal lengths where sequences are."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from dni_actors.nn.arrays import Array
from dni_actors.tasks.own.columns import BESIDE, NEEDED, UNASKED, Unfit, require, signed


def from_parquet(path: Path, labelled: bool) -> dict[str, Array]:
    """By name. Sequences of unequal lengths come padded at their ends, with a column `lengths`."""
    try:
        names = parquet.read_schema(path).names
        require(names, labelled)
        known = [name for name in (*NEEDED, *BESIDE) if name in names]
        table = parquet.read_table(path, columns=known)
    except pa.ArrowException as error:
        raise Unfit("cannot be read as Parquet; write it with pyarrow, pandas or polars") from error
    found, lengths = {}, {}
    for name in known:
        found[name], lengths[name] = column(name, table[name])
    if lengths["x"] is not None:
        if "lengths" in found:
            raise Unfit("has lengths, and lists of different lengths in x; drop one of the two")
        found["lengths"] = lengths["x"]
    if (of_labels := lengths.get("labels")) is not None and (
        lengths["x"] is None or not np.array_equal(of_labels, lengths["x"])
    ):
        raise Unfit("has lists in labels of other lengths than those in x; give one label for each step of x")
    return found


def column(name: str, chunks: Any) -> tuple[Array, Array | None]:
    """As one array; and the lengths [N] of its lists, if they differ. Chunk by chunk: a whole one may have more numbers
    than Arrow counts."""
    parts = [nested(name, chunk) for chunk in chunks.chunks] or [nested(name, pa.array([], chunks.type))]
    steps = max((values.shape[1] for values, _ in parts if values.ndim > 1), default=0)
    if len({values.shape[1:] if lengths is None else None for values, lengths in parts}) > 1 or any(
        lengths is not None for _, lengths in parts
    ):
        if len({values.shape[2:] for values, _ in parts}) > 1:
            raise Unfit(f"has lists of different lengths in the steps of {name}; give each step as many numbers")
        all_lengths = [np.full(len(v), v.shape[1], np.int64) if some is None else some for v, some in parts]
        return np.concatenate([padded(values, steps) for values, _ in parts]), np.concatenate(all_lengths)
    return np.concatenate([values for values, _ in parts]), None


def padded(values: Array, steps: int) -> Array:
    """[N, t, ...] -> [N, steps, ...]."""
    short = steps - values.shape[1]
    filler, sides = UNASKED[values.dtype.kind], [(0, 0), (0, short), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(signed(values), sides, constant_values=filler)


def nested(name: str, chunk: Any) -> tuple[Array, Array | None]:
    """Numbers, texts, or lists of lists of them [N, t, ...]; and the lengths [N] of the outermost lists, if they
    differ."""
    shape, lengths = [len(chunk)], None
    while pa.types.is_nested(chunk.type):
        if chunk.null_count or not hasattr(chunk.type, "value_type"):
            raise Unfit(f"has {chunk.type} with empty rows in {name}; give lists of numbers")
        counts = compute.list_value_length(chunk).to_numpy(zero_copy_only=False).astype(np.int64)
        least, most = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
        if least != most and len(shape) > 1:
            problem = f"has lists of different lengths in the steps of {name} (from {least} to {most})"
            raise Unfit(f"{problem}; give each step as many numbers")
        lengths = counts if least != most else lengths
        shape.append(most)
        chunk = chunk.flatten()
    values = leaves(name, chunk)
    if lengths is None:
        return values.reshape(shape), None
    if lengths.min() < 1:
        raise Unfit(f"has sequences without a step in {name}; drop those")
    values, inner = signed(values), shape[2:]
    found = np.full((len(lengths), shape[1], *inner), UNASKED[values.dtype.kind], values.dtype)
    found[np.arange(shape[1]) < lengths[:, None]] = values.reshape(-1, *inner)
    return found, lengths


def leaves(name: str, chunk: Any) -> Array:
    """[n] numbers or texts."""
    kind = pa.types
    if kind.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    if kind.is_string(chunk.type) or kind.is_large_string(chunk.type):
        if name == "x":
            raise Unfit(f"has {chunk.type} in x; give numbers")
        return np.array(chunk.to_pylist(), np.str_) if not chunk.null_count else texts(name, chunk)
    if not (kind.is_floating(chunk.type) or kind.is_integer(chunk.type) or kind.is_boolean(chunk.type)):
        raise Unfit(f"has {chunk.type} in {name}; give numbers" + ("" if name == "x" else ", or texts"))
    if chunk.null_count:
        raise Unfit(f"has empty cells in {name}; fill them in")
    values: Array = chunk.to_numpy(zero_copy_only=False)
    return values


def texts(name: str, chunk: Any) -> Array:
    """Of labels, an empty cell is an unknown one."""
    if name != "labels":
        raise Unfit(f"has empty cells in {name}; fill them in")
    return np.array(["" if text is None else text for text in chunk.to_pylist()], np.str_)
