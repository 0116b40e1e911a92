"""Classes of a script or notebook, which were archived pickled by value."""

from __future__ import annotations

import inspect
import io
import pickle
import types
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import LoadFailedError, describe
from artifact_plugins.snapshots.members import MAIN, MAIN_MEMBER

if TYPE_CHECKING:
    from artifact_plugins.snapshots.restored import RestoredArchive

_TRACKER = "class_tracker_id"
_MAINS = (MAIN, "__mp_main__")


def fill_main(module: ModuleType, archive: RestoredArchive) -> None:
    """Put the archived classes of a script into their private module.

    This executes the pickle: it is only called when a class is asked for, after
    somebody whom the reader trusts has vouched for the archive.

    Raises:
        LoadFailedError: The pickle cannot be read; says why.
    """
    unpickler = _Unpickler(archive.members.sources[MAIN_MEMBER], archive)
    try:
        vars(module).update(unpickler.load())
    except Exception as error:
        raise LoadFailedError(
            f"the archived classes of a script ({archive.digest}) cannot be unpickled: "
            f"{describe(error)}",
            hint="the stored bytes are untouched",
            archive=archive.digest,
        ) from error
    for cls in unpickler.classes:
        if cls.__module__ in _MAINS:
            # So that its objects pickle, and its annotations are looked up in here.
            cls.__module__ = module.__name__
            if "." not in cls.__qualname__:
                vars(module).setdefault(cls.__qualname__, cls)


class _Unpickler(pickle.Unpickler):
    """Reads what cloudpickle wrote; finds what was pickled by name in the archives beside."""

    def __init__(self, data: bytes, archive: RestoredArchive) -> None:
        super().__init__(io.BytesIO(data))
        self._archive = archive
        self.classes: list[type] = []

    def find_class(self, module: str, name: str, /) -> Any:
        if module.partition(".")[0] == "cloudpickle":
            return self._of_cloudpickle(super().find_class(module, name), name)
        if module == MAIN or self._archive.holder_of(module) is None:
            return super().find_class(module, name)
        found: Any = self._archive.load(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def _of_cloudpickle(self, real: Any, name: str) -> Any:
        if name == "_make_function":
            return self._make_function
        if name == "subimport":
            return self._archive.redirect.import_module
        if name.startswith("_make_skeleton"):
            return self._untracked(real)
        return real

    def _make_function(
        self, code: types.CodeType, namespace: dict[str, Any], *rest: Any
    ) -> types.FunctionType:
        """Make a function whose imports go where those of the archive go."""
        namespace["__builtins__"] = self._archive.builtins()
        return types.FunctionType(code, namespace, *rest)

    def _untracked(self, make: Callable[..., type]) -> Callable[..., type]:
        """Let a class be a class of its own.

        cloudpickle gives back the living class where this very process has
        pickled it; the archive would then change that one.
        """
        place = list(inspect.signature(make).parameters).index(_TRACKER)

        def make_new(*args: Any) -> type:
            cls = make(*args[:place], None, *args[place + 1 :])
            self.classes.append(cls)
            return cls

        return make_new
