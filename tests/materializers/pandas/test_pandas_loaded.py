"""A loaded frame behaves like any other: it can be changed, and changes nothing stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pandas_files import MemoryFiles, saved

from artifact_materializers.pandas.frame import FrameMaterializer

ROWS = 20_000  # above the limit below which columns are joined into one block


def mixed(rows: int = ROWS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "i": np.arange(rows),
            "f": np.arange(rows, dtype="f8"),
            "s": pd.array([str(number) for number in range(rows)], "str"),
            "c": pd.Categorical(np.arange(rows) % 3),
            "t": pd.date_range("2020", periods=rows, tz="UTC", freq="s"),
            "b": np.arange(rows) % 2 == 0,
            "m": pd.array([None, 1] * (rows // 2), "Int64"),
            "o": pd.Series([(1, 2)] * rows, dtype=object),
            "p": pd.period_range("2020", periods=rows, freq="min"),
        }
    )


CHANGES: dict[str, Callable[[pd.DataFrame], object]] = {
    "i": lambda f: f.__setitem__("i", f["i"] * 2),
    "f": lambda f: f.iloc.__setitem__((0, 1), -1.0),
    "s": lambda f: f.loc.__setitem__((1, "s"), "changed"),
    "c": lambda f: f.iloc.__setitem__((2, 3), 2),
    "t": lambda f: f.loc.__setitem__((0, "t"), pd.Timestamp("1999", tz="UTC")),
    "b": lambda f: f.loc.__setitem__((slice(0, 5), "b"), False),
    "m": lambda f: f.loc.__setitem__((0, "m"), 7),
    "o": lambda f: f.at.__setitem__((0, "o"), "x"),
    "p": lambda f: f.loc.__setitem__((0, "p"), pd.Period("1999-01-01", "min")),
    "new column": lambda f: f.insert(0, "z", 1),
    "pop": lambda f: f.pop("f"),
    "rename": lambda f: setattr(f, "columns", range(f.shape[1])),
    "in place": lambda f: f[["i", "f"]].to_numpy().sort(),
}


@pytest.mark.parametrize("rows", [ROWS, 100])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_loaded_frame_changes_like_the_original(
    change: Callable[[pd.DataFrame], object], rows: int
) -> None:
    """A change of the loaded frame has the effect that it has on the original."""
    original = mixed(rows)
    loaded = FrameMaterializer().load_files(saved(mixed(rows)), pd.DataFrame)

    change(original)
    change(loaded)

    assert FrameMaterializer().equal(loaded, original)


def test_change_does_not_reach_the_store(tmp_path: object) -> None:
    """Changing a loaded frame leaves the file as it was; the next load is unchanged."""
    materializer = FrameMaterializer()
    materializer.save(mixed(), tmp_path)  # type: ignore[arg-type]
    first = materializer.load(tmp_path, pd.DataFrame)  # type: ignore[arg-type]

    first["f"] += 1
    first.loc[0, "i"] = -5

    assert materializer.equal(materializer.load(tmp_path, pd.DataFrame), mixed())  # type: ignore[arg-type]


def test_read_only_bytes_give_a_writable_frame() -> None:
    """A value that lies in its record arrives as read-only bytes and is writable too."""
    files = saved(mixed())
    readonly = MemoryFiles(readonly=True)
    readonly.data = files.data

    loaded = FrameMaterializer().load_files(readonly, pd.DataFrame)
    loaded.loc[0, "i"] = 9

    assert loaded.loc[0, "i"] == 9


def test_numeric_columns_are_views_of_the_file() -> None:
    """Columns of fixed width, text and codes are not copied when they are loaded."""
    buffer = bytearray(saved(mixed()).data["data.arrow"])
    area = np.frombuffer(buffer, np.uint8)

    class Files(MemoryFiles):
        def buffer(self, name: str) -> memoryview:
            return memoryview(buffer)

    files = Files()
    files.data["data.arrow"] = buffer
    loaded = FrameMaterializer().load_files(files, pd.DataFrame)

    assert np.shares_memory(loaded["i"].to_numpy(), area)
    assert np.shares_memory(loaded["f"].to_numpy(), area)
    assert np.shares_memory(loaded["c"].array.codes, area)
    assert np.shares_memory(loaded["t"].array.view("M8[us]").view("i8"), area)
    assert not np.shares_memory(loaded["b"].to_numpy(), area)


def test_small_columns_are_joined() -> None:
    """A frame of many short columns has one block per dtype, so later operations are fast."""
    frame = pd.DataFrame(np.arange(4000.0).reshape(4, 1000))

    loaded = FrameMaterializer().load_files(saved(frame), pd.DataFrame)

    assert loaded.to_numpy(copy=False).base is not None
    assert len(loaded._mgr.blocks) == 1
