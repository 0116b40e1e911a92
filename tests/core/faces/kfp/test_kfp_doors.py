"""Where the server listens and whom it answers: addresses, hosts, origins, headers, the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kfp_server import API, KfpServer, OpenedRun

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run
from artifact_plugins.errors import SettingsError
from artifact_plugins.faces.kfp.doors import check_address


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "[::2]",
        "127.0.0.1@evil",
        "a/b",
    ],
)
def test_other_host_is_refused(kfp: KfpServer, host: str) -> None:
    """A request to another name is 400: a page that rebinds its name learns nothing."""
    answer = kfp.ask("GET", "/artifacts", headers={"Host": host})
    assert answer.status == 400
    assert "is not served here" in answer.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:99", "[::1]:8888"])
def test_own_names_are_answered(kfp: KfpServer, host: str) -> None:
    """The names of the loopback are served, whatever port a tunnel has."""
    assert kfp.ask("GET", "/healthz", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "file://", "http://127.0.0.1.x"]
)
def test_page_of_another_site_does_not_write(kfp: KfpServer, run: OpenedRun, origin: str) -> None:
    """A POST with a foreign origin is 403 before it is looked at; the own one is served."""
    foreign = kfp.ask("POST", "/runs", {"display_name": "x"}, headers={"Origin": origin})
    own = kfp.ask("POST", "/runs", {"display_name": "x"}, headers={"Origin": kfp.url})
    assert (foreign.status, own.status) == (403, 200)


def test_answers_are_data_and_nothing_else(kfp: KfpServer) -> None:
    """Answers are JSON that no browser guesses about, frames or keeps; no name of the software."""
    for path in ("/healthz", "/nothing"):
        headers = {k.lower(): v for k, v in kfp.ask("GET", path).headers.items()}
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1x"])
def test_strangers_need_a_token_and_encryption(host: str) -> None:
    """An address that others reach is refused by name, first for the token, then for TLS."""
    with pytest.raises(SettingsError, match="there is no token"):
        check_address(host, has_token=False, is_encrypted=True, behind_proxy=True)
    with pytest.raises(SettingsError, match="unencrypted"):
        check_address(host, has_token=True, is_encrypted=False, behind_proxy=False)
    check_address(host, has_token=True, is_encrypted=False, behind_proxy=True)
    check_address(host, has_token=True, is_encrypted=True, behind_proxy=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
def test_loopback_needs_nothing(host: str) -> None:
    """This machine alone is served without a token."""
    check_address(host, has_token=False, is_encrypted=False, behind_proxy=False)


def test_command_refuses_what_is_unsafe_or_impossible(
    tmp_path: Path,
    kfp: KfpServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each refusal is one line on stderr that says what to do, and nothing listens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("abc")
    (tmp_path / "long").write_text("x" * 64)
    port = str(kfp.port)
    for options, said in (
        (("--host", "0.0.0.0"), "there is no token"),
        (("--token-file", "short"), "the token has 3 characters"),
        (("--grant", "ann"), "is not of the form USER=NAMESPACE"),
        (("--tls-key", "k.pem"), "belong together"),
        (("--tls-key", "k.pem", "--tls-certificate", "c.pem"), "cannot be used"),
        (("--port", port), f"port {port} cannot be listened on"),
        (("--host", "no.such.host.invalid", "--token-file", "long", "--behind-proxy"), "cannot be"),
    ):
        code = run(group, ["serve-kfp", "--port", "0", *options])

        printed = capsys.readouterr()
        assert code == 1, (options, printed.err)
        assert printed.out == ""
        assert said in printed.err
        assert len(printed.err.splitlines()) == 1


def test_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It says where it listens as JSON, makes the ledger, and ends at SIGTERM without a word."""
    options = ["--json", "--port", "0", "--ledger", str(tmp_path / "new" / "ledger.sqlite")]
    with subprocess.Popen(
        [sys.executable, "-m", "artifact_plugins", "serve-kfp", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = json.loads("".join(process.stdout.readline() for _ in range(5)))
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        process.wait(60)
    assert said["url"].startswith("http://127.0.0.1:")
    assert (said["dialect"], said["namespace_mode"]) == ("M", "single")
    assert rest == ""
    assert (tmp_path / "new" / "ledger.sqlite").exists()


def test_import_of_the_library_loads_no_web_server() -> None:
    """Neither the front door, nor the command line's help, nor the face's records load one."""
    script = (
        "import sys, artifact_plugins, artifact_plugins.cli.commands.serve_kfp;"
        "heavy = {'starlette', 'uvicorn', 'artifact_plugins.faces'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_prefix_of_the_api_is_needed(kfp: KfpServer) -> None:
    """Only `/apis/v2beta1` is served."""
    assert API == "/apis/v2beta1"
    assert kfp.ask("GET", "/../v2beta1/healthz").status == 404
