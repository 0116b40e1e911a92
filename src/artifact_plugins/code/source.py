"""Finding the source of a function or class, and checking that it is the source of this very code."""

from __future__ import annotations
import __future__

import ast
import linecache
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from artifact_plugins.code.bytecode import nested, same_code
from artifact_plugins.code.canonical import blocks_of
from artifact_plugins.syntax import parse

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag
_STARTS = re.compile(r"@|(?!(?:else|elif|except|finally)\b)\w")
_PUNCTUATION = re.compile(r"[(\[:]")
_KEPT_FILES = 64


def function_node(code: CodeType, namespace: Mapping[str, Any]) -> ast.AST | None:
    """Return the syntax of the function or lambda that a code object was compiled from.

    A file may have been edited since it was imported. So what is found is compiled
    and compared; when it is something else, the file is read again, and when that
    does not help, there is no source.

    Args:
        code: Of the function.
        namespace: Its globals; they lead to source that lies in an archive.
    """
    for fresh in (False, True):
        if fresh:
            linecache.checkcache(code.co_filename)
        top = code.co_qualname.partition(".")[0]
        for only in (top, None) if top != "<lambda>" else (None,):
            file = _file(code.co_filename, namespace, only)
            node = file.find(code) if file is not None else None
            if node is not None:
                return node
    return None


def class_nodes(cls: type, filename: str, namespace: Mapping[str, Any]) -> list[ast.ClassDef]:
    """Return the definitions of a class; several when a module defines it in branches."""
    top = cls.__qualname__.partition(".")[0]
    lines = linecache.getlines(filename)
    once = sum(line.lstrip().startswith(("class " + top, "def " + top)) for line in lines) == 1
    for only in (top, None) if once else (None,):
        file = _file(filename, namespace, only)
        found = file.index.get(cls.__qualname__, []) if file is not None else []
        if found:
            return [place.node for place in found if isinstance(place.node, ast.ClassDef)]
    return []


@dataclass(frozen=True, slots=True)
class _Place:
    node: ast.AST
    top: int  # which statement of the module it is a part of


@dataclass(slots=True)
class _File:
    """The syntax of one file; its statements are compiled when they are compared."""

    tree: ast.Module
    imports: list[ast.stmt] = field(default_factory=list)
    index: dict[str, list[_Place]] = field(default_factory=dict)
    lambdas: dict[int, list[_Place]] | None = None
    compiled: dict[tuple[int, int], list[CodeType]] = field(default_factory=dict)

    def find(self, code: CodeType) -> ast.AST | None:
        if code.co_name == "<lambda>":
            return self._find_lambda(code)
        found = [
            place
            for place in self.index.get(code.co_qualname, [])
            if any(same_code(code, other) for other in self._codes(place, code))
        ]
        if len(found) > 1:
            found = [p for p in found if code.co_firstlineno in _lines(p.node)]
        return found[0].node if len(found) == 1 else None

    def _find_lambda(self, code: CodeType) -> ast.AST | None:
        if self.lambdas is None:
            self.lambdas = self._all_lambdas()
        found = [
            place
            for place in self.lambdas.get(code.co_firstlineno, [])
            if any(
                other.co_firstlineno == code.co_firstlineno and same_code(code, other)
                for other in self._codes(place, code)
            )
        ]
        if len(found) > 1:
            covered = [p for p in found if isinstance(p.node, ast.Lambda) and _covers(p.node, code)]
            found = sorted(covered, key=lambda place: _extent(place.node))[:1]
        return found[0].node if len(found) == 1 else None

    def _all_lambdas(self) -> dict[int, list[_Place]]:
        found: dict[int, list[_Place]] = {}
        for top, statement in enumerate(self.tree.body):
            for node in ast.walk(statement):
                if isinstance(node, ast.Lambda):
                    found.setdefault(node.lineno, []).append(_Place(node, top))
        return found

    def _codes(self, place: _Place, like: CodeType) -> list[CodeType]:
        """Compile the statement that a node stands in; return what has its name."""
        flags = like.co_flags & _FUTURE
        if (place.top, flags) not in self.compiled:
            # The compiler treats calls on imported modules as a case of their own.
            alone = ast.Module([*self.imports, self.tree.body[place.top]], [])
            try:
                made = compile(alone, like.co_filename, "exec", flags=flags, dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError):
                self.compiled[place.top, flags] = []
            else:
                self.compiled[place.top, flags] = list(nested(made))
        return [c for c in self.compiled[place.top, flags] if c.co_qualname == like.co_qualname]


