"""Contract tests that plugin authors inherit, and what they are made of.

contract.py       MaterializerContract: the tests every materializer passes
task_contract.py  ArtifactTaskContract: the tests every artifact task passes
backend_contract.py  BackendContract: the tests every backend passes, against its server
backend_driver.py    drive, drive_one: records of a session to a backend, without an outbox
files.py          FolderFiles, MemoryFiles: where a DirectIO materializer writes to and reads from
driver.py         one way to make, save and load, whichever abilities a materializer has
purity.py         notices what a save touches outside its folder
fresh_process.py  loads saved files in a new interpreter
sessions.py       isolated sessions for tests
pytest_plugin.py  the fixtures `artifact_session` and `artifact_session_on_disk`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.late import late_names

if TYPE_CHECKING:
    from artifact_plugins.testing.backend_contract import BackendContract as BackendContract
    from artifact_plugins.testing.contract import MaterializerContract as MaterializerContract
    from artifact_plugins.testing.files import FolderFiles as FolderFiles
    from artifact_plugins.testing.files import MemoryFiles as MemoryFiles
    from artifact_plugins.testing.sessions import memory_session as memory_session
    from artifact_plugins.testing.sessions import session_on_disk as session_on_disk
    from artifact_plugins.testing.task_contract import ArtifactTaskContract as ArtifactTaskContract

# pytest imports this package in every run of every project (pytest11), so
# nothing is imported before it is asked for.
_NAMES = {
    "backend_contract": ("BackendContract",),
    "contract": ("MaterializerContract",),
    "files": ("FolderFiles", "MemoryFiles"),
    "sessions": ("memory_session", "session_on_disk"),
    "task_contract": ("ArtifactTaskContract",),
}

if not TYPE_CHECKING:  # a type checker must not believe that every name exists
    __all__, __getattr__, __dir__ = late_names(globals(), _NAMES)
