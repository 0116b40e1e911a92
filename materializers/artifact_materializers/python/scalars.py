"""Numbers, text, bytes, times and patterns: how each is tagged and read back."""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from pickle import PicklingError
from types import EllipsisType, NotImplementedType
from typing import Any
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from artifact_materializers.python.plain import INT64, TAG, is_well_formed
from artifact_materializers.python.state import Decode, Decoding, Encode, Encoding, Refused

# Text in the document up to here; more lies in a file of its own, as it is.
ATTACHED_BYTES = 64 * 1024
_NAN = struct.pack(">d", float("nan"))


def _int(value: int, state: Encoding) -> Any:
    return value if -INT64 <= value < INT64 else {TAG: "int", "v": hex(value)}


def _float(value: float, state: Encoding) -> Any:
    if value - value == 0.0:
        return value
    if value == value:
        return {TAG: "float", "v": "inf" if value > 0 else "-inf"}
    bits = struct.pack(">d", value)
    return {TAG: "float", "v": "nan" if bits == _NAN else bits.hex()}


def _read_float(tree: dict[str, Any], state: Decoding) -> float:
    text = tree["v"]
    if len(text) == 16:
        number: float = struct.unpack(">d", bytes.fromhex(text))[0]
        return number
    return float(text)


def _complex(value: complex, state: Encoding) -> Any:
    return {TAG: "complex", "v": [state.encode(value.real), state.encode(value.imag)]}


def _str(value: str, state: Encoding) -> Any:
    if is_well_formed(value):
        return value
    return {TAG: "str", "v": _base64(value.encode("utf-8", "surrogatepass"))}


def _base64(value: bytes | bytearray) -> str:
    return b64encode(value).decode("ascii")


def _bytes(value: bytes, state: Encoding) -> Any:
    if len(value) > ATTACHED_BYTES:
        return state.attach("bytes", value)
    return {TAG: "bytes", "v": _base64(value)}


def _bytearray(value: bytearray, state: Encoding) -> Any:
    if len(value) > ATTACHED_BYTES:
        return state.attach("bytearray", value)
    return {TAG: "bytearray", "v": _base64(value)}


def _raw(tree: dict[str, Any], state: Decoding) -> bytes | memoryview:
    text = tree.get("v")
    if text is None:
        return state.files.buffer(f"bytes/{int(tree['n'])}.bin")
    return b64decode(text, validate=True)


def _clock(value: datetime | time, tag: str, state: Encoding) -> Any:
    tree: dict[str, Any] = {TAG: tag, "v": value.replace(tzinfo=None).isoformat()}
    if value.tzinfo is not None:
        tree["zone"] = state.encode(value.tzinfo)
    if value.fold:
        tree["fold"] = 1
    return tree


def _read_clock(tree: dict[str, Any], cls: Any) -> Any:
    value = cls.fromisoformat(tree["v"])
    if len(tree) == 2:
        return value
    return value.replace(tzinfo=tree.get("zone"), fold=tree.get("fold", 0))


def _timezone(value: timezone, state: Encoding) -> Any:
    # A name that was not given is computed; the arguments are the truth.
    arguments = value.__getinitargs__()  # type: ignore[attr-defined]  # pickle's own door
    offset, *name = arguments
    return {TAG: "timezone", "v": [_parts_of(offset), *(state.encode(text) for text in name)]}


def _read_timezone(tree: dict[str, Any], state: Decoding) -> timezone:
    offset, *name = tree["v"]
    return timezone(timedelta(*offset), *name)


def _zoneinfo(value: ZoneInfo, state: Encoding) -> Any:
    if value.key is None:
        raise Refused(value, "is a time zone without a key", "nothing was saved; use ZoneInfo(key)")
    try:
        value.__reduce__()
    except PicklingError:
        # Only pickle's door tells: the rules are of a file, the key is just a name for them.
        raise Refused(
            value,
            f"is a time zone read from a file, which the name {value.key!r} may not give again",
            "nothing was saved; use ZoneInfo(key)",
        ) from None
    return {TAG: "zoneinfo", "v": value.key}


