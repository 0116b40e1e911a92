"""What a code object says by itself: the globals it reads, and a digest without its source."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from hashlib import sha256
from types import CodeType

from artifact_plugins.code.canonical import Canonical, Chain, Import, constant_text

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions and classes inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def global_names(code: CodeType) -> frozenset[str]:
    """Return the names that are looked up in the module or among the builtins.

    Names of attributes may be among them, when no local variable has that name.
    """
    found: set[str] = set()
    for part in nested(code):
        local = {*part.co_varnames, *part.co_cellvars, *part.co_freevars}
        found.update(name for name in part.co_names if name not in local)
    return frozenset(found)


def without_source(code: CodeType) -> Canonical:
    """Return a digest of compiled code, and the names it reads.

    For functions that were typed into an interpreter or made by `exec`, and for
    those whose source has changed since they were compiled. Compiled code is
    another under each minor version of Python, so this is too.
    """
    found = Canonical(chains={(name,) for name in code.co_freevars})
    for part in nested(code):
        steps = list(dis.get_instructions(part))
        for place, step in enumerate(steps):
            if step.opname in _READS:
                found.chains.add((str(step.argval), *_attributes(steps[place + 1 :])))
            elif step.opname == "IMPORT_NAME":
                found.imports += _imports(str(step.argval), steps[place - 2], steps[place - 1])
    version = ".".join(map(str, sys.version_info[:2]))
    found.text = f"compiled {sys.implementation.name} {version} {_digest(code)}"
    return found


def _attributes(steps: list[dis.Instruction]) -> Chain:
    names: list[str] = []
    for step in steps:
        if step.opname not in _ATTRIBUTES:
            break
        names.append(str(step.argval))
    return tuple(names)


def _imports(module: str, level: dis.Instruction, names: dis.Instruction) -> list[Import]:
    if not names.argval:
        return [Import("*", module)]
    return [Import("", module, str(name), int(level.argval or 0)) for name in names.argval]


def _digest(code: CodeType) -> str:
    told = sha256()
    for fact in (
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        getattr(code, "co_exceptiontable", b""),
        [_constant(constant) for constant in code.co_consts],
    ):
        told.update(repr(fact).encode())
    return told.hexdigest()


def _constant(constant: object) -> str:
    if isinstance(constant, CodeType):
        return f"{constant.co_name} {_digest(constant)}"
    return constant_text(constant)


def same_code(one: CodeType, other: CodeType) -> bool:
    """Tell whether two code objects do the same; where they stand does not count."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and one.co_argcount == other.co_argcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return same_code(one, other)
    return _constant(one) == _constant(other)
