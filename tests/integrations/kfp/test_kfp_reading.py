"""Versions of a KFP-compatible server, listed, filtered and paged; runs that are not ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

import pytest
from kfp_pipelines import everything
from kfp_server import KfpServer, old_kfp_server
from kfp_there import in_both_dialects

import artifact_plugins as ap
from artifact_integrations.kfp.backend import KfpBackend
from artifact_plugins.compat import render_kfp
from artifact_plugins.contracts.backend import BackendOperation, RemoteQuery, RemoteVersion
from artifact_plugins.errors import ArtifactMissingError, BackendContractError
from artifact_plugins.records import ArtifactVersion, LinkQuery, TaskQuery, every
from artifact_plugins.testing.backend_driver import drive

# Against a server of its own process.
pytestmark = pytest.mark.server

PREFIX = "kfpread"


@ap.step
def dataset(n: int) -> Annotated[dict[str, int], ap.Output(f"{PREFIX}_d", artifact_type="Dataset")]:
    ap.log_metadata({"n": n, "share": 0.5})
    return {"n": n}


@ap.step
def custom(
    n: int,
) -> Annotated[str, ap.Output(f"{PREFIX}_c", artifact_type="shop.Note", tags=["t", "u"])]:
    return str(n)


@ap.pipeline
def both(ns: list[int]):
    return dataset.map(n=ns), custom.map(n=ns)


class Delivered(NamedTuple):
    """Two runs of five datasets and five notes each, delivered.

    Attributes:
        ids: Of the runs.
        datasets: Of the first run, the oldest first.
    """

    ids: list[str]
    datasets: list[ArtifactVersion]


@pytest.fixture(scope="module")
def delivered(server: KfpServer, tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    folder = tmp_path_factory.mktemp("kfp_reading")
    settings = ap.Settings(
        store_url=str(folder / "store"),
        ledger_url=f"sqlite:///{folder / 'own.sqlite'}",
        durability="process",
    )
    backend = KfpBackend(f"kfp+{server.url}", timeout_seconds=60)
    with ap.open_session(settings) as session:
        runs = [both(ns=[1, 2, 3, 4, 5]), both(ns=[1, 2, 3, 4, 5])]
        drive(session, backend)
        made = sorted(runs[0].versions(f"{PREFIX}_d"), key=lambda one: one.created_at)
        ids = [run.id for run in runs]
    backend.close()
    return Delivered(ids, made)


def own(delivered: Delivered, page: Iterable[RemoteVersion]) -> list[ArtifactVersion]:
    """Return the versions of these runs in a page, in its order."""
    return [one.record for one in page if one.record and one.record.run_id in delivered.ids]


@in_both_dialects
def test_filters_are_those_of_the_server_and_checked_here(delivered, backend):
    """Name, type, tags, metadata, run, ids and time each narrow the listing, alone and together."""
    first, made = delivered.ids[0], delivered.datasets

    def found(**query: Any) -> list[ArtifactVersion]:
        return own(delivered, backend.versions(RemoteQuery(limit=1000, **query)))

    assert len(found()) == 20
    assert len(found(artifact=f"{PREFIX}_d")) == 10
    assert {one.artifact for one in found(artifact_type="Dataset")} == {f"{PREFIX}_d"}
    assert {one.artifact for one in found(artifact_type="shop.Note")} == {f"{PREFIX}_c"}
    assert found(artifact_type="Model") == []
    assert {one.artifact for one in found(tags=("t", "u"))} == {f"{PREFIX}_c"}
    assert found(tags=("t", "no")) == []
    assert [one.metadata["n"] for one in found(metadata={"n": 2}, run_id=first)] == [2]
    assert len(found(run_id=first)) == 10
    assert found(run_id="01a202a2-0000-7000-8000-000000000000") == []
    assert found(version_ids=(made[1].id,)) == [made[1]]
    assert found(created_after=made[0].created_at, created_before=made[1].created_at) == [made[0]]
    assert found(created_before=made[0].created_at - timedelta(days=1)) == []
    assert found(artifact=f"{PREFIX}_d", tags=("t",)) == []
    assert found(artifact=f"{PREFIX}_%") == []


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_follow_each_other(delivered, backend, newest_first, limit):
    """Pages of any length together have every version once, in the order of the whole listing."""
    query = {"artifact": f"{PREFIX}_d", "newest_first": newest_first, "metadata": {"share": 0.5}}
    whole = own(delivered, backend.versions(RemoteQuery(limit=1000, **query)))

    paged, token = [], None
    while True:
        page = backend.versions(RemoteQuery(limit=limit, page_token=token, **query))
        assert len(page) <= limit
        paged += own(delivered, page)
        token = page.next_token
        if token is None:
            break

    assert paged == whole
    assert len(whole) == 10


@in_both_dialects
def test_pages_of_a_run_follow_each_other(delivered, backend):
    """The versions of one run page as well."""
    first = backend.versions(RemoteQuery(run_id=delivered.ids[1], limit=6))
    second = backend.versions(
        RemoteQuery(run_id=delivered.ids[1], limit=6, page_token=first.next_token)
    )

    assert (len(first), len(second), second.next_token) == (6, 4, None)
    assert len({one.external_id for one in [*first, *second]}) == 10


def test_names_with_signs_of_filters_are_found(session, server, backend_at):
    """Percent, plus and quotes in a name are filtered for as they are written."""
    opened = server.open_run("signs")
    backend = backend_at(server.url, f"?run_id={opened.run_id}")
    for name in ("a+b", "50%", "50%25", 'say "x"', "ä"):
        server.call(
            "POST",
            "/artifacts",
            {
                "artifact": {"name": name, "type": "Artifact", "namespace": "n"},
                "run_id": opened.run_id,
                "task_id": opened.root_id,
                "producer_key": "k",
            },
        )

        found = backend.versions(RemoteQuery(artifact=name))

        assert [one.name for one in found] == [name]
        assert found[0].record is None


@in_both_dialects
@pytest.mark.parametrize("name", ["01a202a2-0000-7000-8000-000000000000", "no/such/id", "x?y#z"])
def test_a_version_that_is_not_there_is_missing(backend, name):
    """An id that nobody has is named, whatever is in it."""
    with pytest.raises(ArtifactMissingError, match="has no "):
        backend.version(name)


@in_both_dialects
def test_links_of_a_run_that_nobody_delivered_are_none(backend):
    """A run that is neither ours there nor KFP's has no links."""
    assert backend.links("01a202a2-0000-7000-8000-000000000000") == []


