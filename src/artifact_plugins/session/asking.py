"""What a session answers about what is saved: which version is meant, where it comes from, its files."""

from __future__ import annotations

import os
from pathlib import Path

from artifact_plugins.errors import InputError, StoreError
from artifact_plugins.lineage_graph import Lineage
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.records.names import as_reference
from artifact_plugins.session.curating import Curating
from artifact_plugins.session.deciding import Deciding
from artifact_plugins.session.explaining import Explaining, LoadExplanation
from artifact_plugins.session.exporting import export_files
from artifact_plugins.session.locating import locate, present, say_if_deleted
from artifact_plugins.session.references import Reference, as_number


class Asking(Curating):
    """The part of `Session` that changes nothing; see there for the attributes."""

    deciding: Deciding

    def find(
        self, reference: str, *, version: int | None = None, alias: str | None = None
    ) -> ArtifactVersion:
        """Return the record that a reference names.

        Args:
            reference: `name` (its newest version), `name@3`, `name@alias`, a
                version id, or as much of the beginning of one as is unique; or
                the id that a backend has for a version: `zenml:<id there>`.
            version: Number of one of the versions of the name.
            alias: Alias of one of them.

        Raises:
            InputError: It is neither text nor a number, each in its place.
            ArtifactMissingError: Names what comes near.
            BackendError: The backend cannot be asked.
        """
        reference = as_reference(reference, "a reference to a version")
        if ":" in reference:  # which no name of an artifact has
            remote = self.delivering.remote(reference, self.ledger)
            if remote is not None:
                if version is not None or alias is not None:
                    raise InputError(
                        f"{reference!r} names one version already",
                        hint="leave version and alias away; nothing was loaded",
                    )
                return remote
        if version is None and alias is None:
            asked = Reference.parse(reference)
        else:
            asked = Reference(
                reference,
                None if version is None else as_number(version),
                None if alias is None else as_reference(alias, "alias"),
            )
        return locate(self.ledger, self.settings.project, asked)

    def explain_load(self, version: str | ArtifactVersion) -> LoadExplanation:
        """Return with which code a version would be loaded and why; nothing archived runs."""
        record = present(self.ledger, self._record(version))
        return Explaining(self.store, self.deciding).explain(record)

    def export(
        self, version: str | ArtifactVersion, target: str | os.PathLike[str]
    ) -> tuple[Path, ...]:
        """Copy the verified payload files of a version into the folder `target`.

        Returns:
            The files written. Existing files are never replaced.

        Raises:
            InputError: A file of that name is already there, or `target` is no
                folder; nothing was copied.
            ManifestInvalidError: A recorded file name leads out of `target`.
            StoreError: A copy could not be read or written; none is left.
        """
        record = present(self.ledger, self._record(version))
        reader = self.store.reader(record)
        try:
            return export_files(reader, target)
        except StoreError as error:
            say_if_deleted(lambda: self.ledger, record, error)
            raise
        finally:
            reader.close()

    def lineage(self, version: str | ArtifactVersion) -> Lineage:
        """Return the questions that can be asked about where a version comes from."""
        record = self._record(version)
        return Lineage(self.ledger, record, find=self.find)
