"""backends, sync and reconcile against a little registry, and what happens without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos_proxy import Fault, chaos_proxy
from little_registry import TOKEN_VARIABLE, LittleRegistry, little_registry
from server_environments import free_port

import artifact_plugins as ap
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxState


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No URL is broken over lines, whatever the terminal of the tests."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    """Return a running registry."""
    with little_registry() as found:
        yield found


@pytest.fixture
def configured(registry: LittleRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the registry in the environment."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_BACKENDS", json.dumps([registry.url]))


@pytest.fixture
def run(call, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The command line in the folder of the test's own, with the plugin of the registry."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_PLUGINS", '["little_registry"]')
    return lambda *arguments, code=0: call(*arguments, code=code, folder=folder)


@pytest.fixture
def ask(run):
    """The same with `--json`; gives the document."""

    def asked(*arguments: str, code: int = 0) -> Any:
        return json.loads(run(*arguments, "--json", code=code).stdout)

    return asked


def nowhere() -> str:
    """Return the URL of a backend that nobody serves."""
    return f"little+http://127.0.0.1:{free_port()}/"


def ledger_of(folder: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{folder}/.artifact_plugins/ledger.sqlite", durable=False)


def test_everything_of_before_is_delivered(run, ask, configured, registry) -> None:
    """The command alone has nothing to do; sync --all brings what is older than the backend, once."""
    assert f"{registry.url}: 0 records delivered" in run("sync").stdout
    assert registry.ours("runs") == []

    (done,) = ask("sync", "--all")["backends"]

    assert (done["pending"], done["dead"], done["url"]) == (0, 0, registry.url)
    # What a task reads is ordered, too, when the task comes first.
    assert done["delivered"] >= done["ordered"] > 6
    assert len(registry.ours("runs")) == 2
    assert registry.duplicates() == {}
    assert ask("sync", "--all")["backends"][0]["ordered"] == 0
    assert list(ask("show", "total")["backends"]) == [registry.url]


def test_a_backend_is_named_on_the_command_line(run, ask, registry) -> None:
    """Without settings --backend says where to; without either nothing is done."""
    told = run("sync", code=1)
    assert told.stderr.startswith("error[input]: no backend is named; name it with --backend")

    done = ask("sync", "--all", "--backend", registry.url)

    assert done["backends"][0]["pending"] == 0
    assert len(registry.ours("runs")) == 2
    assert "the ledger keeps records for little" in run("sync", code=1).stderr


def test_what_is_edited_by_commands_is_delivered(run, ask, configured, registry) -> None:
    """A tag that a command adds is at the backend when the command has ended."""
    run("sync", "--all")

    run("tags", "config@1", "--add", "gold")

    (row,) = [row for row in registry.tables["versions"] if "gold" in row["tags"]]
    assert row["name"] == "config"
    assert ask("pending")["backends"][0]["pending"] == 0


def test_what_nobody_sends_is_named_with_its_command(
    run, ask, registry, folder, monkeypatch
) -> None:
    """Rows for a URL of no settings are told with the command that sends them; it does."""
    with ledger_of(folder) as ledger:
        ledger.outbox.enqueue_all(ledger.register_backend(registry.url))
    (told,) = ask("pending")["backends"]

    assert told["command"] == f"artifact-plugins sync --backend {registry.url}"
    assert f"  {told['command']}\n" in run("pending").stdout
    run(*told["command"].split()[1:])
    assert ask("pending")["backends"][0]["pending"] == 0
    assert len(registry.ours("runs")) == 2
    assert "sync --backend" not in run("pending").stdout


def test_what_was_left_for_a_backend_goes_with_a_session_that_names_it(
    run, ask, registry, folder, configured
) -> None:
    """Rows of another process for the URL of the settings need no command: every session sends them."""
    with ledger_of(folder) as ledger:
        ledger.outbox.enqueue_all(ledger.register_backend(registry.url))

    assert ask("pending")["backends"][0]["command"] is None
    given = ap.Settings(
        store_url=f"{folder}/.artifact_plugins/store",
        ledger_url=f"sqlite:///{folder}/.artifact_plugins/ledger.sqlite",
        plugins=("little_registry",),
        backends=(registry.url,),
    )
    with ap.open_session(given) as session:
        session.save(1, "another")
    assert len(registry.ours("runs")) == 2
    assert ask("pending")["backends"][0]["pending"] == 0


def test_an_outage_leaves_everything(run, ask, monkeypatch, folder: Path) -> None:
    """With nobody there sync ends with 1, says why, and everything waits; so does an edit."""
    url = nowhere()
    monkeypatch.setenv("ARTIFACT_PLUGINS_BACKENDS", json.dumps([url]))

    (done,) = ask("sync", "--all", "--timeout", "2", code=1)["backends"]
    edited = run("tags", "config@1", "--add", "gold")
    listed = run("list")

    assert done["delivered"] == 0
    assert done["pending"] == done["ordered"] > 6
    assert done["standing"] == "waiting"
    assert "Connection refused" in done["reason"]
    assert "gold" in edited.stdout
    assert "config" in listed.stdout
    assert ask("pending")["backends"][0]["pending"] == done["pending"]


def test_backends_tell_who_answers(run, ask, configured, registry) -> None:
    """System and version of what answers, what waits, and nothing else when all is well."""
    run("sync", "--all")

    (one,) = ask("backends")["backends"]

    assert one["server"] == {"system": "Little", "version": "1.2", "user": "", "facts": {}}
    assert (one["pending"], one["dead"], one["error"], one["reason"]) == (0, 0, None, None)
    assert one["is_configured"]
    text = run("backends").stdout
    assert "Little 1.2" in text
    assert registry.url in text


def test_backends_tell_what_is_wrong(run, ask, configured, registry, monkeypatch) -> None:
    """Wrong credentials, a page for people and nobody at all are each told beside the others."""
    registry.token = "right-token-of-the-test"
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong-token-of-the-test")
    with chaos_proxy(registry.port, script=[Fault.HTML]) as proxy:
        others = ["--backend", f"little+{proxy.url}", "--backend", nowhere()]
        found = ask("backends", "--backend", registry.url, *others, code=1)["backends"]

    refused, page, gone = (one["error"] for one in found)
    assert refused.startswith("BackendAuthError: ")
    assert page.startswith("BackendContractError: ")
    assert gone.startswith("BackendUnavailableError: ")
    assert "wrong-token" not in json.dumps(found)
    assert "does not answer as it should" in run("backends", code=1).stdout


def test_a_pause_is_told_by_the_ledger(run, ask, configured, registry, monkeypatch) -> None:
    """After refused credentials, `backends --offline` says that the backend pauses and why."""
    registry.token = "right-token-of-the-test"
    done = ask("sync", "--all", "--timeout", "2", code=1)["backends"][0]
    seen = len(registry.asked)

    (one,) = ask("backends", "--offline")["backends"]
    text = run("backends", "--offline").stdout

    assert done["standing"] == "paused"
    assert one["standing"] == "paused"
    assert one["reason"].startswith("BackendAuthError")
    assert one["pending"] == done["pending"] > 6
    assert one["dead"] == 0
    assert "paused: BackendAuthError" in text
    assert len(registry.asked) == seen
    registry.token = None
    assert ask("sync")["backends"][0]["pending"] == 0
    assert ask("backends")["backends"][0]["standing"] in (None, "delivering")


def test_what_is_refused_is_given_up_and_told(run, ask, configured, registry, folder) -> None:
    """A record that the server refuses does not stop the others; sync ends with 1."""
    run("update", "config@1", "--description", "\N{SNOWMAN}")

    done = ask("sync", "--all", code=1)["backends"][0]

    assert (done["pending"], done["dead"]) == (0, 1)
    (row,) = ask("pending", "--dead")["rows"]
    assert row["name"] == "config@1"
    assert "a snowman is not accepted" in row["error"]
    assert "1 records were given up" in run("backends").stdout
    run("update", "config@1", "--description", "a man")
    assert ask("sync")["backends"][0]["dead"] == 0
    assert "a man" in {row["description"] for row in registry.tables["versions"]}


def test_what_a_server_lost_is_sent_again(run, ask, configured, registry) -> None:
    """The command says what is missing; only with --yes, sync sends it again, once."""
    run("sync", "--all")
    before = {table: sorted(registry.ours(table)) for table in registry.tables}
    for table in ("versions", "tasks", "runs"):
        registry.forget(table, registry.ours(table)[0])

    dry = ask("reconcile")
    told = run("reconcile").stdout
    assert (dry["is_executed"], dry["backends"][0]["lost"]) == (
        False,
        {"run": 1, "task": 1, "version": 1},
    )
    assert "nothing was ordered; repeat the command with --yes" in told
    assert ask("sync")["backends"][0]["delivered"] == 0
    done = ask("reconcile", "--yes")
    assert (done["is_executed"], done["backends"][0]["lost"]) == (
        True,
        dry["backends"][0]["lost"],
    )
    # The command before may have sent some of them before it ended.
    assert ask("sync")["backends"][0]["delivered"] <= 3

    assert {table: sorted(registry.ours(table)) for table in registry.tables} == before
    assert "nothing missing there" in run("reconcile", "--yes").stdout
    assert "contradict each other" in run("reconcile", "--yes", "--dry-run", code=2).stderr


def test_abilities_are_a_table(run, ask) -> None:
    """Every operation of a system is told, and how or why not."""
    text = run("backends", "--abilities", "little").stdout
    found = ask("backends", "--abilities", "Little")

    assert "deliver runs" in text
    assert "it has no such request" in text
    assert found["system"] == "Little"
    assert {one["operation"]: one["is_supported"] for one in found["abilities"]}[
        "delete what nothing uses"
    ] is False
    done = run("backends", "--abilities", "nothing", code=1)
    assert done.stderr.startswith("error[input]: no plugin offers a backend 'nothing'")


def test_reading_the_outbox_needs_no_plugin(call, folder: Path, monkeypatch) -> None:
    """A backend of a plugin that is gone is listed and dropped from, and cannot be synced to."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_PLUGINS", "[]")
    with ledger_of(folder) as ledger:
        number = ledger.register_backend("gone+http://host/")
        ledger.outbox.enqueue_all(number)
        (row,) = ledger.outbox.page(number, state=OutboxState.PENDING, limit=1)

    assert "gone+http://host/" in call("pending", folder=folder).stdout
    assert "gone+http://host/" in call("backends", folder=folder).stdout
    call("drop", "--id", str(row.seq), "--yes", folder=folder)
    done = call("sync", "--backend", "gone", folder=folder, code=1)
    assert done.stderr.startswith("error[settings]: no plugin offers a backend 'gone'")


