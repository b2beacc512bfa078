"""Selection over the rows of one value: the merge sort behind order statistics, called by its capsule."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin._core import rows

pointer = ctypes.pythonapi.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
doubles = ctypes.POINTER(ctypes.c_double)
SIGNATURE = b"void (double *, Py_ssize_t, double *)"
KERNEL = ctypes.CFUNCTYPE(None, doubles, ctypes.c_ssize_t, doubles)
select = KERNEL(pointer(rows.__pyx_capi__["ascending_select"], SIGNATURE))
GUARD = 12345.0


def ascending(values):
    """Sort through the kernel; what stands behind the values and the working rows must stay."""
    n = len(values)
    held, work = (np.full(n + 2, GUARD) for _ in range(2))
    held[:n] = values
    select(held.ctypes.data_as(doubles), n, work.ctypes.data_as(doubles))
    assert held[n:].tolist() == work[n:].tolist() == [GUARD, GUARD]
    return held[:n]


@pytest.mark.parametrize("n", [*range(20), 31, 32, 33, 63, 64, 65, 1000, 4097])
def test_sorts_as_numpy_does(n):
    rng = np.random.default_rng(n)
    for values in (
        rng.normal(size=n),
        rng.integers(0, 4, n).astype(float),
        np.arange(n)[::-1].astype(float),
        np.arange(n) * 1.0,
    ):
        assert ascending(values).tobytes() == np.sort(values, kind="stable").tobytes()


@given(st.lists(st.floats(allow_nan=False), max_size=40))
def test_any_figures_ascend(values):
    assert ascending(values).tobytes() == np.array(sorted(values), dtype=float).tobytes()


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0]), max_size=40))
def test_ties_keep_their_order(values):
    """Zeros of both signs tie: their signs come out in the order given."""
    found = ascending(values)
    signs = [np.signbit(v) for v in values if v == 0]
    assert np.signbit(found[found == 0]).tolist() == signs


@given(st.lists(st.floats(), max_size=40))
def test_nothing_is_lost_or_invented(values):
    """NaN has no place in an order, but the sort ends and keeps every figure."""
    found = np.array(values, dtype=float)
    assert np.sort(ascending(found).view(np.uint64)).tolist() == np.sort(found.view(np.uint64)).tolist()
