"""Makers of plain Python values: numbers, times, ranges, collections."""

from __future__ import annotations

import datetime as times
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

from artifact_materializers.pickle.safe.makers import Draft, Maker, is_int, need, refuse, state_of

_FOLD = 0x80
_MAX_FRACTION_BITS = 100_000


def _complex(real: Any = 0.0, imag: Any = 0.0) -> complex:
    need(type(real) is float and type(imag) is float, "a complex number of no floats")
    return complex(real, imag)


def _range(*bounds: Any) -> range:
    need(all(map(is_int, bounds)), "a range of no ints")
    return range(*bounds)


def _slice(start: Any, stop: Any, step: Any) -> slice:
    for bound in (start, stop, step):
        need(bound is None or type(bound) in (int, float, str), "a slice of no plain bounds")
    return slice(start, stop, step)


def _bytearray(data: Any = b"") -> bytearray:
    need(type(data) is bytes, "a bytearray of no bytes")
    return bytearray(data)


def _ordered_dict(*nothing: Any) -> OrderedDict[Any, Any]:
    need(not nothing, "an OrderedDict made from something")
    return OrderedDict()


def _defaultdict(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is None:
        return defaultdict()
    need(isinstance(factory, Maker) and factory.of in _FACTORIES, "a defaultdict of this factory")
    return defaultdict(factory.of)


def _counter(counts: Any = None) -> Counter[Any]:
    if counts is None:
        return Counter()
    need(type(counts) is dict, "a Counter of no dict")
    return Counter(counts)


def _deque(items: Any = (), longest: Any = None) -> deque[Any]:
    need(items == () and (longest is None or is_int(longest)), "a deque made from something")
    return deque(maxlen=longest)


def _date(data: Any) -> times.date:
    found = _octets(data, 4)
    return times.date(found[0] << 8 | found[1], found[2], found[3])


def _datetime(data: Any, zone: Any = None) -> times.datetime:
    found = _octets(data, 10)
    check_zone(zone)
    return times.datetime(  # the zone is what was saved
        found[0] << 8 | found[1],
        found[2] & ~_FOLD,
        found[3],
        found[4],
        found[5],
        found[6],
        int.from_bytes(found[7:], "big"),
        zone,
        fold=int(found[2] >= _FOLD),
    )


def _time(data: Any, zone: Any = None) -> times.time:
    found = _octets(data, 6)
    check_zone(zone)
    return times.time(
        found[0] & ~_FOLD,
        found[1],
        found[2],
        int.from_bytes(found[3:], "big"),
        zone,
        fold=int(found[0] >= _FOLD),
    )


def _octets(data: Any, count: int) -> bytes:
    # The classes themselves take most bytes as they are: day 99 of month 3.
    if type(data) is not bytes or len(data) != count:
        refuse("a time of other than its bytes")
    return data


def check_zone(zone: Any) -> None:
    """Refuse a time zone that is none with a fixed offset.

    Raises:
        UnsafeFormatError: It is none.
    """
    need(zone is None or type(zone) is times.timezone, "a time in another zone than a fixed one")


def _timedelta(*parts: Any) -> times.timedelta:
    need(len(parts) <= 3 and all(map(is_int, parts)), "a timedelta of no ints")
    return times.timedelta(*parts)


def _timezone(offset: Any, *name: Any) -> times.timezone:
    need(type(offset) is times.timedelta, "a time zone of no timedelta")
    need(len(name) <= 1 and all(type(part) is str for part in name), "a time zone of this name")
    return times.timezone(offset, *name)


def _decimal(text: Any) -> Decimal:
    need(type(text) is str, "a Decimal of no text")
    return Decimal(text)


def _fraction(numerator: Any, denominator: Any) -> Fraction:
    need(is_int(numerator) and is_int(denominator), "a Fraction of no ints")
    # Their greatest common divisor takes the square of that.
    longest = max(numerator.bit_length(), denominator.bit_length())
    need(longest <= _MAX_FRACTION_BITS, "a Fraction of very long ints")
    return Fraction(numerator, denominator)


def _uuid() -> Draft:
    def finish(state: Any) -> uuid.UUID:
        number = state_of(state, needed={"int"})["int"]
        need(is_int(number), "a UUID of no int")
        return uuid.UUID(int=number)

    return Draft(finish)


BOOL, INT, FLOAT, STR, BYTES, LIST, TUPLE, DICT, SET = (
    Maker(cls.__name__, of=cls) for cls in (bool, int, float, str, bytes, list, tuple, dict, set)
)
_FACTORIES = (bool, int, float, str, bytes, list, tuple, dict, set)
COMPLEX = Maker("complex", call=_complex)
RANGE = Maker("range", call=_range)
SLICE = Maker("slice", call=_slice)
BYTEARRAY = Maker("bytearray", call=_bytearray)
ELLIPSIS = ...
NOT_IMPLEMENTED = NotImplemented
ORDERED_DICT = Maker("OrderedDict", call=_ordered_dict)
DEFAULTDICT = Maker("defaultdict", call=_defaultdict)
COUNTER = Maker("Counter", call=_counter)
DEQUE = Maker("deque", call=_deque)
DATE = Maker("date", call=_date)
DATETIME = Maker("datetime", call=_datetime)
TIME = Maker("time", call=_time)
TIMEDELTA = Maker("timedelta", call=_timedelta)
TIMEZONE = Maker("timezone", call=_timezone)
DECIMAL = Maker("Decimal", call=_decimal)
FRACTION = Maker("Fraction", call=_fraction)
UUID = Maker("UUID", new=_uuid)
