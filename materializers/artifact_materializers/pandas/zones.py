"""Time zones and pandas offsets as small JSON values, and back."""

from __future__ import annotations

import datetime as dt
import importlib
from functools import lru_cache
from pickle import PicklingError
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from pandas.tseries.frequencies import to_offset

from .refusal import Refused, short

_DATE_OFFSET: Any = pd.DateOffset


def encode_zone(zone: Any) -> Any:
    """Return JSON that `decode_zone` turns into an equal zone of the same library.

    Kept: `ZoneInfo` with a key, `datetime.timezone` of any offset and name,
    `pytz` zones by name and fixed offset, `dateutil.tz.UTC`.

    Raises:
        Refused: Any other zone, because what it was made of is not known.
    """
    if zone is None:
        return None
    if zone is dt.UTC:
        return "utc"
    kind = type(zone)
    if kind is ZoneInfo and zone.key is not None and _is_named(zone):
        return {"zone": zone.key}
    if kind is dt.timezone:
        # Documented for pickling only by the protocol itself; the name is absent
        # unless one was given, which tzname() does not tell.
        offset, *name = zone.__getinitargs__()
        microseconds = offset // dt.timedelta(microseconds=1)
        return {"offset": microseconds, "name": name[0] if name else None}
    library = kind.__module__.partition(".")[0]
    if library == "pytz":
        return _encode_pytz(zone)
    if library == "dateutil" and kind.__name__ == "tzutc":
        return {"dateutil": "utc"}
    raise Refused(
        f"time zone {short(zone)} of {kind.__module__}.{kind.__qualname__} cannot be rebuilt "
        "from a name; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _is_named(zone: ZoneInfo) -> bool:
    """Tell whether the rules of a zone are those of its key; a file may have had others."""
    try:
        zone.__reduce__()
    except PicklingError:
        return False
    return True


def _encode_pytz(zone: Any) -> Any:
    pytz: Any = importlib.import_module("pytz")
    if zone.zone is not None and pytz.timezone(zone.zone) is zone:
        return {"pytz": zone.zone}
    if zone.zone is None and hasattr(zone, "_minutes"):
        return {"pytz_minutes": zone._minutes}
    raise Refused(f"time zone {short(zone)} is one period of a pytz zone, not the zone")


def whole_zone(zone: Any) -> Any:
    """Return the pytz zone of which `zone` is one period; other zones as they are."""
    if type(zone).__module__.startswith("pytz") and zone.zone is not None:
        return importlib.import_module("pytz").timezone(zone.zone)
    return zone


def decode_zone(spec: Any) -> Any:
    """Return the zone that `encode_zone` described.

    Without pytz, its zones become those of the same name in zoneinfo.

    Raises:
        KeyError: The zone or its library is not known here.
    """
    if spec is None:
        return None
    return dt.UTC if spec == "utc" else _decode_zone(*next(iter(spec.items())), spec.get("name"))


@lru_cache(maxsize=256)
def _decode_zone(kind: str, value: Any, name: str | None) -> Any:
    if kind == "zone":
        return ZoneInfo(value)
    if kind == "offset":
        offset = dt.timedelta(microseconds=value)
        return dt.timezone(offset) if name is None else dt.timezone(offset, name)
    if kind == "dateutil":
        return importlib.import_module("dateutil.tz").UTC
    try:
        # Late: pandas 3 no longer needs pytz, so it may be absent.
        pytz: Any = importlib.import_module("pytz")
    except ImportError:
        # What pandas itself makes of the same name when pytz is gone.
        return ZoneInfo(value) if kind == "pytz" else dt.timezone(dt.timedelta(minutes=value))
    return pytz.timezone(value) if kind == "pytz" else pytz.FixedOffset(value)


def arrow_zone(zone: Any) -> str:
    """Return the zone name for other readers of the file; `UTC` when Arrow has none."""
    if zone is dt.UTC:
        return "UTC"
    if type(zone) is ZoneInfo:
        return str(zone.key)
    if type(zone) is dt.timezone:
        seconds = zone.utcoffset(None).total_seconds()
        hours, minutes = divmod(abs(round(seconds)) // 60, 60)
        if seconds % 60 == 0:
            return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
    return str(getattr(zone, "zone", None) or "UTC")


def encode_offset(offset: Any) -> Any:
    """Return JSON that `decode_offset` turns into an equal offset.

    Raises:
        Refused: The offset holds more than its alias or keywords say, a
            holiday calendar for example.
    """
    spec = _offset_spec(offset)
    if spec is None or not _same_offset(decode_offset(spec), offset):
        raise Refused(f"offset {short(offset)} cannot be rebuilt from its alias {offset.freqstr!r}")
    return spec


def _offset_spec(offset: Any) -> Any:
    if type(offset) is _DATE_OFFSET:
        words = dict(sorted(offset.kwds.items()))  # pandas keeps them in any order
        if any(type(word) is not int for word in words.values()):
            return None
        return {"n": offset.n, "normalize": offset.normalize, "words": words}
    try:
        return offset.freqstr if _same_offset(to_offset(offset.freqstr), offset) else None
    except (ValueError, TypeError):
        return None


def _same_offset(left: Any, right: Any) -> bool:
    same = type(left) is type(right) and left == right
    return bool(same and left.normalize == right.normalize)


def decode_offset(spec: Any) -> Any:
    """Return the offset that `encode_offset` described."""
    if isinstance(spec, str):
        return to_offset(spec)
    return _DATE_OFFSET(spec["n"], normalize=spec["normalize"], **spec["words"])
