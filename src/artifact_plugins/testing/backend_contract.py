"""The tests that every backend passes against its own server; plugin authors inherit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import pytest

from artifact_plugins.contracts.backend import (
    Backend,
    BackendOperation,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.errors import (
    ArtifactMissingError,
    QueryError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactVersion, LinkQuery, VersionQuery, every
from artifact_plugins.session import Session
from artifact_plugins.steps import pipeline, step
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one
from artifact_plugins.testing.sessions import memory_session
from artifact_plugins.transport import is_noted

_KINDS: tuple[RecordKind, ...] = ("run", "task", "version")


@step
def contract_numbers(count: int) -> Annotated[list[int], "contract-numbers"]:
    """Write a version."""
    return list(range(count))


@step
def contract_total(numbers: list[int]) -> Annotated[float, "contract-total"]:
    """Read a version and write another one."""
    return float(sum(numbers))


@pipeline
def contract(count: int = 3) -> Any:
    """Two tasks with links of values and of versions."""
    return contract_total(contract_numbers(count))


@dataclass
class Recorded:
    """What is delivered: a run of two steps that ended, and a version saved by hand.

    Attributes:
        session: With its ledger; it has no backends of its own.
        run_id: Of the run.
        saved: The version outside of it.
        notes: What the backend noted at the first delivery.
    """

    session: Session
    run_id: str
    saved: ArtifactVersion
    notes: Notes = field(default_factory=Notes)

    def versions(self) -> list[ArtifactVersion]:
        """Return the versions as the ledger has them now, oldest first."""
        return list(every(self.session.ledger.versions, VersionQuery(), newest_first=False))

    def delivered(self) -> dict[str, str]:
        """Return ids there by our version ids; what the system cannot keep is left out."""
        noted = self.notes.of("version")
        return {ours: note["external_id"] for ours, note in noted.items() if is_noted(note)}


class BackendContract:
    """Inherit it and give a backend of a running server; pytest runs the tests below.

    ```python
    class TestShelf(BackendContract):
        @pytest.fixture
        def backend(self, shelf_server):
            with closing(ShelfBackend(shelf_server.url)) as backend:
                yield backend
    ```

    Every test delivers records of its own, so the server may have others, and
    keeps what was sent.

    Attributes:
        settings: Fields of `Settings` for the session that records.
    """

    settings: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def backend(self) -> Iterator[Backend]:
        """The backend under test."""
        raise NotImplementedError(f"{type(self).__name__}.backend is a fixture with a backend")

    @pytest.fixture
    def recorded(self, backend: Backend) -> Iterator[Recorded]:
        """Records that were delivered once."""
        with memory_session(**self.settings) as session:
            run = contract(count=3)
            saved = session.save({"answer": 42}, "contract-saved", tags=["contract"])
            yield Recorded(session, run.id, saved, drive(session, backend))

    # -- the claims --------------------------------------------------------

    def test_every_operation_is_explained(self, backend: Backend) -> None:
        """`abilities` says of every operation how it is done, or what the system lacks."""
        silent = [one for one in BackendOperation if not _how(backend, one).strip()]

        _claim(not silent, f"abilities say nothing of {silent}")

    def test_server_is_known(self, backend: Backend) -> None:
        """`probe` says which system in which version answers."""
        info = backend.probe()

        _claim(info.system == backend.system, f"{info.system!r} is not {backend.system!r}")
        _claim(bool(info.version), "no version is told")

    def test_records_are_there(self, backend: Backend, recorded: Recorded) -> None:
        """After delivery the server misses nothing, and has every version of the run."""
        of_run = {version.id for version in recorded.versions() if version.run_id is not None}

        _claim(of_run <= set(recorded.delivered()), "a version of the run was not noted")
        for kind in _KINDS:
            missing = backend.missing(kind, recorded.notes.of(kind))
            _claim(not missing, f"the server lacks the {kind} records {missing}")

    def test_again_makes_nothing_twice(self, backend: Backend, recorded: Recorded) -> None:
        """The same records once more leave one of each, under the same ids."""
        before = recorded.delivered()
        drive(recorded.session, backend, notes=recorded.notes)

        _claim(recorded.delivered() == before, "the ids there are others after a second delivery")
        _claim_once(backend, recorded)

    def test_lost_answers_make_nothing_twice(self, backend: Backend, recorded: Recorded) -> None:
        """What arrived although no answer came back is found by our ids."""
        before = recorded.delivered()
        # Without an answer nothing is noted, and the record is not the first any more.
        recorded.notes = drive(recorded.session, backend, is_first=False)

        _claim(recorded.delivered() == before, "records were made again after a lost answer")
        _claim_once(backend, recorded)

    def test_versions_are_read_back(self, backend: Backend, recorded: Recorded) -> None:
        """A version read by its id there is our record, equal in every field."""
        ids = recorded.delivered()
        for version in recorded.versions():
            if version.id in ids:
                found = backend.version(ids[version.id])

                _claim(found.external_id == ids[version.id], f"{found.external_id!r} was answered")
                _claim(found.record == version, f"{version} comes back as {found.record!r}")

    def test_pages_hold_everything_once(self, backend: Backend, recorded: Recorded) -> None:
        """Pages of one version, put together, are the versions of the run."""
        query = {"run_id": recorded.run_id, "limit": 1}
        found = [one.external_id for one in _listed(backend, **query)]
        wanted = {version.id for version in recorded.versions() if version.run_id is not None}
        ids = sorted(theirs for ours, theirs in recorded.delivered().items() if ours in wanted)

        _claim(sorted(found) == ids, f"pages hold {found}, delivered were {ids}")

    def test_conditions_are_kept(self, backend: Backend, recorded: Recorded) -> None:
        """What a query does not want is in no page, whatever the server filters."""
        of_run = {"run_id": recorded.run_id}
        named = _listed(backend, artifact="contract-total", **of_run)
        tagged = _listed(backend, tags=("no-such-tag",), **of_run)
        described = _listed(backend, metadata={"no-such-key": 1}, **of_run)

        _claim({one.name for one in named} == {"contract-total"}, f"the name finds {named}")
        _claim(not tagged, f"a tag that nothing has finds {tagged}")
        _claim(not described, f"metadata that nothing has finds {described}")

    def test_strange_pages_are_refused(self, backend: Backend) -> None:
        """A page token that the listing did not give, and a limit of 0, are named."""
        strange = "no token"
        for query in (RemoteQuery(page_token=strange), RemoteQuery(limit=0)):
            error = _error(backend.versions, query)

            _claim(isinstance(error, QueryError), f"{query} gave {error!r}")

    def test_links_are_read_back(self, backend: Backend, recorded: Recorded) -> None:
        """The links of the run are the ones of the ledger, every field."""
        links = every(recorded.session.ledger.links, LinkQuery(run_id=recorded.run_id))
        wanted = sorted(links, key=lambda link: link.id)
        found = sorted(backend.links(recorded.run_id), key=lambda link: link.id)

        _claim(found == wanted, f"{len(found)} links came back for {len(wanted)}, or others")

    def test_what_is_not_there_is_missing(self, backend: Backend) -> None:
        """An id that the server never gave is an `ArtifactMissingError`."""
        error = _error(backend.version, "no-such-id")

        _claim(isinstance(error, ArtifactMissingError), f"it gave {error!r}")

    def test_what_was_lost_is_missing_and_sent_again(
        self, backend: Backend, recorded: Recorded
    ) -> None:
        """A version that was deleted there is named by `missing`, and there after a further delivery."""
        theirs = recorded.delivered().get(recorded.saved.id)
        if theirs is None or not backend.abilities[BackendOperation.DELETE_VERSION].is_supported:
            pytest.skip(f"{backend.system} deletes no version, so this one cannot be lost")
        backend.delete_version(theirs)
        missing = backend.missing("version", recorded.notes.of("version"))
        gone = _error(backend.version, theirs)
        recorded.notes.memory.forget("version", recorded.saved.id)
        drive_one(
            recorded.session,
            backend,
            "version",
            recorded.saved.id,
            notes=recorded.notes,
            is_first=False,
        )

        _claim(isinstance(gone, ArtifactMissingError), f"after its deletion it gave {gone!r}")
        _claim(list(missing) == [recorded.saved.id], f"missing are {missing}")
        again = backend.version(recorded.delivered()[recorded.saved.id])
        _claim(again.record == recorded.saved, f"sent again it comes back as {again.record!r}")

    def test_edits_follow_or_are_refused_by_name(
        self, backend: Backend, recorded: Recorded
    ) -> None:
        """An edit of the ledger is in the record there; or the delivery says that it cannot be."""
        saved = recorded.saved.id
        if saved not in recorded.delivered():
            pytest.skip(f"{backend.system} does not take what was saved by hand")
        edited = recorded.session.tag(saved, add=["edited"])
        before = recorded.notes.external("version", saved)
        drive_one(recorded.session, backend, "version", saved, notes=recorded.notes)
        noted = recorded.notes.external("version", saved)

        if is_noted(noted):
            record = backend.version(noted["external_id"]).record
            _claim(record == edited, f"{edited!r} is {record!r} there")
        else:
            _claim(noted != before, "the edit is neither there nor refused")

    def test_what_is_not_supported_says_so(self, backend: Backend, recorded: Recorded) -> None:
        """Each operation that the system lacks raises `UnsupportedByBackendError` with the reason."""
        some = next(iter(recorded.delivered().values()))
        for operation, call in _calls(backend, some).items():
            if not backend.abilities[operation].is_supported:
                error = _error(call)

                named = isinstance(error, UnsupportedByBackendError)
                _claim(named, f"{operation} gave {error!r}")
                _claim(_how(backend, operation) in str(error), f"{operation}: no reason in {error}")


def _calls(backend: Backend, external_id: str) -> Mapping[BackendOperation, Callable[[], Any]]:
    """Return the calls that a backend may not support, by what they do."""
    update = backend.update_version
    return {
        BackendOperation.UPDATE_TAGS: lambda: update(external_id, tags=["a"]),
        BackendOperation.UPDATE_METADATA: lambda: update(external_id, metadata={"a": 1}),
        BackendOperation.UPDATE_DESCRIPTION: lambda: update(external_id, description="a"),
        BackendOperation.DELETE_VERSION: lambda: backend.delete_version(external_id),
        BackendOperation.PRUNE: lambda: backend.prune(RemoteQuery()),
    }


def _how(backend: Backend, operation: BackendOperation) -> str:
    ability = backend.abilities.get(operation)
    return "" if ability is None else ability.how


def _listed(backend: Backend, **query: Any) -> Sequence[RemoteVersion]:
    found: list[RemoteVersion] = []
    token: str | None = None
    while True:
        page = backend.versions(RemoteQuery(**query, page_token=token))
        found += page.items
        if page.next_token is None:
            return found
        _claim(page.next_token != token, f"the page after {token!r} is the same one")
        token = page.next_token


def _claim_once(backend: Backend, recorded: Recorded) -> None:
    ids = recorded.delivered()
    found = [one.external_id for one in _listed(backend, version_ids=tuple(ids))]
    _claim(sorted(found) == sorted(ids.values()), f"the server has {found} for {ids}")


def _error(call: Callable[..., Any], *arguments: Any) -> Exception | None:
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001  # the test looks at whatever it is
        return error
    return None


def _claim(holds: bool, otherwise: str) -> None:
    # Not the assert statement: the claims hold under `python -O` too.
    if not holds:
        raise AssertionError(otherwise)