def _parts_of(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _fraction(value: Fraction, state: Encoding) -> Any:
    return {TAG: "fraction", "v": [state.encode(value.numerator), state.encode(value.denominator)]}


def _uuid(value: UUID, state: Encoding) -> Any:
    tree = {TAG: "uuid", "v": value.hex}
    if value.is_safe is not SafeUUID.unknown:
        tree["safe"] = value.is_safe.name
    return tree


def _read_uuid(tree: dict[str, Any], state: Decoding) -> UUID:
    return UUID(hex=tree["v"], is_safe=SafeUUID[tree.get("safe", "unknown")])


def _range(value: range, state: Encoding) -> Any:
    return {TAG: "range", "v": state.items([value.start, value.stop, value.step])}


def _slice(value: slice, state: Encoding) -> Any:
    return {TAG: "slice", "v": state.items([value.start, value.stop, value.step])}


def _pattern(value: re.Pattern[Any], state: Encoding) -> Any:
    return {TAG: "pattern", "v": state.encode(value.pattern), "flags": value.flags}


def _text(tag: str, write: Callable[[Any], str]) -> Encode:
    def encode(value: Any, state: Encoding) -> Any:
        return {TAG: tag, "v": write(value)}

    return encode


def _path(tag: str) -> Encode:
    def encode(value: Any, state: Encoding) -> Any:
        return {TAG: tag, "v": state.encode(str(value))}

    return encode


def _made(make: Callable[[Any], Any]) -> Decode:
    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        return make(tree["v"])

    return decode


ENCODERS: dict[type, Encode] = {
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    datetime: lambda value, state: _clock(value, "datetime", state),
    time: lambda value, state: _clock(value, "time", state),
    date: _text("date", date.isoformat),
    timedelta: lambda value, state: {TAG: "timedelta", "v": _parts_of(value)},
    timezone: _timezone,
    ZoneInfo: _zoneinfo,
    Decimal: _text("decimal", str),
    Fraction: _fraction,
    UUID: _uuid,
    range: _range,
    slice: _slice,
    re.Pattern: _pattern,
    EllipsisType: lambda value, state: {TAG: "ellipsis"},
    NotImplementedType: lambda value, state: {TAG: "notimplemented"},
    PurePosixPath: _path("pureposixpath"),
    PureWindowsPath: _path("purewindowspath"),
}

DECODERS: dict[int | str, Decode] = {
    "int": _made(lambda text: int(text, 16)),
    "float": _read_float,
    "complex": _made(lambda pair: complex(*pair)),
    "str": _made(lambda text: b64decode(text, validate=True).decode("utf-8", "surrogatepass")),
    "bytes": lambda tree, state: bytes(_raw(tree, state)),
    "bytearray": lambda tree, state: bytearray(_raw(tree, state)),
    "datetime": lambda tree, state: _read_clock(tree, datetime),
    "time": lambda tree, state: _read_clock(tree, time),
    "date": _made(date.fromisoformat),
    "timedelta": _made(lambda numbers: timedelta(*numbers)),
    "timezone": _read_timezone,
    "zoneinfo": _made(ZoneInfo),
    "decimal": _made(Decimal),
    "fraction": _made(lambda pair: Fraction(*pair)),
    "uuid": _read_uuid,
    "range": _made(lambda bounds: range(*bounds)),
    "slice": _made(lambda bounds: slice(*bounds)),
    "pattern": lambda tree, state: re.compile(tree["v"], tree["flags"]),
    "ellipsis": lambda tree, state: ...,
    "notimplemented": lambda tree, state: NotImplemented,
    "pureposixpath": _made(PurePosixPath),
    "purewindowspath": _made(PureWindowsPath),
}
