from __future__ import annotations

import io
import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import urllib3
from transport_server import Said, answer

from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.transport import HttpClient, quoted
from artifact_plugins.transport.retry_after import retry_after_seconds


def client(url, **options):
    return HttpClient(url, system="Shop", **{"timeout_seconds": 5.0, **options})


def test_a_json_body_and_its_answer_pass_unchanged(speaking):
    """What is sent arrives as JSON, and the answer is read as JSON."""
    server = speaking(lambda n, r: answer(200, '{"a": "ü"}'.encode()))

    found = client(server.url).request(
        "POST",
        f"/v1/{quoted('a/b c')}",
        json_body={"x": ["é", 1.5]},
        query={"q": ["1", "2"], "n": None},
    )

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/a%2Fb%20c?q=1&q=2 HTTP/1.1\r\n")
    assert json.loads(body) == {"x": ["é", 1.5]}
    assert found.json_object() == {"a": "ü"}
    assert found.request == "POST /v1/a%2Fb%20c"


def test_nobody_at_the_port_is_unavailable_and_nothing_happened():
    """A refused connection says that the request cannot have been carried out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(BackendUnavailableError, match="Shop was not reached") as caught:
        client(f"http://127.0.0.1:{port}").request("GET", "/x")

    assert not caught.value.may_have_happened


def test_an_unknown_host_is_unavailable():
    """A name without an address is an outage, not a crash (C1)."""
    with pytest.raises(BackendUnavailableError) as caught:
        client("http://no-such-host.invalid").request("GET", "/x")

    assert not caught.value.may_have_happened


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"a"',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"',
        b"nonsense\r\n\r\n",
    ],
    ids=["nothing", "half-a-header", "half-a-body", "half-a-chunk", "nonsense"],
)
def test_a_cut_answer_is_an_unknown_outcome(speaking, data):
    """A connection that ends early says that the request may have been carried out."""
    server = speaking(lambda n, r: Said(data))

    with pytest.raises(BackendUnavailableError) as caught:
        client(server.url).request("POST", "/x", json_body={})

    assert caught.value.may_have_happened


def test_a_whole_answer_of_the_same_server_is_fine(speaking):
    """The negative control: the same bytes to their end are an answer."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n" + b'{"a": 1}'
    server = speaking(lambda n, r: Said(whole))

    assert client(server.url).request("POST", "/x", json_body={}).json() == {"a": 1}


@pytest.mark.parametrize("said", ["silent", "slow"])
def test_a_whole_request_has_a_deadline(speaking, said):
    """Silence and one byte at a time both end after the allowed time (C11, C12)."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    server = speaking(
        lambda n, r: Said(b"", stays=True) if said == "silent" else Said(head, pause_seconds=0.05)
    )
    started = time.monotonic()

    with pytest.raises(BackendUnavailableError):
        client(server.url, timeout_seconds=1.0).request("GET", "/x")

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, b"HTTP/1.1 " + b"2" * 1000],
    ids=["header", "status"],
)
def test_a_head_that_drips_has_the_same_deadline(speaking, data):
    """One byte of the head at a time, each soon after the last, ends after the allowed time (C12)."""
    server = speaking(lambda n, r: Said(data, pause_seconds=0.05))
    started = time.monotonic()

    with pytest.raises(BackendUnavailableError, match="was not reached") as caught:
        client(server.url, timeout_seconds=1.0).request("POST", "/x", json_body={})

    assert 0.9 < time.monotonic() - started < 5
    assert caught.value.is_late
    assert caught.value.may_have_happened


def test_a_head_that_drips_and_ends_in_time_is_an_answer(speaking):
    """The negative control: the same drip within the allowed time is read."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    server = speaking(lambda n, r: Said(head, pause_seconds=0.005))

    assert client(server.url, timeout_seconds=20.0).request("GET", "/x").json() == {}


