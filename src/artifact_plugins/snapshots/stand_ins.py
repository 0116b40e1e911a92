"""Stand-ins for the modules of Python that take the name of a module as text.

`importlib.import_module("shop.helpers")` or `pkgutil.get_data("shop", "x.json")`
in archived code mean the archived package. A stand-in has a few functions of its
own and is the real module in everything else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.snapshots.redirect import Redirect
    from artifact_plugins.snapshots.restored import RestoredArchive

_Own = Callable[["RestoredArchive", "Redirect", ModuleType], dict[str, Any]]


class StandIn(ModuleType):
    """The real module but for some functions."""

    def __init__(self, real: ModuleType, inner: Callable[[str], ModuleType | None]) -> None:
        super().__init__(real.__name__, real.__doc__)
        for name in ("__spec__", "__loader__", "__package__", "__path__", "__file__"):
            if hasattr(real, name):
                vars(self)[name] = getattr(real, name)
        self._real = real
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if isinstance(found, ModuleType):
            return self._inner(f"{self._real.__name__}.{name}") or found
        return found

    def __dir__(self) -> list[str]:
        return dir(self._real)


def stand_in_for(name: str, archive: RestoredArchive, redirect: Redirect) -> ModuleType | None:
    """Return the stand-in for a module that archived code imports; None: it needs none."""
    own = _STAND_INS.get(name)
    if own is None:
        return None
    real = importlib.import_module(name)
    stand_in = StandIn(real, archive.stand_in)
    vars(stand_in).update(own(archive, redirect, real))
    return stand_in


def _importlib(_: RestoredArchive, redirect: Redirect, __: ModuleType) -> dict[str, Any]:
    return {"import_module": redirect.import_module, "__import__": redirect.import_statement}


def _importlib_util(
    archive: RestoredArchive, redirect: Redirect, real: ModuleType
) -> dict[str, Any]:
    def find_spec(name: str, package: str | None = None) -> Any:
        """Find a module of the archive by its original name, others as ever."""
        absolute = redirect.absolute(name, package)
        holder = archive.holder_of(absolute)
        if holder is None:
            return real.find_spec(absolute)
        return real.find_spec(f"{holder.prefix}{absolute}")

    return {"find_spec": find_spec}


def _importlib_resources(
    archive: RestoredArchive, redirect: Redirect, real: ModuleType
) -> dict[str, Any]:
    def files(*anchor: Any, **named: Any) -> Any:
        """Return the data files of a package; without one, of the caller's."""
        given = anchor or tuple(named.values())
        name = sys._getframe(1).f_globals["__name__"]
        return real.files(_translated(given[0] if given and given[0] else name, archive, redirect))

    def with_translated(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(anchor: Any, *args: Any, **named: Any) -> Any:
            return function(_translated(anchor, archive, redirect), *args, **named)

        return call

    older = ("open_binary", "open_text", "read_binary", "read_text", "path", "contents")
    own = {
        name: with_translated(getattr(real, name))
        for name in (*older, "is_resource")
        if hasattr(real, name)
    }
    return {**own, "files": files}


def _importlib_metadata(archive: RestoredArchive, _: Redirect, real: ModuleType) -> dict[str, Any]:
    class ArchivedDistribution(real.Distribution):  # type: ignore[name-defined,misc]  # real is importlib.metadata
        """What is known of the distribution that an archive was captured from."""

        def __init__(self, name: str, version: str) -> None:
            self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

        def read_text(self, filename: str) -> str | None:
            return self._text if filename == "METADATA" else None

        def locate_file(self, path: Any) -> Any:
            raise FileNotFoundError(f"{path!r} was not archived")

    def distribution(name: str) -> Any:
        """Return an installed distribution; of archived code the one it came from."""
        recorded = archive.distribution(name)
        return real.distribution(name) if recorded is None else ArchivedDistribution(*recorded)

    return {
        "distribution": distribution,
        "version": lambda distribution_name: distribution(distribution_name).version,
        "metadata": lambda distribution_name: distribution(distribution_name).metadata,
    }


def _pkgutil(archive: RestoredArchive, redirect: Redirect, real: ModuleType) -> dict[str, Any]:
    def get_data(package: str, resource: str) -> bytes | None:
        """Return the bytes of a data file of a package."""
        found: bytes | None = real.get_data(archive.private(redirect.absolute(package)), resource)
        return found

    def resolve_name(name: str) -> Any:
        """Return the object at `package.module:name`."""
        module, colon, inside = redirect.absolute(name).partition(":")
        if archive.holder_of(module) is None:
            return real.resolve_name(name)
        if not colon:
            while module and not archive.has_module(module):
                module, _, last = module.rpartition(".")
                inside = f"{last}.{inside}" if inside else last
        return _inside(archive.load(module), inside)

    def walk_packages(path: Any = None, prefix: str = "", onerror: Any = None) -> Iterator[Any]:
        """Yield the modules below a path, by their original names when given such a prefix."""
        package = prefix.rstrip(".")
        private = archive.private(package) if package else ""
        for found in real.walk_packages(path, f"{private}." if private else "", onerror):
            yield found._replace(name=prefix + found.name[len(private) + bool(private) :])

    return {"get_data": get_data, "resolve_name": resolve_name, "walk_packages": walk_packages}


def _pickle(archive: RestoredArchive, _: Redirect, real: ModuleType) -> dict[str, Any]:
    import pickle

    class Unpickler(pickle.Unpickler):
        """Finds archived classes by the names they had when the pickle was written."""

        def find_class(self, module: str, name: str, /) -> Any:
            if archive.holder_of(module) is None:
                return super().find_class(module, name)
            return _inside(archive.load(module), name)

    def load(file: Any, **options: Any) -> Any:
        """Read one pickled object from a file."""
        return Unpickler(file, **options).load()

    def loads(data: Any, /, **options: Any) -> Any:
        """Read one pickled object from bytes."""
        import io

        return Unpickler(io.BytesIO(data), **options).load()

    own: dict[str, Any] = {"load": load, "loads": loads}
    return {**own, "Unpickler": Unpickler} if real is pickle else own


def _inside(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    return found


def _translated(anchor: Any, archive: RestoredArchive, redirect: Redirect) -> Any:
    """Return the archived module that a package name means; what is no such name as it is."""
    if not isinstance(anchor, str):
        return anchor
    absolute = redirect.absolute(anchor)
    return anchor if archive.holder_of(absolute) is None else archive.load(absolute)


_STAND_INS: dict[str, _Own] = {
    "importlib": _importlib,
    "importlib.util": _importlib_util,
    "importlib.resources": _importlib_resources,
    "importlib.metadata": _importlib_metadata,
    "importlib_resources": _importlib_resources,
    "importlib_metadata": _importlib_metadata,
    "pkgutil": _pkgutil,
    "pickle": _pickle,
    "cloudpickle": _pickle,
}
