"""The small parts: parameters, streams, arrays, digest."""

import numpy as np

from dni_actors.nn.arrays import ALIGNMENT, zeros
from dni_actors.nn.digest import combine, digest
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.streams import Stream, generator


def test_work_arrays_and_weights_lie_on_cache_lines():
    for shape in ((3,), (5, 7), (1, 4)):
        assert zeros(shape, "float32").ctypes.data % ALIGNMENT == 0
    parameters = Parameters({"a": (3, 5), "b": (7,), "c": (1, 1)}, "float32")
    for _, array in parameters.items():
        assert array.ctypes.data % ALIGNMENT == 0


def test_named_weights_are_views_of_one_vector():
    parameters = Parameters({"a": (2, 2), "b": (3,)}, "float64")
    parameters["a"][:] = 1
    parameters["b"][:] = 2
    parameters.gradient("b")[:] = 3
    assert parameters.values.sum() == 4 + 6
    assert parameters.gradient_norm() == np.sqrt(27)


def test_streams_are_functions_of_their_place_and_do_not_overlap():
    first, again = (generator(7, Stream.BATCHES, 3).standard_normal(64) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    words = [set(generator(7, Stream.BATCHES, n).bit_generator.random_raw(256).tolist()) for n in range(20)]
    assert len(set.union(*words)) == 20 * 256
    others = [generator(8, Stream.BATCHES, 3), generator(7, Stream.WEIGHTS, 3), generator(7, Stream.BATCHES, 3, lane=1)]
    assert all((other.standard_normal(64) != first).any() for other in others)


def test_a_digest_sees_every_bit_every_name_and_the_order():
    a, b = np.arange(4, dtype=np.float32), np.ones((2, 2), np.float32)
    whole = digest([("a", a), ("b", b)])
    assert whole == digest([("a", a.copy()), ("b", b.copy())])
    changed = a.copy()
    changed[2] = np.nextafter(changed[2], np.float32(9))
    others = [[("a", changed), ("b", b)], [("b", b), ("a", a)], [("x", a), ("b", b)], [("a", a), ("b", b.reshape(4))]]
    assert whole not in [digest(other) for other in others]
    assert combine(["x", "y"]) != combine(["y", "x"])
