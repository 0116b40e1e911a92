"""What was captured in this process, for as long as its files stay as they are."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from artifact_plugins.snapshots.running import Key, file_key

Found = TypeVar("Found")

_KEPT = 128
_lock = threading.RLock()
# Another thread may hold it at that moment; in the child it would never let go.
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.RLock()))
_kept: OrderedDict[Hashable, tuple[Stamps, object]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Stamps:
    """What something was made from.

    Attributes:
        files: Time, size and inode of files and folders. None for a file that
            cannot be told to be the same; what was made from one is not kept.
        modules: Where modules lie, by import name.
    """

    files: dict[str, Key | None] = field(default_factory=dict)
    modules: dict[str, str | None] = field(default_factory=dict)

    def is_fresh(self) -> bool:
        """Tell whether it would be made from the same files again."""
        for name, place in self.modules.items():
            module = sys.modules.get(name)
            if module is not None and getattr(module, "__file__", None) != place:
                return False
        try:
            return all(file_key(path) == key for path, key in self.files.items())
        except OSError:
            return False


def once(key: Hashable, capture: Callable[[], tuple[Stamps, Found]]) -> Found:
    """Return what was captured under a key, captured again when a file has changed.

    Threads wait for each other, so that each thing is captured by one of them.

    Args:
        key: What is captured, and how.
        capture: Returns it with what it was made from.
    """
    with _lock:
        kept = _kept.get(key)
        if kept is not None and kept[0].is_fresh():
            _kept.move_to_end(key)
            return kept[1]  # type: ignore[return-value]  # each key has one kind of value
        stamps, found = capture()
        _kept.pop(key, None)
        if stamps.files and None not in stamps.files.values():
            _kept[key] = (stamps, found)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
        return found


def files_of(found: object) -> dict[str, Key]:
    """Return the files that something kept was made from; none for what is not kept."""
    with _lock:
        for stamps, kept in _kept.values():
            if kept is found:
                return {path: key for path, key in stamps.files.items() if key is not None}
    return {}
