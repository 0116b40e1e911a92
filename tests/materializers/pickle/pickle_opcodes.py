"""Pickles written opcode by opcode, as no pickler would write them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PROTO_4, PROTO_5 = b"\x80\x04", b"\x80\x05"
STOP, MARK, POP, DUP, MEMOIZE, NONE = b".", b"(", b"0", b"2", b"\x94", b"N"
REDUCE, BUILD, NEWOBJ, STACK_GLOBAL, NEXT_BUFFER = b"R", b"b", b"\x81", b"\x93", b"\x97"
OBJ, APPENDS, SETITEMS, EMPTY_LIST, EMPTY_DICT, EMPTY_TUPLE = b"o", b"e", b"u", b"]", b"}", b")"


class Code(bytes):
    """Opcodes that leave one value on the stack."""


def text(value: str) -> Code:
    data = value.encode()
    return Code(b"X" + struct.pack("<I", len(data)) + data)


def raw(value: bytes) -> Code:
    return Code(b"B" + struct.pack("<I", len(value)) + value)


class Style:
    """How names and calls are spelled at the moment; see `spelled`."""

    names = "stack"
    calls = "reduce"


@contextmanager
def spelled(*, names: str = "stack", calls: str = "reduce") -> Iterator[None]:
    """Spell names and calls another way inside the block."""
    Style.names, Style.calls = names, calls
    try:
        yield
    finally:
        Style.names, Style.calls = "stack", "reduce"


def name(module: str, qualname: str) -> Code:
    if Style.names == "line":
        return Code(f"c{module}\n{qualname}\n".encode())
    if Style.names == "memo":
        put = text(module) + b"q\xf0" + POP + text(qualname) + b"q\xf1" + POP
        return Code(put + b"h\xf0h\xf1" + STACK_GLOBAL)
    if Style.names == "computed":
        return Code(call_text(module) + call_text(qualname) + STACK_GLOBAL)
    return Code(text(module) + text(qualname) + STACK_GLOBAL)


def call_text(value: str) -> Code:
    """Return opcodes that make a text by a call, so that it is nowhere to be read."""
    function = text("builtins") + text("str") + STACK_GLOBAL
    return Code(function + raw(value.encode()) + text("ascii") + b"\x86" + REDUCE)


def push(value: Any) -> Code:
    """Return opcodes for a plain value, or the ones it already is."""
    if isinstance(value, Code):
        return value
    if value is None:
        return Code(NONE)
    if isinstance(value, bool):
        return Code(b"\x88" if value else b"\x89")
    if isinstance(value, int):
        return Code(b"J" + struct.pack("<i", value))
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return raw(value)
    if isinstance(value, tuple):
        return Code(MARK + b"".join(map(push, value)) + b"t")
    if isinstance(value, list):
        return Code(EMPTY_LIST + MARK + b"".join(map(push, value)) + APPENDS)
    if isinstance(value, dict):
        pairs = b"".join(push(key) + push(item) for key, item in value.items())
        return Code(EMPTY_DICT + MARK + pairs + SETITEMS)
    raise TypeError(type(value))


def apply(function: Code, *arguments: Any) -> Code:
    if Style.calls == "obj" and arguments:  # without any, OBJ makes an object and calls nothing
        return Code(MARK + function + b"".join(map(push, arguments)) + OBJ)
    return Code(function + push(arguments) + REDUCE)


def call(module: str, qualname: str, *arguments: Any) -> Code:
    if Style.calls == "inst" and arguments:
        return Code(MARK + b"".join(map(push, arguments)) + f"i{module}\n{qualname}\n".encode())
    return apply(name(module, qualname), *arguments)


def make(module: str, qualname: str, *arguments: Any) -> Code:
    return Code(name(module, qualname) + push(arguments) + NEWOBJ)


def build(target: Code, state: Any) -> Code:
    return Code(target + push(state) + BUILD)


def pickle_of(body: bytes, proto: bytes = PROTO_5) -> bytes:
    return proto + body + STOP


def framed(body: bytes, proto: bytes = PROTO_4) -> bytes:
    frame = body + STOP
    return proto + b"\x95" + struct.pack("<Q", len(frame)) + frame
