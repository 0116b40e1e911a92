"""Describes and previews arrays from a bounded sample; never a pass over the whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from artifact_materializers.numpy.npy import Array
from artifact_plugins import Preview

SAMPLE_ELEMENTS = 65_536
_BLOCK_ELEMENTS = 1024
_MAX_FIELDS = 50
_MAX_TEXT = 2000
_BINS = 20
_BAR_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MAX_INT = 2**63 - 1


def describe_array(array: Array) -> dict[str, Any]:
    """Return shape, dtype and bytes; of numbers and times also nulls and statistics.

    `null_count` counts NaN and NaT. `min`, `max`, `mean`, `std` are over finite
    values. Arrays over 65,536 elements are sampled in blocks from beginning to
    end, and say `"sampled": true`.
    """
    described: dict[str, Any] = {
        "shape": list(array.shape),
        "dtype": _printable(str(array.dtype)),
        "bytes": array.nbytes,
    }
    if array.dtype.names is not None:
        described["fields"] = {
            _printable(name): _printable(str(array.dtype[name]))
            for name in array.dtype.names[:_MAX_FIELDS]
        }
    elif array.dtype.kind in "biufcmM" and array.size:
        if array.size > SAMPLE_ELEMENTS:
            described |= {"sampled": True, "sample_count": SAMPLE_ELEMENTS}
        described |= _statistics(_sample(array, SAMPLE_ELEMENTS))
    return described


def preview_array(array: Array) -> list[Preview]:
    """Return a histogram of many numbers, else the first and last elements as text."""
    if array.dtype.kind in "iuf" and array.size > _BINS:
        sample = _sample(array, SAMPLE_ELEMENTS // 4)
        with np.errstate(all="ignore"):
            numbers = sample.astype(np.float64)
            numbers = numbers[np.isfinite(numbers)]
            spread = float(np.ptp(numbers)) if numbers.size else math.nan
        if math.isfinite(spread):
            try:
                counts, edges = np.histogram(numbers, bins=_BINS)
            except ValueError:  # values too close together for bins between them
                return [_as_text(array)]
            title = f"histogram of {numbers.size} of {array.size} elements"
            return [Preview(kind="text", content=_bars(counts, edges), title=title)]
    return [_as_text(array)]


def _sample(array: Array, limit: int) -> Array:
    if array.flags.c_contiguous or array.flags.f_contiguous:
        flat: Any = array.reshape(-1, order="C" if array.flags.c_contiguous else "F")
    else:
        flat = array.flat
    if array.size <= limit:
        return np.asarray(flat[:])
    # Blocks, not single elements: one cache line and page per element costs more
    # than the elements themselves.
    starts = np.linspace(0, array.size - _BLOCK_ELEMENTS, limit // _BLOCK_ELEMENTS, dtype=np.int64)
    return np.concatenate([flat[int(start) : int(start) + _BLOCK_ELEMENTS] for start in starts])


def _statistics(sample: Array) -> dict[str, Any]:
    kind = sample.dtype.kind
    if kind in "mM":
        null = np.isnat(sample)
        known = sample[~null]
        found: dict[str, Any] = {"null_count": int(null.sum())}
        if known.size:
            found |= {"min": str(known.min()), "max": str(known.max())}
        return found
    if kind == "c":
        return {"null_count": int(np.isnan(sample).sum())}
    if kind in "iu":
        return {"null_count": 0, **_range(sample), **_moments(sample)}
    if kind == "b":
        return {"null_count": 0, "true_count": int(sample.sum())}
    found = {"null_count": int(np.isnan(sample).sum())}
    finite = sample[np.isfinite(sample)]
    if finite.size < sample.size - found["null_count"]:
        found["infinite_count"] = sample.size - found["null_count"] - finite.size
    if finite.size:
        found |= _range(finite) | _moments(finite)
    return found


def _range(sample: Array) -> dict[str, Any]:
    low, high = sample.min().item(), sample.max().item()
    return _json_numbers({"min": low, "max": high})


def _moments(sample: Array) -> dict[str, Any]:
    with np.errstate(all="ignore"):
        numbers = sample.astype(np.float64)
        return _json_numbers({"mean": float(numbers.mean()), "std": float(numbers.std())})


def _json_numbers(values: dict[str, Any]) -> dict[str, Any]:
    """Keep what JSON metadata can hold; what is out of its range becomes text."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, int):
            kept[name] = value if value <= _MAX_INT else str(value)
        elif math.isfinite(value):
            kept[name] = float(value)
    return kept


def _bars(counts: Array, edges: Array) -> str:
    peak = int(counts.max())
    lines = []
    for count, left in zip(counts, edges, strict=False):
        eighths = round(int(count) * _BAR_WIDTH * 8 / peak)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8]
        lines.append(f"{left:>12.5g} {bar:<{_BAR_WIDTH + 1}} {count}")
    return "\n".join(lines) + f"\n{edges[-1]:>12.5g}"


def _as_text(array: Array) -> Preview:
    if array.dtype.itemsize > _MAX_TEXT:  # one element alone is too much to print
        text = f"elements of {array.dtype.itemsize} bytes"
    else:
        text = np.array2string(array, threshold=50, edgeitems=2, max_line_width=100)
    return Preview(
        kind="text", content=_printable(text), title=_printable(f"{array.dtype} {array.shape}")
    )


def _printable(text: str) -> str:
    """Return text that JSON and terminals can show, at most 2,000 characters."""
    short = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    if short.isascii() and short.isprintable():
        return short
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in short
    )
