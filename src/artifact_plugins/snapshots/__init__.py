"""Pinned code: captured when a version is saved, restored when its code is gone.

capture.py         capture_plugin, capture_project, capture_main, digest_here: the public door
plugin_code.py     a plugin: its folder (folder.py), or its module and what that reaches
project_code.py    the user's own code, and its digest here and now
script_classes.py  classes of a script or notebook as a pickle
modules.py         reach: from modules to all that they import
imports.py         what one piece of source imports, and which files it seems to read
locating.py        where a module is, whose it is, which libraries it stands for
running.py         the source that a module runs, which its file need not say any more
data_files.py      which data files belong to code
secrets.py         secrets in code: the capture is refused
collected.py       members while they are collected; kept.py: what was captured before
archive.py         the canonical archive, Captured, its limits and names
opening.py         open_archive: verified members, every other zip file refused by name
statement.py       make_snapshot, statement_bytes, read_statement: what is signed

restore.py         restore, restore_together, archived_origin: archived code in this process
restored.py        RestoredArchive: modules under a private name; finder.py finds them
loader.py          executes one archived module; redirect.py: where its imports go
stand_ins.py       modules of Python that archived code sees instead of the real ones
members.py         modules, packages and data files of an archive; resources.py reads the data
main_classes.py    classes of a script, unpickled when one is asked for
again.py           captured_again: restored code as it was captured
environment.py     mismatches, check_environment: the recorded libraries and the installed ones
"""

from artifact_plugins.snapshots.again import captured_again
from artifact_plugins.snapshots.archive import Captured
from artifact_plugins.snapshots.capture import (
    capture_main,
    capture_plugin,
    capture_project,
    digest_here,
)
from artifact_plugins.snapshots.environment import Mismatch, check_environment, mismatches
from artifact_plugins.snapshots.locating import is_first_party
from artifact_plugins.snapshots.opening import open_archive
from artifact_plugins.snapshots.restore import archived_origin, restore, restore_together
from artifact_plugins.snapshots.restored import RestoredArchive
from artifact_plugins.snapshots.statement import make_snapshot, read_statement, statement_bytes

__all__ = [
    "Captured",
    "Mismatch",
    "RestoredArchive",
    "archived_origin",
    "capture_main",
    "capture_plugin",
    "capture_project",
    "captured_again",
    "check_environment",
    "digest_here",
    "is_first_party",
    "make_snapshot",
    "mismatches",
    "open_archive",
    "read_statement",
    "restore",
    "restore_together",
    "statement_bytes",
]
