"""Capturing code: of a plugin, of the user's project, of a script or notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from artifact_plugins.records.snapshot import CodeArchive
from artifact_plugins.snapshots.archive import Captured, pack
from artifact_plugins.snapshots.collected import Collected
from artifact_plugins.snapshots.kept import once
from artifact_plugins.snapshots.locating import is_first_party, libraries_of, places
from artifact_plugins.snapshots.members import MAIN, MAIN_MEMBER
from artifact_plugins.snapshots.modules import MAINS
from artifact_plugins.snapshots.plugin_code import PluginCode
from artifact_plugins.snapshots.project_code import project_code, project_digest
from artifact_plugins.snapshots.script_classes import as_source, modules_among, pickled
from artifact_plugins.snapshots.secrets import check_content


def capture_plugin(
    module: str,
    *,
    plugin: str,
    distribution: str | None,
    distribution_version: str | None,
) -> Captured:
    """Return the code of a plugin: captured once per process, again when a file changes.

    Of a package its folder: all Python files, and the data files that they mention
    (`data_files.mentioned`). Of a single module its file, and the modules of the
    same distribution that it reaches by import. Of a plugin that is not installed
    also what it reaches of the user's code. The `__init__` of each regular package
    around it is a member, so that relative imports find their parents; a namespace
    package has none. Left out are hidden files, bytecode, and `tests` that nothing
    imports; compiled extensions are only listed.

    Args:
        module: Import name of the package or module.
        plugin: Name of the plugin.
        distribution: What it was installed with; None for one that is not installed.
        distribution_version: Its version.

    Raises:
        SecretInSnapshotError: A file has the name or the content of a secret.
        ResourceLimitError: Over 16 MiB or 2,000 files.
        NotSerializableError: There is no such module, it has no source, or it was
            edited after it was imported.
    """
    key = ("plugin", module, plugin, distribution, distribution_version, places([module]))
    wanted = PluginCode(module, plugin, distribution, distribution_version)
    return once(key, wanted.capture)


def capture_project(modules: Iterable[str]) -> Captured | None:
    """Return modules of the user's own code and all of it that they reach by import.

    `modules.reach` says what is followed. Data files beside the modules are taken
    when a module that reads files names them, up to 1 MiB each, or when the
    project declares them as package data.

    Args:
        modules: Import names; those of libraries and those without source are
            passed over. Of `__main__` only what it imports is captured.

    Returns:
        None when nothing of the user's own code is among them.

    Raises:
        SecretInSnapshotError: A file has the name or the content of a secret.
        ResourceLimitError: Over 16 MiB or 2,000 files.
        NotSerializableError: A module was edited after it was imported, or has the
            name of a module of Python.
    """
    starts = tuple(sorted({module for module in modules if is_first_party(module)}))
    if not starts:
        return None
    return once(("project", starts, places(starts)), lambda: project_code(starts))


def capture_main(classes: Iterable[type]) -> Captured | None:
    """Return classes of the running script or notebook, pickled by value.

    The one member is a pickle of a dict from name to class, made by cloudpickle:
    unpickling it executes code. Not kept: a cell may define a helper anew.

    Args:
        classes: Those of other modules are passed over.

    Returns:
        None when none of them is of the script.

    Raises:
        NotSerializableError: A class holds what cannot be pickled, an open file.
        SecretInSnapshotError: The pickle holds what looks like a secret.
        ResourceLimitError: It is over 16 MiB.
    """
    tops = {cls.__qualname__.partition(".")[0]: cls for cls in classes if cls.__module__ in MAINS}
    if not tops:
        return None
    script = sys.modules["__main__"]
    found = {name: getattr(script, name, tops[name]) for name in sorted(tops)}
    data, texts = pickled(found)
    check_content(MAIN_MEMBER, as_source(texts), has_lines=False)
    members = Collected(MAIN)
    members.add(MAIN_MEMBER, data, file=None, key=None)
    libraries = libraries_of([*modules_among(texts), "cloudpickle"])
    return pack(members.data, role="main", name=MAIN, roots=[MAIN], libraries=libraries)


def digest_here(archive: CodeArchive) -> str | None:
    """Return the digest that an archive of the user's code would have here and now.

    Returns:
        None when a module or a data file of it is not here.

    Raises:
        NotSerializableError: A module was edited after it was imported.
    """
    return once(("here", archive.digest, places(archive.roots)), lambda: project_digest(archive))
