"""No credential is in the ledger, in logs or in messages."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from little_registry import TOKEN_VARIABLE, Fault, little_registry
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery.redacting import described, redacted
from artifact_plugins.errors import BackendRejectedError

CANARY = "canary-7f3a9c51e0"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"header 'authorization': 'Basic {CANARY}' was sent",
        f"GET http://user:{CANARY}@host/path failed",
        f"http://{CANARY}@host",
        f'{{"password": "{CANARY}", "name": "x"}}',
        f"api_key={CANARY}&x=1",
        f"refresh_token = {CANARY}",
        f"client_secret:{CANARY}",
        f"Set-Cookie: session={CANARY}; Path=/",
        f"X-API-Key: {CANARY}",
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text):
    """Headers, user-info and named values lose the credential and keep the rest."""
    assert CANARY not in redacted(text)
    assert "***" in redacted(text)


def test_a_credential_of_the_environment_is_taken_out_anywhere(monkeypatch):
    """The value of a credential variable is taken out whatever stands around it."""
    monkeypatch.setenv(TOKEN_VARIABLE, CANARY)

    assert redacted(f"who is {CANARY}?") == "who is ***?"
    assert described(ValueError(CANARY)) == "ValueError: ***"


def test_other_text_stays():
    """Messages without credentials are not changed."""
    text = "Little answered POST /versions with 422: no such type 'Basic set' of tokens"

    assert redacted(text) == text


def test_a_server_that_repeats_the_token_leaks_nothing(
    session, registry, places, monkeypatch, caplog
):
    """A canary that the server echoes in its answers is in no file, no log and no row."""
    monkeypatch.setenv(TOKEN_VARIABLE, CANARY)
    registry.faults = lambda asked: (
        Fault(status=422, body=f'{{"detail": "bad token {CANARY}"}}'.encode())
        if asked.is_write
        else None
    )
    with caplog.at_level(logging.DEBUG, logger="artifact_plugins"):
        session.save(1, "numbers")
        assert session.deliverer.flush(60)
        monkeypatch.setattr(
            "little_registry.LittleBackend.deliver_version", lambda *args: {}[CANARY]
        )
        session.save(1, "others")
        wait_until(lambda: "as it never should" in caplog.text)
        assert session.deliverer.flush(60)

    assert session.deliverer.status()[0].dead == 2
    assert CANARY not in caplog.text
    assert CANARY not in repr(session.deliverer.rows()) + repr(session.deliverer.status())
    session.close()
    found = [
        path
        for path in Path(places["store_url"]).parent.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]
    assert found == []


def test_the_error_of_strict_delivery_repeats_no_token(places, registry, quick, monkeypatch):
    """What a save raises does not repeat what the server echoed."""
    monkeypatch.setenv(TOKEN_VARIABLE, CANARY)
    registry.faults = lambda asked: (
        Fault(status=422, body=f'{{"detail": "bad {CANARY}"}}'.encode()) if asked.is_write else None
    )
    with ap.open_session(ap.Settings(**places | {"delivery": "strict"})) as session:
        with pytest.raises(BackendRejectedError) as caught:
            session.save(1, "numbers")
        assert CANARY not in str(caught.value)
        registry.faults = lambda asked: None


def test_two_servers_of_one_system_get_a_credential_each(places, quick, monkeypatch):
    """A URL that says where its token is does not get the one of the environment, and the other does."""
    monkeypatch.setenv(TOKEN_VARIABLE, "token-of-one")
    monkeypatch.setenv("OTHER_TOKEN", "token-of-two")
    with little_registry() as one, little_registry() as two:
        one.token, two.token = "token-of-one", "token-of-two"
        urls = (one.url, f"{two.url}?token=env:OTHER_TOKEN")
        with ap.Session(ap.Settings(**places | {"backends": urls})) as session:
            version = session.save(1, "numbers")
            assert session.deliverer.flush(60)

    assert one.ours("versions") == two.ours("versions") == [version.id]


def test_a_reference_to_a_credential_is_not_kept(places, registry, quick, monkeypatch, tmp_path):
    """`?token=env:NAME` works, and the ledger knows the backend without it."""
    registry.token = CANARY
    monkeypatch.setenv("SOME_NAME", CANARY)
    url = f"{registry.url}?token=env:SOME_NAME"

    with ap.Session(ap.Settings(**places | {"backends": (url,)})) as session:
        session.save(1, "numbers")
        assert session.deliverer.flush(60)
        (known,) = session.ledger.registered_backends()
        assert known.url == registry.url
    assert len(registry.ours("versions")) == 1
