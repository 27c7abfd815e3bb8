"""Numbers as the wire carries them: in fewer bits, rounded to the nearest and ties to even.

    kind     of an array [..., S]                                        rounds by at most
    float16  float16 [..., S]; infinite beyond 65504                     2^-11 of the number, or 2^-25
    int8     int8 [..., 4 + S]: each row's scale, max |x| / 127, as a    half a scale
             float32 of 4 bytes, and x / scale as whole numbers
    others   that type                                                   by nothing, if they are wide enough

Every operation here is exact or rounded as IEEE 754 says, so all machines get the same bits. What is not finite stays
so: in an int8 row that has a NaN or an infinity all numbers become NaN.
"""

import math

import numpy as np

from dni_actors.nn.arrays import Array

SCALE = np.dtype("<f4")
STEPS = 127  # of int8 on either side of zero
LEAST = float(np.finfo(np.float32).tiny)  # scale: of smaller ones float32 has too few bits, and none at last


def raw_shape(kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of the array that carries numbers of that shape."""
    return (*shape[:-1], SCALE.itemsize + shape[-1]) if kind == "int8" else shape


def raw_size(kind: str, shape: tuple[int, ...]) -> int:
    """Its bytes."""
    return math.prod(raw_shape(kind, shape)) * np.dtype(kind).itemsize


def narrow(array: Array, kind: str) -> Array:
    """A new array that carries numbers [..., S]; one number alone has no rows, and no int8."""
    if kind == "float32":  # nearly always: no time to lose
        return array.astype(np.float32)
    with np.errstate(all="ignore"):
        return in_steps(array) if kind == "int8" else array.astype(kind)


def wide(array: Array, kind: str, dtype: str) -> Array:
    """The numbers that an array carries, as `dtype`; not a new array if it carries them so."""
    if kind == "int8":
        scale = np.ascontiguousarray(array[..., : SCALE.itemsize]).view(SCALE)
        numbers: Array = array[..., SCALE.itemsize :].astype(dtype)
        numbers *= scale
        return numbers
    return array.astype(dtype, copy=False)


def rounded(array: Array, kind: str) -> Array:
    """What is left of numbers once they went over the wire, in their own type."""
    return wide(narrow(array, kind), kind, array.dtype.name)


def in_steps(array: Array) -> Array:
    """Each row's scale, and how many times it is in each number, as int8."""
    steps = np.abs(array)
    scale = np.maximum(steps.max(axis=-1, keepdims=True, initial=0).astype(SCALE) / STEPS, LEAST, dtype=SCALE)
    np.rint(np.divide(array, scale, out=steps), out=steps)
    if not (finite := np.isfinite(scale)).all():
        np.copyto(scale, np.nan, where=~finite)
        np.copyto(steps, 0, where=~finite)
    carried = np.empty(raw_shape("int8", array.shape), np.int8)
    carried[..., : SCALE.itemsize] = scale.view(np.int8)
    carried[..., SCALE.itemsize :] = steps
    return carried
