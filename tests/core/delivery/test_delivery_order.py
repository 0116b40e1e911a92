"""In which order records reach a backend, and what they wait for."""

from __future__ import annotations

import threading
import time

import pytest
from little_registry import Fault, LittleBackend
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery.resting import Resting
from artifact_plugins.records import LinkQuery, OutboxState, every


def test_a_stream_is_first_in_first_out(session, registry):
    """Versions of one artifact arrive in the order of their saves, whatever fails in between."""
    failures = iter([None, Fault(status=503), None, Fault(cut="request"), Fault(cut="answer")])
    registry.faults = lambda asked: next(failures, None) if asked.method == "POST" else None

    saved = [session.save(number, "numbers").id for number in range(10)]

    assert session.deliverer.flush(30)
    assert registry.ours("versions") == saved


def test_streams_are_delivered_in_parallel(session, registry):
    """Four streams whose requests take long are under way at the same time, one request each."""
    goes_on = threading.Event()
    registry.faults = lambda asked: Fault(until=goes_on) if asked.method == "POST" else None

    for name in ("a", "b", "c", "d"):
        session.save(1, name)
        session.save(2, name)
    wait_until(lambda: registry.active == 4)
    goes_on.set()

    assert session.deliverer.flush(60)
    assert registry.most_active == 4


def test_one_slow_stream_does_not_stop_the_others(session, registry):
    """While one stream hangs in a request, the others are delivered."""
    goes_on = threading.Event()

    def hangs(asked):
        if asked.body.get("name") == "slow":
            goes_on.wait(30)

    registry.faults = hangs
    session.save(1, "slow")
    for number in range(20):
        session.save(number, f"quick-{number}")

    wait_until(lambda: len(registry.tables["versions"]) == 20)
    assert "slow" not in [row["name"] for row in registry.tables["versions"]]
    goes_on.set()
    assert session.deliverer.flush(30)


@ap.step
def passed(one: int) -> int:
    return one


def needing(session, version_id):
    """Save a version that the little backend delivers only after another one."""
    return session.save(1, f"needs-{version_id}")


def test_what_is_needed_from_another_stream_is_waited_for(session, registry):
    """A record waits for the stream that has what it needs, and no try of it is counted."""
    held = threading.Event()
    registry.faults = lambda asked: (
        None if held.is_set() or asked.body.get("name") != "first" else Fault(status=503)
    )
    first = session.save(1, "first")

    second = needing(session, first.id)

    backend_id = session.deliverer.backend_id("little")
    wait_until(lambda: session.ledger.outbox.row(backend_id, "version", second.id).error)
    row = session.ledger.outbox.row(backend_id, "version", second.id)
    assert f"needs version {first.id}" in row.error
    assert row.tries <= 1
    held.set()
    assert session.deliverer.flush(30)
    assert registry.ours("versions") == [first.id, second.id]


def test_what_is_needed_later_in_the_stream_goes_first(session, registry):
    """A record that stands later in the same stream is delivered before the one that needs it."""
    deliverer = session.deliverer
    registry.faults = lambda asked: Fault(status=503)
    run = one_task()
    backend_id = deliverer.backend_id("little")
    outbox = session.ledger.outbox
    wait_until(lambda: outbox.rows(backend_id, run.id)[0].tries > 0)
    # The run goes to the end of its stream.
    rows = {row.kind: row for row in outbox.rows(backend_id, run.id)}
    deliverer.drop("little", seqs=[rows["run"].seq])
    outbox.enqueue(backend_id, [(run.id, "run", run.id)])
    registry.faults = lambda asked: None

    assert session.deliverer.flush(30)
    assert registry.ours("runs") == [run.id]
    assert len(registry.ours("tasks")) == 2
    assert not registry.duplicates()


def test_what_is_needed_and_in_no_outbox_is_enqueued(session, registry):
    """A record that nobody ordered is delivered because another one needs it."""
    registry.faults = lambda asked: Fault(status=503)
    first = session.save(1, "first")
    assert session.deliverer.drop("little") == 1
    second = needing(session, first.id)
    registry.faults = lambda asked: None

    assert session.deliverer.flush(30)
    assert registry.ours("versions") == [first.id, second.id]


def test_what_needs_a_dead_letter_is_given_up_with_that_reason(session, registry):
    """A record whose need was given up is given up too, and names it; replaying both delivers both."""
    registry.faults = lambda asked: (
        Fault(status=422) if asked.body.get("name") == "first" and asked.is_write else None
    )
    first = session.save(1, "first")
    second = needing(session, first.id)

    assert session.deliverer.flush(30)
    dead = session.deliverer.rows(state=OutboxState.DEAD)
    assert [row.record_id for row in dead] == [first.id, second.id]
    assert f"needs version {first.id}, which was given up" in dead[1].error
    registry.faults = lambda asked: None
    assert session.deliverer.replay("little") == 2
    assert session.deliverer.flush(30)
    assert registry.ours("versions") == [first.id, second.id]


def test_a_task_goes_without_an_input_that_was_given_up(session, registry, caplog):
    """A refused version is the only dead letter: who read it is there, and the run has ended there."""
    registry.faults = lambda asked: (
        Fault(status=422) if asked.body.get("name") == "first" and asked.is_write else None
    )
    first = session.save(1, "first")

    with ap.start_run("reads") as run:
        passed(first)

    assert session.deliverer.flush(30)
    dead = session.deliverer.rows(state=OutboxState.DEAD)
    assert [row.record_id for row in dead] == [first.id]
    assert sorted(registry.ours("tasks")) == sorted(task.id for task in run.tasks())
    assert [row["state"] for row in registry.tables["runs"]] == ["SUCCEEDED"]
    (said,) = [line for line in caplog.messages if "given up" in line]
    assert said.count("the ledger has") == 1


