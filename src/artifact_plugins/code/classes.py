"""What the definition of a class says, beside its methods."""

from __future__ import annotations

import ast
import enum
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from artifact_plugins.code.canonical import Chain, Rules, write
from artifact_plugins.code.ownership import Owner, owner_of
from artifact_plugins.code.reading import read_function
from artifact_plugins.code.source import class_nodes
from artifact_plugins.code.wrappers import function_in


@dataclass(slots=True)
class ClassFacts:
    """A class as it was found.

    Attributes:
        text: Canonical source without the methods; its field names without source.
        has_source: Whether `text` is source.
        members: Attributes whose values count.
        chains: Names that the class body reads.
        namespace: Globals of its module.
        enumeration: Of an enum: value by name.
    """

    text: str
    has_source: bool
    members: list[str]
    chains: set[Chain] = field(default_factory=set)
    namespace: Mapping[str, Any] = field(default_factory=dict)
    enumeration: dict[str, Any] = field(default_factory=dict)


def read_class(cls: type) -> ClassFacts:
    """Return what counts of a class."""
    module = sys.modules.get(cls.__module__)
    namespace = vars(module) if module is not None else {}
    functions = {name: found for name, value in vars(cls).items() if (found := function_in(value))}
    nodes = _nodes(cls, namespace, functions)
    written = {name for name, function in functions.items() if _is_own(cls, name, function)}
    rules = Rules(methods=frozenset(written))
    texts = [write(node, rules) for node in nodes]
    members = [name for name in sorted(vars(cls)) if _counts(cls, name, functions, nodes, written)]
    fields = sorted(vars(cls).get("__annotations__", ()))
    return ClassFacts(
        text="\n".join(text.text for text in texts) if nodes else f"fields {fields}",
        has_source=bool(nodes),
        members=members,
        chains={chain for text in texts for chain in text.outer},
        namespace=namespace,
        enumeration=_enumeration(cls),
    )


def _nodes(
    cls: type, namespace: Mapping[str, Any], functions: Mapping[str, types.FunctionType]
) -> list[ast.ClassDef]:
    own = (f.__code__.co_filename for n, f in functions.items() if _is_named(cls, n, f))
    filename = next(own, None) or namespace.get("__file__")
    return class_nodes(cls, filename, namespace) if isinstance(filename, str) else []


def _is_named(cls: type, name: str, function: types.FunctionType) -> bool:
    return function.__code__.co_qualname == f"{cls.__qualname__}.{name}"


def _is_own(cls: type, name: str, function: types.FunctionType) -> bool:
    """Tell whether a method is written in the class and is followed by itself."""
    if not _is_named(cls, name, function):
        return False
    return read_function(function.__code__, function.__globals__).node is not None


def _counts(
    cls: type,
    name: str,
    functions: Mapping[str, types.FunctionType],
    nodes: list[ast.ClassDef],
    written: set[str],
) -> bool:
    dunder = name.startswith("__") and name.endswith("__")
    if not nodes and issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return name in ("_fields", "_field_defaults")  # of collections.namedtuple
    if name in functions:
        if name in written:
            return True
        # What dataclass and the like generate follows from the source of the class.
        module = str(functions[name].__globals__.get("__name__"))
        return not (nodes and dunder) and owner_of(module) is Owner.FIRST_PARTY
    if dunder or name.startswith("_abc_") or issubclass(cls, enum.Enum):
        return False
    return not nodes or name in _assigned(nodes)


def _assigned(nodes: list[ast.ClassDef]) -> set[str]:
    return {
        item.id if isinstance(item, ast.Name) else item.name
        for node in nodes
        for item in ast.walk(node)
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or (isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store))
    }


def _enumeration(cls: type) -> dict[str, Any]:
    if not issubclass(cls, enum.Enum):
        return {}
    return {name: member.value for name, member in cls.__members__.items()}
