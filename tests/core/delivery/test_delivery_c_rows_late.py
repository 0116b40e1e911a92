"""Rows C9 to C17 of the table of faults; see test_delivery_c_rows.py."""

from __future__ import annotations

import time
import urllib.request
from contextlib import nullcontext

import little_registry as little
import pytest
from chaos_proxy import Fault, chaos_proxy
from chaos_sessions import numbers, once, row_of, status_of, sums
from little_registry import LittleRegistry
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.errors import (
    BackendContractError,
    BackendRejectedError,
    StoreFullError,
)
from artifact_plugins.ledger.outbox import decoding
from artifact_plugins.records import OutboxState
from artifact_plugins.transport import HttpClient, connections


def test_c09_the_parent_is_not_there(start, registry):
    """A task that comes before its run is not sent as it is: the run is sent first."""
    session = start(backends=())
    with ap.start_run("lonely") as run:
        numbers(3)
    session = start()
    (task, *_) = (task for task in run.tasks() if task.name == "numbers")
    backend_id = session.deliverer.backend_id("little")

    session.ledger.outbox.enqueue(backend_id, [(run.id, "task", task.id)])

    assert session.deliverer.flush(60)
    assert [a.path for a in registry.writes()][:1] == ["/runs"]
    assert registry.ours("runs") == [run.id]
    assert registry.ours("tasks") == [task.id]


def test_c09_the_server_refuses_orphans(start, registry, monkeypatch):
    """Negative control: a backend that does not ask for the run gets 404 and a dead letter."""
    from artifact_plugins.delivery.source import LedgerDelivery

    monkeypatch.setattr(LedgerDelivery, "need", lambda self, kind, key: {"external_id": 1})
    test = start(backends=())
    with ap.start_run("lonely") as run:
        numbers(3)
    session = start()
    (task, *_) = (task for task in run.tasks() if task.name == "numbers")

    backend_id = session.deliverer.backend_id("little")
    session.ledger.outbox.enqueue(backend_id, [(run.id, "task", task.id)])
    assert session.deliverer.flush(60)

    assert test.ledger.run(run.id).id == run.id
    assert registry.ours("tasks") == []
    assert status_of(session).dead == 1


class KeyedBackend(little.LittleBackend):
    """A backend of a server that knows our ids: a second POST is 409."""

    looks_up = False

    def _bring(self, kind, key, body, delivery):
        try:
            super()._bring(kind, key, body, delivery)
        except BackendRejectedError as error:
            if error.status != 409:
                raise
            (there,) = self._http.request("GET", f"/{kind}s", query={"ours": key}).json()
            if there["record"] != body["record"]:
                raise BackendRejectedError(f"{kind} {key} is another one there") from error
            delivery.note(kind, key, {"external_id": there["id"]})


