"""Events reach a file and a server through OpenLineage's own client."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from artifact_integrations.openlineage import collect, draw, emit, run_events, to_json_lines
from artifact_plugins.errors import BackendError


@pytest.fixture
def events(session, run):
    return run_events(*collect(session, run.id))


def test_a_server_gets_every_event_in_order(events, server):
    """Each event is one POST to the endpoint of the standard, in the order of the list."""
    sent = emit(events, server.url)

    assert sent == len(events) == len(server.posted)
    assert {path for path, _, _ in server.posted} == {"/api/v1/lineage"}
    posted = [(body["eventType"], body["run"]["runId"]) for _, _, body in server.posted]
    assert posted == [(event.eventType.value, event.run.runId) for event in events]


def test_what_arrives_is_what_is_drawn(events, server):
    """The body of a request holds the event and nothing of the environment but its tags."""
    emit(events, server.url)

    for (_, _, body), line in zip(server.posted, to_json_lines(events).splitlines(), strict=True):
        assert {**body["run"]["facets"], "tags": None} == {
            **json.loads(line)["run"]["facets"],
            "tags": None,
        }
        assert body["inputs"] == json.loads(line)["inputs"]


def test_the_key_comes_from_the_environment(events, server, monkeypatch):
    """A server that wants a key gets it as a bearer token."""
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret-key")

    emit(events[:1], server.url)

    assert server.posted[0][1]["Authorization"] == "Bearer secret-key"


def test_the_environment_says_where(events, server, monkeypatch):
    """Without a target the client's own variables decide."""
    monkeypatch.setenv("OPENLINEAGE_URL", server.url)

    assert emit(events) == len(server.posted) == len(events)


def test_a_file_gets_a_line_per_event(events, tmp_path):
    """A path is a file of JSON lines; a second call adds to it."""
    target = tmp_path / "events.jsonl"

    emit(events, target)
    emit(events[:1], str(target))

    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(lines) == len(events) + 1
    assert lines[0] == lines[-1]


def test_a_refused_event_says_how_many_were_sent(events, server):
    """The server answers 400: the error has the number of events that it took."""
    server.refuse_after = 3

    with pytest.raises(BackendError, match="3 of") as caught:
        emit(events, server.url)

    assert caught.value.sent == 3
    assert len(server.posted) == 3


def test_a_dead_server_is_named_without_credentials(events):
    """Nobody listens: the error names the server, and no password."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(BackendError) as caught:
        emit(events, f"http://user:hidden@127.0.0.1:{port}/?token=hidden")

    assert str(port) in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_file_that_cannot_be_written_is_named(events, tmp_path):
    """A folder in place of the file is an error that names it."""
    with pytest.raises(BackendError, match=tmp_path.name):
        emit(events, tmp_path)


def test_the_program_draws_lines_of_json(session, run):
    """`draw` gives the events of a run as the program writes them."""
    lines = draw(session, run.record).splitlines()

    assert {json.loads(line)["job"]["namespace"] for line in lines} == {"shop"}
    assert Path("events.jsonl").exists() is False