@pytest.mark.parametrize(
    "url",
    ["little+http://me:secret-word@host/", "little+http://host/?token=secret-word", "http://host"],
)
@pytest.mark.parametrize("command", [["sync"], ["backends"], ["reconcile"], ["pending"]], ids=str)
def test_a_url_that_cannot_be_is_refused(run, command, url: str) -> None:
    """One line says what is wrong with a URL, and does not repeat a credential."""
    done = run(*command, "--backend", url, code=1)

    assert done.stderr.startswith("error[settings]: ")
    assert "secret-word" not in done.stderr


@pytest.mark.parametrize("command", [["sync", "--all"], ["reconcile"]], ids=str)
def test_nothing_is_made_in_an_empty_place(call, configured, tmp_path: Path, command) -> None:
    """Without a ledger there is nothing to deliver and no file is made; backends are listed."""
    folder = tmp_path / "empty"
    folder.mkdir()

    done = call(*command, folder=folder, code=1)

    assert done.stderr.startswith("error[artifact-missing]: there is no ledger")
    assert "pending" not in call("backends", "--offline", folder=folder).stdout
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["sync", "--timeout", "-1"], ["backends", "--timeout", "0"], ["sync", "--timeout", "nan"]],
    ids=str,
)
def test_times_are_checked(run, configured, arguments: list[str]) -> None:
    """A time that is none is wrong usage."""
    done = run(*arguments, code=2)

    assert "Error: " in done.stderr
