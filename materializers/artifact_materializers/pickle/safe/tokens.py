"""The opcodes of a pickle, one after the other, with limits on what they claim.

Source:
    The opcodes of protocols 4 and 5: PEP 3154, PEP 574, `pickletools.opcodes`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pickle import decode_long
from typing import Any, Final

from artifact_materializers.pickle.safe.makers import refuse

MAX_STREAM_BYTES = 1024**3
MAX_TOKENS = 50_000_000

# What picklers of protocols 4 and 5 write for plain values. Left out: names as
# text lines (GLOBAL, INST), calls in other spellings (OBJ, NEWOBJ_EX), the
# registry of extensions, persistent ids, memo slots of their own choice, DUP.
_WITHOUT_ARGUMENT = {
    b".": "STOP",
    b"(": "MARK",
    b"0": "POP",
    b"1": "POP_MARK",
    b"\x94": "MEMOIZE",
    b"N": "NONE",
    b"\x88": "NEWTRUE",
    b"\x89": "NEWFALSE",
    b"]": "EMPTY_LIST",
    b"a": "APPEND",
    b"e": "APPENDS",
    b")": "EMPTY_TUPLE",
    b"t": "TUPLE",
    b"\x85": "TUPLE1",
    b"\x86": "TUPLE2",
    b"\x87": "TUPLE3",
    b"}": "EMPTY_DICT",
    b"s": "SETITEM",
    b"u": "SETITEMS",
    b"\x8f": "EMPTY_SET",
    b"\x90": "ADDITEMS",
    b"\x91": "FROZENSET",
    b"\x93": "STACK_GLOBAL",
    b"R": "REDUCE",
    b"\x81": "NEWOBJ",
    b"b": "BUILD",
    b"\x97": "NEXT_BUFFER",
    b"\x98": "READONLY_BUFFER",
}
_WITH_NUMBER = {
    b"\x80": ("PROTO", "B"),
    b"\x95": ("FRAME", "Q"),
    b"h": ("BINGET", "B"),
    b"j": ("LONG_BINGET", "I"),
    b"J": ("BININT", "i"),
    b"K": ("BININT1", "B"),
    b"M": ("BININT2", "H"),
    b"G": ("BINFLOAT", ">d"),
}
_WITH_DATA: dict[bytes, tuple[str, str, Callable[[bytes], Any]]] = {
    b"\x8a": ("LONG1", "B", decode_long),
    b"\x8b": ("LONG4", "i", decode_long),
    b"C": ("SHORT_BINBYTES", "B", bytes),
    b"B": ("BINBYTES", "I", bytes),
    b"\x8e": ("BINBYTES8", "Q", bytes),
    b"\x96": ("BYTEARRAY8", "Q", bytearray),
    b"\x8c": ("SHORT_BINUNICODE", "B", lambda data: data.decode("utf-8", "surrogatepass")),
    b"X": ("BINUNICODE", "I", lambda data: data.decode("utf-8", "surrogatepass")),
    b"\x8d": ("BINUNICODE8", "Q", lambda data: data.decode("utf-8", "surrogatepass")),
}
TEXTS: Final = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
GETS: Final = frozenset({"BINGET", "LONG_BINGET"})
OPCODES: Final = tuple(
    [*_WITHOUT_ARGUMENT.values()]
    + [entry[0] for entry in _WITH_NUMBER.values()]
    + [entry[0] for entry in _WITH_DATA.values()]
)


def _little(code: str) -> struct.Struct:
    return struct.Struct(code if code.startswith(">") else f"<{code}")


_TABLE: tuple[tuple[str, struct.Struct | None, Callable[[bytes], Any] | None] | None, ...] = tuple(
    (_WITHOUT_ARGUMENT[code], None, None)
    if code in _WITHOUT_ARGUMENT
    else (_WITH_NUMBER[code][0], _little(_WITH_NUMBER[code][1]), None)
    if code in _WITH_NUMBER
    else (_WITH_DATA[code][0], _little(_WITH_DATA[code][1]), _WITH_DATA[code][2])
    if code in _WITH_DATA
    else None
    for code in (bytes([number]) for number in range(256))
)


def tokens(stream: memoryview) -> Iterator[tuple[str, Any]]:
    """Yield name and argument of every opcode; the last one is STOP.

    Raises:
        UnsafeFormatError: The stream is no whole pickle of protocol 4 or 5,
            holds an opcode off the list, or goes on after STOP.
    """
    size_bytes = stream.nbytes
    if size_bytes > MAX_STREAM_BYTES:
        refuse(f"its stream has {size_bytes} bytes, over {MAX_STREAM_BYTES}")
    if bytes(stream[:2]) not in (b"\x80\x04", b"\x80\x05"):
        refuse("it does not begin as protocol 4 or 5")
    place, count = 2, 0
    while place < size_bytes:
        entry = _TABLE[stream[place]]
        if entry is None:
            refuse(f"opcode {bytes(stream[place : place + 1])!r}")
        name, number, decode = entry
        place += 1
        argument: Any = None
        if number is not None:
            if place + number.size > size_bytes:
                break
            (argument,) = number.unpack_from(stream, place)
            place += number.size
            if decode is not None:
                if argument < 0 or argument > size_bytes - place:
                    break
                argument = _decoded(decode, bytes(stream[place : (place := place + argument)]))
        count += 1
        if count > MAX_TOKENS:
            refuse(f"over {MAX_TOKENS} opcodes")
        if name == "PROTO":
            refuse("a second beginning")
        yield name, argument
        if name == "STOP":
            if place != size_bytes:
                refuse(f"{size_bytes - place} bytes behind its end")
            return
    refuse("it is cut off")


def _decoded(decode: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return decode(data)
    except UnicodeDecodeError:
        refuse("text that is no UTF-8")
