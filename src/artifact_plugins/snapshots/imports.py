"""What a piece of source imports, and which files it seems to read."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from artifact_plugins.syntax import parse

Made = TypeVar("Made")

_IMPORTERS = ("import_module", "__import__")
# Without one of these a source imports nothing. Letters beyond ASCII can spell a name
# in two ways, and a coding line can hide one.
_TRACES = re.compile(rb"import|__file__|coding|[^\x00-\x7f]")
_READERS = ("importlib.resources", "importlib_resources", "pkgutil", "pkg_resources")
_LINE = re.compile(
    rb"^[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import\b|import[ \t]+([A-Za-z_][^\n#;]*))",
    re.MULTILINE,
)
_MODULE = re.compile(rb"(?:^|,)\s*([A-Za-z_][\w.]*)")
_TEXT_MAX = 200


@dataclass(slots=True)
class Imports:
    """What one module imports.

    Attributes:
        modules: Import names that are modules for sure.
        members: Import names that are modules, or attributes of one.
        packages: Packages of which all names are imported, `from shop import *`.
        is_dynamic: Whether it imports by names that are only known when it runs.
        texts: Texts that may be the paths of data files; empty unless the module
            reads files beside itself.
    """

    modules: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    is_dynamic: bool = False
    texts: set[str] = field(default_factory=set)


def imports_of(data: bytes, *, module: str, is_package: bool) -> Imports:
    """Return what a module imports, wherever in it: functions, `try`, `TYPE_CHECKING`.

    Imports for type checkers count, because annotations are evaluated later by
    dataclasses, pydantic and others. Names given to `importlib.import_module` and
    `__import__` count when they are written out.

    Args:
        data: Its source.
        module: Its import name.
        is_package: Whether relative imports start at the module itself.

    Raises:
        SyntaxError: It is no Python, for instance a template.
        ValueError: It is nested too deeply.
    """
    package = module if is_package else module.rpartition(".")[0]
    found = Imports()
    if not _TRACES.search(data):
        return found
    texts: set[str] = set()
    reads_files = False
    called: set[int] = set()  # a call comes before what it calls
    for node in _nodes(tolerant(lambda: parse(data))):
        if isinstance(node, ast.Import):
            found.modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            _add_from(found, node, package)
        elif isinstance(node, ast.Call):
            called.add(id(node.func))
            _add_call(found, node, package)
            texts.update(_joined(node))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            texts.update(_joined(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        elif isinstance(node, ast.Name) and node.id == "__file__":
            reads_files = True
        elif isinstance(node, ast.Name | ast.Attribute) and id(node) not in called:
            # The function itself is handed on: under another name it imports anything.
            found.is_dynamic |= getattr(node, "attr", getattr(node, "id", None)) in _IMPORTERS
    if reads_files or any(name.startswith(_READERS) for name in found.modules | found.members):
        found.texts = {text for text in texts if 0 < len(text) <= _TEXT_MAX and text.isprintable()}
    return found


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree from above, in two thirds of the time of `ast.walk`."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                pending += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                pending.append(value)


def tolerant(make: Callable[[], Made]) -> Made:
    """Parse or compile; where warnings are errors, once more without those of Python.

    Only then, because the filters belong to the whole process.
    """
    try:
        return make()
    except SyntaxError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()


def _add_from(found: Imports, node: ast.ImportFrom, package: str) -> None:
    base = absolute(node.module or "", node.level, package)
    if not base:
        return
    found.modules.add(base)
    for alias in node.names:
        if alias.name == "*":
            found.packages.add(base)
        else:
            found.members.add(f"{base}.{alias.name}")
            found.is_dynamic |= alias.name in _IMPORTERS and alias.asname is not None


def _add_call(found: Imports, node: ast.Call, package: str) -> None:
    name = getattr(node.func, "attr", getattr(node.func, "id", None))
    if name not in _IMPORTERS:
        return
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        found.is_dynamic = True
        return
    text = first.value
    level = len(text) - len(text.lstrip("."))
    # A relative name is relative to the package given beside it, as a rule the own one.
    others = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "package")]
    given = others[0].value if others and isinstance(others[0], ast.Constant) else package
    if base := absolute(text[level:], level, given if isinstance(given, str) else package):
        found.modules.add(base)


def absolute(name: str, level: int, package: str) -> str:
    """Return the import name that a relative one stands for; "" when it leads out."""
    if not level:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    kept = parts[: len(parts) - level + 1]
    return ".".join([*kept, name] if name else kept)


def _joined(node: ast.expr) -> Iterator[str]:
    """Yield paths joined from texts: `folder / "a" / "b.json"`, `join(folder, "a", "b.json")`."""
    parts = _parts(node)
    for start in range(len(parts)):
        run = []
        for part in parts[start:]:
            if part is None:
                break
            run.append(part)
        if len(run) > 1:
            yield "/".join(run)


def _parts(node: ast.expr) -> list[str | None]:
    if isinstance(node, ast.Constant):
        return [node.value if isinstance(node.value, str) else None]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*_parts(node.left), *_parts(node.right)]
    if isinstance(node, ast.Call):
        before = _parts(node.func.value) if isinstance(node.func, ast.Attribute) else [None]
        return [*before, *(part for argument in node.args for part in _parts(argument))]
    return [None]


def literal_all(data: bytes) -> list[str]:
    """Return the names in the `__all__` of a module, as far as they are written out."""
    for node in tolerant(lambda: parse(data)).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            texts = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
            return [text for text in texts if isinstance(text, str)]
    return []


def roughly_imported(data: bytes) -> set[str]:
    """Return what lines of source seem to import by absolute names; nothing is parsed.

    An example in a docstring counts as well; whoever asks keeps what is installed.
    Twenty times faster than `imports_of`.
    """
    found: set[str] = set()
    for source, names in _LINE.findall(data):
        found.update([source.decode()] if source else map(bytes.decode, _MODULE.findall(names)))
    return found