def test_a_cut_head_is_an_error_and_nothing_in_the_log(speaking, caplog):
    """urllib3 says nothing of a head that ends early; the error does, and it is no late one."""
    server = speaking(lambda n, r: Said(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Pla"))

    with caplog.at_level(logging.DEBUG), pytest.raises(BackendUnavailableError) as caught:
        client(server.url).request("GET", "/x")

    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert not caught.value.is_late


def test_urllib3_alone_logs_a_cut_head(speaking, caplog):
    """The negative control: the library itself warns, with a traceback."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Pla"
    server = speaking(lambda n, r: Said(data))

    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.PoolManager().request("GET", f"{server.url}/x", retries=False)

    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.exc_info


def test_an_endless_answer_is_cut_off(speaking):
    """An answer over the limit is refused before it is kept (C12)."""
    server = speaking(lambda n, r: answer(200, b"x" * 200_000))

    with pytest.raises(BackendContractError, match="more than 100000 bytes"):
        client(server.url, max_body_bytes=100_000).request("GET", "/x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, BackendContractError),
        (400, BackendRejectedError),
        (401, BackendAuthError),
        (403, BackendAuthError),
        (404, BackendRejectedError),
        (409, BackendRejectedError),
        (422, BackendRejectedError),
        (429, BackendUnavailableError),
        (500, BackendUnavailableError),
        (503, BackendUnavailableError),
        (204, BackendContractError),
    ],
)
def test_every_status_is_a_named_error_with_the_servers_words(speaking, status, kind):
    """The error says which request, which status and what the server said."""
    server = speaking(lambda n, r: answer(status, b'{"detail": "no such shelf"}'))

    with pytest.raises(kind, match=f"GET /x with {status}") as caught:
        client(server.url).request("GET", "/x")

    assert caught.value.status == status


def test_a_redirect_is_not_followed(speaking):
    """Credentials go to no other host (C13)."""
    other = speaking(lambda n, r: answer(200))
    server = speaking(lambda n, r: answer(302, b"", f"Location: {other.url}/x"))
    logged_in = client(server.url, log_in=lambda: {"Authorization": "Bearer secret"})

    with pytest.raises(BackendContractError, match="redirects are not followed"):
        logged_in.request("GET", "/x")

    assert other.requests == []
    assert b"secret" in server.requests[0]


def test_html_is_no_answer(speaking):
    """A proxy's error page with status 200 is a broken contract, shown in short (C4)."""
    server = speaking(lambda n, r: answer(200, b"<html>Welcome", "Content-Type: text/html"))

    with pytest.raises(BackendContractError, match="no JSON: '<html>Welcome'"):
        client(server.url).request("GET", "/x").json()


def test_a_refused_login_is_renewed_once(speaking):
    """After a 401 the request is sent again with a new login, from the start of its file."""
    server = speaking(lambda n, r: answer(200 if b"Bearer 2" in r else 401))
    tokens = iter("123")
    logins = client(server.url, log_in=lambda: {"Authorization": f"Bearer {next(tokens)}"})
    body = io.BytesIO(b"??whole file")
    body.seek(2)

    logins.request("PUT", "/x", data=body)
    logins.request("GET", "/y")

    assert [r.rpartition(b"\r\n\r\n")[2] for r in server.requests] == [b"whole file"] * 2 + [b""]
    assert b"Bearer 2" in server.requests[2]


def test_a_token_that_a_server_repeats_is_not_in_the_error(speaking):
    """What a server says of a refused login is shown without the login."""
    server = speaking(lambda n, r: answer(403, b'{"detail": "no such token secret-token-1"}'))
    logins = client(server.url, log_in=lambda: {"Authorization": "Bearer secret-token-1"})

    with pytest.raises(BackendAuthError, match=r"no such token \*\*\*") as caught:
        logins.request("GET", "/x")

    assert "secret-token" not in repr(caught.value)


@pytest.mark.parametrize(
    "login",
    [
        {"Authorization": "Basic dXNlcjpzZWNyZXQ=="},
        {"Cookie": "session=dXNlcjpzZWNyZXQ==; other=second-cookie"},
    ],
)
def test_every_kind_of_login_is_taken_out(speaking, login):
    """Basic credentials and each cookie that a server repeats are not in the error."""
    said = b'{"detail": "dXNlcjpzZWNyZXQ== and second-cookie"}'
    server = speaking(lambda n, r: answer(400, said if b"Cookie" in r else said[:30] + b'"}'))

    with pytest.raises(BackendRejectedError, match=r"\*\*\*") as caught:
        client(server.url, log_in=lambda: login).request("GET", "/x")

    assert "dXNlcj" not in repr(caught.value)
    assert "second-cookie" not in repr(caught.value)


def test_a_password_of_a_login_form_is_taken_out(speaking):
    """Servers that repeat what failed to validate do not put a password into our error."""
    server = speaking(lambda n, r: answer(422, b'{"input": "my-password-1"}'))

    with pytest.raises(BackendRejectedError) as caught:
        client(server.url).request(
            "POST", "/login", form={"password": "my-password-1"}, is_open=True
        )

    assert "my-password" not in repr(caught.value)


def test_a_login_refused_twice_is_an_error(speaking):
    """A second 401 is final; there is no storm of logins (C7)."""
    server = speaking(lambda n, r: answer(401))
    made = []
    logins = client(server.url, log_in=lambda: made.append(1) or {"Authorization": "Bearer x"})

    with pytest.raises(BackendAuthError):
        logins.request("GET", "/x")

    assert len(made) == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}])
