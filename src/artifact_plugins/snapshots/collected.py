"""The members of an archive while they are collected, and the files they came from."""

from __future__ import annotations

import os
from pathlib import Path

from artifact_plugins.errors import ResourceLimitError
from artifact_plugins.snapshots.archive import MAX_BYTES, check_limits
from artifact_plugins.snapshots.kept import Stamps
from artifact_plugins.snapshots.locating import Located
from artifact_plugins.snapshots.modules import Reached, member_path
from artifact_plugins.snapshots.running import Key, file_key, read_file, source_of
from artifact_plugins.snapshots.secrets import check_content, check_name


class Collected:
    """Members by path. Each is looked at for secrets before it is one.

    Args:
        name: Whose they are, for messages.

    Attributes:
        data: The bytes of each member.
        stamps: What they were read from.
    """

    def __init__(self, name: str) -> None:
        self.data: dict[str, bytes] = {}
        self.stamps = Stamps()
        self._name = name
        self._size_bytes = 0

    def add(self, path: str, data: bytes, *, file: str | None, key: Key | None) -> None:
        """Add a member; the first of a path stays.

        Raises:
            SecretInSnapshotError: It holds what looks like a secret.
            ResourceLimitError: It is one too many, or they are too large.
        """
        if path in self.data:
            return
        self._size_bytes += len(data)
        check_limits(self._name, len(self.data) + 1, self._size_bytes)
        check_content(path, data)
        self.data[path] = data
        self.stamps.files[file or path] = key

    def add_file(self, path: str, file: str) -> None:
        """Add a data file, byte for byte.

        Raises:
            SecretInSnapshotError, ResourceLimitError: As `add`.
            NotSerializableError: It cannot be read.
        """
        check_name(path)
        if Path(file).stat().st_size > MAX_BYTES:
            raise ResourceLimitError(
                f"file {file!r} belongs to the code of {self._name!r} and has more than "
                f"{MAX_BYTES} bytes",
                hint="nothing was registered; keep data out of the package of a plugin",
                file=file,
            )
        data, key = read_file(file)
        self.add(path, data, file=file, key=key)

    def add_reached(self, reached: Reached) -> None:
        """Add modules with what they read."""
        for name, source in reached.sources.items():
            located = reached.located[name]
            self.add(member_path(located), source.data, file=located.file, key=source.key)
            self.stamps.modules[name] = located.file
        for path, file in sorted(reached.data.items()):
            self.add_file(path, file)

    def add_module(self, located: Located) -> None:
        """Add one module, if it has source."""
        source = source_of(located)
        if source is not None:
            self.add(member_path(located), source.data, file=located.file, key=source.key)

    def watch(self, folder: str) -> None:
        """Note a folder: a file that comes or goes changes what belongs to the code."""
        self.stamps.files[os.fspath(folder)] = file_key(folder)
