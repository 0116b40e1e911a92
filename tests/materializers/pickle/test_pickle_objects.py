"""Rows H1 to H24 of the catalogue: what Python objects become, or why they are refused.

Plain values are the business of `python.document`, whose rows are tested there:
H14 and H24 in `test_python_exactness.py` and `test_python_refusals.py`.
"""

from __future__ import annotations

import functools
import logging
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from enum import Enum
from pathlib import Path

import pandas as pd
import pickle_samples
import pytest
from pickle_samples import (
    Changing,
    Holder,
    Junk,
    JunkTuple,
    LosesItsNote,
    Model,
    Moving,
    Proxy,
    RaisesWhenBuilt,
    RaisesWhenDeleted,
    Slotted,
    Text,
    TwoArguments,
    Unordered,
    a_coroutine,
    unpicklable,
)

import artifact_plugins as ap
from artifact_materializers.pickle.object import PickleMaterializer
from artifact_plugins import errors
from artifact_plugins.records import VersionQuery
from artifact_plugins.testing import memory_session, session_on_disk

PICKLE = "pickle.object"


@pytest.fixture
def session():
    with memory_session() as opened:
        yield opened


def saved(session, value, **options):
    return session.load(session.save(value, "value", **options))


def assert_nothing_kept(session):
    assert not session.ledger.versions(VersionQuery()).items
    assert not list(session.store.version_ids())


@pytest.mark.parametrize("row", unpicklable())
def test_part_that_cannot_be_stored_is_named_by_its_path(session, row):
    """H1-H8, H15: the error names the attribute, three steps down, and nothing is kept."""
    with pytest.raises(
        errors.NotSerializableError, match=r"value\.model\.layers\[1\]\.part"
    ) as caught:
        session.save(Holder(unpicklable()[row]), "holder")

    assert caught.value.path.startswith("value.model.layers[1].part")
    assert_nothing_kept(session)


def test_socket_is_named_by_its_path(session):
    """H3: a socket is a handle of this process."""
    with (
        socket.socket() as opened,
        pytest.raises(errors.NotSerializableError, match=r"layers\[1\]\.part is a socket\.socket"),
    ):
        session.save(Holder(opened), "holder")


def test_part_of_a_holder_that_can_be_stored_is(session):
    """Negative control: the same holder with a harmless part comes back."""
    assert saved(session, Holder("part")).model.layers[1].part == "part"


@pytest.mark.parametrize("mode", ["r", "w", "rb"])
def test_open_file_is_refused(session, tmp_path, mode):
    """H9: cloudpickle would store the text of a file that is open for reading."""
    (tmp_path / "file.txt").write_text("secret")

    with (
        (tmp_path / "file.txt").open(mode) as file,
        pytest.raises(errors.NotSerializableError, match=r"layers\[1\]\.part"),
    ):
        session.save(Holder(file), "holder")
    assert_nothing_kept(session)


def test_what_has_no_name_is_stored_with_its_code(session):
    """H10: lambdas, and what holds one, come back and work."""
    count = 3
    counted = saved(session, Holder(defaultdict(lambda: count))).model.layers[1].part

    assert saved(session, lambda x: x + count)(4) == 7
    assert saved(session, functools.partial(lambda x, y: x * y, 2))(5) == 10
    assert counted["new"] == 3


def test_local_class_and_enum_inside_an_object_are_stored_with_their_code(session):
    """H10: a class of a function and an enum made by a call are parts of a pickle."""

    class Local:
        n = 5

    Color = Enum("Color", ["RED", "BLUE"])
    loaded = saved(session, Holder([Local(), Color.BLUE])).model.layers[1].part

    assert loaded[0].n == 5
    assert loaded[1].name == "BLUE"


def test_exception_that_does_not_unpickle_is_found_at_save(session):
    """H11: it pickles, but its `__init__` wants two arguments."""
    with pytest.raises(errors.RoundTripError, match="does not load back"):
        session.save(TwoArguments(1, 2), "error")
    assert_nothing_kept(session)


def test_proxy_that_recurses_is_found_at_save(session):
    """H12: `__getattr__` runs before there is a target."""
    with pytest.raises(errors.MaterializerError) as caught:
        session.save(Proxy(Model()), "proxy")

    assert type(caught.value) in (errors.RoundTripError, errors.NotSerializableError)
    assert_nothing_kept(session)


def test_chain_that_is_too_deep_is_named(session):
    """H13: a list of 100,000 levels."""
    chain = []
    for _ in range(100_000):
        chain = [chain]

    with pytest.raises(errors.NotSerializableError, match=r"part.* nested deeper"):
        session.save(Holder(chain), "holder")
    assert_nothing_kept(session)


def test_recursive_list_inside_an_object_comes_back(session):
    """H14: a list that holds itself is fine in a pickle."""
    ring = [1]
    ring.append(ring)

    loaded = saved(session, Holder(ring)).model.layers[1].part

    assert loaded[1] is loaded