def test_a_run_recorded_by_the_server_is_read_in_the_form_of_kfp(tmp_path, backend_at):
    """A run in KFP's own form is read as KFP wrote it, which is what our rules make of it."""
    with KfpServer(tmp_path / "native") as server:
        with ap.open_session(
            ap.Settings(store_url=str(tmp_path / "store"), ledger_url=server.ledger_url)
        ) as session:
            run = everything(xs=[1])
            tasks = list(every(session.ledger.tasks, TaskQuery(run_id=run.id)))
            links = list(every(session.ledger.links, LinkQuery(run_id=run.id)))
        backend = backend_at(server.url)

        there = backend.links(run.id)

    rendered = render_kfp(tasks, links)
    said = {(o.task_id, o.version_id, o.io_type, o.key, o.producer) for o in there if o.version_id}
    assert said == {(o.task_id, o.version_id, o.io_type, o.key, o.producer) for o in rendered.links}
    assert any(one.version_id is None for one in there)


@in_both_dialects
def test_the_dialect_is_told_by_the_server_or_forced(server, backend_at):
    """The probe says which dialect a server speaks; one that the URL forces has to be that one."""
    mine, other = server.dialect, "S" if server.dialect == "M" else "M"

    assert backend_at(server.url).probe().facts["dialect"] == mine
    assert backend_at(server.url, f"?dialect={mine}").probe().facts["dialect"] == mine
    with pytest.raises(BackendContractError, match=f"no tasks in dialect {other}"):
        backend_at(server.url, f"?dialect={other}").probe()


def test_a_server_before_the_artifact_api_is_refused(backend_at):
    """A server of release 2.17 is named as too old."""
    with old_kfp_server() as url, pytest.raises(BackendContractError, match="2.17 and older"):
        backend_at(url).probe()


def test_every_operation_is_in_the_table():
    """The table of abilities says of every operation how it is done or why not."""
    assert set(KfpBackend.abilities) == set(BackendOperation)
    assert all(len(ability.how) > 10 for ability in KfpBackend.abilities.values())