def test_a_need_that_nobody_can_meet_is_given_up(session, registry):
    """A record that needs what the ledger does not have is a dead letter that says so."""
    lonely = needing(session, "01900000-0000-7000-8000-000000000000")

    assert session.deliverer.flush(30)
    (row,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert row.record_id == lonely.id
    assert "which the ledger does not have" in row.error
    assert registry.ours("versions") == []


def test_changes_of_a_waiting_record_are_one_delivery(session, registry):
    """A record that changes ten times while the backend is away is sent once, as it is then."""
    registry.faults = lambda asked: Fault(status=503)
    version = session.save(1, "numbers")
    for number in range(10):
        session.tag(version, add=[f"tag-{number}"])
    # What is under way may have been read before the last change.
    asked = len(registry.asked)
    wait_until(lambda: len(registry.asked) >= asked + 2)
    registry.faults = lambda asked: None
    registry.asked.clear()

    assert session.deliverer.flush(30)
    assert len(registry.writes()) == 1
    assert len(registry.tables["versions"][0]["tags"]) == 10


def test_an_edit_reaches_the_backend(session, registry):
    """Tags, and then a delete, of a delivered version reach the record that is there."""
    version = session.save(1, "numbers")
    assert session.deliverer.flush(30)

    session.tag(version, add=["good"])
    assert session.deliverer.flush(30)
    assert registry.tables["versions"][0]["tags"] == ["good"]
    session.delete(version, force=True)
    wait_until(lambda: registry.tables["versions"] == [])
    assert session.deliverer.flush(30)


def test_what_a_backend_cannot_have_is_done(session, registry):
    """A record that is not supported is no dead letter: the reason is noted, and nothing waits."""
    version = session.save(1, "unsupported")

    assert session.deliverer.flush(30)
    assert session.deliverer.rows() == ()
    (noted,) = session.ledger.outbox.externals("version", version.id).values()
    assert noted == {"unsupported": "Little cannot keep it: the name is not for it"}


def test_what_needs_something_unsupported_is_unsupported(session, registry):
    """A record that needs one that cannot be there cannot be there either, and says which."""
    version = session.save(1, "unsupported")
    other = needing(session, version.id)

    assert session.deliverer.flush(30)
    assert session.deliverer.rows() == ()
    (noted,) = session.ledger.outbox.externals("version", other.id).values()
    assert version.id in noted["unsupported"]


@ap.step
def number() -> int:
    return 1


@ap.pipeline
def one_task():
    number()


@pytest.fixture(autouse=True)
def _a_backend_is_quick(quick):
    """Have every deliverer of this file wait milliseconds."""


@ap.step
def double(x: int) -> int:
    return 2 * x


def test_a_group_is_not_tried_again_for_each_of_its_members(session, registry, monkeypatch):
    """After an outage a map of 300 is sent in order; its groups, ordered first, a few times."""
    tried: dict[str, int] = {}
    deliver_task = LittleBackend.deliver_task

    def counted(backend, task, delivery):
        tried[task.id] = tried.get(task.id, 0) + 1
        return deliver_task(backend, task, delivery)

    monkeypatch.setattr(LittleBackend, "deliver_task", counted)
    is_there = threading.Event()
    registry.faults = lambda asked: None if is_there.is_set() else Fault(status=503)
    with ap.start_run("wide"):
        double.map(x=list(range(300)))
    tried.clear()
    is_there.set()

    assert session.deliverer.flush(60)
    assert registry.duplicates() == {}
    assert len(registry.tables["tasks"]) == 302
    assert max(tried.values()) <= 12
    assert sum(tried.values()) <= 302 + 50


def test_what_a_group_brings_is_looked_for_after_a_lost_answer(session, registry, monkeypatch):
    """A member whose answer was lost while its group brought it is not made a second time."""
    # So that the group is alone in its batch, and no member was begun with it.
    monkeypatch.setattr("artifact_plugins.delivery.streams._MOST_AT_ONCE", 1)
    is_there = threading.Event()
    lost = iter([Fault(cut="answer")])

    def fault(asked):
        if not is_there.is_set():
            return Fault(status=503)
        return next(lost, None) if asked.method == "POST" and asked.path == "/versions" else None

    registry.faults = fault
    with ap.start_run("wide"):
        double.map(x=list(range(5)))
    is_there.set()

    assert session.deliverer.flush(60)
    assert next(lost, None) is None
    assert registry.duplicates() == {}


def test_a_running_group_is_not_sent_for_each_of_its_members(start, registry, policy):
    """While a map of 60 runs its LOOP is sent once in `running_seconds`; its end at once."""
    policy(running_seconds=60.0)
    session = start(backends=(registry.url,))

    assert run_and_count_loops(session, registry) <= 4


def test_without_the_rest_it_is_sent_for_each_of_them(session, registry, monkeypatch):
    """Negative control: the same run sends its LOOP again and again."""
    monkeypatch.setattr(Resting, "seconds", lambda resting, row: 0.0)

    assert run_and_count_loops(session, registry) > 6


def run_and_count_loops(session, registry):
    """Return how often the LOOP of a run was sent whose steps leave the deliverer time."""
    with ap.start_run("wide"):
        slowly.map(x=list(range(60)))
    assert session.deliverer.flush(60)
    (loop,) = [row for row in registry.tables["tasks"] if row["name"].startswith("for-loop")]
    assert loop["state"] == "SUCCEEDED"
    links = list(every(session.ledger.links, LinkQuery(task_ids=(loop["ours"],))))
    assert len(loop["links"]) == len(links) >= 60
    return sum(
        asked.is_write and asked.body.get("ours") == loop["ours"] for asked in registry.asked
    )


@ap.step
def slowly(x: int) -> int:
    time.sleep(0.03)
    return x
