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

restoring.py       restore, archived_origin: archived code in this process
restored.py        RestoredArchive: modules under a private name; finder.py finds them
loader.py          executes one archived module; redirect.py: where its imports go
stand_ins.py       modules of Python that archived code sees instead of the real ones
members.py         modules, packages and data files of an archive; resources.py reads the data
main_classes.py    classes of a script, unpickled when one is asked for
again.py           captured_again: restored code as it was captured
environment.py     mismatches, check_environment: the recorded libraries and the installed ones
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.late import late_names

if TYPE_CHECKING:
    from artifact_plugins.snapshots.again import captured_again as captured_again
    from artifact_plugins.snapshots.archive import Captured as Captured
    from artifact_plugins.snapshots.capture import capture_main as capture_main
    from artifact_plugins.snapshots.capture import capture_plugin as capture_plugin
    from artifact_plugins.snapshots.capture import capture_project as capture_project
    from artifact_plugins.snapshots.capture import digest_here as digest_here
    from artifact_plugins.snapshots.environment import Mismatch as Mismatch
    from artifact_plugins.snapshots.environment import check_environment as check_environment
    from artifact_plugins.snapshots.environment import mismatches as mismatches
    from artifact_plugins.snapshots.kept import files_of as files_of
    from artifact_plugins.snapshots.locating import is_first_party as is_first_party
    from artifact_plugins.snapshots.opening import open_archive as open_archive
    from artifact_plugins.snapshots.restored import RestoredArchive as RestoredArchive
    from artifact_plugins.snapshots.restoring import archived_origin as archived_origin
    from artifact_plugins.snapshots.restoring import restore as restore
    from artifact_plugins.snapshots.statement import make_snapshot as make_snapshot
    from artifact_plugins.snapshots.statement import read_statement as read_statement
    from artifact_plugins.snapshots.statement import statement_bytes as statement_bytes

# Looked up at first use: a save needs half of them, a load the other half.
_NAMES = {
    "again": ("captured_again",),
    "archive": ("Captured",),
    "capture": ("capture_main", "capture_plugin", "capture_project", "digest_here"),
    "environment": ("Mismatch", "check_environment", "mismatches"),
    "kept": ("files_of",),
    "locating": ("is_first_party",),
    "opening": ("open_archive",),
    "restored": ("RestoredArchive",),
    "restoring": ("archived_origin", "restore"),
    "statement": ("make_snapshot", "read_statement", "statement_bytes"),
}

if not TYPE_CHECKING:  # a type checker must not believe that every name exists
    __all__, __getattr__, __dir__ = late_names(globals(), _NAMES)
