"""Verified copies of the files of a version in a private folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from artifact_plugins.content.failures import writing
from artifact_plugins.content.local_blobs import write_all
from artifact_plugins.content.names import collisions, path_fault
from artifact_plugins.errors import ManifestInvalidError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def check_restorable(names: Sequence[str]) -> None:
    """Check that files of these recorded names can lie in one folder, and only there.

    Raises:
        ManifestInvalidError: A name leads elsewhere, or two names are one
            file on some filesystems.
    """
    for name in names:
        if fault := path_fault(name):
            raise ManifestInvalidError(
                f"recorded file name {name[:200]!a} cannot be restored: {fault}",
                hint="nothing was written",
                name=name,
            )
    if clashing := list(collisions(names)):
        raise ManifestInvalidError(
            f"recorded file names {clashing[0]!r} and {clashing[-1]!r} are one file "
            "on some filesystems",
            hint="nothing was written",
            name=clashing[0],
        )


def restore(folder: Path, names: Sequence[str], buffer: Callable[[str], memoryview]) -> None:
    """Write the files of a version below an empty private folder.

    Args:
        names: Relative paths as they will be below `folder`; checked before.
        buffer: Returns the verified bytes of a name. What is written is the
            very memory that was verified.
    """
    made: set[str] = set()
    for name in names:
        target = folder / name
        view = buffer(name)
        with writing(f"the private copy of {name!r}"):
            parent = os.path.dirname(name)
            if parent not in made:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                made.add(parent)
            file = os.open(target, _NEW, 0o600)
            try:
                write_all(file, view)
            finally:
                os.close(file)
