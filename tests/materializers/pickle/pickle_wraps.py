"""Places to hide a program of a pickle in, and what would run it there."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from pickle_opcodes import (
    DUP,
    MARK,
    NEXT_BUFFER,
    POP,
    PROTO_5,
    STOP,
    Code,
    apply,
    build,
    call,
    framed,
    make,
    name,
    pickle_of,
    push,
    spelled,
    text,
)

Gadget = Callable[[str], Code]


class Hidden(NamedTuple):
    """A file with a program in it.

    Attributes:
        data: Its bytes.
        loader: Who would run it: `pickle`, `twice`, `npy`, `zip`.
        buffers: What lies beside it.
    """

    data: bytes
    loader: str = "pickle"
    buffers: tuple[bytes, ...] = ()


def _npy(body: Code) -> Hidden:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    return Hidden(start + pickle_of(body), "npy")


def _zip(name_: str, data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name_, data)
    return target.getvalue()


def _object_array(item: Code) -> Code:
    dtype = build(call("numpy", "dtype", "O8", False, True), (3, "|", None, None, None, -1, -1, 63))
    array = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), (0,), b"b")
    return build(array, (1, (1,), dtype, False, [item]))


def _plain(wrap: Callable[[Code], Hidden]) -> Callable[[Gadget, str], Hidden]:
    return lambda gadget, canary: wrap(gadget(canary))


def _spelled(**style: str) -> Callable[[Gadget, str], Hidden]:
    def wrap(gadget: Gadget, canary: str) -> Hidden:
        with spelled(**style):
            return Hidden(pickle_of(gadget(canary)))

    return wrap


def _frame(body: bytes, size_bytes: int) -> bytes:
    return b"\x95" + struct.pack("<Q", size_bytes) + body


WRAPS: dict[str, Callable[[Gadget, str], Hidden]] = {
    "payload": _plain(lambda body: Hidden(pickle_of(body))),
    "framed": _plain(lambda body: Hidden(framed(body))),
    "names in lines": _spelled(names="line"),
    "names from the memo": _spelled(names="memo"),
    "names made by calls": _spelled(names="computed"),
    "calls by OBJ": _spelled(calls="obj"),
    "calls by INST": _spelled(calls="inst"),
    "cut off": _plain(lambda body: Hidden(PROTO_5 + body)),
    "garbage behind": _plain(lambda body: Hidden(PROTO_5 + body + b"\xff\xff" + STOP)),
    "zip behind": _plain(lambda body: Hidden(pickle_of(body) + _zip("a.txt", b"a"))),
    "inside a zip": _plain(lambda body: Hidden(_zip("archive/data.pkl", pickle_of(body)), "zip")),
    "inside an npy file": _plain(_npy),
    "behind a harmless pickle": _plain(
        lambda body: Hidden(pickle_of(push([1, 2])) + pickle_of(body), "twice")
    ),
    "in an array of objects": _plain(lambda body: Hidden(pickle_of(_object_array(body)))),
    "in containers": _plain(lambda body: Hidden(pickle_of(push([{"a": (1, [body])}])))),
    "dropped": _plain(lambda body: Hidden(pickle_of(Code(body + POP + push({"rows": 3}))))),
    "dropped with its mark": _plain(
        lambda body: Hidden(pickle_of(Code(MARK + body + b"1" + push("fine"))))
    ),
    "duplicated": _plain(lambda body: Hidden(pickle_of(Code(body + DUP + POP)))),
    "two beginnings": _plain(lambda body: Hidden(PROTO_5 + pickle_of(body))),
    "empty frames": _plain(lambda body: Hidden(PROTO_5 + _frame(_frame(body + STOP, 0), 0))),
    "as a state": _plain(
        lambda body: Hidden(pickle_of(build(make("uuid", "UUID"), {"int": body})))
    ),
    "as an argument": _plain(
        lambda body: Hidden(pickle_of(call("builtins", "slice", body, None, None)))
    ),
    "behind a buffer": _plain(
        lambda body: Hidden(pickle_of(Code(NEXT_BUFFER + POP + body)), buffers=(b"buffer",))
    ),
    "as a reducer's result": _plain(
        lambda body: Hidden(pickle_of(apply(name("builtins", "list"), push((body,)))))
    ),
    "under its name": _plain(
        lambda body: Hidden(pickle_of(Code(text("datetime") + POP + text("date") + POP + body)))
    ),
}
