"""Materializers of pandas Series and Index, one Arrow file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from artifact_plugins import Preview

from .base import ArrowMaterializer
from .describe import describe_series
from .equality import same_index, same_series
from .preview import MAX_ROWS, preview_frame
from .source import Source
from .table import Encoding, decode_axis, decode_series, encode_axis, encode_series


class SeriesMaterializer(ArrowMaterializer["pd.Series[Any]"]):
    """Series: values, index, name, dtype, attrs and flags come back exactly."""

    artifact_type = "Dataset"
    kind = "series"

    def encode(self, value: pd.Series[Any]) -> Encoding:
        """Return the Arrow form of a series."""
        return encode_series(value)

    def decode(self, source: Source) -> pd.Series[Any]:
        """Return the series of an opened file."""
        return decode_series(source.sidecar, self.own_columns(source), source.memory)

    def describe(self, value: pd.Series[Any]) -> Mapping[str, Any]:
        """Return rows, dtype, null count, range and bytes, from a bounded sample."""
        return describe_series(value)

    def preview(self, value: pd.Series[Any]) -> Sequence[Preview]:
        """Return the first rows as Markdown."""
        return preview_frame(value.iloc[:MAX_ROWS].to_frame(), len(value))

    def equal(self, left: pd.Series[Any], right: pd.Series[Any]) -> bool:
        """Tell whether values, index, name, dtypes, attrs and flags are the same."""
        return same_series(left, right)


class IndexMaterializer(ArrowMaterializer["pd.Index[Any]"]):
    """Index and its pandas subclasses: values, dtype, names and freq come back exactly."""

    kind = "index"

    def encode(self, value: pd.Index[Any]) -> Encoding:
        """Return the Arrow form of an index."""
        return encode_axis(value)

    def decode(self, source: Source) -> pd.Index[Any]:
        """Return the index of an opened file."""
        return decode_axis(source.sidecar, self.own_columns(source), source.memory)

    def describe(self, value: pd.Index[Any]) -> Mapping[str, Any]:
        """Return rows, dtype, null count, range and bytes, from a bounded sample."""
        if isinstance(value, pd.MultiIndex):
            return {"rows": len(value), "levels": [str(n)[:100] for n in value.names]}
        return describe_series(value)

    def preview(self, value: pd.Index[Any]) -> Sequence[Preview]:
        """Return the first entries as Markdown."""
        return preview_frame(value[:MAX_ROWS].to_frame(index=False), len(value))

    def equal(self, left: pd.Index[Any], right: pd.Index[Any]) -> bool:
        """Tell whether class, values, dtype, names and freq are the same."""
        return same_index(left, right)