_files: OrderedDict[tuple[str, str | None], tuple[list[str], _File | None]] = OrderedDict()


def _file(filename: str, namespace: Mapping[str, Any], only: str | None) -> _File | None:
    """Return the syntax of a file, or of its imports and one top-level definition."""
    origin = {name: namespace.get(name) for name in ("__name__", "__loader__", "__spec__")}
    lines = linecache.getlines(filename, origin)
    kept = _files.get((filename, only))
    if kept is not None and (kept[0] is lines or kept[0] == lines):
        return kept[1]
    text = "".join(lines if only is None else _sparse(lines, only))
    try:
        file = _indexed(parse(text)) if text.strip() else None
    except (SyntaxError, ValueError):
        file = None
    _files[filename, only] = (lines, file)
    while len(_files) > _KEPT_FILES:
        _files.popitem(last=False)
    return file


def _sparse(lines: list[str], name: str) -> list[str]:
    """Blank everything but imports and the definitions of one name.

    Parsing a whole module costs most of the time of a digest. What is cut out
    wrongly, because a text has a line that looks like the start of a statement,
    does not compile to the code that is looked for; then all is parsed.
    """
    kept = ["\n"] * len(lines)
    starts = _starts(lines)
    first = None  # of the decorators before a definition
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        if lines[start][0] == "@":
            first = start if first is None else first
            continue
        if _is_wanted(lines[start], name):
            begin = start if first is None else first
            kept[begin:end] = lines[begin:end]
        first = None
    return kept


_last_starts: tuple[list[str], list[int]] = ([], [])


def _starts(lines: list[str]) -> list[int]:
    """Return the lines that seem to start a statement of the module."""
    global _last_starts
    known, found = _last_starts
    if known is not lines:
        found = [n for n, line in enumerate(lines) if _STARTS.match(line)]
        _last_starts = (lines, found)
    return found


def _is_wanted(line: str, name: str) -> bool:
    words = _PUNCTUATION.sub(" ", line).split(None, 3)
    if words[0] == "async":
        words = words[1:]
    return words[0] in ("from", "import") or (
        words[0] in ("def", "class") and len(words) > 1 and words[1] == name
    )


def _indexed(tree: ast.Module) -> _File:
    file = _File(tree)
    for top, statement in enumerate(tree.body):
        pending: list[tuple[ast.AST, str]] = [(statement, "")]
        while pending:
            item, outside = pending.pop()
            inside = outside
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = outside + item.name
                file.index.setdefault(name, []).append(_Place(item, top))
                inside = f"{name}." if isinstance(item, ast.ClassDef) else f"{name}.<locals>."
            elif isinstance(item, ast.Import | ast.ImportFrom) and not outside:
                file.imports.append(item)
            # Expressions define nothing that has a name.
            pending += [(child, inside) for child in blocks_of(item)]
    return file


def _lines(node: ast.AST) -> range:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _covers(node: ast.Lambda, code: CodeType) -> bool:
    """Tell whether every instruction of a code object comes from the body of a lambda."""
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = [p for p in code.co_positions() if None not in p and (p[2], p[3]) != (0, 0)]
    return bool(places) and all(
        start <= (line, column) and (end_line, end_column) <= end
        for line, end_line, column, end_column in places
        if line is not None and column is not None
        if end_line is not None and end_column is not None
    )


def _extent(node: ast.AST) -> tuple[int, int]:
    assert isinstance(node, ast.Lambda)
    body = node.body
    return (body.end_lineno or 0) - body.lineno, (body.end_col_offset or 0) - body.col_offset
