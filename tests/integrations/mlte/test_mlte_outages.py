"""Lost answers, dead servers and old tokens: every record arrives once, or says why not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chaos_proxy import LOST_BEFORE, ChaosProxy, Fault
from refused_logins import CANARY, left_by_a_refused_login
from server_environments import ServerProcess

import artifact_plugins as ap
from artifact_integrations.mlte.backend import MlteBackend
from artifact_integrations.mlte.connection import Connection
from artifact_integrations.mlte.documents import Place
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.records import VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive

pytestmark = pytest.mark.server
SECRET = "a secret of forty characters for tests.."
Raw = Callable[..., tuple[int, Any]]

MAY_HAVE_HAPPENED = sorted(
    set(Fault) - LOST_BEFORE - {Fault.DELAY, Fault.ENDLESS, Fault.TRICKLE, Fault.HANG}
)
QUICK = sorted(LOST_BEFORE - {Fault.HANG})


Network = tuple[ChaosProxy, MlteBackend]


@contextmanager
def damaged(server: ServerProcess) -> Iterator[Network]:
    """Put a network that can be damaged between a server and a backend."""
    proxy = ChaosProxy(server.port)
    backend = MlteBackend(f"mlte+{proxy.url}", timeout_seconds=60)
    yield proxy, backend
    backend.close()
    proxy.close()


@pytest.fixture(scope="session")
def memory_network(memory_server: ServerProcess) -> Iterator[Network]:
    """The network before the quickest server; its backend logs in once for all tests."""
    with damaged(memory_server) as network:
        yield network


@pytest.fixture(scope="session")
def network(server: ServerProcess) -> Iterator[Network]:
    """The network before a server over each of the stores."""
    with damaged(server) as found:
        yield found


@pytest.fixture
def memory_proxied(memory_network: Network) -> Network:
    """The network before the quickest server, unharmed at first."""
    return healed(memory_network)


@pytest.fixture
def proxied(network: Network) -> Network:
    """The network before each of the servers, unharmed at first."""
    return healed(network)


def healed(network: Network) -> Network:
    proxy, _ = network
    proxy.script.clear()
    proxy.shares.clear()
    proxy.counted.clear()
    proxy.is_away.clear()
    return network


def stored(raw: Raw, session: ap.Session) -> list[str]:
    """Return our ids of whatever the project of a session has on the server."""
    project = session.settings.project
    status, groups = raw("GET", f"/model/{project}/version")
    found = []
    for group in groups if status == 200 else []:
        rows = raw("GET", f"/model/{project}/version/{group}/artifact?limit=1000")[1]
        found += [row["body"]["value"]["data"]["record"]["id"] for row in rows]
    return sorted(found)


def delivered(session: ap.Session, backend: MlteBackend, notes: Notes) -> int:
    """Deliver until nothing fails, as the outbox would; return how often something did."""
    for failures in range(30):
        try:
            drive(session, backend, notes=notes)
        except (BackendUnavailableError, BackendContractError):
            continue
        return failures
    raise AssertionError("it never arrived")


@pytest.mark.parametrize("fault", [*MAY_HAVE_HAPPENED, *QUICK], ids=lambda fault: fault.name)
def test_a_fault_at_the_creating_request_leaves_one_document(
    memory_proxied: Network, session: ap.Session, memory_raw: Raw, fault: Fault
) -> None:
    """Whether the server did it or not, the record is there once in the end."""
    proxy, backend = memory_proxied
    first = ap.save([1], "flights")
    notes = Notes()
    delivered(session, backend, notes)  # logged in, the model is there
    second = ap.save([2], "flights")
    proxy.script.append(fault)

    delivered(session, backend, notes)

    assert stored(memory_raw, session) == sorted([first.id, second.id])
    assert proxy.counted[fault] == 1


def test_without_ids_of_our_own_a_lost_answer_makes_duplicates(
    memory_proxied: Network, session: ap.Session, memory_raw: Raw
) -> None:
    """The control: the same fault, with an id that is new for each attempt, leaves two."""
    proxy, _ = memory_proxied
    server = Connection(f"mlte+{proxy.url}", timeout_seconds=60)
    project = session.settings.project
    artifacts = []
    for number in range(2):
        place = Place(project, "v", f"attempt-{number}")
        body = {
            "artifact_type": "evidence",
            "metadata": {
                "test_case_id": place.case,
                "measurement": {
                    "measurement_class": "a.B",
                    "output_class": "a.C",
                    "additional_data": {},
                },
            },
            "evidence_class": "a.C",
            "value": {"evidence_type": "opaque", "data": {"record": {"id": "one"}}},
        }
        header = {"identifier": place.identifier, "type": "evidence", "creator": None}
        artifacts.append((place, {"header": header, "body": body}))
    server.create(Place(project, "v", "attempt-0"), artifacts[0][1])
    memory_raw("DELETE", f"/model/{project}/version/v/artifact/evidence.attempt-0")
    proxy.script.append(Fault.LOSE_ANSWER)

    with pytest.raises(BackendUnavailableError):
        server.create(*artifacts[0])
    server.create(*artifacts[1])

    assert stored(memory_raw, session) == ["one", "one"]


def test_a_damaged_network_loses_and_doubles_nothing(
    proxied: Network, session: ap.Session, raw: Raw
) -> None:
    """With almost half of all requests damaged, fifty records are there once each."""
    proxy, backend = proxied
    versions = [ap.save([number], f"artifact-{number % 7}") for number in range(50)]
    faults = [*MAY_HAVE_HAPPENED, *QUICK]
    proxy.shares = dict.fromkeys(faults, 0.45 / len(faults))
    notes = Notes()

    failures = 0
    while len([one for one in notes.of("version").values() if "external_id" in one]) < 50:
        try:
            drive(session, backend, notes=notes)
        except (BackendUnavailableError, BackendContractError):
            failures += 1
            assert failures < 500

    assert failures > 10
    assert stored(raw, session) == sorted(version.id for version in versions)


def test_a_server_that_is_away_is_unavailable(memory_proxied: Network, session: ap.Session) -> None:
    """Nothing is noted of what did not arrive, and it arrives when the server is back."""
    proxy, backend = memory_proxied
    version = ap.save([1], "flights")
    notes = Notes()
    proxy.is_away.set()

    with pytest.raises(BackendUnavailableError):
        drive(session, backend, notes=notes)
    assert notes.memory.external("version", version.id) is None

    proxy.is_away.clear()
    drive(session, backend, notes=notes)
    assert "external_id" in notes.external("version", version.id)


def test_a_server_that_hangs_is_given_up(start_mlte: Callable[[str], ServerProcess]) -> None:
    """A frozen server costs the timeout, not for ever."""
    server = start_mlte("memory")
    backend = MlteBackend(f"mlte+{server.url}", timeout_seconds=5)
    backend.probe()
    server.freeze()

    try:
        with pytest.raises(BackendUnavailableError):
            backend.version("m/v/evidence.x")
    finally:
        server.thaw()
    assert backend.probe().user == "admin"


def test_a_file_store_keeps_everything_when_it_is_killed(
    start_mlte: Callable[[str], ServerProcess], session: ap.Session
) -> None:
    """After kill -9 and a new start every record is there, through the backend that was open."""
    server = start_mlte("fs")
    backend = MlteBackend(f"mlte+{server.url}")
    for number in range(5):
        ap.save([number], "flights")
    notes = drive(session, backend)

    server.kill()
    server.start()

    assert not backend.missing("version", notes.of("version"))
    for version in every(session.ledger.versions, VersionQuery()):
        external_id = notes.external("version", version.id)["external_id"]
        assert backend.version(external_id).record == version


def test_a_memory_store_that_was_restarted_gets_everything_again(
    start_mlte: Callable[[str], ServerProcess], session: ap.Session
) -> None:
    """All records are missing from an empty server; forgotten and delivered they are back."""
    server = start_mlte("memory")
    backend = MlteBackend(f"mlte+{server.url}")
    ap.save([1], "flights")
    notes = drive(session, backend)

    server.kill()
    server.start()

    assert set(backend.missing("version", notes.of("version"))) == set(notes.of("version"))
    again = drive(session, backend)
    assert not backend.missing("version", again.of("version"))


def token_of(claims: dict[str, Any], secret: str) -> dict[str, str]:
    """Return a login as MLTE signs it (RFC 7519, HS256)."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = {"alg": "HS256", "typ": "JWT"}
    signed = ".".join(part(json.dumps(one).encode()) for one in (head, claims))
    signature = hmac.new(secret.encode(), signed.encode(), "sha256").digest()
    return {"Authorization": f"Bearer {signed}.{part(signature)}"}


