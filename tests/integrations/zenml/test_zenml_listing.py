"""Lists of versions: filters of the server and checks here agree; pages hold still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from zenml_servers import ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_integrations.zenml.listing import filters_of
from artifact_plugins import Session
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import QueryError
from artifact_plugins.records import ArtifactVersion, RunQuery, every
from artifact_plugins.testing.backend_driver import drive

servers = pytest.mark.server


@pytest.fixture
def saved(session: Session, backend: ZenMLBackend) -> list[ArtifactVersion]:
    """Six versions, delivered in the order in which they were saved."""
    found = [
        ap.save(1, "flights", tags=["raw"], metadata={"rows": 3, "name": "abc", "ok": True}),
        ap.save(2, "flights", tags=["raw", "team:x"], metadata={"rows": 4, "name": "true"}),
        ap.save(3, "flights", tags=["gt:5"], metadata={"rows": 3.5, "name": "gt:1"}),
        ap.save(4, "model", artifact_type="Model", metadata={"rows": 3, "name": "3"}),
        ap.save(
            5, "model", artifact_type="Model: big", metadata={"name": 'say "hi"', "d": {"a": 1}}
        ),
    ]
    with ap.start_run("made"):
        found.append(ap.save(6, "in a run", metadata={"rows": None}))
    drive(session, backend)
    return found


QUERIES: list[dict[str, Any]] = [
    {},
    {"artifact": "flights"},
    {"artifact": "flight"},
    {"artifact_type": "Model"},
    {"artifact_type": "Model: big"},
    {"tags": ("raw",)},
    {"tags": ("raw", "team:x")},
    {"tags": ("gt:5",)},
    {"metadata": {"rows": 3}},
    {"metadata": {"rows": 3.5}},
    {"metadata": {"rows": None}},
    {"metadata": {"name": "abc"}},
    {"metadata": {"name": "true"}},
    {"metadata": {"name": "gt:1"}},
    {"metadata": {"name": "3"}},
    {"metadata": {"name": 'say "hi"'}},
    {"metadata": {"ok": True}},
    {"metadata": {"ok": 1}},
    {"metadata": {"rows": 3.0}},
    {"metadata": {"rows": 4}, "artifact": "flights"},
    {"metadata": {"d": {"a": 1}}},
    {"metadata": {"rows": 3, "name": "abc"}},
    {"artifact": "flights", "tags": ("raw",), "metadata": {"rows": 4}},
    {"newest_first": False},
]


@servers
@pytest.mark.timeout(300)
def test_filters_find_what_the_records_say(
    backend: ZenMLBackend, saved: list[ArtifactVersion]
) -> None:
    """Every filter gives exactly the versions whose records match, whatever the server can do."""
    for fields in QUERIES:
        found = [version.record for version in pages(backend, RemoteQuery(**fields, limit=4))]

        expected = [version for version in saved if matches(version, fields)]
        if fields.get("newest_first", True):
            expected.reverse()
        assert found == expected, fields


@servers
@pytest.mark.timeout(300)
def test_times_runs_and_ids_are_filtered(
    session: Session, backend: ZenMLBackend, saved: list[ArtifactVersion]
) -> None:
    """Our times of creation, our run id and our version ids select, although ZenML has its own."""
    third = saved[2].created_at
    run = next(every(session.ledger.runs, RunQuery()))
    in_run = [version for version in saved if version.run_id == run.id]

    assert ids(backend, created_after=third, newest_first=False) == of(saved[2:])
    assert ids(backend, created_before=third, newest_first=False) == of(saved[:2])
    assert ids(backend, created_after=third + timedelta(days=1)) == []
    assert ids(backend, run_id=run.id) == of(in_run)
    assert ids(backend, version_ids=(saved[4].id, saved[0].id, run.id)) == of([saved[4], saved[0]])
    assert ids(backend, version_ids=(saved[4].id,), artifact="flights") == []


@servers
@pytest.mark.timeout(300)
def test_pages_hold_still_while_versions_arrive(
    session: Session, backend: ZenMLBackend, saved: list[ArtifactVersion]
) -> None:
    """A page after new arrivals goes on where the one before ended."""
    query = RemoteQuery(limit=2, tags=("raw",))
    first = backend.versions(RemoteQuery(limit=4))

    second = backend.versions(RemoteQuery(limit=4, page_token=first.next_token))

    assert of_remote([*first, *second]) == of(saved[::-1])
    assert second.next_token is None
    assert len(backend.versions(query)) == 2


@servers
@pytest.mark.timeout(300)
def test_versions_of_others_are_shown_without_a_record(
    backend: ZenMLBackend, server: ZenML, saved: list[ArtifactVersion]
) -> None:
    """What somebody else registered is listed by its name, and matches no filter of ours."""
    item = server.ask("GET", "/artifact_versions", project=backend._server.project)["items"][0]
    body = {name: item["body"][name] for name in ("type", "materializer", "data_type", "save_type")}
    body |= {"project": item["body"]["project_id"], "artifact_name": "flights", "uri": "/x"}
    server.ask("POST", "/artifact_versions", body)

    (theirs,) = [one for one in backend.versions(RemoteQuery()) if one.record is None]

    assert (theirs.name, theirs.uri) == ("flights", "/x")
    assert len(backend.versions(RemoteQuery(artifact="flights"))) == 4
    assert len(backend.versions(RemoteQuery(tags=("raw",)))) == 2
    assert backend.version(theirs.external_id).record is None


def test_only_plain_values_are_sent_as_filters() -> None:
    """A value that ZenML would read as an operator, or as another type, is checked here alone."""
    query = RemoteQuery(
        artifact="a",
        tags=("raw", "gt:5", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        metadata={"n": 3, "t": True, "f": 0.1, "s": "abc", "o": "gt:1", "c:d": 1, "no": "null"},
        artifact_type="Model: x",
    )

    assert filters_of(query, "p") == {
        "project": "p",
        "hydrate": True,
        "artifact": "a",
        "run_metadata": ["n:gte:3", "n:lte:3", "s:abc"],
        "tags": ["raw"],
    }


@pytest.mark.parametrize("token", ["", "x", "0.0", "1.0.yesterday", "1.2.3", "9" * 40])
def test_token_of_nobody(token: str) -> None:
    """A page token that is none of ours is refused before anything is asked."""
    backend = ZenMLBackend("zenml+http://127.0.0.1:1/")

    with pytest.raises(QueryError, match="is no page token"):
        backend.versions(RemoteQuery(page_token=token))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_page_of_no_length(limit: int) -> None:
    """A page has 1 to 1,000 versions."""
    with pytest.raises(QueryError, match="1 to 1,000"):
        ZenMLBackend("zenml+http://127.0.0.1:1/").versions(RemoteQuery(limit=limit))


def pages(backend: ZenMLBackend, query: RemoteQuery) -> Iterator[Any]:
    token = None
    while True:
        fields = {name: getattr(query, name) for name in query.__dataclass_fields__}
        page = backend.versions(RemoteQuery(**{**fields, "page_token": token}))
        yield from page
        token = page.next_token
        if token is None:
            return


def ids(backend: ZenMLBackend, **fields: Any) -> list[str]:
    return of_remote(backend.versions(RemoteQuery(**fields)))


def of(versions: list[ArtifactVersion]) -> list[str]:
    return [version.id for version in versions]


def of_remote(versions: Any) -> list[str]:
    return [version.record.id for version in versions]


def matches(version: ArtifactVersion, fields: dict[str, Any]) -> bool:
    missing = object()
    return (
        fields.get("artifact") in (None, version.artifact)
        and fields.get("artifact_type") in (None, version.artifact_type)
        and set(fields.get("tags", ())) <= set(version.tags)
        and all(
            version.metadata.get(name, missing) == value
            for name, value in fields.get("metadata", {}).items()
        )
    )
