"""What archived code finds in the child, in a real child of the running interpreter."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recorded_environments import PLUGINS, SHOP, work_of

from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_plugins.errors import EnvironmentMismatchError, LoadFailedError, ManifestInvalidError
from artifact_plugins.isolation import IsolatedValue
from artifact_plugins.isolation.loading import load_with

HERE = Path(sys.executable)

READER = """
    from artifact_plugins import Materializer
    from shop.prices import VALUE

    class Reader(Materializer):
        format = "odd/1"
        def save(self, value, directory): ...
        def load(self, directory, data_type): return VALUE
"""


def shop(prices: str) -> dict[str, str]:
    """Return an archived package whose reader gives `VALUE`."""
    return {"shop/__init__.py": "", "shop/reader.py": READER, "shop/prices.py": prices}


def load(folder: Path, sources: Any, entry: str = "shop.reader:Reader", **more: Any) -> Any:
    return load_with(HERE, work_of(folder, sources, entry, **more))


@dataclass
class Order:
    """The class as it is here."""

    price: int
    carrier: str = "UA"


PLAIN = [
    None,
    True,
    -0.0,
    10**40,
    "text \U0001f6eb",
    b"\x00\xff",
    (1, [2, {"a": {3}}]),
    {1: "a", (2, 3): None},
    complex(1, -2),
]


def test_plain_values_come_back_equal(tmp_path: Path):
    """Plain values come back with their types, however they are nested."""
    assert repr(load(tmp_path, shop(f"VALUE = {PLAIN!r}"))) == repr(PLAIN)


def test_times_and_decimals_come_back_equal(tmp_path: Path):
    """Dates, zones, durations, decimals, UUIDs and paths keep their types."""
    text = """
        from datetime import *; from decimal import Decimal; from uuid import UUID
        from zoneinfo import ZoneInfo; from pathlib import PurePosixPath
        VALUE = [datetime(2020, 1, 2, tzinfo=ZoneInfo("Europe/Paris")), date(1, 1, 1), time(3),
                 timedelta(microseconds=1), Decimal("1.10"), UUID(int=5), PurePosixPath("a/b")]
    """
    expected: dict[str, Any] = {}
    exec(dedent(text), expected)

    assert repr(load(tmp_path, shop(text))) == repr(expected["VALUE"])


def test_arrays_in_containers_come_back_equal(tmp_path: Path):
    """Arrays and frames inside a dict and a tuple come back as what they were."""
    text = """
        import numpy, pandas
        VALUE = {"a": (numpy.arange(6, dtype="i2").reshape(2, 3), numpy.float32(0.1)),
                 "f": pandas.DataFrame({"x": [1.5]}, index=["r"])}
    """
    loaded = load(tmp_path, shop(text))

    array, scalar = loaded["a"]
    assert array.dtype == np.dtype("i2")
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert type(scalar) is np.float32
    pd.testing.assert_frame_equal(loaded["f"], pd.DataFrame({"x": [1.5]}, index=["r"]))


@pytest.mark.parametrize(
    "text",
    [
        "import numpy; VALUE = numpy.array([{1}, 'a'], dtype=object)",
        "VALUE = lambda: 1",
        "VALUE = iter([1])",
        "VALUE = [object()]",
    ],
)
def test_what_is_no_data_stays(tmp_path: Path, text: str):
    """A value that no data-only format holds exactly is never sent: it stays."""
    value = load(tmp_path, shop(text))

    assert isinstance(value, IsolatedValue)
    value.close()


def test_imports_of_the_archive_go_to_the_archive(tmp_path: Path):
    """A package of the archive wins over an installed one of its name, also one of ours."""
    sources = {
        **shop("from artifact_materializers.numpy import WHERE as VALUE"),
        "artifact_materializers/__init__.py": "",
        "artifact_materializers/numpy/__init__.py": "WHERE = 'archive'",
    }

    assert load(tmp_path, sources) == "archive"


def test_our_plugins_are_found_where_the_archive_has_none(tmp_path: Path):
    """Archived code may build on a plugin of ours that was not archived with it."""
    text = "from artifact_materializers.numpy.array import FILE as VALUE"

    assert load(tmp_path, shop(text)) == "array.npy"


def test_an_archived_container_reads_elements_with_their_archived_writers(tmp_path: Path):
    """Elements are read by the archived class of their key; of others by the running one."""
    folder = PLUGINS / "artifact_materializers/python"
    sources: dict[str, str | bytes] = {
        path.relative_to(PLUGINS).as_posix(): path.read_bytes() for path in folder.glob("*.py")
    }
    sources["shop/__init__.py"] = ""
    sources["shop/marked.py"] = """
        from artifact_materializers.numpy.array import ArrayMaterializer

        class Marked(ArrayMaterializer):
            def load_files(self, files, data_type):
                return super().load_files(files, data_type) + 1
    """
    save_document(tmp_path, {"a": np.arange(3)})
    entry = "artifact_materializers.python.document:DocumentMaterializer"

    same = load(tmp_path, sources, entry, data_type="builtins:dict")
    marked = load(
        tmp_path,
        sources,
        entry,
        data_type="builtins:dict",
        offers={"numpy.array": "shop.marked:Marked"},
    )

    assert same["a"].tolist() == [0, 1, 2]
    assert marked["a"].tolist() == [1, 2, 3]


def save_document(folder: Path, value: Any) -> None:
    """Write a document with elements, as a session does."""
    from recorded_environments import EXCHANGE

    from artifact_plugins.isolation.exchange import Exchange

    Exchange(EXCHANGE).pack(value, folder)


def test_classes_of_a_script_are_there(tmp_path: Path):
    """Classes that were archived by value are found by a pickle that names `__main__`."""
    script = tmp_path / "script.py"
    script.write_text(
        dedent("""
        import cloudpickle, pickle, sys, pathlib
        class Order:
            def __init__(self, price): self.price = price
            def total(self, count): return self.price * count
        folder = pathlib.Path(sys.argv[1])
        (folder / "classes").write_bytes(cloudpickle.dumps({"Order": Order}))
        (folder / "value.pickle").write_bytes(pickle.dumps(Order(7)))
        """)
    )
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    sources = {"shop.py": SHOP, "__main__.pickle": (tmp_path / "classes").read_bytes()}

    with load(tmp_path, sources, "shop:Pickled", data_type="__main__:Order") as order:
        assert order.total(count=3) == 21
        assert order.price == 7


def test_a_class_of_the_reader_comes_back_when_it_is_found(tmp_path: Path):
    """With a finder, a dataclass comes back as the class that the reader means."""
    text = """
        from dataclasses import dataclass
        @dataclass
        class Order:
            price: int
            carrier: str = "AA"
        VALUE = Order(5)
    """
    asked = []

    def find(path: str) -> type:
        asked.append(path)
        return Order

    found = load(tmp_path, shop(text), find=find)
    stays = load(tmp_path, shop(text))

    assert found == Order(5, "AA")
    assert set(asked) == {"shop.prices:Order"}
    assert isinstance(stays, IsolatedValue)
    assert (stays.price, stays.carrier) == (5, "AA")
    stays.close()


def test_an_artifact_task_deserializes_with_its_parameters(tmp_path: Path):
    """An archived artifact task gets its file and the parameters of the record."""
    (tmp_path / "lines.txt").write_text("a;b;c")
    task = """
        from artifact_plugins.contracts.artifact_task import ArtifactTask
        from pydantic import BaseModel

        class Parameters(BaseModel):
            sep: str = ","

        class Lines(ArtifactTask):
            name = "lines"
            format = "lines/1"
            Parameters = Parameters
            def serialize(self, value, directory, *, sep): ...
            def deserialize(self, path, *, sep):
                return path.read_text().split(sep)
    """

    loaded = load(tmp_path, {"shop.py": task}, "shop:Lines", parameters={"sep": ";"})

    assert loaded == ["a", "b", "c"]


def test_a_class_that_is_no_writer_is_refused(tmp_path: Path):
    """An entry that is neither a materializer nor an artifact task is named."""
    with pytest.raises(EnvironmentMismatchError, match="neither a materializer"):
        load(tmp_path, {"shop.py": "class A: ..."}, "shop:A")


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "", "a\\..\\b.py", "a/../../b.py"])
def test_a_member_outside_is_refused(tmp_path: Path, name: str):
    """No member of an archive is written outside the private folder."""
    with pytest.raises(ManifestInvalidError, match="holds a member"):
        load(tmp_path, {"shop.py": SHOP, name: "x = 1"}, "shop:Pickled")


def test_a_value_that_stays_cannot_be_pickled_or_set(tmp_path: Path):
    """A value of another process is neither pickled nor changed from here."""
    from artifact_plugins.errors import HandleUsageError

    with load(tmp_path, shop("VALUE = object()")) as value:
        with pytest.raises(HandleUsageError, match="process of its own"):
            pickle.dumps(value)
        with pytest.raises(HandleUsageError, match="cannot be set"):
            value.price = 3
        assert "object" in repr(value)


def test_an_array_of_our_materializer_is_read(tmp_path: Path):
    """The control: an installed materializer is also an entry."""
    ArrayMaterializer().save(np.arange(4.0), tmp_path)

    loaded = load(
        tmp_path,
        {"shop.py": ""},
        "artifact_materializers.numpy.array:ArrayMaterializer",
        data_type="numpy:ndarray",
    )

    assert loaded.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_a_selection_is_loaded_alone(tmp_path: Path):
    """Only the wanted columns and rows come back; what cannot select says so."""
    from artifact_materializers.pandas.frame import FrameMaterializer

    FrameMaterializer().save(pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}), tmp_path)
    entry = "artifact_materializers.pandas.frame:FrameMaterializer"
    more = {"data_type": "pandas:DataFrame"}

    part = load(
        tmp_path,
        {"shop.py": ""},
        entry,
        selection={"columns": ["b"], "rows": slice(1, 3)},
        **more,
    )

    assert part["b"].tolist() == [5, 6]
    assert list(part) == ["b"]
    with pytest.raises(LoadFailedError, match="cannot load this selection"):
        load(tmp_path, shop("VALUE = 1"), selection={"columns": ["b"]})


def test_items_of_what_stays_come_one_by_one(tmp_path: Path):
    """A stream is iterated from here; what it raises there comes after the items before it."""
    text = """
        def items():
            yield 1
            yield {"a": numpy.arange(2)}
            raise ValueError("no more flights")
        import numpy
        VALUE = items()
    """
    with load(tmp_path, shop(text)) as value:
        items = iter(value)
        assert next(items) == 1
        assert next(items)["a"].tolist() == [0, 1]
        with pytest.raises(LoadFailedError, match="no more flights"):
            next(items)
        assert list(items) == []


def test_an_iterator_ends(tmp_path: Path):
    """An iterator is consumed once, whoever asks again."""
    with load(tmp_path, shop("VALUE = iter(range(3))")) as value:
        assert list(value) == [0, 1, 2]
        assert list(value) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("VALUE = lambda: 1", LoadFailedError),
        ("VALUE = iter([object()])", EnvironmentMismatchError),
    ],
)
def test_what_has_no_items_that_are_data_is_named(tmp_path: Path, text: str, error: type):
    """A value without items is an error by name, and so is an item that is no data."""
    with load(tmp_path, shop(text)) as value, pytest.raises(error, match="isolated"):
        list(value)
