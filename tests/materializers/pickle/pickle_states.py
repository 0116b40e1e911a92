"""Arrays and frames written opcode by opcode, and how the safe loader refuses them."""

from __future__ import annotations

import pytest
from pickle_opcodes import build, call, make, name

from artifact_materializers.pickle.safe.reading import read_plain
from artifact_plugins.errors import UnsafeFormatError


def refuse(body, buffers=()):
    with pytest.raises(UnsafeFormatError) as caught:
        read_plain(memoryview(bytes(body)), [memoryview(data) for data in buffers])
    assert "nothing was executed" in str(caught.value)
    return str(caught.value)


def dtype(code="f8", state=(3, "<", None, None, None, -1, -1, 0)):
    return build(call("numpy", "dtype", code, False, True), state)


def array(shape, dtype_, data, fortran=False):
    start = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), (0,), b"b")
    return build(start, (1, shape, dtype_, fortran, data))


def index(values=(1, 2)):
    return call(
        "pandas.core.indexes.base",
        "_new_Index",
        name("pandas", "RangeIndex"),
        {"name": None, "start": 0, "stop": len(values), "step": 1},
    )


def block(values, placement, ndim=2):
    return call("pandas._libs.internals", "_unpickle_block", values, placement, ndim)


def frame(*blocks, columns=(1, 2), rows=(1, 2)):
    manager = call(
        "pandas.core.internals.managers",
        "BlockManager",
        tuple(blocks),
        [index(columns), index(rows)],
    )
    state = {"_mgr": manager, "_typ": "dataframe", "_metadata": [], "attrs": {}}
    state["_flags"] = {"allows_duplicate_labels": True}
    return build(make("pandas", "DataFrame"), state)


def places(start, stop):
    return call("builtins", "slice", start, stop, 1)