def test_odd_but_picklable_objects_come_back(session):
    """H16: a logger, a coroutine function, NotImplemented; each is marked as executing."""
    loaded = (
        saved(session, Holder([logging.getLogger("shop"), a_coroutine, NotImplemented]))
        .model.layers[1]
        .part
    )

    assert loaded == [logging.getLogger("shop"), a_coroutine, NotImplemented]


def test_temporary_folder_comes_back_as_its_name(session):
    """H16: of a TemporaryDirectory only the name is left; nothing removes it twice."""
    with tempfile.TemporaryDirectory() as name:
        holder = tempfile.TemporaryDirectory(dir=name)
        loaded = saved(session, Holder(holder)).model.layers[1].part
        same_name = loaded.name == holder.name
        holder.cleanup()

    assert same_name


def test_class_that_is_gone_is_named(tmp_path, monkeypatch):
    """H17: what reads the pickle names the class and says what to do."""
    PickleMaterializer().save(Holder(Moving(3)), tmp_path)
    monkeypatch.delattr(pickle_samples, "Moving")

    with pytest.raises(errors.PayloadClassNotFoundError, match=r"Moving.*Settings\.renames"):
        PickleMaterializer().load(tmp_path, Holder)


def test_class_that_is_gone_comes_out_of_the_archive(tmp_path, monkeypatch):
    """H17: the code that the version is pinned to still has it."""
    with session_on_disk(tmp_path) as session:
        version = session.save(Holder(Moving(3)), "moving")
    monkeypatch.delattr(pickle_samples, "Moving")

    with session_on_disk(tmp_path) as session:
        loaded = session.load(version).model.layers[1].part

    assert loaded.n == 3


def test_class_that_was_renamed_is_found(tmp_path, monkeypatch):
    """H17: `Settings.renames` says where it went."""
    with session_on_disk(tmp_path) as session:
        version = session.save(Holder(Moving(3)), "moving")

    class Moved(Moving):
        pass

    monkeypatch.delattr(pickle_samples, "Moving")
    monkeypatch.setattr(pickle_samples, "Moved", Moved, raising=False)
    path = f"{Model.__module__}:Moved"
    with session_on_disk(tmp_path, renames={f"{Model.__module__}:Moving": path}) as session:
        loaded = session.load(version).model.layers[1].part

    assert type(loaded) is Moved
    assert loaded.n == 3


@pytest.mark.parametrize(
    "value", [Slotted(1), Holder(Slotted(None))], ids=["itself", "inside another"]
)
def test_slot_that_is_not_set_stays_so(session, value):
    """H19: an object with an empty slot comes back with it empty."""
    loaded = saved(session, value)
    found = loaded if isinstance(loaded, Slotted) else loaded.model.layers[1].part

    assert not hasattr(found, "right")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (Junk(), errors.LossyConversionError),
        (JunkTuple(), errors.NotSerializableError),
        (Changing(), errors.RoundTripError),
    ],
)
def test_junk_of_reduce_is_found_at_save(session, value, error):
    """H19: another type, no reduction at all, another state."""
    with pytest.raises(error):
        session.save(value, "junk")
    assert_nothing_kept(session)


def test_what_a_subclass_of_text_adds_is_compared(session):
    """H19: `str.__eq__` would say equal, but a note is lost; one that keeps it is fine."""
    value, kept = LosesItsNote("a"), Text("a")
    value.note = kept.note = "checked"

    assert saved(session, kept).note == "checked"
    with pytest.raises(errors.RoundTripError, match="different"):
        session.save(value, "text")


def test_setstate_that_raises_is_a_failed_load(session, monkeypatch):
    """H20: the store is untouched, and the next load may work."""
    monkeypatch.setattr(RaisesWhenBuilt, "is_broken", False)
    version = session.save(RaisesWhenBuilt(), "value")
    monkeypatch.setattr(RaisesWhenBuilt, "is_broken", True)

    with pytest.raises(errors.LoadFailedError, match="boom"):
        session.load(version)

    monkeypatch.setattr(RaisesWhenBuilt, "is_broken", False)
    assert session.load(version).n == 1


def test_object_with_del_is_saved(session):
    """H20: `__del__` of the copy that was read back runs, that of the value does not."""
    value = RaisesWhenDeleted()
    RaisesWhenDeleted.deleted.clear()

    session.save(value, "value")

    assert RaisesWhenDeleted.deleted == [1]


def test_object_that_another_thread_changes_is_kept_whole_or_refused(session):
    """H22: a value that changes meanwhile loads as the bytes that were written, or is refused."""
    model, stop = Model(400_000), threading.Event()

    def change():
        while not stop.is_set():
            model.coef_ += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        try:
            loaded = saved(session, model)
        except (errors.StoreIntegrityError, errors.MaterializerError):
            loaded = model
    finally:
        stop.set()
        thread.join()

    assert loaded.coef_.shape == model.coef_.shape


