"""What lies in the files of a pickle: buffers uncopied, facts, and what is refused before it runs."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest
from pickle_samples import Holder, Model, module_function

from artifact_materializers.pickle.equality import is_same
from artifact_materializers.pickle.object import DATA, FACTS, PickleMaterializer
from artifact_materializers.pickle.saving import BUFFER_BYTES, MAX_BUFFERS
from artifact_plugins.contracts.refs import ARCHIVED, finding_types, noting_types
from artifact_plugins.errors import (
    LoadFailedError,
    PythonVersionMismatchError,
    StoreFullError,
    UnsafeFormatError,
)
from artifact_plugins.testing import MemoryFiles


def adding(number):
    return lambda other: other + number


def padded(rest):
    """Return an array whose bytes between the fields are `rest`."""
    layout = np.dtype([("a", "i1"), ("b", "f8"), ("c", [("d", "i1"), ("e", "i4")])], align=True)
    array = np.frombuffer(bytearray(rest * layout.itemsize * 2), layout)
    for name in ("a", "b"):
        array[name] = 1
    array["c"]["d"] = array["c"]["e"] = 2
    return array


def saved(value):
    files = MemoryFiles()
    PickleMaterializer().save_files(value, files)
    assert files.unfinished() == ()
    return files


def loaded(files):
    return PickleMaterializer().load_files(files, object)


def facts_of(files):
    return json.loads(files.content(FACTS))


def rewritten(files, name, data):
    """Return the same files with other bytes in one."""
    copy = MemoryFiles()
    for found in files.names():
        with copy.open(found) as sink:
            sink.write(data if found == name else files.content(found))
    return copy


def test_large_buffers_lie_beside_the_pickle():
    """Each array of 64 KiB or more is a file; the pickle itself stays small."""
    files = saved(Holder([np.arange(10_000.0), np.arange(20_000.0), np.arange(3.0)]))

    assert files.names() == ("buffer-0", "buffer-1", DATA, FACTS)
    assert facts_of(files)["buffers"] == [80_000, 160_000]
    assert len(files.content(DATA)) < 2_000


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("count", [2, MAX_BUFFERS + 3])
def test_arrays_of_both_orders_come_back(order, count):
    """Beyond the thousandth file the buffers stay inside the pickle, in the order of memory."""
    array = np.asarray(np.arange(BUFFER_BYTES / 8).reshape(2, -1), order=order)
    arrays = [array + number for number in range(count)]
    again = loaded(saved(Holder(arrays))).model.layers[1].part

    assert all(is_same(one, other) for one, other in zip(arrays, again, strict=True))
    assert again[-1].flags.f_contiguous == arrays[-1].flags.f_contiguous


def test_flags_of_arrays_are_kept():
    """Writable arrays come back writable, read-only ones read-only; both map the files."""
    fixed = np.arange(20_000.0)
    fixed.flags.writeable = False
    free, again = loaded(saved(Holder([np.arange(20_000.0), fixed]))).model.layers[1].part

    free += 1
    assert not again.flags.writeable


def test_arrays_share_memory_as_they_did():
    """A view and its base are stored once each; equal objects stay one object."""
    array = np.arange(20_000.0)
    one, other = loaded(saved(Holder([array, array]))).model.layers[1].part

    assert one is other


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": np.arange(50_000.0), "b": ["x"] * 50_000}),
        pd.Series(pd.date_range("2020", periods=20_000)),
        Model(100_000),
        pd.DataFrame({"a": pd.Categorical(["x", "y"] * 10_000)}),
    ],
    ids=["frame", "series", "model", "categories"],
)
def test_values_with_buffers_come_back(value):
    """Frames and models, buffers of numpy and Arrow included."""
    again = loaded(saved(value))

    assert is_same(again, value)


def test_facts_say_what_reading_needs():
    """Python, protocol, class, and the names that the pickle refers to."""
    facts = facts_of(saved(Model()))

    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["protocol"] == 5
    assert facts["type"] == "pickle_samples:Model"
    assert facts["by_value"] is False
    assert "pickle_samples:Model" in facts["globals"]
    assert "numpy:ndarray" in facts["globals"] or "numpy:dtype" in facts["globals"]


def test_modules_of_what_it_names_are_noted():
    """Their code is pinned with the version."""
    with noting_types() as noted:
        saved([Model(), module_function])

    assert "pickle_samples" in noted.modules


def test_archived_class_is_stored_under_the_name_it_had(monkeypatch):
    """The private module name of restored code is not in the files, and its class is noted."""
    module = types.ModuleType(f"{ARCHIVED}0123456789abcdef.shop.orders")
    exec("class Order:\n    n = 3\ndef count(): return 4", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    found = {"shop.orders:Order": module.Order, "shop.orders:count": module.count}

    with noting_types() as noted:
        files = saved([module.Order(), module.count])
    with finding_types(found.__getitem__):
        order, count = loaded(files)

    assert type(order) is module.Order
    assert count() == 4
    assert module.Order in noted.classes
    assert b"_snap" not in files.content(DATA) + files.content(FACTS)


def test_code_of_another_python_is_refused():
    """Compiled code is only read by the Python that wrote it; nothing is executed."""
    files = saved(lambda x: x + 1)
    facts = facts_of(files)
    assert facts["by_value"] is True
    facts["python"] = "3.7.1"
    old = rewritten(files, FACTS, json.dumps(facts).encode())

    with pytest.raises(PythonVersionMismatchError, match=r"3\.7\.1"):
        loaded(old)


def test_pickle_by_name_of_another_python_is_read():
    """Negative control: without code inside, the version of Python does not matter."""
    files = saved(Model())
    facts = facts_of(files) | {"python": "3.7.1"}

    assert type(loaded(rewritten(files, FACTS, json.dumps(facts).encode()))) is Model


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"type": 1}',
        b"[" * 100_000,
        b'{"buffers": [-1], "globals": [], "type": "a", "python": "3", "cloudpickle": "3", '
        b'"protocol": 5, "by_value": false, "size_bytes": 1}',
        b'{"buffers": [], "globals": [], "type": "a", "python": 3, "cloudpickle": "3", '
        b'"protocol": 5, "by_value": false, "size_bytes": 1}',
    ],
)
def test_facts_that_are_none_are_refused(data):
    """A broken `pickle.json` stops both loaders before they read the pickle."""
    files = rewritten(saved(Model()), FACTS, data)

    with pytest.raises(LoadFailedError):
        loaded(files)
    with pytest.raises(UnsafeFormatError):
        PickleMaterializer().load_safely(files, object)


@pytest.mark.parametrize("name", [DATA, "buffer-0"])
def test_file_of_another_size_is_refused(name):
    """Sizes are compared before anything is unpickled."""
    files = saved(Model(100_000))
    short = rewritten(files, name, files.content(name)[:-1])

    with pytest.raises(LoadFailedError, match="bytes"):
        loaded(short)


def test_error_of_the_store_passes():
    """A disk that is full is not the fault of the value."""

    class Full:
        def open(self, name):
            raise StoreFullError("no space", errno=28, retryable=False)

    with pytest.raises(StoreFullError):
        PickleMaterializer().save_files(Model(), Full())


def test_description_shows_class_and_buffers_only():
    """F20: no `repr` of the value is made, nothing of it is called."""

    class Silent:
        def __repr__(self):
            raise AssertionError("shown")

        __str__ = __len__ = __iter__ = __repr__

    value = Holder(Silent())
    value.array = np.arange(20_000.0)
    materializer = PickleMaterializer()
    materializer.save_files(value, MemoryFiles())

    assert materializer.describe(value) == {
        "class": "pickle_samples:Holder",
        "buffers": 1,
        "buffer_bytes": 160_000,
    }
    assert materializer.describe(value) == {"class": "pickle_samples:Holder"}
    assert materializer.preview(value) == ()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], (1,), False),
        ([1.0], [1], False),
        ([0.0], [-0.0], False),
        ([float("nan")], [float("nan")], True),
        ([{1, 2, "a"}], [{"a", 2, 1}], True),
        ([{1, 2}], [{1, 3}], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        (["a" + chr(98), "ab"], ["ab", "ab"], True),
        (np.arange(3), np.arange(3), True),
        (np.arange(6)[::2], np.array([0, 2, 4]), True),
        (np.asfortranarray(np.eye(3)), np.eye(3), True),
        (np.array([[1, "a"]], dtype=object)[:, ::-1], np.array([["a", 1]], dtype=object), True),
        (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object), False),
        (np.array([0.0]), np.array([-0.0]), False),
        (padded(b"\0"), padded(b"\xff"), True),
        (padded(b"\0")["a"], padded(b"\0")["b"], False),
        (np.array([np.longdouble("nan"), 1]), np.array([np.longdouble("nan"), 1]), True),
        (np.arange(3), np.arange(3.0), False),
        (adding(1), adding(1), True),
        (adding(1), adding(2), False),
        (Model(), Model(), True),
        (Model(), Model(4), False),
        (module_function, module_function, True),
        (Model, Holder, False),
    ],
)
def test_what_counts_as_the_same(left, right, same):
    """Types, order and every bit count; which parts are shared does not."""
    assert is_same(left, right) is same


MEMORY = """
import resource, sys
import numpy as np
from artifact_materializers.pickle.object import PickleMaterializer
from artifact_plugins.contracts.folder import FolderFiles
from pathlib import Path

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

class Model: pass
model = Model()
model.left, model.right = np.ones(16_000_000), np.ones(16_000_000)
size = model.left.nbytes + model.right.nbytes
before = peak()
PickleMaterializer().save_files(model, FolderFiles(Path(sys.argv[1])))
print((peak() - before) / size)
"""


def test_saving_does_not_copy_the_buffers(tmp_path):
    """The peak of memory while 256 MB are saved is at most a tenth over them."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert float(done.stdout) < 0.1
