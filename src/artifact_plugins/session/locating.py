"""Which version a reference means, and whether it is there, in the trash or gone."""

from __future__ import annotations

from collections.abc import Callable

from artifact_plugins.errors import ArtifactMissingError, ArtifactPluginsError, StoreError
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.records import ArtifactVersion, Page, VersionQuery
from artifact_plugins.session.references import Reference


def locate(ledger: Ledger, project: str, asked: Reference) -> ArtifactVersion:
    """Return the version that is meant; see `Session.find`."""
    try:
        return ledger.latest(project, asked.name, version=asked.version, alias=asked.alias)
    except ArtifactMissingError:
        if asked.is_id:
            return _locate_id(ledger, asked.name)
        raise


def locate_deleted(ledger: Ledger, project: str, asked: Reference) -> ArtifactVersion | None:
    """Return the newest deleted version that may be meant; None when there is none."""
    query = VersionQuery(
        project=project, artifact=asked.name, version=asked.version, is_deleted=True
    )
    found = ledger.versions(query, limit=1) if asked.alias is None else Page(())
    if not len(found) and asked.is_id:
        by_id = VersionQuery(id_prefix=asked.name, is_deleted=True)
        found = ledger.versions(by_id, limit=2)
    return found[0] if len(found) == 1 else None


def present(ledger: Ledger, record: ArtifactVersion) -> ArtifactVersion:
    """Return the record of a version that is not deleted, or was restored since it was read.

    Raises:
        ArtifactMissingError: It is deleted.
    """
    if record.deleted_at is not None:
        record = ledger.version(record.id)
        if record.deleted_at is not None:
            raise deleted_error(record)
    return record


def say_if_deleted(
    ledger: Callable[[], Ledger], record: ArtifactVersion, error: StoreError
) -> None:
    """Explain bytes that went while they were read, when the ledger can tell.

    Args:
        ledger: Returns the ledger, or raises when it cannot be reached.
        record: Of the version that was read.
        error: What reading it raised.

    Raises:
        ArtifactMissingError: The version was deleted meanwhile.
    """
    try:
        found = ledger().version(record.id)
    except ArtifactPluginsError:
        return
    if found.deleted_at is not None:
        raise deleted_error(found) from error


def _locate_id(ledger: Ledger, prefix: str) -> ArtifactVersion:
    page = ledger.versions(VersionQuery(id_prefix=prefix), limit=2)
    if len(page) == 1:
        return page[0]
    if not len(page):
        gone = ledger.versions(VersionQuery(id_prefix=prefix, is_deleted=True), limit=2)
        if len(gone) == 1:
            raise deleted_error(gone[0])
    many = "several versions" if len(page) else "no version"
    raise ArtifactMissingError(
        f"{many} with an id starting with {prefix!r}", hint="give more characters or the name"
    )
