"""What a backend has is read back and loaded, without believing it more than any stranger."""

from __future__ import annotations

import functools
import json

import pytest
from little_registry import Fault

import artifact_plugins as ap
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendUnavailableError,
    InputError,
    StoreIntegrityError,
    TrustError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactVersion, SaveType


@pytest.fixture
def delivered(session, registry):
    """Return what the server has of a version saved by hand, by name of the artifact."""
    session.save([1, 2, 3], "small")
    session.save(list(range(5000)), "large")
    assert session.deliverer.flush(60)
    return {row["name"]: row for row in registry.tables["versions"]}


@pytest.fixture
def stranger(places, registry, tmp_path, quick):
    """Open a session with another ledger and the same store."""
    other = {"ledger_url": f"sqlite:///{tmp_path / 'other.sqlite'}"}
    with ap.open_session(ap.Settings(**places | other)) as opened:
        yield opened


def test_a_backends_id_is_a_reference(session, delivered):
    """`little:<id>` loads the version that has that id there, by the record of the ledger."""
    session.tag("small", add=["here"])

    assert ap.load(f"little:{delivered['small']['id']}") == [1, 2, 3]
    assert session.find(f"little:{delivered['large']['id']}").artifact == "large"
    assert session.find(f"little:{delivered['small']['id']}").tags == ("here",)


def test_another_ledger_loads_what_the_store_or_the_record_holds(stranger, delivered):
    """A value in its record, and one whose files are in the own store, load without the ledger."""
    assert stranger.load(f"little:{delivered['small']['id']}") == [1, 2, 3]
    assert stranger.load(f"little:{delivered['large']['id']}") == list(range(5000))


def test_another_store_has_no_bytes(places, registry, tmp_path, delivered, quick):
    """Bytes that lie in somebody else's store are missed by name, and its URI is not opened."""
    own = {
        "ledger_url": f"sqlite:///{tmp_path / 'third.sqlite'}",
        "store_url": str(tmp_path / "third"),
    }
    with ap.Session(ap.Settings(**places | own)) as third:
        with pytest.raises(ArtifactMissingError, match="whose bytes are not in this store"):
            third.load(f"little:{delivered['large']['id']}")
        assert third.load(f"little:{delivered['small']['id']}") == [1, 2, 3]


def forged(registry, delivered, name, **changes):
    """Change the record that the server has of a version; return the reference."""
    row = delivered[name]
    record = ArtifactVersion.model_validate_json(row["record"]).model_copy(update=changes)
    row["record"] = record.model_dump_json()
    return f"little:{row['id']}"


def test_a_uri_of_a_backend_is_never_opened(stranger, registry, delivered, tmp_path):
    """A record that points at a local file is refused, or its bytes come from the own store."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")

    lying = forged(registry, delivered, "large", uri=secret.as_uri())
    assert stranger.load(lying) == list(range(5000))
    lying = forged(
        registry,
        delivered,
        "small",
        uri=secret.as_uri(),
        save_type=SaveType.PREEXISTING,
        materializer="python.path",
    )
    with pytest.raises(ArtifactMissingError, match="not in this store"):
        stranger.load(lying)
    lying = forged(registry, delivered, "small", uri="http://evil/", save_type=SaveType.MANUAL)
    with pytest.raises(ArtifactMissingError, match="not in this store"):
        stranger.load(lying)


def test_an_id_is_no_path(stranger, registry, delivered):
    """A record whose id leads elsewhere in the store is refused."""
    lying = forged(registry, delivered, "large", id="../../../etc")

    with pytest.raises(ArtifactMissingError):
        stranger.load(lying)


def test_bytes_are_verified_against_the_manifest_of_the_store(stranger, registry, delivered):
    """A record that says something else than the manifest in the store is refused."""
    lying = forged(registry, delivered, "large", project="theirs")

    with pytest.raises(StoreIntegrityError):
        stranger.load(lying)


def test_a_strangers_pickle_is_not_executed(places, registry, tmp_path, quick, monkeypatch):
    """A pickle in a record of a backend needs the same trust as any other."""
    with ap.Session(ap.Settings(**places)) as session:
        session.save(functools.partial(print), "pickled", materializer="pickle.object")
        assert session.deliverer.flush(60)
    (row,) = registry.tables["versions"]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other-home"))
    other = {"ledger_url": f"sqlite:///{tmp_path / 'other.sqlite'}"}

    with ap.Session(ap.Settings(**places | other)) as stranger, pytest.raises(TrustError):
        stranger.load(f"little:{row['id']}")


def test_what_others_registered_is_not_loaded(session, registry):
    """A version without our record has no manifest to check it by."""
    registry.tables["versions"].append({"id": 7, "ours": "", "name": "theirs"})

    with pytest.raises(ArtifactMissingError, match="not registered by this library"):
        session.load("little:7")


def test_an_id_that_is_not_there_is_missing(session):
    """The server has no such id."""
    with pytest.raises(ArtifactMissingError):
        session.load("little:99999")


def test_one_reference_names_one_version(session, delivered):
    """A backend's id goes with neither version nor alias."""
    with pytest.raises(InputError, match="names one version already"):
        session.load(f"little:{delivered['small']['id']}", version=3)


def test_other_references_with_a_colon_are_as_before(session):
    """What begins with no backend's name is looked for in the ledger."""
    with pytest.raises(ArtifactMissingError):
        session.load("unknown:12")


def test_a_backend_that_is_away_says_so(session, registry, delivered):
    """Loading by the id of a backend that is away raises its error."""
    registry.faults = lambda asked: Fault(status=502)

    with pytest.raises(BackendUnavailableError):
        session.load(f"little:{delivered['small']['id']}")


def test_backends_are_read_by_name(session, delivered, registry):
    """`session.backends` gives the backend itself: its versions, and what it cannot do."""
    backend = session.backends["little"]
    found = backend.versions(ap.RemoteQuery(artifact="small"))

    assert [version.record.artifact for version in found] == ["small"]
    assert isinstance(backend, ap.Backend)
    with pytest.raises(UnsupportedByBackendError, match="it has no such request"):
        backend.prune(ap.RemoteQuery())


def test_export_and_explain_take_the_reference(session, delivered, tmp_path):
    """Other questions about a version take a backend's id, too."""
    reference = f"little:{delivered['small']['id']}"

    (path,) = session.export(reference, tmp_path / "out")

    assert json.loads(path.read_text())
    assert session.explain_load(reference)
    assert session.lineage(reference).version.artifact == "small"
