"""The backend of the little registry passes the contract; each broken one fails a claim that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, ClassVar

import pytest
from little_registry import LittleBackend, LittleRegistry, little_registry

from artifact_plugins.contracts.backend import Backend, RecordKind, RemoteQuery, RemoteVersion
from artifact_plugins.records import ArtifactTaskLink, Page
from artifact_plugins.testing import BackendContract, memory_session
from artifact_plugins.testing.backend_contract import Recorded, contract
from artifact_plugins.testing.backend_driver import drive


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    with little_registry() as registry:
        yield registry


class TestLittle(BackendContract):
    @pytest.fixture
    def backend(self, registry: LittleRegistry) -> Iterator[Backend]:
        with closing(LittleBackend(registry.url)) as backend:
            yield backend


class MakesTwice(LittleBackend):
    """Never looks whether a record is there."""

    looks_up: ClassVar[bool] = False


class NoConditions(LittleBackend):
    """Believes that the server filters."""

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        return super().versions(RemoteQuery(limit=query.limit, page_token=query.page_token))


class OtherRecords(LittleBackend):
    """Loses a field on the way."""

    def version(self, external_id: str) -> RemoteVersion:
        found = super().version(external_id)
        assert found.record is not None
        record = found.record.model_copy(update={"metadata": {"other": 1}})
        return RemoteVersion(external_id=external_id, name=found.name, record=record)


class NoLinks(LittleBackend):
    """Has no links."""

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        return ()


class SeesNothingMissing(LittleBackend):
    """Never looks what the server has lost."""

    def missing(self, kind: RecordKind, noted: object) -> Sequence[str]:
        return ()


class SilentlyDeletes(LittleBackend):
    """Says that it cannot prune, and does nothing instead of refusing."""

    def prune(self, query: RemoteQuery, *, dry_run: bool = True) -> Sequence[str]:
        return ()


CLAIMS = BackendContract()


@pytest.mark.parametrize(
    ("broken", "claim", "complaint"),
    [
        (MakesTwice, CLAIMS.test_lost_answers_make_nothing_twice, "made again"),
        (NoConditions, CLAIMS.test_conditions_are_kept, "the name finds"),
        (OtherRecords, CLAIMS.test_versions_are_read_back, "comes back as"),
        (NoLinks, CLAIMS.test_links_are_read_back, "0 links came back"),
        (SeesNothingMissing, CLAIMS.test_what_was_lost_is_missing_and_sent_again, "missing are"),
        (SilentlyDeletes, CLAIMS.test_what_is_not_supported_says_so, "nothing uses gave None"),
    ],
)
def test_a_broken_backend_fails_by_name(
    registry: LittleRegistry,
    broken: type[LittleBackend],
    claim: Callable[[Backend, Recorded], Any],
    complaint: str,
) -> None:
    """Each fault is found by the claim that is about it, and named."""
    with closing(broken(registry.url)) as backend, memory_session() as session:
        run = contract(count=3)
        saved = session.save({"answer": 42}, "contract-saved")
        recorded = Recorded(session, run.id, saved, drive(session, backend))

        with pytest.raises(AssertionError, match=complaint):
            claim(backend, recorded)


def test_a_contract_without_a_backend_says_so() -> None:
    """Whoever forgets the fixture is told its name."""
    with pytest.raises(NotImplementedError, match="backend is a fixture"):
        BackendContract.backend.__wrapped__(BackendContract())
