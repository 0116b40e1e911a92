"""The statements of the trash, and of commit or abort; a part of `statements`."""

from __future__ import annotations

from sqlalchemy import ClauseElement, text

from artifact_plugins.ledger.schema import aborted_version, ledger_identity
from artifact_plugins.ledger.statement_parts import Names, PerDialect, insert_row, plain

TRASH: dict[str, tuple[ClauseElement | PerDialect, Names]] = {
    "DELETE_VERSION": plain("UPDATE version SET deleted_at = :deleted_at WHERE id = :id"),
    "RESTORE_VERSION": plain(
        "UPDATE version SET deleted_at = NULL, updated_at = :updated_at WHERE id = :id"
    ),
    "COUNT_DELETED": plain(
        """UPDATE artifact SET deleted_versions = deleted_versions + :more
        WHERE id = (SELECT artifact_id FROM version WHERE id = :id)"""
    ),
    "REMOVE_OWN_ALIAS": plain(
        """DELETE FROM version_alias WHERE alias = :alias
        AND version_seq = (SELECT seq FROM version WHERE id = :id)
        AND artifact_id = (SELECT artifact_id FROM version WHERE id = :same_id)"""
    ),
    "NTH_NEWEST": plain(
        """SELECT version.version FROM version JOIN artifact ON artifact.id = version.artifact_id
        WHERE artifact.project = :project AND artifact.name = :name AND version.deleted_at IS NULL
        ORDER BY version.version DESC LIMIT 1 OFFSET :skipped"""
    ),
    "OVERDUE": plain(
        """SELECT id, size_bytes, CASE WHEN substr(uri, 1, 5) = 'data:' THEN size_bytes ELSE 0 END
        FROM version WHERE deleted_at IS NOT NULL AND collected_at IS NULL
        AND deleted_at <= :deleted_before ORDER BY deleted_at, seq"""
    ),
    # What lies in the record goes with the bytes; sizes and digests stay.
    "COLLECT_VERSION": plain(
        """UPDATE version SET collected_at = :collected_at, previews = NULL,
        uri = CASE WHEN substr(uri, 1, 5) = 'data:' THEN 'data:,' ELSE uri END
        WHERE id = :id AND deleted_at <= :deleted_before AND collected_at IS NULL"""
    ),
    # commit or abort: a writer inserts its versions, then looks for aborted ids;
    # a collector keeps writers out, looks for versions, then inserts.
    "ABORTED_BETWEEN": plain("SELECT id FROM aborted_version WHERE id BETWEEN :first AND :last"),
    "KEEP_WRITERS_OUT": (
        PerDialect(
            sqlite=text("SELECT 1"),  # its transactions exclude each other
            postgresql=text("LOCK TABLE version IN SHARE ROW EXCLUSIVE MODE"),
        ),
        (),
    ),
    "ABORT": (
        insert_row(aborted_version, ("id", "aborted_at")).on_conflict_do_nothing(),
        ("id", "aborted_at"),
    ),
    "LEDGER_ID": plain("SELECT id FROM ledger_identity WHERE one = 1"),
    "SET_LEDGER_ID": (
        insert_row(ledger_identity, ("one", "id")).on_conflict_do_nothing(),
        ("one", "id"),
    ),
}
