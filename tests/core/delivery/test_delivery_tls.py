"""A server whose certificate does not verify is left alone until somebody mends that."""

from __future__ import annotations

import time

import pytest
from chaos_sessions import once, row_of, status_of
from tls_places import papers, speak_tls
from waiting import wait_until

from artifact_plugins.errors import BackendAuthError


@pytest.fixture
def sealed(registry, tmp_path):
    """Have the registry speak TLS with a certificate of an authority that nobody knows."""
    made = papers(tmp_path / "papers", "127.0.0.1")
    speak_tls(registry._server, made.chain)
    return made


def test_a_certificate_that_does_not_verify_pauses(start, registry, sealed, policy, monkeypatch):
    """Nothing is given up and no try is counted; with the authority named everything arrives."""
    policy(login_pause_seconds=5.0)
    url = f"little+https://127.0.0.1:{registry.port}/"
    session = start(backends=(url,), flush_seconds=0.0)

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).standing == "paused")
    time.sleep(0.3)

    assert "a certificate that does not verify" in status_of(session).reason
    assert "SSL_CERT_FILE" in status_of(session).reason
    assert (row_of(session, version).tries, status_of(session).dead) == (0, 0)
    assert registry.asked == []
    session.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(sealed.authority))
    once(start(backends=(url,)), registry, version)


def test_strict_says_so_at_the_door(start, registry, sealed):
    """With strict delivery the certificate is an error when the session opens."""
    with pytest.raises(BackendAuthError, match="does not verify"):
        start(backends=(f"little+https://127.0.0.1:{registry.port}/",), delivery="strict")
