"""Files travel: others read ours, we read theirs, damaged ones are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas_cases import EXACT, strided
from pandas_files import MemoryFiles, saved

from artifact_materializers.pandas.frame import FrameMaterializer, FrameOptions
from artifact_plugins.errors import LoadFailedError

GOLDEN = Path(__file__).parent / "golden"


def table_of(frame: pd.DataFrame) -> pa.Table:
    return pa.ipc.open_file(saved(frame).buffer("data.arrow")).read_all()


def foreign(table: pa.Table, name: str = "data.arrow") -> MemoryFiles:
    files, sink = MemoryFiles(), pa.BufferOutputStream()
    if name.endswith("arrow"):
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, sink)
    files.data[name] = bytearray(sink.getvalue())
    return files


def test_other_readers_see_names_and_values() -> None:
    """Pyarrow sees the columns by name, real values, and the index as its own column."""
    frame = pd.DataFrame(
        {"i": [1, 2], "s": ["a", None], "c": pd.Categorical(["x", "y"]), "o": [None, "b"]},
        index=pd.Index(["r1", "r2"]),
    )

    table = table_of(frame)

    assert table.schema.names == ["i", "s", "c", "o", "__index_level_0__"]
    assert table.drop(["__index_level_0__"]).to_pylist() == [
        {"i": 1, "s": "a", "c": "x", "o": None},
        {"i": 2, "s": None, "c": "y", "o": "b"},
    ]


def test_missing_times_are_null_for_others() -> None:
    """NaT is null, NaN stays NaN."""
    frame = pd.DataFrame({"t": pd.to_datetime(["2020", None]), "f": [1.0, float("nan")]})

    table = table_of(frame)

    assert table.column("t").null_count == 1
    assert table.column("f").null_count == 0


def test_names_that_are_no_text_become_positions() -> None:
    """Duplicate and integer labels are columns "0", "1", ... for other readers."""
    assert table_of(pd.DataFrame([[1, 2]], columns=["a", "a"])).schema.names == ["0", "1"]
    assert table_of(strided().rename(columns={"a": 7})).schema.names == ["0", "1", "2"]


def test_one_batch_per_frame() -> None:
    """A frame is one record batch, so that every column is one piece of memory."""
    reader = pa.ipc.open_file(saved(strided(100_000)).buffer("data.arrow"))

    assert reader.num_record_batches == 1


@pytest.mark.parametrize("name", ["data.arrow", "data.parquet"])
def test_tables_of_others_load(name: str) -> None:
    """An Arrow or Parquet file without our sidecar gives what pyarrow's to_pandas gives."""
    table = pa.table({"a": [1, 2, None], "b": ["x", None, "z"], "l": [[1], [], None]})
    files = foreign(table, name)

    loaded = FrameMaterializer().load_files(files, pd.DataFrame)
    part = FrameMaterializer().load_part(files, pd.DataFrame, columns=["b"], rows=slice(1, 3))

    assert FrameMaterializer().equal(loaded[["a", "b"]], table.to_pandas()[["a", "b"]])
    assert loaded["l"].iloc[0].tolist() == [1]
    assert FrameMaterializer().equal(part, table.to_pandas()[["b"]].iloc[1:3])


def test_pandas_metadata_of_others_is_used() -> None:
    """The index that pandas' own writer describes is restored."""
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="k"))

    loaded = FrameMaterializer().load_files(foreign(pa.Table.from_pandas(frame)), pd.DataFrame)

    assert FrameMaterializer().equal(loaded, frame)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"ARROW1",
        lambda data: (b"ARRO" if data[:4] == b"PAR1" else b"PAR1") + data[4:],
        lambda data: data[:-200],
        lambda data: b"not a table at all",
    ],
    ids=["empty", "half", "magic only", "other magic", "no footer", "text"],
)
@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_damaged_file_is_named(damage: Any, kind: str) -> None:
    """Bytes that are no table are a LoadFailedError, for a whole and for a partial load."""
    materializer = FrameMaterializer(FrameOptions(format=kind))
    files = saved(strided(50), materializer)
    [name] = files.names()
    files.data[name] = bytearray(damage(bytes(files.data[name])))

    with pytest.raises(LoadFailedError, match="bytes are untouched"):
        materializer.load_files(files, pd.DataFrame)
    with pytest.raises(LoadFailedError, match="bytes are untouched"):
        materializer.load_part(files, pd.DataFrame, columns=["a"])


