"""The modules that a class needs, found by the imports in their sources; nothing is imported."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import artifact_plugins
from artifact_plugins.errors import PluginError

_CORE = "artifact_plugins"
# A worker has no pluggy: hooks of embedded plugins are plain functions there.
_HOOKS = f"{_CORE}.contracts.hookspecs"
_CONTRACTS = tuple(
    f"{_CORE}.contracts.{name}"
    for name in ("artifact_task", "materializer", "refs", "task_parameters")
)
_PARSE_TRIES = 20
_parsing = threading.Lock()
_LIGHT = frozenset({"contracts", "errors", "records"})
_PLAIN_ROOM = '''"""Decorators leave functions as they are where no pipeline runs."""


class _Plain:
    def __call__(self, *arguments, **options):
        is_decorator = len(arguments) == 1 and callable(arguments[0]) and not options
        return arguments[0] if is_decorator else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, item):
        return self


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Plain()
'''
_PLAIN_HOOKS = '''"""Hooks are plain functions where nobody calls them."""


def hookimpl(function=None, **options):
    return function if function is not None else hookimpl
'''


def needed_sources(module: str, *others: str) -> dict[str, bytes]:
    """Return the sources of a module, of others, and of all that they need, by file name.

    Followed are imports of the module's own top-level package, of the user's
    own code and of the contracts of artifact_plugins, wherever they stand. An
    installed package is taken with every file that lies beside the module.

    Returns:
        `shop/orders.py` and such to the bytes of the file.

    Raises:
        PluginError: A module has no source file.
    """
    sources: dict[str, bytes] = {}
    waiting, seen = [module, *others], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [name.rpartition(".")[0]] if "." in name else []
        if name == _HOOKS:
            sources[f"{_HOOKS.replace('.', '/')}.py"] = _PLAIN_HOOKS.encode()
            continue
        found = _source(name)
        if found is None:
            continue
        file, is_package = found
        data = file.read_bytes()
        sources[_member(name, is_package=is_package)] = data
        if is_package and name != _CORE:
            sources.update(_data_files(name, file.parent))
        own = module.partition(".")[0]
        waiting += [n for n in _imports(data, name, is_package=is_package) if _is_wanted(n, own)]
    return sources


def archived_sources(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return archived code with what it needs of artifact_plugins, by file name.

    Contracts, records and errors come along. The other rooms run pipelines,
    which nobody does in a worker: decorators from there leave functions as
    they are, so that a module with steps and classes can be imported.

    Args:
        members: Of code archives: `shop/orders.py` and such to the bytes of the
            file. They are taken as they are; nothing else is looked for.
    """
    wanted = {
        name
        for path, data in members.items()
        if path.endswith(".py")
        for name in _imports(data, _module(path), is_package=path.endswith("/__init__.py"))
        if name.startswith(f"{_CORE}.")
    }
    rooms = {name.split(".")[1] for name in wanted}
    rooms |= {place.partition(".")[0] for place in artifact_plugins._NAMES}
    needed = needed_sources(
        *_CONTRACTS, *sorted(name for name in wanted if name.split(".")[1] in _LIGHT)
    )
    for room in rooms - _LIGHT:
        if not any(path.startswith(f"{_CORE}/{room}") for path in needed):
            needed[f"{_CORE}/{room}/__init__.py"] = _PLAIN_ROOM.encode()
    return {**needed, **members}


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _member(name: str, *, is_package: bool) -> str:
    return f"{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"


def _source(name: str) -> tuple[Path, bool] | None:
    """Return the source file of a module; None for what is no module but a member of one."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or (spec.origin is None and spec.submodule_search_locations is not None):
        return None
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise PluginError(
            f"module {name!r} has no Python source to export", hint="nothing was written"
        )
    return Path(spec.origin), spec.submodule_search_locations is not None


def _data_files(name: str, folder: Path) -> dict[str, bytes]:
    place = name.replace(".", "/")
    return {
        f"{place}/{path.name}": path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in (".py", ".pyc", ".so", ".pyd", ".typed")
    }


def _is_wanted(name: str, own: str) -> bool:
    top = name.partition(".")[0]
    if top in (_CORE, own):
        return True
    if top in sys.stdlib_module_names:
        return False
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin is None:
        return False
    libraries = {sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib")}
    return not any(Path(spec.origin).is_relative_to(place) for place in libraries if place)


def _imports(data: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    package = module if is_package else module.rpartition(".")[0]
    for node in _run(_parsed(data)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                start = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{start}.{base}" if base else start
            yield base
            for alias in node.names:
                yield from _member_of(base, alias.name)


def _parsed(data: bytes) -> ast.AST:
    """Parse a source, also while other threads parse theirs.

    Python 3.11 and 3.12 count the depth of all parsers of a process together,
    and refuse a source when two of them took turns (cpython issue 106905).
    """
    for _ in range(_PARSE_TRIES):
        try:
            with _parsing:
                return ast.parse(data)
        except SystemError:  # a thread that does not know of our lock
            time.sleep(0.01)
    return ast.parse(data)


def _member_of(base: str, name: str) -> Iterator[str]:
    if base != _CORE:
        yield f"{base}.{name}"  # perhaps a module, perhaps a name in one
        return
    # The front door looks its names up at first use.
    yield from (
        f"{_CORE}.{place}" for place, names in artifact_plugins._NAMES.items() if name in names
    )


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run; what only a type checker reads does not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            is_not = isinstance(node.test, ast.UnaryOp)
            for inner in node.body if is_not else node.orelse:
                yield inner
                yield from _run(inner)
            continue
        yield node
        yield from _run(node)
