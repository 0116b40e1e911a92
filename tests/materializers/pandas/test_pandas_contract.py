"""The materializers of pandas pass the public contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
from pandas_cases import EXACT, REFUSED

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.pandas.scalar import ScalarMaterializer
from artifact_materializers.pandas.series import IndexMaterializer, SeriesMaterializer
from artifact_plugins.testing import MaterializerContract

CHOSEN = EXACT[::6]  # each is saved a dozen times; the other tests take all of them


class TestFrame(MaterializerContract):
    """Frames as Arrow IPC."""

    materializer = FrameMaterializer

    def values(self) -> Sequence[Any]:
        return [make() for _, _, make in CHOSEN]

    def refused(self) -> Sequence[Any]:
        return [make() for _, name, make, *_ in REFUSED if name != "subclass"]


class TestParquetFrame(MaterializerContract):
    """Frames as Parquet."""

    materializer = FrameMaterializer
    options: ClassVar[dict[str, Any]] = {"format": "parquet"}

    def values(self) -> Sequence[Any]:
        # Parquet has another idea of what the entries of a map are called.
        return [make() for _, name, make in CHOSEN if name != "arrow map"]

    def refused(self) -> Sequence[Any]:
        return [make() for _, name, make in EXACT if name in ("arrow map", "category of Interval")]


class TestSeries(MaterializerContract):
    """Series."""

    materializer = SeriesMaterializer

    def values(self) -> Sequence[Any]:
        return [make().iloc[:, 0] for _, _, make in CHOSEN if make().shape[1]]

    def refused(self) -> Sequence[Any]:
        return [pd.Series([object()], name="odd")]


class TestIndex(MaterializerContract):
    """Indexes."""

    materializer = IndexMaterializer

    def values(self) -> Sequence[Any]:
        return [
            pd.RangeIndex(1, 10, 2),
            pd.date_range("2020", periods=3, tz="UTC"),
            pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
            pd.CategoricalIndex(["a", None]),
        ]


class TestScalar(MaterializerContract):
    """Scalars."""

    materializer = ScalarMaterializer

    def values(self) -> Sequence[Any]:
        return [pd.Timestamp("2020", tz="UTC"), pd.NaT, pd.Period("2020", "Y"), pd.Interval(0, 1)]

    def refused(self) -> Sequence[Any]:
        return [pd.offsets.CDay(holidays=["2020-01-02"])]


class TestOffset(MaterializerContract):
    """Offsets."""

    materializer = ScalarMaterializer

    def values(self) -> Sequence[Any]:
        offsets = pd.offsets
        return [offsets.Day(3), offsets.Week(weekday=2), pd.DateOffset(months=1, hours=-2)]

    def refused(self) -> Sequence[Any]:
        return [pd.offsets.CBMonthEnd(holidays=["2020-01-02"])]
