"""One Python, numpy or pandas value as JSON that keeps its exact type.

None, booleans, integers of 64 bits, finite floats, text and lists are
themselves; anything else is an object with one key, its tag:
`{"tuple": [1, 2]}`, `{"decimal": "1.50"}`, `{"float": "7ff8000000000000"}`.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, SafeUUID

import numpy as np
import pandas as pd

from .plain import dtype_text
from .refusal import Refused, short
from .zones import decode_offset, decode_zone, encode_offset, encode_zone, whole_zone

MAX_DEPTH = 64
_KINDS = "biufcMmSU"
_LONG = (np.longdouble, np.clongdouble)

dumps = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
loads = json.loads


def encode(value: Any, depth: int = 0) -> Any:
    """Return `value` as JSON data, from which `decode` makes an equal value.

    Equal means: same type, same bits of floats, same elements of containers.
    Sets are sorted, so that equal values give equal text.

    Raises:
        Refused: The value, or something inside it, has a type that is not kept.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return value if value.isascii() else _text(value)
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        if depth > MAX_DEPTH:
            raise Refused(f"an element is nested deeper than {MAX_DEPTH} levels")
        return encoder(value, depth + 1)
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return _scalar(value)
    if isinstance(value, pd.offsets.BaseOffset):
        return {"offset": encode_offset(value)}
    raise Refused(f"{short(value)} of type {kind.__module__}.{kind.__qualname__} is not kept")


def decode(data: Any) -> Any:
    """Return the value that `encode` described.

    Raises:
        KeyError, ValueError, TypeError: `data` was not made by `encode`.
    """
    kind = type(data)
    if kind is list:
        return [decode(item) for item in data]
    if kind is dict:
        [(tag, payload)] = data.items()
        return _DECODERS[tag](payload)
    return data


def _text(value: str, depth: int = 0) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON would join a high and a low lone surrogate into one character.
        return {"text": value.encode("utf-8", "surrogatepass").hex()}
    return value


def _integer(value: int, depth: int) -> Any:
    return value if -(2**63) <= value < 2**63 else {"int": hex(value)}


def _bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def _float(value: float, depth: int = 0) -> Any:
    return value if math.isfinite(value) else {"float": _bits(value)}


def _unbits(text: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(text))[0])


def _plain(dtype: np.dtype[Any]) -> str:
    if dtype.kind not in _KINDS or dtype.type in _LONG:
        raise Refused(f"an element has the numpy dtype {dtype}, which is not kept")
    return dtype_text(dtype)


def _scalar(value: Any) -> Any:
    # An element of an array has lost its trailing NULs; a scalar has them.
    if isinstance(value, np.str_) and value[-1:] == "\0":
        return {"numpy_text": value.encode("utf-8", "surrogatepass").hex()}
    if isinstance(value, np.bytes_) and value[-1:] == b"\0":
        return {"numpy_bytes": value.hex()}
    return {"numpy": [_plain(value.dtype), value.tobytes().hex()]}


def _array(value: np.ndarray[Any, Any], depth: int) -> Any:
    dtype = _plain(value.dtype)
    return {"ndarray": [dtype, list(value.shape), base64.b64encode(value.tobytes()).decode()]}


def _make_array(payload: Any) -> np.ndarray[Any, Any]:
    dtype, shape, data = payload
    return np.frombuffer(bytearray(base64.b64decode(data)), _dtype(dtype)).reshape(shape)


def _make_scalar(payload: Any) -> Any:
    dtype, data = payload
    # frombuffer() refuses the empty text and bytes scalars, which have no size.
    return np.ndarray((), _dtype(dtype), bytes.fromhex(data) or b"\0")[()]


def _dtype(text: str) -> np.dtype[Any]:
    found = np.dtype(text)
    if found.kind not in _KINDS:
        # Bytes of a file must never become object pointers.
        raise ValueError(f"an element has the numpy dtype {text!r}")
    return found


def _items(values: Any, depth: int) -> list[Any]:
    return [encode(value, depth) for value in values]


def _pairs(value: dict[Any, Any], depth: int) -> list[Any]:
    return [[encode(key, depth), encode(item, depth)] for key, item in value.items()]


def _datetime(value: dt.datetime, depth: int) -> Any:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return {"datetime": [naive, encode_zone(value.tzinfo), value.fold]}


def _time(value: dt.time, depth: int) -> Any:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return {"time": [naive, encode_zone(value.tzinfo), value.fold]}


def _aware(kind: Any, payload: Any) -> Any:
    text, zone, fold = payload
    return kind.fromisoformat(text).replace(tzinfo=decode_zone(zone), fold=fold)


