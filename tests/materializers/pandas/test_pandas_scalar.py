"""pandas scalars come back with their unit, time zone and frequency."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pandas_files import MemoryFiles, round_trip

from artifact_materializers.pandas.scalar import ScalarMaterializer
from artifact_plugins.errors import LoadFailedError, LossyConversionError

SCALARS: list[Any] = [
    pd.Timestamp("2020-01-01"),
    pd.Timestamp("2020-01-01 01:02:03.123456789"),
    pd.Timestamp(np.datetime64("9999-12-31", "s")),
    pd.Timestamp("2020-10-25 02:30", tz=dt.UTC).tz_convert("Europe/Berlin"),
    pd.Timestamp("2020-10-25 00:30", tz=dt.UTC).tz_convert("Europe/Berlin"),
    pd.Timestamp("2020", tz=dt.timezone(dt.timedelta(seconds=19817))),
    pd.Timestamp("2020", tz=ZoneInfo("UTC")),
    pd.Timedelta(-1, "ns"),
    pd.Timedelta(np.timedelta64(5, "s")),
    pd.Period("2020-01", "M"),
    pd.Period("2020-01-01", "W-WED"),
    pd.Period("2020", "Q-NOV"),
    pd.Interval(0, 1),
    pd.Interval(0.5, np.inf, "both"),
    pd.Interval(pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2021", tz="UTC"), "neither"),
    pd.NaT,
    pd.NA,
    pd.offsets.Day(3),
    pd.offsets.MonthEnd(2),
    pd.offsets.Week(weekday=3),
    pd.offsets.BQuarterEnd(startingMonth=2),
    pd.DateOffset(months=2, days=1),
    pd.DateOffset(3),
]


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_scalar_comes_back_exactly(value: Any) -> None:
    """Type, value, unit, zone, frequency and bounds are the same."""
    loaded = round_trip(value, ScalarMaterializer())

    assert type(loaded) is type(value)
    assert ScalarMaterializer().equal(loaded, value)
    assert repr(loaded) == repr(value)
    assert getattr(loaded, "unit", None) == getattr(value, "unit", None)
    assert getattr(loaded, "fold", None) == getattr(value, "fold", None)


def test_units_are_part_of_equality() -> None:
    """Control: one second in seconds and in nanoseconds are different scalars."""
    left, right = pd.Timedelta(np.timedelta64(1, "s")), pd.Timedelta(1, "s").as_unit("ns")

    assert left == right
    assert not ScalarMaterializer().equal(left, right)


@pytest.mark.parametrize(
    "value",
    [
        pd.offsets.CDay(holidays=["2020-01-02"]),
        pd.offsets.BusinessHour(start="10:00"),
        pd.Timestamp("2020", tz="dateutil/Europe/Berlin"),
    ],
    ids=["holidays", "business hours", "dateutil"],
)
def test_scalar_without_a_name_is_refused(value: Any) -> None:
    """A scalar that its names do not rebuild is refused."""
    files = MemoryFiles()

    with pytest.raises(LossyConversionError, match="cannot be"):
        ScalarMaterializer().save_files(value, files)

    assert files.names() == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"x": 1}',
        b'{"period": 1}',
        b'{"timestamp": [1]}',
        b'{"ndarray": ["|O", [1], "AAAAAAAAAAA="]}',
        b'{"numpy": ["|O", "0000000000000000"]}',
        b"[[[[" * 100_000,
    ],
)
def test_damaged_file_is_named(data: bytes) -> None:
    """A file that holds no scalar is a LoadFailedError."""
    files = MemoryFiles()
    files.data["scalar.json"] = bytearray(data)

    with pytest.raises(LoadFailedError):
        ScalarMaterializer().load_files(files, pd.Timestamp)


def test_description_is_text() -> None:
    """The description and preview show the scalar."""
    value = pd.Period("2020-01", "M")

    assert ScalarMaterializer().describe(value) == {"value": "Period('2020-01', 'M')"}
    assert ScalarMaterializer().preview(value)[0].content == "Period('2020-01', 'M')"
