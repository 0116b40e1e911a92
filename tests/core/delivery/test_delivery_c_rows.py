"""Rows C1 to C17 of the table of faults, between a session and a registry behind a chaos proxy.

Every row ends with what always holds: what was saved is in the ledger, loads, and is
at the server once when the fault is over. C18 to C20 are about buckets and stand
beside their tests.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import little_registry as little
import pytest
from chaos_proxy import LOST_BEFORE, ChaosProxy, Fault, chaos_proxy
from little_registry import LittleRegistry
from server_environments import free_port
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.errors import (
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
    StoreFullError,
)
from artifact_plugins.records import OutboxState

Open = Callable[..., Any]
TESTS = Path(__file__).parents[2]


@ap.step
def numbers(count: int) -> list[int]:
    return list(range(count))


@ap.step
def total(values: list[int]) -> int:
    return sum(values)


@ap.pipeline
def sums(count: int):
    total(numbers(count))


@pytest.fixture
def proxy(registry: LittleRegistry) -> Iterator[ChaosProxy]:
    """A proxy before the registry that damages what creates records, when it is told to."""
    with chaos_proxy(registry.port, touches=lambda method, path: method == "POST") as found:
        yield found


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch, quick: None) -> Callable[..., None]:
    """Change numbers of the policy of the deliverers to come."""
    from artifact_plugins.delivery import deliverer

    made = deliverer.Policy()

    def change(**numbers: Any) -> None:
        monkeypatch.setattr(deliverer, "Policy", lambda: replace(made, **numbers))

    return change


@pytest.fixture
def opened(places: dict[str, Any], proxy: ChaosProxy, quick: None) -> Iterator[Open]:
    """Open sessions that deliver through the proxy, or wherever they are told to."""
    with ExitStack() as stack:

        def start(**others: Any) -> ap.Session:
            url = f"little+{proxy.url}/"
            given = {**places, "backends": (url,), "flush_seconds": 1.0, **others}
            return stack.enter_context(ap.open_session(ap.Settings(**given)))

        yield start


def status_of(session: ap.Session) -> Any:
    (found,) = session.deliverer.status()
    return found


def once(session: ap.Session, registry: LittleRegistry, *saved: ap.ArtifactVersion) -> None:
    """Assert that the server has exactly what was saved, that it loads, and that nothing waits."""
    assert session.deliverer.flush(60)
    assert sorted(registry.ours("versions")) == sorted(version.id for version in saved)
    assert registry.duplicates() == {}
    assert (status_of(session).pending, status_of(session).dead) == (0, 0)
    for version in saved:
        session.load(version)


def row_of(session: ap.Session, version: ap.ArtifactVersion) -> Any:
    outbox = session.ledger.outbox
    return outbox.row(status_of(session).backend_id, "version", version.id)


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_c01_nobody_answers_at_the_start(opened, host):
    """The save is committed and waits; strict delivery makes it an error when the session opens."""
    url = f"little+http://{host}:{free_port()}/"
    session = opened(backends=(url,))

    version = session.save([1], "numbers")

    assert session.load("numbers") == [1]
    assert not session.deliverer.flush(5)
    assert status_of(session).pending == 1
    assert status_of(session).standing == "waiting"
    assert "BackendUnavailableError" in status_of(session).reason
    assert row_of(session, version).state is OutboxState.PENDING
    with pytest.raises(BackendUnavailableError):
        opened(backends=(url,), delivery="strict")


def test_c01_is_about_the_backend(opened, registry):
    """Negative control: with somebody there, the same save waits for nothing and strict is content."""
    session = opened(delivery="strict")

    once(session, registry, session.save([1], "numbers"))


def test_c02_the_request_is_cut(opened, proxy, registry):
    """A request of which a part arrives is sent again with the same key."""
    proxy.script += [Fault.CUT_REQUEST] * 3
    session = opened()

    version = session.save([1], "numbers")

    once(session, registry, version)
    assert proxy.counted[Fault.CUT_REQUEST] == 3
    assert {asked.body["ours"] for asked in registry.writes()} == {version.id}


def test_c02_without_a_second_try_it_would_not_arrive(opened, proxy, registry, policy):
    """Negative control: who tries once gives the record up."""
    policy(tries=1)
    proxy.script += [Fault.CUT_REQUEST]
    session = opened()

    session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == []
    assert status_of(session).dead == 1


@pytest.mark.parametrize("fault", [Fault.CUT_ANSWER, Fault.LOSE_ANSWER], ids=lambda f: f.name)
def test_c03_the_answer_is_lost(opened, proxy, registry, fault):
    """What the server committed before the answer was lost is found again, not made again."""
    proxy.script += [fault] * 4
    session = opened()

    run = sums(3)

    assert session.deliverer.flush(60)
    assert registry.ours("runs") == [run.id]
    assert len(registry.ours("tasks")) == len(list(run.tasks()))
    assert registry.duplicates() == {}
    assert proxy.counted[fault] == 4


def test_c03_without_a_look_there_are_duplicates(opened, proxy, registry, monkeypatch):
    """Negative control: who creates without looking has each record several times."""
    monkeypatch.setattr(little.LittleBackend, "looks_up", False)
    proxy.script += [Fault.LOSE_ANSWER] * 3
    session = opened()

    version = session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == [version.id] * 4


@pytest.mark.parametrize(
    "fault", [Fault.TRUNCATED_JSON, Fault.WRONG_LENGTH, Fault.HTML], ids=lambda f: f.name
)
def test_c04_the_answer_is_no_answer(opened, proxy, registry, fault):
    """Half an answer or a page for people is tried again; while it lasts, the record waits."""
    proxy.shares[fault], proxy.touches = 1.0, lambda method, path: True
    session = opened()

    version = session.save([1], "numbers")
    wait_until(lambda: proxy.counted[fault] >= 4)

    assert row_of(session, version).state is OutboxState.PENDING
    told = status_of(session).reason or row_of(session, version).error
    assert re.search(r"BackendContractError|BackendUnavailableError", told)
    proxy.shares.clear()
    once(session, registry, version)


@pytest.mark.parametrize(
    "fault",
    [Fault.STATUS_500, Fault.STATUS_502, Fault.STATUS_503, Fault.STATUS_504],
    ids=lambda f: f.name,
)
def test_c05_the_server_fails(opened, proxy, registry, fault):
    """A server that fails is asked again, whether it did the work or not."""
    proxy.script += [fault] * 6
    session = opened()

    saved = [session.save([n], f"numbers-{n}") for n in range(3)]

    once(session, registry, *saved)
    # What the server had done was found and not sent again.
    assert proxy.counted[fault] == (6 if fault in LOST_BEFORE else 3)


def test_c05_pauses_double_to_a_cap_and_end(opened, proxy, registry, policy):
    """Pauses have full jitter below 0.5 s doubled up to a minute; twenty tries are the budget."""
    numbers = Policy()
    drawn = {tries: [numbers.pause_seconds(tries) for _ in range(2000)] for tries in (1, 4, 8, 20)}
    policy(tries=6, failures_to_open=10**6)
    proxy.shares[Fault.STATUS_500] = 1.0
    session = opened()

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).dead)

    for tries, most in {1: 0.5, 4: 4.0, 8: 60.0, 20: 60.0}.items():
        assert 0.9 * most < max(drawn[tries]) <= most
        assert min(drawn[tries]) < 0.1 * most
    assert numbers.tries == 20
    assert row_of(session, version).state is OutboxState.DEAD
    assert proxy.counted[Fault.STATUS_500] == 6


@pytest.mark.parametrize("fault", [Fault.LIMIT_SECONDS, Fault.LIMIT_DATE], ids=lambda f: f.name)
def test_c06_patience_is_asked_for(opened, proxy, registry, fault):
    """A 429 is left alone as long as it asks, in seconds or until a date."""
    proxy.script.append(fault)
    session = opened()
    began = time.monotonic()

    version = session.save([1], "numbers")
    once(session, registry, version)

    assert time.monotonic() - began >= 1.0
    assert row_of(session, version) is None


def test_c06_absurd_patience_is_ten_minutes(opened, proxy, registry):
    """Thirty years are cut to ten minutes; nothing is given up or counted as a try."""
    proxy.script.append(Fault.LIMIT_ABSURD)
    session = opened()

    version = session.save([1], "numbers")
    wait_until(lambda: row_of(session, version).next_at is not None)
    flushed = session.deliverer.flush(5)

    row = row_of(session, version)
    assert not flushed
    assert 590 < (row.next_at - datetime.now(UTC)).total_seconds() <= 600
    assert (row.state, row.tries) == (OutboxState.PENDING, 0)
    assert registry.ours("versions") == []


def test_c06_without_belief_it_is_asked_at_once(opened, proxy, registry, policy):
    """Negative control: who does not believe Retry-After is back long before."""
    policy(longest_retry_after_seconds=0.0)
    proxy.script.append(Fault.LIMIT_ABSURD)
    session = opened()

    once(session, registry, session.save([1], "numbers"))


@pytest.mark.parametrize("status", [401, 403])
def test_c07_nobody_knows_us(opened, registry, policy, status):
    """Refused credentials pause the backend: few requests, nothing given up; then all arrives."""
    policy(login_pause_seconds=5.0, longest_login_pause_seconds=300.0)
    refusal = little.Fault(status=status, body=b'{"detail": "not you"}')
    registry.faults = lambda asked: refusal
    session = opened()

    saved = [session.save([n], f"numbers-{n}") for n in range(20)]
    wait_until(lambda: status_of(session).standing == "paused")
    time.sleep(1.0)

    # At most one request on each of the streams that were under way, and a look.
    assert len(registry.asked) <= 2 * Policy().streams + 2
    assert (status_of(session).pending, status_of(session).dead) == (20, 0)
    assert f"answered POST /versions with {status}: " in status_of(session).reason
    registry.faults = lambda asked: None
    once(session, registry, *saved)


def test_c07_without_a_pause_it_is_a_storm(opened, registry, policy):
    """Negative control: without the pause the same second sees many more requests."""
    policy(login_pause_seconds=0.001, longest_login_pause_seconds=0.001, first_pause_seconds=0.001)
    registry.faults = lambda asked: little.Fault(status=401)
    session = opened()

    for n in range(20):
        session.save([n], f"numbers-{n}")
    wait_until(lambda: len(registry.asked) > 50)

    assert status_of(session).pending == 20


@pytest.mark.parametrize("status", [400, 422])
def test_c08_a_record_is_refused(opened, registry, status):
    """A poison message is a dead letter after three tries; others of its stream go on; it is seen."""
    poison = little.Fault(status=status, body=b'{"detail": "not this one"}')
    registry.faults = lambda asked: poison if asked.body.get("description") == "poison" else None
    session = opened()

    bad = session.save([0], "numbers", description="poison")
    good = [session.save([n], "numbers") for n in range(5)]

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == [version.id for version in good]
    assert status_of(session).dead == 1
    row = row_of(session, bad)
    assert (row.state, row.tries) == (OutboxState.DEAD, 3)
    assert "not this one" in row.error
    assert session.load(bad) == [0]


def test_c08_without_an_end_it_stops_its_stream(opened, registry, policy):
    """Negative control: a poison message that is never given up holds everything behind it."""
    policy(rejections=10**6, tries=10**6)
    registry.faults = lambda asked: (
        little.Fault(status=422) if asked.body.get("description") == "poison" else None
    )
    session = opened()

    bad = session.save([0], "numbers", description="poison")
    session.save([1], "numbers")
    wait_until(lambda: row_of(session, bad).tries > 5)

    assert registry.ours("versions") == []


def test_c09_the_parent_is_not_there(opened, registry):
    """A task that comes before its run is not sent as it is: the run is sent first."""
    session = opened(backends=())
    with ap.start_run("lonely") as run:
        numbers(3)
    session = opened()
    (task, *_) = (task for task in run.tasks() if task.name == "numbers")
    backend_id = session.deliverer.backend_id("little")

    session.ledger.outbox.enqueue(backend_id, [(run.id, "task", task.id)])

    assert session.deliverer.flush(60)
    assert [a.path for a in registry.writes()][:1] == ["/runs"]
    assert registry.ours("runs") == [run.id]
    assert registry.ours("tasks") == [task.id]


def test_c09_the_server_refuses_orphans(opened, registry, monkeypatch):
    """Negative control: a backend that does not ask for the run gets 404 and a dead letter."""
    from artifact_plugins.delivery.source import LedgerDelivery

    monkeypatch.setattr(LedgerDelivery, "need", lambda self, kind, key: {"external_id": 1})
    test = opened(backends=())
    with ap.start_run("lonely") as run:
        numbers(3)
    session = opened()
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


def test_c10_it_exists_already(opened, proxy, registry, keyed):
    """409 for the very record is success: a lost answer ends with one record."""
    proxy.script += [Fault.LOSE_ANSWER] * 2
    session = opened()

    once(session, registry, session.save([1], "numbers"))


def test_c10_another_one_exists_already(opened, proxy, registry, keyed):
    """409 for another record under the same id is a conflict: given up, with the reason."""
    registry.faults, refuses = (lambda asked: None), registry.faults
    session = opened()
    proxy.is_away.set()
    version = session.save([1], "numbers")
    registry.tables["versions"].append({"id": 7, "ours": version.id, "record": "{}"})
    registry.faults = refuses
    proxy.is_away.clear()

    assert session.deliverer.flush(60)
    assert row_of(session, version).state is OutboxState.DEAD
    assert "is another one there" in row_of(session, version).error
    assert len(registry.tables["versions"]) == 1


def test_c11_silence_has_an_end(opened, proxy, registry):
    """A server that says nothing holds no save up, and is asked again after the timeout."""
    proxy.script += [Fault.HANG] * 2
    session = opened(backend_timeout_seconds=0.5)
    began = time.monotonic()

    version = session.save([1], "numbers")
    saved_after = time.monotonic() - began
    once(session, registry, version)

    assert saved_after < 0.5
    assert time.monotonic() - began >= 1.0
    assert proxy.counted[Fault.HANG] == 2


def test_c11_without_a_timeout_it_would_last(opened, proxy, registry):
    """Negative control: who waits for ten minutes has nothing after two seconds."""
    proxy.script += [Fault.HANG]
    session = opened(backend_timeout_seconds=600)

    session.save([1], "numbers")

    assert not session.deliverer.flush(2)
    assert registry.ours("versions") == []


def test_c12_an_answer_takes_for_ever(opened, proxy, registry):
    """One byte per second, from the first line on, ends at the deadline of the whole request."""
    proxy.script.append(Fault.TRICKLE)
    session = opened(backend_timeout_seconds=1.0)
    began = time.monotonic()

    version = session.save([1], "numbers")
    once(session, registry, version)

    assert 1.0 <= time.monotonic() - began < 15


def test_c12_an_answer_does_not_end(opened, proxy, registry):
    """An endless body is refused at the limit of its length; the record is there once."""
    proxy.shares[Fault.ENDLESS] = 1.0
    session = opened()

    version = session.save([1], "numbers")
    wait_until(lambda: (row_of(session, version).error or "") or status_of(session).reason)

    told = row_of(session, version).error or status_of(session).reason
    assert "BackendContractError" in told
    assert "with more than" in told
    proxy.shares.clear()
    once(session, registry, version)


def test_c13_a_redirect_leads_elsewhere(opened, proxy, registry, monkeypatch):
    """A redirect is not followed: the other host hears nothing, not even the credentials."""
    monkeypatch.setenv(little.TOKEN_VARIABLE, "token-of-the-test")
    registry.token = "token-of-the-test"
    with little.little_registry() as other:
        proxy.redirect_to = f"http://127.0.0.1:{other.port}/versions"
        proxy.script += [Fault.REDIRECT] * 3
        session = opened()

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


def test_c14_a_backup_was_restored(opened, registry):
    """What the server lost is found by a comparison and sent again, the rest is left alone."""
    session = opened()
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


def test_c15_the_outbox_is_full(opened, registry):
    """Without room for the row the save fails as a whole; with room the same save is one version."""
    session = opened()
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


def _fill(session: ap.Session) -> None:
    for n in range(10_000):
        session.save([n] * 200, "numbers")


def test_c15_a_row_is_damaged(opened, proxy, registry):
    """A row that cannot be read is put aside with the reason; the others of its stream arrive."""
    proxy.is_away.set()
    session = opened()
    saved = [session.save([n], "numbers") for n in range(4)]
    with session.ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE outbox SET kind = 'lnik' WHERE record_id = '{saved[1].id}'")
    proxy.is_away.clear()

    assert session.deliverer.flush(60)

    assert registry.ours("versions") == [saved[0].id, saved[2].id, saved[3].id]
    (dead,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert "lnik" in dead.error
    assert session.load(saved[1]) == [1]


def test_c16_a_crowd_waits(opened, proxy, registry):
    """After an outage everything arrives in its order, on few connections, over several processes."""
    proxy.is_away.set()
    session = opened(flush_seconds=0.0)
    saved: dict[str, list[str]] = {}
    for n in range(300):
        version = session.save(n, f"numbers-{n % 15}")
        saved.setdefault(version.artifact, []).append(version.id)
    proxy.is_away.clear()
    session.deliverer.sync(timeout_seconds=1.0)
    session.close()
    second = opened()

    assert second.deliverer.flush(100)
    arrived = registry.tables["versions"]
    assert len(arrived) == 300
    for name, ids in saved.items():
        assert [row["ours"] for row in arrived if row["name"] == name] == ids
    assert registry.most_active <= Policy().streams + 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"identifier": "7"}', "KeyError"),
        (b'["7"]', "BackendContractError"),
        (b'{"system": "large", "version": "9"}', "KeyError"),
    ],
    ids=["newer", "older", "another"],
)
def test_c17_the_server_speaks_otherwise(opened, registry, answer, told):
    """A server of another version is left alone and nothing is given up; the ledger is intact."""
    registry.faults = lambda asked: little.Fault(
        status=200 if asked.method == "GET" else 201, body=answer
    )
    session = opened()

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).standing in ("paused", "waiting"))

    assert (status_of(session).pending, status_of(session).dead) == (1, 0)
    assert re.search(f"{told}|BackendContractError", status_of(session).reason)
    assert session.load(version) == [1]
    registry.faults = lambda asked: None
    once(session, registry, version)


def test_c17_strict_says_so_at_the_door(opened, registry):
    """With strict delivery a server that is something else is an error when the session opens."""
    registry.faults = lambda asked: little.Fault(status=200, body=b'{"system": "large"}')

    with pytest.raises(BackendContractError):
        opened(delivery="strict")


def test_every_row_has_its_test():
    """C1 to C20 each have a test that is named for it."""
    texts = [path.read_text(encoding="utf-8") for path in (TESTS / "core").rglob("test_*.py")]
    rows = {
        int(row) for text in texts for row in re.findall(r"^def test_c(\d\d)_", text, re.MULTILINE)
    }

    assert rows == set(range(1, 21))