def test_other_columns_than_described_are_named() -> None:
    """A table with one column more than its sidecar says is a LoadFailedError."""
    table = table_of(strided())
    wider = table.append_column("extra", pa.array(range(5))).replace_schema_metadata(
        table.schema.metadata
    )

    with pytest.raises(LoadFailedError, match="4 columns, its sidecar describes 3"):
        FrameMaterializer().load_files(foreign(wider), pd.DataFrame)


def test_other_types_than_described_are_named() -> None:
    """A column of another Arrow type than the sidecar says is a LoadFailedError."""
    table = table_of(strided())
    other = table.set_column(0, "a", pa.array(["x"] * 5)).replace_schema_metadata(
        table.schema.metadata
    )

    with pytest.raises(LoadFailedError, match="Arrow type string"):
        FrameMaterializer().load_files(foreign(other), pd.DataFrame)


def test_fewer_rows_than_described_are_named() -> None:
    """A batch with fewer rows than the sidecar says is a LoadFailedError."""
    with pytest.raises(LoadFailedError, match="4 rows instead of 5"):
        FrameMaterializer().load_files(foreign(table_of(strided()).slice(1)), pd.DataFrame)


def test_codes_out_of_range_are_named() -> None:
    """Category codes beyond the categories, which would crash pandas, are a LoadFailedError."""
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b", "a"] * 10)})
    files = saved(frame)
    codes = bytes([0, 1, 0] * 10)
    files.data["data.arrow"] = files.data["data.arrow"].replace(codes, bytes([77] * 30))

    with pytest.raises(LoadFailedError, match="codes"):
        FrameMaterializer().load_files(files, pd.DataFrame)


SCRIPT = """
import sys
from pathlib import Path
import pandas
from artifact_materializers.pandas.frame import FrameMaterializer
materializer = FrameMaterializer()
for folder in sorted(Path(sys.argv[1]).iterdir()):
    again = folder / "again"
    again.mkdir()
    materializer.save(materializer.load(folder, pandas.DataFrame), again)
"""


def test_loads_in_a_fresh_process(tmp_path: Path) -> None:
    """Another process loads every frame of the table and saves it as the same bytes."""
    for number, (_, _, make) in enumerate(EXACT):
        (tmp_path / f"{number:03}").mkdir()
        FrameMaterializer().save(make(), tmp_path / f"{number:03}")

    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        check=True,
        env=os.environ | {"TZ": "Asia/Tokyo"},
    )

    for folder in tmp_path.iterdir():
        again = folder / "again" / "data.arrow"
        assert again.read_bytes() == (folder / "data.arrow").read_bytes()


def test_plugin_answers_without_importing_pandas() -> None:
    """The offers are made without pandas or pyarrow."""
    code = (
        "import sys, artifact_materializers.pandas as plugin;"
        "offers = plugin.register_materializers();"
        "assert len({o.key for o in offers}) == len(offers) == 5;"
        "assert not {'pandas', 'pyarrow', 'numpy'} & sys.modules.keys()"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_frame_written_by_pandas_2_loads() -> None:
    """A file that pandas 2.2 wrote has the dtypes that it had there, under any pandas."""
    files = MemoryFiles()
    files.data["data.arrow"] = bytearray((GOLDEN / "pandas-2.2.3.arrow").read_bytes())

    loaded = FrameMaterializer().load_files(files, pd.DataFrame)

    assert {name: str(dtype) for name, dtype in loaded.dtypes.items()} == {
        "text": "object",
        "string": "string",
        "ns": "datetime64[ns]",
        "seconds": "datetime64[s, Europe/Berlin]",
        "category": "category",
        "masked": "Int64",
        "period": "period[Q-DEC]",
        "float": "float64",
    }
    assert loaded["text"].tolist() == ["a", None, "c"]
    assert loaded["category"].cat.categories.dtype == object
    assert loaded.columns.dtype == object
    assert str(loaded.index.freq) == "<MonthEnd>"
