"""The source that a module runs, which need not be what its file says by now."""

from __future__ import annotations

import linecache
import marshal
import os
import sys
import time
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER
from io import BytesIO
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from artifact_plugins.code.bytecode import nested, same_code
from artifact_plugins.errors import NotSerializableError
from artifact_plugins.snapshots.archive import normal_text
from artifact_plugins.snapshots.imports import tolerant
from artifact_plugins.snapshots.locating import Located

_MARGIN_NS = 2_000_000_000  # the boot time of Linux is known to a second
_HEADER_BYTES = 16
_ATTEMPTS = 3

Key = tuple[int, int, int]  # st_mtime_ns, st_size, st_ino


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a module as it was captured.

    Attributes:
        data: Its bytes, with LF line ends.
        key: Of the file; None when there is none, or when the file says
            something else by now: then it is looked at again each time.
    """

    data: bytes
    key: Key | None


_captured: dict[str, Source] = {}  # by file; what a module ran when it was captured last


def file_key(path: str) -> Key:
    """Return what changes when a file is written: time, size and inode."""
    found = os.stat(path)  # noqa: PTH116  # a Path costs more than the call
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_file(path: str) -> tuple[bytes, Key]:
    """Return the bytes of a file and their key, of one moment.

    Raises:
        NotSerializableError: It cannot be read, or is written all the time.
    """
    try:
        for _ in range(_ATTEMPTS):
            before = file_key(path)
            data = Path(path).read_bytes()
            if before == file_key(path) and len(data) == before[1]:
                return data, before
    except OSError as error:
        raise NotSerializableError(
            f"file {path!r} belongs to the code to archive and cannot be read: {error.strerror}",
            hint="nothing was registered",
            file=path,
        ) from error
    raise NotSerializableError(
        f"file {path!r} belongs to the code to archive and changes while it is read",
        hint="nothing was registered; save again when it is written",
        file=path,
    )


def source_of(located: Located) -> Source | None:
    """Return the source that a module runs; None when there is none.

    A module that is not imported has the source of its file. One that is imported
    has it too, as long as the file has not been touched since this process began.
    A file that has is compiled and compared with what the module holds; when
    someone edited it after the import, the source of an earlier capture or of
    `linecache` is taken if it fits.

    What is compared: the code of all functions and methods, the bytecode that
    Python wrote at the import, and the plain constants of the module when there is
    none. A module that something else than Python's own loader compiled
    (assertions rewritten by pytest, a type checker at run time) cannot be
    compared: its file counts.

    Raises:
        NotSerializableError: The file was edited after the import, and the source
            that runs is not known any more.
    """
    if located.kind == "memory" or (located.file and not Path(located.file).is_file()):
        data = _from_loader(located) or _from_linecache(located)
        return Source(normal_text(f"{located.name}.py", data), None) if data is not None else None
    if located.kind != "source" or located.file is None:
        return None
    known = _captured.get(located.file)
    module = sys.modules.get(located.name)
    if known is not None and known.key == file_key(located.file):
        return known
    data, key = read_file(located.file)
    found = Source(normal_text(located.file, data), key)
    is_loaded = module is not None and getattr(module, "__file__", None) == located.file
    if module is not None and is_loaded and not _is_unchanged(module, found, located.file):
        found = _earlier(module, located.file, data, known)
    _captured[located.file] = found
    return found


def _earlier(module: ModuleType, file: str, now: bytes, known: Source | None) -> Source:
    """Return source that fits the module better than its file."""
    lines = linecache.cache.get(file)
    texts = [known.data] if known is not None else []
    if lines is not None and len(lines) == 4:
        texts.append(_encoded("".join(lines[2]), now))
    for data in texts:
        if _fits(module, data, file):
            return Source(data, None)
    raise NotSerializableError(
        f"module {module.__name__!r} was edited after it was imported: "
        f"what runs is not what {file!r} says",
        hint="nothing was registered; reload the module or start again, then save",
        module=module.__name__,
        file=file,
    )


def _encoded(text: str, like: bytes) -> bytes:
    encoding, _ = tokenize.detect_encoding(BytesIO(like).readline)
    return normal_text("module.py", text.encode(encoding, "replace"))


def _from_loader(located: Located) -> bytes | None:
    """Read source that lies in a zip file or wherever else a loader gets it from."""
    for name, argument in (("get_data", located.file), ("get_source", located.name)):
        read: Callable[[Any], object] | None = getattr(located.loader, name, None)
        if read is None or argument is None:
            continue
        try:
            found = read(argument)
        except Exception:  # noqa: BLE001, S112  # a loader of somebody else may raise anything
            continue
        if isinstance(found, str):
            return found.encode()
        if isinstance(found, bytes):
            return found
    return None


def _from_linecache(located: Located) -> bytes | None:
    """Find the text of a module that `exec` or a notebook made, when it was kept.

    The functions of one module may stem from several texts, as the cells of a
    notebook; then no text is the module.
    """
    module = sys.modules.get(located.name)
    if module is None:
        return None
    names = {function.__code__.co_filename for function in _functions(module, None)}
    if len(names) != 1:
        return None
    lines = linecache.getlines(names.pop(), vars(module))
    text = "".join(lines).encode()
    return text if lines and _fits(module, text, None) else None


def _is_unchanged(module: ModuleType, source: Source, file: str) -> bool:
    spec = getattr(module, "__spec__", None)
    # Another loader may compile something else from the same source.
    if type(getattr(spec, "loader", None)) is not SourceFileLoader or spec is None:
        return True
    if source.key is not None and source.key[0] < _started_ns():
        return True
    return _fits(module, source.data, file, cached=spec.cached)


def _fits(module: ModuleType, data: bytes, file: str | None, *, cached: str | None = None) -> bool:
    """Tell whether a module may have been made from this source."""
    try:
        code = tolerant(lambda: compile(data, file or "<source>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    codes: dict[str, list[CodeType]] = {}
    for part in nested(code):
        codes.setdefault(part.co_qualname, []).append(part)
    for function in _functions(module, file):
        mine = function.__code__
        if not any(
            mine.co_firstlineno == other.co_firstlineno and same_code(mine, other)
            for other in codes.get(mine.co_qualname, ())
        ):
            return False
    written = _bytecode(cached) if cached and not sys.dont_write_bytecode else None
    return written == code if written is not None else _same_constants(module, code)


def _functions(module: ModuleType, file: str | None) -> Iterator[FunctionType]:
    """Yield functions and methods that were defined in a module, from its file only."""
    for value in tuple(vars(module).values()):
        inside = [value]
        if isinstance(value, type) and value.__module__ == module.__name__:
            inside = list(vars(value).values())
        for found in inside:
            for each in _unwrapped(found):
                if each.__module__ == module.__name__ and (
                    file is None or each.__code__.co_filename == file
                ):
                    yield each


def _unwrapped(value: object) -> Iterator[FunctionType]:
    if isinstance(value, property):
        parts: tuple[object, ...] = (value.fget, value.fset, value.fdel)
    else:
        parts = (getattr(value, "__func__", value),) if _is_method(value) else (value,)
    for part in parts:
        # Generated functions, as those of dataclasses, have another file name.
        if isinstance(part, FunctionType) and not part.__code__.co_filename.startswith("<string"):
            yield part


def _is_method(value: object) -> bool:
    return isinstance(value, staticmethod | classmethod)


def _bytecode(cached: str) -> CodeType | None:
    """Return the code that Python wrote beside the source at an import."""
    try:
        data = Path(cached).read_bytes()
        if data[:4] != MAGIC_NUMBER:
            return None
        found = marshal.loads(data[_HEADER_BYTES:])  # noqa: S302  # Python has loaded it as well
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return found if isinstance(found, CodeType) else None


def _same_constants(module: ModuleType, code: CodeType) -> bool:
    """Compare `NAME = 3` of a module with what the name stands for now."""
    import dis  # late: only where no bytecode is written

    changed = {
        step.argval
        for part in nested(code)
        for step in dis.get_instructions(part)
        if step.opname == "STORE_GLOBAL"
    }
    stored: dict[str, list[Any]] = {}
    before: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            is_plain = before is not None and before.opname == "LOAD_CONST"
            stored.setdefault(step.argval, []).append(before.argval if is_plain and before else ...)
        before = step
    for name, values in stored.items():
        value = values[0]
        is_plain = len(values) == 1 and type(value) in (bool, int, float, str, bytes)
        if is_plain and name not in changed and not name.startswith("__"):
            now = vars(module).get(name, value)
            if type(now) is not type(value) or (now != value and now == now):
                return False
    return True


@cache
def _started_ns() -> int:
    """Return when this process began, in the time of files; 0 where nobody says.

    A forked child holds modules that its parent imported earlier.

    Source:
        proc(5): field 22 of /proc/self/stat, in clock ticks since the boot time
        that /proc/stat gives.
    """
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        return 0
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        boot = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("btime ")
        )
        started = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return 0
    return int(min(started, time.time()) * 1e9) - _MARGIN_NS
