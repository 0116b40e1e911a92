"""The numbers of the versions that a test saved."""

from __future__ import annotations

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import VersionQuery


def numbers(ledger: Ledger) -> list[int]:
    page = ledger.versions(VersionQuery(artifact="flights"), limit=1000, newest_first=False)
    return [version.version for version in page]