@pytest.mark.parametrize(("seconds", "secret"), [(-60, SECRET), (3_600, "of another server")])
def test_an_old_token_is_renewed(
    memory_server: ServerProcess, session: ap.Session, seconds: int, secret: str
) -> None:
    """An expired token, or one that the server no longer takes, costs one login, unnoticed."""
    backend = MlteBackend(f"mlte+{memory_server.url}")
    ap.save([1], "flights")
    claims = {"sub": "admin", "exp": int(time.time()) + seconds}
    backend._server._http._login = token_of(claims, secret)

    notes = drive(session, backend)

    assert not backend.missing("version", notes.of("version"))


def test_a_token_in_its_time_is_used(
    memory_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: such a token that is not expired needs no login, so the others did."""
    monkeypatch.delenv("ARTIFACT_PLUGINS_MLTE_PASSWORD")
    backend = MlteBackend(f"mlte+{memory_server.url}")
    claims = {"sub": "admin", "exp": int(time.time()) + 3_600}
    backend._server._http._login = token_of(claims, SECRET)

    assert backend.probe().user == "admin"


def test_a_refused_login_leaves_no_password_anywhere(
    memory_server: ServerProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is in no file of ledger or store, no log and no output; that the login failed is."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_USERNAME", "admin")
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", CANARY)

    left = left_by_a_refused_login(f"mlte+{memory_server.url}", tmp_path, caplog, capfd)

    assert "BackendAuthError" in left
    assert CANARY not in left


def test_wrong_credentials_are_told_as_such(
    memory_server: ServerProcess, session: ap.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password stops the delivery before anything is sent, and is not repeated."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", "open sesame")
    backend = MlteBackend(f"mlte+{memory_server.url}")
    ap.save([1], "flights")

    with pytest.raises(BackendAuthError, match="refuses the login of 'admin'") as caught:
        drive(session, backend)

    assert "sesame" not in str(caught.value)


def test_a_regular_user_can_deliver_and_read(
    memory_server: ServerProcess,
    memory_raw: Raw,
    session: ap.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An account without the rights of an administrator is enough, for its own projects."""
    user = {"username": f"user-{session.settings.project}", "password": "a word", "role": "regular"}
    assert memory_raw("POST", "/user", {**user, "groups": []})[0] == 200
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_USERNAME", user["username"])
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", user["password"])
    backend = MlteBackend(f"mlte+{memory_server.url}")
    version = ap.save([1], "flights")

    assert backend.probe().facts["role"] == "regular"
    notes = drive(session, backend)
    again = drive(session, backend, is_first=False)

    assert again.memory.noted == notes.memory.noted
    assert [one.record and one.record.id for one in backend.versions(RemoteQuery())] == [version.id]


def test_a_value_that_mlte_cannot_take_is_named(
    memory_backend: MlteBackend, session: ap.Session
) -> None:
    """A record with half a character is refused by its field, and the others are not held up."""
    version = ap.save([1], "flights")
    torn = version.model_copy(update={"created_by": "caf\udce9", "id": version.id[:-1] + "0"})

    class Torn:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

        def external(self, kind: str, key: str) -> None:
            return None

        def note(self, kind: str, key: str, value: Any) -> None:
            return None

    with pytest.raises(BackendRejectedError, match=r"record\.created_by holds half a character"):
        memory_backend.deliver_version(torn, Torn())