@pytest.fixture
def keyed(registry: LittleRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the server refuse a second record of one id, and the backend know that."""
    monkeypatch.setattr(little, "LittleBackend", KeyedBackend)
    taken = little.Fault(status=409, body=b'{"detail": "exists already"}')
    registry.faults = lambda asked: (
        taken
        if asked.method == "POST" and asked.body["ours"] in registry.ours("versions")
        else None
    )


def test_c10_it_exists_already(start, proxy, registry, keyed):
    """409 for the very record is success: a lost answer ends with one record."""
    proxy.script += [Fault.LOSE_ANSWER] * 2
    session = start()

    once(session, registry, session.save([1], "numbers"))


def test_c10_who_takes_409_for_a_refusal_gives_up_what_is_there(
    start, proxy, registry, keyed, monkeypatch
):
    """Negative control: without the comparison a record that arrived is a dead letter."""
    monkeypatch.delattr(KeyedBackend, "_bring")
    proxy.script.append(Fault.LOSE_ANSWER)
    session = start()

    version = session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == [version.id]
    assert status_of(session).dead == 1


def test_c10_another_one_exists_already(start, proxy, registry, keyed):
    """409 for another record under the same id is a conflict: given up, with the reason."""
    registry.faults, refuses = (lambda asked: None), registry.faults
    session = start()
    proxy.is_away.set()
    version = session.save([1], "numbers")
    registry.tables["versions"].append({"id": 7, "ours": version.id, "record": "{}"})
    registry.faults = refuses
    proxy.is_away.clear()

    assert session.deliverer.flush(60)
    assert row_of(session, version).state is OutboxState.DEAD
    assert "is another one there" in row_of(session, version).error
    assert len(registry.tables["versions"]) == 1


def test_c11_silence_has_an_end(start, proxy, registry):
    """A server that says nothing holds no save up, and is asked again after the timeout."""
    proxy.script += [Fault.HANG] * 2
    session = start(backend_timeout_seconds=0.5)
    began = time.monotonic()

    version = session.save([1], "numbers")
    asked_by_then = list(registry.asked)
    once(session, registry, version)

    assert asked_by_then == []
    assert time.monotonic() - began >= 1.0
    assert proxy.counted[Fault.HANG] == 2


def test_c11_without_a_timeout_it_would_last(start, proxy, registry):
    """Negative control: who waits for ten minutes has nothing after two seconds."""
    proxy.script += [Fault.HANG]
    session = start(backend_timeout_seconds=600)

    session.save([1], "numbers")

    assert not session.deliverer.flush(2)
    assert registry.ours("versions") == []


def test_c11_what_is_made_late_is_found(start, registry, policy):
    """After a timeout the record is looked for when the server has had time to make it: it is there once."""
    policy(late_seconds=2.0)
    once(*made_late(start, registry))


def test_c11_who_looks_too_soon_makes_it_twice(start, registry, policy):
    """Negative control: a look right after the timeout finds nothing yet."""
    policy(late_seconds=0.0)
    session, _, version = made_late(start, registry)

    wait_until(lambda: registry.ours("versions") == [version.id] * 2)
    assert session.deliverer.flush(60)


def made_late(start, registry):
    """Save while the server works on the first request for longer than it is waited for."""
    slow = iter([little.Fault(delay_seconds=1.0)])
    registry.faults = lambda asked: next(slow, None) if asked.is_write else None
    session = start(backends=(registry.url,), backend_timeout_seconds=0.5)
    return session, registry, session.save([1], "numbers")


def test_c12_an_answer_takes_for_ever(start, proxy, registry):
    """One byte per second, from the first line on, ends at the deadline of the whole request."""
    proxy.script.append(Fault.TRICKLE)
    session = start(backend_timeout_seconds=1.0)
    began = time.monotonic()

    version = session.save([1], "numbers")
    once(session, registry, version)

    assert 1.0 <= time.monotonic() - began < 15


def test_c12_without_the_deadline_it_would_last(start, proxy, registry, monkeypatch):
    """Negative control: a time limit that each byte begins anew never ends."""
    monkeypatch.setattr(connections, "ends_at", lambda deadline: nullcontext())
    monkeypatch.setattr(proxy, "_byte_seconds", 0.1)
    proxy.script.append(Fault.TRICKLE)
    session = start(backend_timeout_seconds=0.4)

    version = session.save([1], "numbers")

    assert not session.deliverer.flush(1.5)
    assert row_of(session, version).error is None


def test_c12_without_the_limit_it_is_read_until_its_time_is_over(
    start, proxy, registry, monkeypatch
):
    """Negative control: nothing but the deadline ends an endless body that no limit ends."""
    monkeypatch.setattr(
        little, "HttpClient", lambda url, **o: HttpClient(url, **o | {"max_body_bytes": 2**62})
    )
    proxy.shares[Fault.ENDLESS] = 1.0
    session = start(backend_timeout_seconds=0.2)

    version = session.save([1], "numbers")
    wait_until(lambda: row_of(session, version).error)

    told = row_of(session, version).error
    proxy.shares.clear()
    assert "BackendUnavailableError" in told
    assert "with more than" not in told


def test_c12_an_answer_does_not_end(start, proxy, registry):
    """An endless body is refused at the limit of its length; the record is there once."""
    proxy.shares[Fault.ENDLESS] = 1.0
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: (row_of(session, version).error or "") or status_of(session).reason)

    told = row_of(session, version).error or status_of(session).reason
    assert "BackendContractError" in told
    assert "with more than" in told
    proxy.shares.clear()
    once(session, registry, version)


def test_c13_a_redirect_leads_elsewhere(start, proxy, registry, monkeypatch):
    """A redirect is not followed: the other host hears nothing, not even the credentials."""
    monkeypatch.setenv(little.TOKEN_VARIABLE, "token-of-the-test")
    registry.token = "token-of-the-test"
    with little.little_registry() as other:
        proxy.redirect_to = f"http://127.0.0.1:{other.port}/versions"
        proxy.script += [Fault.REDIRECT] * 3
        session = start()

        once(session, registry, session.save([1], "numbers"))

        assert proxy.counted[Fault.REDIRECT] == 3
        assert other.asked == []


def test_c13_a_client_that_follows_tells_the_secret(proxy, registry):
    """Negative control: a client that follows redirects hands the credentials to the other host."""
    heard = []
    with little.little_registry() as other, chaos_proxy(registry.port) as redirecting:
        other.faults = lambda asked: heard.append(asked) or None
        other.token = "token-of-the-test"
        redirecting.redirect_to = f"http://localhost:{other.port}/versions"
        redirecting.script.append(Fault.REDIRECT)
        said = {"Authorization": "Bearer token-of-the-test"}
        request = urllib.request.Request(f"{redirecting.url}/versions", headers=said)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200  # it would be 401 without the token

    assert len(heard) == 1


def test_c14_a_backup_was_restored(start, registry):
    """What the server lost is found by a comparison and sent again, the rest is left alone."""
    session = start()
    run = sums(3)
    saved = [session.save([n], "numbers") for n in range(6)]
    assert session.deliverer.flush(60)
    before = {table: sorted(registry.ours(table)) for table in registry.tables}
    for version in saved[2:]:
        registry.forget("versions", version.id)
    registry.forget("tasks", registry.ours("tasks")[-1])
    registry.forget("runs", run.id)

    session.deliverer.sync()
    assert len(registry.ours("versions")) == len(before["versions"]) - 4  # negative control
    found = session.deliverer.reconcile("little")
    assert session.deliverer.flush(60)

    assert found.lost == {"run": 1, "task": 1, "version": 4}
    assert {table: sorted(registry.ours(table)) for table in registry.tables} == before
    assert session.deliverer.reconcile("little").lost == {}


def test_c15_the_outbox_is_full(start, registry):
    """Without room for the row the save fails as a whole; with room the same save is one version."""
    session = start()
    session.save([0], "numbers")
    assert session.deliverer.flush(60)
    raw = session.ledger._database.connection().raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StoreFullError):
        _fill(session)
    raw.execute("PRAGMA max_page_count=1073741823")
    again = session.save([1], "numbers")

    versions = session.versions("name == 'numbers'", limit=1000)
    assert session.deliverer.flush(60)
    assert sorted(registry.ours("versions")) == sorted(version.id for version in versions)
    assert again.version == len(versions)


def test_c15_without_its_row_a_save_would_never_arrive(start, registry):
    """Negative control: a save that commits without its row is there, and nobody sends it."""
    session = start()
    session.ledger.deliver_to(())

    version = session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert session.load(version) == [1]
    assert registry.ours("versions") == []


def _fill(session: ap.Session) -> None:
    for n in range(10_000):
        session.save([n] * 200, "numbers")


def test_c15_a_row_is_damaged(start, proxy, registry):
    """A row that cannot be read is put aside with the reason; the others of its stream arrive."""
    proxy.is_away.set()
    session = start()
    saved = [session.save([n], "numbers") for n in range(4)]
    with session.ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE outbox SET kind = 'lnik' WHERE record_id = '{saved[1].id}'")
    proxy.is_away.clear()

    assert session.deliverer.flush(60)

    assert registry.ours("versions") == [saved[0].id, saved[2].id, saved[3].id]
    (dead,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert "lnik" in dead.error
    assert session.load(saved[1]) == [1]


def test_c15_a_damaged_row_that_is_not_put_aside_holds_the_others_up(
    start, proxy, registry, policy, monkeypatch
):
    """Negative control: taken for a row like any other it is tried for ever, before the others."""
    policy(tries=10**6, flaky_tries=10**6)
    monkeypatch.setattr(decoding, "_problem", lambda found: None)
    proxy.is_away.set()
    session = start(flush_seconds=0.0)
    saved = [session.save([n], "numbers") for n in range(2)]
    with session.ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE outbox SET kind = 'lnik' WHERE record_id = '{saved[0].id}'")
    session.close()  # it may have read the row before
    proxy.is_away.clear()

    assert not start(flush_seconds=0.0).deliverer.flush(1)

    assert registry.ours("versions") == []


def test_c16_a_crowd_waits(start, proxy, registry):
    """After an outage everything arrives in its order, on few connections, over several processes."""
    proxy.is_away.set()
    session = start(flush_seconds=0.0)
    saved: dict[str, list[str]] = {}
    for n in range(300):
        version = session.save(n, f"numbers-{n % 15}")
        saved.setdefault(version.artifact, []).append(version.id)
    proxy.is_away.clear()
    session.deliverer.sync(timeout_seconds=1.0)
    session.close()
    second = start()

    assert second.deliverer.flush(100)
    arrived = registry.tables["versions"]
    assert len(arrived) == 300
    for name, ids in saved.items():
        assert [row["ours"] for row in arrived if row["name"] == name] == ids
    assert registry.most_active <= Policy().streams + 1


@pytest.mark.parametrize("streams", [4, 32])
def test_c16_connections_are_as_many_as_streams(start, registry, policy, streams):
    """No more requests than streams are under way; with the control's 32 the server feels them."""
    policy(streams=streams)
    registry.faults = lambda asked: little.Fault(delay_seconds=0.05)
    session = start()

    for n in range(60):
        session.save(n, f"numbers-{n}")

    assert session.deliverer.flush(60)
    assert len(registry.ours("versions")) == 60
    assert (registry.most_active <= Policy().streams + 1) is (streams == Policy().streams)


class GatedBackend(little.LittleBackend):
    """A backend that asks what it speaks to before it sends, as real ones do."""

    def _bring(self, *args):
        self.probe()
        super()._bring(*args)


INFOS = {
    "newer": (
        b'{"system": "little", "version": "9.0"}',
        "Little is of version '9.0'; known are 1 to 1",
    ),
    "older": (
        b'{"system": "little", "version": "0.3"}',
        "Little is of version '0.3'; known are 1 to 1",
    ),
    "another": (b'{"system": "large", "version": "1.2"}', "Little is something else"),
}


def speak_as(registry, which):
    info = little.Fault(status=200, body=INFOS[which][0])
    registry.faults = lambda asked: info if asked.path == "/info" else None


@pytest.mark.parametrize("which", INFOS)
def test_c17_the_server_is_of_another_version(start, registry, monkeypatch, which):
    """A newer, an older and another server get nothing; nothing is given up, and the reason is told."""
    monkeypatch.setattr(little, "LittleBackend", GatedBackend)
    speak_as(registry, which)
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).standing in ("paused", "waiting"))

    assert (status_of(session).pending, status_of(session).dead) == (1, 0)
    assert status_of(session).reason.startswith(f"BackendContractError: {INFOS[which][1]}")
    assert registry.writes() == []
    registry.faults = lambda asked: None
    # A look that began before may still fail, and `flush` ends where one does.
    wait_until(lambda: not status_of(session).pending)
    once(session, registry, version)


