"""Certificates are verified, proxies of the environment are used, and what is wrong is named."""

from __future__ import annotations

import base64

import pytest
from tls_places import Papers, http_proxy, papers, shop

from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendUnavailableError,
)
from artifact_plugins.transport import HttpClient

HOST = "registry.example.invalid"
LOGIN = "Basic " + base64.b64encode(b"me:pass%word").decode()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.fixture
def trusted(tmp_path, monkeypatch) -> Papers:
    """A certificate whose authority is the one that this process trusts."""
    made = papers(tmp_path / "papers", "127.0.0.1", HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def ask(url: str) -> dict[str, bool]:
    client = HttpClient(url, system="Shop", timeout_seconds=10.0)
    try:
        return client.request("GET", "/x").json_object()
    finally:
        client.close()


def test_a_server_is_spoken_to_over_tls(trusted):
    """With the authority in SSL_CERT_FILE an https server is one like any other."""
    with shop(trusted.chain) as place:
        assert ask(f"https://127.0.0.1:{place.port}") == {"here": True}


def test_a_certificate_of_nobody_known_is_a_named_error(trusted, monkeypatch):
    """Without its authority a certificate is refused: nothing is asked, and the variable is named."""
    monkeypatch.delenv("SSL_CERT_FILE")

    with (
        shop(trusted.chain) as place,
        pytest.raises(BackendAuthError, match="certificate that does not verify: ") as caught,
    ):
        ask(f"https://127.0.0.1:{place.port}")

    assert "SSL_CERT_FILE" in str(caught.value)
    assert place.lines == []


@pytest.mark.parametrize(
    ("host", "days", "told"),
    [("127.0.0.1", -1, "has expired"), ("elsewhere.invalid", 30, "mismatch")],
)
def test_what_is_wrong_with_a_certificate_is_told(tmp_path, monkeypatch, host, days, told):
    """A certificate that is over, or of another host, is refused with that reason."""
    made = papers(tmp_path / "papers", host, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))

    with shop(made.chain) as place, pytest.raises(BackendAuthError, match=told):
        ask(f"https://127.0.0.1:{place.port}")


def test_a_file_of_authorities_that_is_not_there_is_told(trusted, monkeypatch):
    """TLS ignores an SSL_CERT_FILE that is no file; the error says so."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")

    with shop(trusted.chain) as place, pytest.raises(BackendAuthError, match="which is no file"):
        ask(f"https://127.0.0.1:{place.port}")


def test_https_where_http_is_spoken_is_a_named_error():
    """A port that speaks no TLS at all is not waited for as if it were away."""
    with shop() as place, pytest.raises(BackendContractError, match="does not speak TLS"):
        ask(f"https://127.0.0.1:{place.port}")


def test_http_goes_through_the_proxy(monkeypatch):
    """HTTP_PROXY is asked for the whole URL."""
    with http_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert ask(f"http://{HOST}:8080") == {"through": True}

    assert proxy.lines == [f"GET http://{HOST}:8080/x HTTP/1.1"]


@pytest.mark.parametrize("bypass", [HOST, f"{HOST}:8080", ".example.invalid", "*"])
def test_no_proxy_goes_around_it(monkeypatch, bypass):
    """What NO_PROXY names is asked directly: here it is not there."""
    with http_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", bypass)
        with pytest.raises(BackendUnavailableError):
            ask(f"http://{HOST}:8080")

    assert proxy.lines == []


def test_this_machine_is_asked_without_a_proxy(monkeypatch):
    """A server on this machine is never asked through a proxy, which would look for it at home."""
    with http_proxy() as proxy, shop() as place:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert ask(f"http://127.0.0.1:{place.port}") == {"here": True}

    assert proxy.lines == []


def test_https_goes_through_a_tunnel(trusted, monkeypatch):
    """HTTPS_PROXY gets a CONNECT; the certificate is that of the server behind it."""
    with shop(trusted.chain) as place, http_proxy(leads_to=place.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        assert ask(f"https://{HOST}") == {"here": True}

    assert [line.rpartition(" ")[0] for line in proxy.lines] == [f"CONNECT {HOST}:443"]
    assert place.lines == ["GET /x HTTP/1.1"]


def test_a_certificate_is_verified_behind_a_proxy(trusted, monkeypatch):
    """A tunnel changes nothing: who is not known is refused."""
    monkeypatch.delenv("SSL_CERT_FILE")

    with shop(trusted.chain) as place, http_proxy(leads_to=place.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(BackendAuthError, match="does not verify"):
            ask(f"https://{HOST}")

    assert place.lines == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_may_want_a_login(trusted, monkeypatch, scheme):
    """User and password in the URL of the proxy are sent to it, and to nobody else."""
    with shop(trusted.chain) as place, http_proxy(LOGIN, place.port) as proxy:
        at = f"me:pass%25word@127.0.0.1:{proxy.port}"
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://{at}")
        assert ask(f"{scheme}://{HOST}")

    assert [headers["proxy-authorization"] for _, headers in proxy.asked] == [LOGIN]
    assert all("proxy-authorization" not in headers for _, headers in place.asked)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_login_at_the_proxy_is_a_named_error(trusted, monkeypatch, scheme):
    """407 is an error of credentials, and does not repeat them."""
    with http_proxy(LOGIN, 1) as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        with pytest.raises(BackendAuthError, match="407") as caught:
            ask(f"{scheme}://{HOST}")

    assert "hunter2" not in str(caught.value)


def test_a_proxy_of_another_kind_is_named(monkeypatch):
    """A proxy that is no HTTP proxy is not waited for."""
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")

    with pytest.raises(BackendContractError, match="socks5"):
        ask(f"http://{HOST}")


def test_a_proxy_that_is_away_is_waited_for(trusted, monkeypatch):
    """Negative control: a proxy that does not answer may come back, and nothing happened."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with pytest.raises(BackendUnavailableError) as caught:
        ask(f"https://{HOST}")

    assert not caught.value.may_have_happened