def _timestamp(value: pd.Timestamp, depth: int) -> Any:
    ticks = value.to_datetime64().view("i8")
    # The period of a pytz zone follows from the ticks, which are in UTC.
    payload = [int(ticks), value.unit, encode_zone(whole_zone(value.tzinfo))]
    if value.fold and not _make_timestamp(payload).fold:
        payload.append(1)  # of a time without zone, or one that is not ambiguous
    return {"timestamp": payload}


def _make_timestamp(payload: Any) -> Any:
    ticks, unit, zone, *fold = payload
    made = pd.Timestamp(np.datetime64(ticks, unit))
    if zone is not None:
        made = made.tz_localize("UTC").tz_convert(decode_zone(zone))
    return made.replace(fold=1) if fold else made


def _uuid(value: UUID, depth: int) -> Any:
    safety = [] if value.is_safe is SafeUUID.unknown else [value.is_safe.name]
    return {"uuid": [value.hex, *safety] if safety else value.hex}


def _make_uuid(payload: Any) -> UUID:
    if isinstance(payload, str):
        return UUID(hex=payload)
    return UUID(hex=payload[0], is_safe=SafeUUID[payload[1]])


def _timedelta(value: pd.Timedelta, depth: int) -> Any:
    return {"pandas_timedelta": [int(value.to_timedelta64().view("i8")), value.unit]}


_ENCODERS: dict[type, Callable[[Any, int], Any]] = {
    int: _integer,
    float: _float,
    list: _items,
    complex: lambda v, _: {"complex": [_bits(v.real), _bits(v.imag)]},
    bytes: lambda v, _: {"bytes": base64.b64encode(v).decode()},
    bytearray: lambda v, _: {"bytearray": base64.b64encode(v).decode()},
    Decimal: lambda v, _: {"decimal": str(v)},
    Fraction: lambda v, _: {"fraction": [hex(v.numerator), hex(v.denominator)]},
    UUID: _uuid,
    dt.date: lambda v, _: {"date": v.isoformat()},
    dt.datetime: _datetime,
    dt.time: _time,
    dt.timedelta: lambda v, _: {"timedelta": [v.days, v.seconds, v.microseconds]},
    tuple: lambda v, d: {"tuple": _items(v, d)},
    set: lambda v, d: {"set": sorted(_items(v, d), key=dumps)},
    frozenset: lambda v, d: {"frozenset": sorted(_items(v, d), key=dumps)},
    dict: lambda v, d: {"dict": _pairs(v, d)},
    np.ndarray: _array,
    type(pd.NA): lambda v, _: {"na": 1},
    type(pd.NaT): lambda v, _: {"nat": 1},
    pd.Timestamp: _timestamp,
    pd.Timedelta: _timedelta,
    pd.Period: lambda v, _: {"period": [v.ordinal, v.freqstr]},
    pd.Interval: lambda v, d: {"interval": [encode(v.left, d), encode(v.right, d), v.closed]},
}

_DECODERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda p: bytes.fromhex(p).decode("utf-8", "surrogatepass"),
    "int": lambda p: int(p, 16),
    "float": _unbits,
    "complex": lambda p: complex(_unbits(p[0]), _unbits(p[1])),
    "bytes": base64.b64decode,
    "bytearray": lambda p: bytearray(base64.b64decode(p)),
    "decimal": Decimal,
    "fraction": lambda p: Fraction(int(p[0], 16), int(p[1], 16)),
    "uuid": _make_uuid,
    "date": dt.date.fromisoformat,
    "datetime": lambda p: _aware(dt.datetime, p),
    "time": lambda p: _aware(dt.time, p),
    "timedelta": lambda p: dt.timedelta(*p),
    "tuple": lambda p: tuple(decode(p)),
    "set": lambda p: set(decode(p)),
    "frozenset": lambda p: frozenset(decode(p)),
    "dict": lambda p: {decode(key): decode(item) for key, item in p},
    "ndarray": _make_array,
    "numpy": _make_scalar,
    "numpy_text": lambda p: np.str_(bytes.fromhex(p).decode("utf-8", "surrogatepass")),
    "numpy_bytes": lambda p: np.bytes_(bytes.fromhex(p)),
    "na": lambda p: pd.NA,
    "nat": lambda p: pd.NaT,
    "timestamp": _make_timestamp,
    "pandas_timedelta": lambda p: pd.Timedelta(np.timedelta64(p[0], p[1])),
    "period": lambda p: pd.Period(ordinal=p[0], freq=p[1]),
    "interval": lambda p: pd.Interval(decode(p[0]), decode(p[1]), p[2]),
    "offset": decode_offset,
}
