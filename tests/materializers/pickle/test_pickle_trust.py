"""Rows E1 to E9: nothing of a stranger's store runs, and plain values of theirs load all the same."""

from __future__ import annotations

import os
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from pickle_gadgets import GADGETS
from pickle_opcodes import call, pickle_of
from pickle_samples import Holder, Model
from pickle_wraps import WRAPS, Hidden

from artifact_materializers.numpy.npy import read_array
from artifact_materializers.pickle.facts import make_facts
from artifact_materializers.pickle.object import DATA, FACTS, PickleMaterializer, buffer_name
from artifact_plugins import errors
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.plugins import Resolver, load_plugins
from artifact_plugins.testing import session_on_disk
from artifact_plugins.testing.parts import make_materializer

PICKLE = "pickle.object"
SELECTION = (
    "os.system",
    "subprocess.Popen",
    "uuid._get_command_stdout",
    "imaplib.IMAP4_stream",
    "builtins.eval",
    "builtins.exec",
    "pickle.loads",
    "pkgutil.resolve_name",
    "operator.methodcaller",
    "functools.partial",
    "builtins.map",
    "logging.FileHandler",
    "numpy.memmap",
    "uuid:os.system",
    "importlib.import_module",
)
PLACES = ("payload", "framed", "cut off", "zip behind", "inside a zip", "in containers", "dropped")


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Save a version as somebody else: with another key, and with forged files when given."""

    def save(value, hidden=None):
        settings = {"trust_home": tmp_path / "stranger", "verify_save": "none"}
        with session_on_disk(tmp_path, **settings) as session, monkeypatch.context() as patch:
            if hidden is not None:
                patch.setattr(PickleMaterializer, "save_files", _forged(hidden))
            return session.save(value, "gift", materializer=PICKLE)

    return save


def _forged(hidden):
    def save_files(self, value, files):
        buffers = [len(data) for data in hidden.buffers]
        facts = make_facts(
            "builtins:dict", set(), by_value=False, protocol=5,
            size_bytes=len(hidden.data), buffers=buffers,
        )  # fmt: skip
        contents = {DATA: hidden.data, FACTS: facts.to_json()}
        contents |= {buffer_name(n): data for n, data in enumerate(hidden.buffers)}
        for name, data in contents.items():
            with files.open(name) as sink:
                sink.write(data)

    return save_files


@pytest.fixture
def mine(tmp_path):
    """Open the same store as myself."""

    def opened(**settings):
        return session_on_disk(tmp_path, **{"trust_home": tmp_path / "mine", **settings})

    return opened


@pytest.mark.parametrize("gadget", SELECTION)
def test_program_of_a_stranger_is_not_run(stranger, mine, tmp_path, gadget):
    """E1-E3: wherever it hides, loading raises a TrustError and the canary is not there."""
    for number, place in enumerate(PLACES):
        canary = str(tmp_path / f"canary-{number}.dat")
        version = stranger({}, WRAPS[place](GADGETS[gadget], canary))

        with mine() as session, pytest.raises(errors.TrustError):
            session.load(version)
        assert not os.path.lexists(canary), place


def test_program_of_a_stranger_runs_when_the_reader_says_so(stranger, mine, tmp_path):
    """Negative control: the canary fires in `unsafe`, and with `allow_unsafe=True`."""
    canaries = [str(tmp_path / f"canary-{number}") for number in range(2)]
    first, second = (
        stranger({}, WRAPS["payload"](GADGETS["os.system"], canary)) for canary in canaries
    )

    with mine(trust="unsafe") as session:
        session.load(first)
    with mine() as session:
        session.load(second, allow_unsafe=True)

    assert [os.path.lexists(canary) for canary in canaries] == [True, True]


def test_object_of_a_stranger_is_refused(stranger, mine):
    """A harmless object needs trust too: nobody can tell."""
    version = stranger(Model())

    with mine() as session, pytest.raises(errors.TrustError):
        session.load(version)


def test_object_of_my_own_loads_without_a_question(mine):
    """What I saved is signed with my key."""
    with mine() as session:
        version = session.save(Model(), "model")
    with mine() as session:
        loaded = session.load(version)

    assert type(loaded) is Model


@pytest.mark.parametrize(
    "value",
    [[1, {"a": (2.5, None)}], np.arange(100_000.0), pd.DataFrame({"a": [1, 2], "b": ["x", None]})],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_of_a_stranger_load(stranger, mine, value):
    """A pickle that never leaves the list is data."""
    version = stranger(value)

    with mine() as session:
        loaded = session.load(version)

    assert type(loaded) is type(value)
    assert repr(loaded) == repr(value)


def test_nothing_of_a_stranger_loads_in_mode_installed_but_plain_values(stranger, mine):
    """`trust="installed"` executes nothing, whoever signed it."""
    with mine(trust="installed") as session:
        own = session.save(Model(), "model")
        with pytest.raises(errors.TrustError):
            session.load(own)
        assert session.load(stranger([1, 2])) == [1, 2]


def test_element_of_a_stranger_is_not_run(mine, tmp_path):
    """A pickle inside a document needs the same trust."""
    with session_on_disk(tmp_path, trust_home=tmp_path / "stranger") as session:
        version = session.save({"a": Holder(1)}, "gift")

    with mine() as session, pytest.raises(errors.TrustError):
        session.load(version)


def _pickled_program(tmp_path):
    return WRAPS["payload"](GADGETS["os.system"], str(tmp_path / "canary")).data


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.arange(3), "array.npy"),
        (pd.DataFrame({"a": [1]}), "frame.arrow"),
        (pa.table({"a": [1]}), "table.arrow"),
        ([1, 2], "document.json"),
    ],
    ids=["npy", "frame", "table", "document"],
)
@pytest.mark.parametrize("place", ["payload", "inside a zip", "inside an npy file"])
def test_pickle_under_another_name_is_not_run(tmp_path, value, name, place):
    """E4: data loaders read no pickle, whatever its file is called."""
    cls = Resolver(load_plugins()).for_value(value).materializer_class
    materializer = make_materializer(cls, cls.Options())
    folder = tmp_path / "value"
    folder.mkdir()
    materializer.save_files(value, FolderFiles(folder))
    canary = tmp_path / "canary"
    data = WRAPS[place](GADGETS["os.system"], str(canary)).data
    for file in folder.iterdir():
        file.write_bytes(data)

    with pytest.raises(Exception):  # noqa: B017  # a session gives it a name
        materializer.load_files(FolderFiles(folder), type(value))

    assert not canary.exists()


def test_array_of_objects_is_not_unpickled(tmp_path):
    """E5: an npy file of pickled objects, also inside a structure."""
    for descr in ("'|O'", "[('a', '<i4'), ('b', '|O')]"):
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n".encode()
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        data = start + _pickled_program(tmp_path)

        with pytest.raises(errors.UnsafeFormatError):
            read_array(memoryview(data), "array.npy")
    assert not (tmp_path / "canary").exists()


def test_extension_type_with_a_pickle_is_not_unpickled(tmp_path):
    """E6: the metadata of an Arrow file that CVE-2023-47248 would unpickle."""
    payload = _pickled_program(tmp_path)
    field = pa.field(
        "a",
        pa.int64(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": payload,
        },
    )
    table = pa.table([pa.array([1])], schema=pa.schema([field]))
    for write, read in (
        (_write_ipc, lambda path: pa.ipc.open_file(path).read_all()),
        (pyarrow.parquet.write_table, pyarrow.parquet.read_table),
    ):
        path = str(tmp_path / "table")
        write(table, path)

        try:
            loaded = read(path)
        except pa.ArrowException:
            continue
        assert loaded.column("a").to_pylist() == [1]
    assert not (tmp_path / "canary").exists()


def _write_ipc(table, path):
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch", "FloatStorage"),
        ("keras.src.saving", "load_model"),
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
        ("dill._dill", "_create_type"),
        ("skops.io", "loads"),
        ("sklearn.linear_model._base", "LinearRegression"),
    ],
)
def test_files_of_other_libraries_are_refused(stranger, mine, module, name):
    """E7, E8: torch, Keras, joblib, dill, skops: their names are not on the list."""
    version = stranger({}, Hidden(pickle_of(call(module, name, 1))))

    with mine() as session, pytest.raises(errors.TrustError):
        session.load(version)


def test_flag_belongs_to_the_class(stranger, mine):
    """E9: what a record says about executing is not read; the installed class is asked."""
    version = stranger(Model())
    lying = version.model_copy(update={"metadata": {"executes_on_load": False}})

    with mine() as session, pytest.raises(errors.TrustError):
        session.load(lying)


def test_a_pickle_has_a_manifest_however_small(mine):
    """It never lies in its record: there is something to sign."""
    with mine(inline_max_bytes=64 * 1024) as session:
        version = session.save(Holder(1), "value")

    assert not version.uri.startswith("data:")
    assert version.manifest_digest