@pytest.mark.parametrize("which", INFOS)
def test_c17_who_does_not_ask_sends(start, registry, which):
    """Negative control: without the question the same servers are sent the record."""
    speak_as(registry, which)
    session = start()

    once(session, registry, session.save([1], "numbers"))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"identifier": "7"}', "KeyError: 'id'"),
        (b'["7"]', "a list instead of an object"),
    ],
)
def test_c17_the_server_answers_otherwise(start, registry, answer, told):
    """Answers of another form leave the backend alone and nothing is given up; the ledger is intact."""
    other = little.Fault(status=201, body=answer)
    registry.faults = lambda asked: other if asked.is_write or asked.path == "/info" else None
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).standing in ("paused", "waiting"))

    assert (status_of(session).pending, status_of(session).dead) == (1, 0)
    assert told in row_of(session, version).error
    assert session.load(version) == [1]
    registry.faults = lambda asked: None
    # A look that began before may still fail, and `flush` ends where one does.
    wait_until(lambda: not status_of(session).pending)
    once(session, registry, version)


def test_c17_strict_says_so_at_the_door(start, registry):
    """With strict delivery a server that is something else is an error when the session opens."""
    registry.faults = lambda asked: little.Fault(status=200, body=b'{"system": "large"}')

    with pytest.raises(BackendContractError):
        start(delivery="strict")
