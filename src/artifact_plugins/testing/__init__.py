"""Contract tests that plugin authors inherit, and what they are made of.

contract.py       MaterializerContract: the tests every materializer passes
task_contract.py  ArtifactTaskContract: the tests every artifact task passes
files.py          FolderFiles, MemoryFiles: where a DirectIO materializer writes to and reads from
driver.py         one way to make, save and load, whichever abilities a materializer has
compare.py        deep, type-strict comparison of values
purity.py         notices what a save touches outside its folder
fresh_process.py  loads saved files in a new interpreter
sessions.py       isolated sessions for tests
pytest_plugin.py  the fixtures `artifact_session` and `artifact_session_on_disk`
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.testing.contract import MaterializerContract as MaterializerContract
    from artifact_plugins.testing.files import FolderFiles as FolderFiles
    from artifact_plugins.testing.files import MemoryFiles as MemoryFiles
    from artifact_plugins.testing.sessions import memory_session as memory_session
    from artifact_plugins.testing.sessions import session_on_disk as session_on_disk
    from artifact_plugins.testing.task_contract import ArtifactTaskContract as ArtifactTaskContract

# pytest imports this package in every run of every project (pytest11), so
# nothing is imported before it is asked for.
_WHERE = {
    "ArtifactTaskContract": "task_contract",
    "FolderFiles": "files",
    "MaterializerContract": "contract",
    "MemoryFiles": "files",
    "memory_session": "sessions",
    "session_on_disk": "sessions",
}

__all__ = [
    "ArtifactTaskContract",
    "FolderFiles",
    "MaterializerContract",
    "MemoryFiles",
    "memory_session",
    "session_on_disk",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