class Frame(pd.DataFrame):
    """A subclass without anything of its own."""


def test_subclass_of_a_supported_type_keeps_its_type(session):
    """H23: it is not stored as a plain frame, but pickled as what it is."""
    version = session.save(Frame({"a": [1]}), "frame")

    assert version.materializer == PICKLE
    assert type(session.load(version)) is Frame


def test_value_that_a_data_materializer_refuses_is_not_pickled(session):
    """A lossy frame, an open file in a list keep the error of their own materializer."""
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["function"] = object()

    with pytest.raises(errors.ArtifactPluginsError) as caught:
        session.save(frame, "frame")

    assert "pickle" not in str(caught.value)
    assert_nothing_kept(session)


def test_objects_in_containers_are_pickled_one_by_one(session):
    """A dict of models is a document, its models are pickles beside it."""
    version = session.save({"a": Model(), "b": [Model(4), 1]}, "models")
    loaded = session.load(version)

    assert version.materializer == "python.document"
    assert [type(loaded["a"]), type(loaded["b"][0]), loaded["b"][1]] == [Model, Model, 1]


def test_value_with_sets_and_nan_is_the_same(session):
    """Order of a set, NaN and the sign of zero do not make another value."""
    loaded = saved(session, Unordered())

    assert len(loaded.names) == 50
    assert str(loaded.zero) == "-0.0"


def test_large_object_comes_back(session):
    """H21: buffers of megabytes lie in files of their own; sizes over 4 GiB are a matter of time."""
    version = session.save(Model(3_000_000), "model")

    assert [file.path for file in version.files] == ["buffer-0", "data.pickle", "pickle.json"]
    assert session.load(version).coef_.nbytes == 24_000_000


def test_class_of_a_script_comes_back_in_another_process(tmp_path):
    """H18: a class of `__main__` is stored with its code, and works where it is not defined."""
    store = f"store_url={str(tmp_path / 's')!r}, ledger_url='sqlite:///{tmp_path / 'l.sqlite'}'"
    script = tmp_path / "script.py"
    script.write_text(
        "import artifact_plugins as ap\n"
        "class Local:\n"
        "    def __init__(self, n): self.n = n\n"
        "    def double(self): return 2 * self.n\n"
        f"with ap.open_session(ap.Settings({store})) as session:\n"
        "    session.save(Local(4), 'local')\n"
    )
    other = tmp_path / "other.py"
    other.write_text(
        "import artifact_plugins as ap\n"
        f"with ap.open_session(ap.Settings({store})) as session:\n"
        "    print(session.load('local').double())\n"
    )
    for path in (script, other):
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    assert done.stdout.strip() == "8"


def test_saying_so_happens_once_per_class(session, caplog):
    """One warning for each class that is pickled."""

    class Fresh(Model):
        pass

    Fresh.__qualname__ = "Fresh"
    caplog.set_level(logging.WARNING, logger="artifact_plugins")
    for _ in range(2):
        session.save(Holder(Fresh()), "value")
    told = [record.getMessage() for record in caplog.records if "pickle" in record.getMessage()]

    assert len(told) <= 1
    assert all("executes code and needs trust" in text for text in told)


@pytest.mark.parametrize(
    "value", [Model(), Frame({"a": [1]}), Text("a")], ids=lambda v: type(v).__name__
)
def test_allow_pickle_false_refuses_at_save(value):
    """The error of a type that nobody handles comes back, and says which setting would."""
    with (
        memory_session(allow_pickle=False) as session,
        pytest.raises(errors.NoMaterializerError, match=r"Settings\.allow_pickle=True"),
    ):
        session.save(value, "value")


def test_allow_pickle_false_refuses_what_is_asked_for_too():
    """A materializer named by hand is no way around the setting."""
    with memory_session(allow_pickle=False) as session:
        with pytest.raises(errors.UnsafeFormatError, match="switched off"):
            session.save(Model(), "value", materializer=PICKLE)
        assert_nothing_kept(session)


def test_allow_pickle_false_still_loads(tmp_path):
    """The setting is about saving; what may be loaded is a question of trust."""
    with session_on_disk(tmp_path) as session:
        version = session.save(Model(), "model")
    with session_on_disk(tmp_path, allow_pickle=False) as session:
        loaded = session.load(version)

    assert type(loaded) is Model


def test_every_row_has_a_test():
    """Rows H1 to H23 are named in this file and its samples, H24 in the room of plain values."""
    text = Path(__file__).read_text() + " ".join(unpicklable())

    assert [n for n in range(1, 25) if not re.search(rf"\bH{n}\b", text)] == []


def test_front_door_saves_any_object(tmp_path, monkeypatch):
    """`ap.save` takes what nothing else handles, without a question."""
    monkeypatch.chdir(tmp_path)

    version = ap.save(Model(), "model")

    assert ap.load(version).predict(1.0) == Model().predict(1.0)
