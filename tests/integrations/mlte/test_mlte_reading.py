"""What an MLTE server has is listed, filtered and paged in our order, others' documents too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_integrations.mlte.backend import MlteBackend
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import QueryError
from artifact_plugins.records import VersionQuery, every
from artifact_plugins.testing.backend_driver import drive

pytestmark = pytest.mark.server
Raw = Any


@ap.step
def make(number: int) -> int:
    return number * 1_000


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@ap.pipeline
def summing(numbers: list[int]) -> Any:
    return total(make.map(number=numbers))


def ids_of(backend: MlteBackend, query: RemoteQuery) -> list[str]:
    return [one.record.id for one in backend.versions(query) if one.record is not None]


@pytest.fixture
def filled(session: ap.Session, backend: MlteBackend) -> ap.Session:
    """A session with a run of four versions and three by hand, all delivered."""
    summing([1, 2, 3])
    ap.save([1], "flights", tags=["raw"], metadata={"rmse": 0.5, "n": 1})
    ap.save({"a": 1}, "flights", tags=["raw", "checked"], artifact_type="Dataset")
    ap.save([3], "Flights")
    drive(session, backend)
    return session


def all_of(session: ap.Session) -> list[ap.ArtifactVersion]:
    found = every(session.ledger.versions, VersionQuery(), newest_first=False)
    return sorted(found, key=lambda one: one.created_at)


def test_filters_are_ours(backend: MlteBackend, filled: ap.Session) -> None:
    """Name, type, tags, metadata, run, ids and times are checked, whatever MLTE ignores."""
    versions = all_of(filled)
    ours = tuple(one.id for one in versions)
    run_id = filled.runs()[0].id
    middle = versions[4].created_at

    def found(**conditions: Any) -> list[str]:
        return ids_of(backend, RemoteQuery(version_ids=ours, newest_first=False, **conditions))

    def wanted(condition: Callable[[ap.ArtifactVersion], bool]) -> list[str]:
        return [one.id for one in versions if condition(one)]

    assert found() == list(ours)
    assert found(artifact="flights") == wanted(lambda one: one.artifact == "flights")
    assert found(artifact_type="Dataset") == wanted(lambda one: one.artifact_type == "Dataset")
    assert found(tags=("raw", "checked")) == wanted(lambda one: "checked" in one.tags)
    assert found(metadata={"n": 1}) == wanted(lambda one: one.metadata.get("n") == 1)
    assert found(run_id=run_id) == wanted(lambda one: one.run_id == run_id)
    assert found(created_after=middle) == wanted(lambda one: one.created_at >= middle)
    assert found(created_before=middle) == wanted(lambda one: one.created_at < middle)
    assert found(created_after=middle + timedelta(days=1)) == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_hold_everything_once(
    backend: MlteBackend, filled: ap.Session, newest_first: bool
) -> None:
    """Pages of two, one after the other, are the whole in the order of creation."""
    versions = all_of(filled)
    query: dict[str, Any] = {
        "version_ids": tuple(one.id for one in versions),
        "newest_first": newest_first,
        "limit": 2,
    }
    pages: list[list[str]] = []
    token = None
    while True:
        page = backend.versions(RemoteQuery(**query, page_token=token))
        pages.append([one.record.id for one in page if one.record is not None])
        token = page.next_token
        if token is None:
            break

    expected = [one.id for one in versions]
    assert [one for page in pages for one in page] == (expected[::-1] if newest_first else expected)
    assert all(len(page) == 2 for page in pages[:-1])


@pytest.mark.parametrize("token", ["", "x", "bm8=", "W10=", "WzEsMiwzXQ==", "é", "bnVsbA=="])
def test_a_page_token_of_somebody_else_is_refused(memory_backend: MlteBackend, token: str) -> None:
    """What is no token of ours is named as such."""
    with pytest.raises(QueryError, match="page token"):
        memory_backend.versions(RemoteQuery(page_token=token))


def test_more_than_a_hundred_are_found(memory_backend: MlteBackend, session: ap.Session) -> None:
    """MLTE's search ends after the hundredth document; ours does not."""
    last = [ap.save([number], "many") for number in range(130)][-1]
    notes = drive(session, memory_backend)

    found = ids_of(memory_backend, RemoteQuery(artifact="many", version_ids=(last.id,)))

    assert found == [last.id]
    assert not memory_backend.missing("version", notes.of("version"))


def test_evidence_of_others_is_listed_without_a_record(
    quick_backend: MlteBackend, quick_raw: Raw, session: ap.Session
) -> None:
    """What somebody else registered has its name and raw document; ours is read beside it."""
    model = session.settings.project
    value = {"evidence_type": "real", "real": 0.5}
    assert quick_raw.write(model, "v1", "accuracy", value)[0] == 200
    assert quick_raw.write(model, "v1", "a/b", value)[0] == 200

    page = quick_backend.versions(RemoteQuery(artifact="evidence.accuracy", limit=1_000))
    slashed = quick_backend.version(f"{model}/v1/evidence.a/b")

    mine = [one for one in page if one.external_id == f"{model}/v1/evidence.accuracy"]
    assert len(mine) == 1
    assert mine[0].record is None
    assert mine[0].raw["body"]["value"]["real"] == 0.5
    assert slashed.name == "evidence.a/b"


def test_links_of_a_run_that_is_not_there_are_none(quick_backend: MlteBackend) -> None:
    """An unknown run has no links, in whatever model it is looked for."""
    assert tuple(quick_backend.links("01a202ad-0000-7350-9e33-d31ab40d9c39")) == ()
    assert ids_of(quick_backend, RemoteQuery(run_id="../../x")) == []


def test_a_record_of_another_kind_is_no_version(backend: MlteBackend, filled: ap.Session) -> None:
    """The documents of runs and tasks are not listed as versions."""
    page = backend.versions(RemoteQuery(limit=1_000))

    cases = [one.external_id.rpartition("/")[2] for one in page]
    assert not any(case.startswith(("evidence.task.", "evidence.run")) for case in cases)