def test_what_is_no_json_is_refused_before_anything_is_sent(speaking, value):
    """NaN, infinity, half characters and sets never reach a server."""
    server = speaking(lambda n, r: answer(200))

    with pytest.raises(BackendRejectedError, match="cannot be sent to Shop"):
        client(server.url).request("POST", "/x", json_body={"v": value})

    assert server.requests == []


def test_the_pause_that_a_server_asks_for_is_kept(speaking):
    """Retry-After of a 429 is part of the error, and such a request did not happen (C6)."""
    server = speaking(lambda n, r: answer(429, b"", "Retry-After: 7"))

    with pytest.raises(BackendUnavailableError) as caught:
        client(server.url).request("POST", "/x", json_body={})

    assert caught.value.retry_after_seconds == 7
    assert not caught.value.may_have_happened


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 0 ", 0.0),
        ("1000000000", 600.0),
        ("9" * 400, 600.0),
        ("-5", None),
        ("soon", None),
        ("²", None),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("Sun, 22 Nov 9999 09:00:00 GMT", 600.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_ten_minutes(header, seconds):
    """Every form of RFC 9110 is understood, and absurd ones are capped."""
    assert retry_after_seconds(header, date="Sun, 22 Nov 2026 10:00:00 GMT") == seconds


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_date_without_a_server_clock_is_taken_by_ours(date):
    """Without a `Date` header that can be read, the clock of this machine is all there is."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert 55 <= retry_after_seconds(until, date=date) <= 60


@pytest.mark.parametrize("years", [-3, 3])
def test_a_date_counts_from_the_clock_of_the_server(speaking, years):
    """A server whose clock is years off asks for the seconds between its own two dates."""
    there = datetime.now(UTC) + timedelta(days=365 * years)
    until = format_datetime(there + timedelta(seconds=40), usegmt=True)
    said = f"Retry-After: {until}", f"Date: {format_datetime(there, usegmt=True)}"
    server = speaking(lambda n, r: answer(503, b"", *said))

    with pytest.raises(BackendUnavailableError) as caught:
        client(server.url).request("GET", "/x")

    assert caught.value.retry_after_seconds == 40


def test_a_closed_client_opens_again(speaking):
    """Closing lets go of connections and nothing else."""
    server = speaking(lambda n, r: answer(200))
    one = client(server.url)
    one.request("GET", "/x")
    one.close()

    assert one.request("GET", "/x").status == 200
