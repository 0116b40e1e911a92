"""The Parquet option: exact or refused, never silently changed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas_cases import EXACT, column
from pandas_files import MemoryFiles, round_trip, saved

from artifact_materializers.pandas.frame import FrameMaterializer, FrameOptions
from artifact_plugins.errors import LossyConversionError

Case = tuple[str, str, Callable[[], pd.DataFrame]]


def make() -> FrameMaterializer:
    return FrameMaterializer(FrameOptions(format="parquet"))


def round_trip_or_refusal(frame: pd.DataFrame) -> pd.DataFrame | None:
    try:
        return round_trip(frame, make())
    except LossyConversionError:
        return None


@pytest.mark.parametrize("case", EXACT, ids=[f"{row} {name}" for row, name, _ in EXACT])
def test_frame_is_exact_or_refused(case: Case) -> None:
    """No frame of the table changes on its way through Parquet."""
    frame = case[2]()

    loaded = round_trip_or_refusal(frame)

    assert loaded is None or make().equal(loaded, frame)


def test_most_frames_are_exact() -> None:
    """Parquet refuses few frames of the table: those of types that it does not have."""
    loaded = {f"{row} {name}": round_trip_or_refusal(frame()) for row, name, frame in EXACT}

    refused = sorted(name for name, frame in loaded.items() if frame is None)

    assert len(refused) <= 12, refused


def test_version_says_parquet() -> None:
    """The format of the materializer follows its option."""
    assert (make().format, FrameMaterializer().format) == ("parquet/1", "arrow/1")
    assert saved(column(1), make()).names() == ("data.parquet",)


def test_float_columns_have_no_dictionary() -> None:
    """Float columns are zstd without a dictionary, text columns have one."""
    frame = pd.DataFrame({"f": np.arange(1000.0), "s": ["x", "y"] * 500})

    file = pq.ParquetFile(io.BytesIO(saved(frame, make()).data["data.parquet"]))

    floats, texts = (file.metadata.row_group(0).column(number) for number in (0, 1))
    assert (floats.compression, floats.has_dictionary_page) == ("ZSTD", False)
    assert texts.has_dictionary_page


def test_columns_of_parquet_load_alone() -> None:
    """A selection of columns and rows of a Parquet file is the same as of the frame."""
    frame = pd.DataFrame(
        {"a": range(9), "c": pd.Categorical(list("abcabcabc")), "s": list("xyzxyzxyz")}
    )
    files = saved(frame, make())

    part = make().load_part(files, pd.DataFrame, columns=["c", "a"], rows=slice(2, 7))

    assert make().equal(part, frame[["c", "a"]].iloc[2:7])


def test_loaded_frame_can_be_changed() -> None:
    """A frame loaded from Parquet is writable."""
    frame = pd.DataFrame({"a": np.arange(20_000), "b": np.arange(20_000.0)})

    loaded = round_trip(frame, make())
    loaded.iloc[0, 0] = 5
    loaded["b"] += 1

    assert (loaded.iloc[0, 0], loaded.iloc[0, 1]) == (5, 1.0)


def test_frame_saved_as_parquet_loads_with_default_options() -> None:
    """The reader looks at the file, not at its own options."""
    files = MemoryFiles()
    make().save_files(column("a", None), files)

    loaded = FrameMaterializer().load_files(files, pd.DataFrame)

    assert make().equal(loaded, column("a", None))
