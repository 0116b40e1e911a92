"""Names of a package that are imported when they are first asked for."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` would be most of what `import artifact_plugins` costs
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def late_names(
    namespace: dict[str, object], names: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` for a package.

    Args:
        namespace: Its `globals()`, where each name stays once it was found.
        names: What each module below the package has.
    """
    package = namespace["__name__"]
    where = {name: f"{package}.{module}" for module, each in names.items() for name in each}
    everything = sorted(where)

    def find(name: str) -> object:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = namespace[name] = getattr(import_module(where[name]), name)
        return found

    return everything, find, lambda: everything
