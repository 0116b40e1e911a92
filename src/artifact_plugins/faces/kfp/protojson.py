"""Between JSON text and message values, as strictly as protojson.

Unknown fields and enum names, wrong kinds of scalars, a field given twice, and
NaN or Infinity are refused. 64-bit integers may come as text or number and are
written as text; zero values are not written unless the field keeps presence.

Source:
    The proto3 JSON mapping; section 4.1 of the API's description.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from artifact_plugins.faces.kfp.messages import Field, Message
from artifact_plugins.faces.kfp.refusals import malformed

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_EXACT = 2**53
_DEPTH = 200


def decode(body: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        Refusal: It is not UTF-8, not JSON, names a field twice, or holds what
            no message can.
    """
    try:
        text = body.decode()
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise malformed("syntax error: invalid UTF-8 in the body") from error
    except RecursionError as error:
        raise malformed("exceeded max recursion depth") from error
    except ValueError as error:
        raise malformed(f"syntax error: {error}") from error
    return value


def read(message: Message, value: Any) -> dict[str, Any]:
    """Return the message that a JSON value stands for, by proto names.

    Raises:
        Refusal: See the module.
    """
    if not isinstance(value, dict):
        raise malformed(f"syntax error: unexpected token {_shown(value)}")
    found: dict[str, Any] = {}
    for spelling, given in value.items():
        name = message.spelled.get(spelling)
        if name is None:
            raise malformed(f'unknown field "{spelling[:100]}"')
        if name in found or (name != spelling and name in value):
            raise malformed(f'duplicate field "{spelling}"')
        field = message.fields[name]
        if given is None and field.kind != "value":
            continue
        found[name] = _field(field, name, given)
    return found


def write(message: Message, values: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent for a message: a dict that `json.dumps` takes."""
    written: dict[str, Any] = {}
    for name, field in message.fields.items():
        value = values.get(name)
        if value is None and not (field.kind == "value" and name in values):
            continue
        if field.is_map:
            assert field.message is not None
            if value:
                written[name] = {key: write(field.message, one) for key, one in value.items()}
        elif field.is_list:
            if value:
                written[name] = [_written(field, one) for one in value]
        elif field.is_optional or field.kind in ("message", "value") or not _is_zero(field, value):
            written[name] = _written(field, value)
    return written


def encode(value: Any) -> bytes:
    """Return JSON text as sent."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any, name: str = "value", depth: int = 0) -> Any:
    """Return a JSON value as `google.protobuf.Value` keeps it: every number is a float64.

    Whole numbers that a float64 holds exactly stay integers.
    """
    if depth > _DEPTH:
        raise malformed("exceeded max recursion depth")
    if isinstance(value, dict):
        return {key: plain(one, name, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one, name, depth + 1) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = _double(value, name)
    is_whole = number.is_integer() and abs(number) <= _EXACT and not _is_minus_zero(number)
    return int(number) if is_whole else number


def seconds(moment: datetime) -> str:
    """Return a time in RFC 3339 with whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _field(field: Field, name: str, given: Any) -> Any:
    if field.is_map:
        if not isinstance(given, dict):
            raise malformed(f"syntax error: unexpected token {_shown(given)}")
        return {
            key: None if one is None else _single(field, name, one) for key, one in given.items()
        }
    if field.is_list:
        if not isinstance(given, list):
            raise malformed(f"syntax error: unexpected token {_shown(given)}")
        return [_single(field, name, one) for one in given]
    return _single(field, name, given)


def _single(field: Field, name: str, given: Any) -> Any:
    if field.kind == "message":
        assert field.message is not None
        return read(field.message, given)
    if field.kind == "enum":
        return _enum(field, name, given)
    return _READERS[field.kind](given, name)


def _enum(field: Field, name: str, given: Any) -> str:
    if isinstance(given, str) and given and given in field.names:
        return given
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if is_number and given == int(given) and 0 <= given < len(field.names):
        found = field.names[int(given)]
        if found:
            return found
    raise _unfit("enum", name, given)


def _string(given: Any, name: str) -> str:
    if not isinstance(given, str):
        raise _unfit("string", name, given)
    return given


def _bool(given: Any, name: str) -> bool:
    if not isinstance(given, bool):
        raise _unfit("bool", name, given)
    return given


def _double(given: Any, name: str) -> float:
    number = math.nan
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        number = float(given)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise _unfit("double", name, given)
    return number


def _whole(bits: int) -> Callable[[Any, str], int]:
    def reader(given: Any, name: str) -> int:
        number = given
        if isinstance(given, str) and len(given) <= 64 and _WHOLE.fullmatch(given):
            number = float(given) if re.search(r"[.eE]", given) else int(given)
        if isinstance(number, float) and math.isfinite(number) and number.is_integer():
            number = int(number)
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not is_whole or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise _unfit(f"int{bits}", name, given)
        return int(number)

    return reader


def _time(given: Any, name: str) -> datetime:
    match = _TIME.fullmatch(given) if isinstance(given, str) else None
    if match is not None:
        fraction = (match[7] or "")[:7]  # microseconds are as fine as a datetime is
        try:
            moment = datetime.fromisoformat(f"{given[:19]}{fraction}{match[8]}")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _unfit("google.protobuf.Timestamp", name, given)


def _struct(given: Any, name: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise malformed(f"syntax error: unexpected token {_shown(given)}")
    found: dict[str, Any] = plain(given, name)
    return found


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "string": _string,
    "bool": _bool,
    "int32": _whole(32),
    "int64": _whole(64),
    "double": _double,
    "time": _time,
    "value": plain,
    "struct": _struct,
}


def _written(field: Field, value: Any) -> Any:
    if field.kind == "message":
        assert field.message is not None
        return write(field.message, value)
    if field.kind == "int64":
        return str(value)
    if field.kind == "time":
        return seconds(value)
    if field.kind == "double":
        return plain(value)
    return value


def _is_zero(field: Field, value: Any) -> bool:
    return bool(value == field.names[0] if field.kind == "enum" else not value)


def _is_minus_zero(number: float) -> bool:
    return number == 0 and math.copysign(1, number) < 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise malformed(f'duplicate field "{name[:100]}"')
            seen.add(name)
    return found


def _no_constant(text: str) -> Any:
    raise malformed(f"syntax error: unexpected token {text}")


def _unfit(kind: str, name: str, given: Any) -> Exception:
    return malformed(f"invalid value for {kind} field {name}: {_shown(given)}")


def _shown(given: Any) -> str:
    try:
        text = json.dumps(given)
    except (ValueError, RecursionError):
        text = type(given).__name__
    return text if len(text) <= 100 else text[:97] + "..."
