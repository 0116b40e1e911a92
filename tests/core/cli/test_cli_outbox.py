"""pending, replay, drop, and what backends call our records: with the ledger alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from artifact_plugins.cli.externals import write_externals
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxState

ZENML = "zenml+http://zen.example:8080/"
MLTE = "mlte+http://mlte.example/"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No URL is broken over lines, whatever the terminal of the tests."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def outbox(folder: Path):
    """The ledger of the folder, in which everything waits for two backends."""
    with Ledger.open(
        f"sqlite:///{folder}/.artifact_plugins/ledger.sqlite", durable=False
    ) as ledger:
        for url in (ZENML, MLTE):
            ledger.outbox.enqueue_all(ledger.register_backend(url))
        yield ledger


@pytest.fixture
def run(call, folder: Path):
    """The command line in the folder of the test's own."""
    return lambda *arguments, code=0: call(*arguments, code=code, folder=folder)


@pytest.fixture
def ask(run):
    """The same with `--json`; gives the document."""

    def asked(*arguments: str, code: int = 0) -> Any:
        return json.loads(run(*arguments, "--json", code=code).stdout)

    return asked


def bury(ledger: Ledger, count: int) -> list[int]:
    """Give the first records of ZenML up; return their numbers."""
    rows = ledger.outbox.page(1, state=OutboxState.PENDING, limit=count)
    for row in rows:
        ledger.outbox.begin([row])
        ledger.outbox.bury(row, error="BackendRejectedError: \x1b[31mname too long")
    return [row.seq for row in rows]


def test_pending_counts_and_names_what_waits(outbox: Ledger, run, ask) -> None:
    """Each backend has its counts; rows name the record as people do, in the order of delivery."""
    found = ask("pending", "--limit", "1000")
    text = run("pending").stdout

    counts = {one["url"]: (one["pending"], one["dead"]) for one in found["backends"]}
    total = counts[ZENML][0]
    assert counts == {ZENML: (total, 0), MLTE: (total, 0)}
    assert total > 6
    rows = found["rows"]
    assert len(rows) == 2 * total
    assert [row["seq"] for row in rows if row["backend"] == ZENML] == sorted(
        row["seq"] for row in rows if row["backend"] == ZENML
    )
    names = {(row["kind"], row["name"]) for row in rows}
    assert {("version", "config@1"), ("version", "large@1")} <= names
    assert ("task", "total") in {(kind, name.rpartition("/")[2]) for kind, name in names}
    assert {row["state"] for row in rows} == {"PENDING"}
    assert found["next_page_token"] is None
    assert "version config@1" in text
    assert ZENML in text
    assert "more: repeat the command with --page-token" in text


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_pages_hold_every_row_once(outbox: Ledger, ask, limit: int) -> None:
    """Pages of any length go through one backend after the other."""
    every = [row["seq"] for row in ask("pending", "--limit", "1000")["rows"]]
    seen: list[int] = []
    token: list[str] = []

    while True:
        page = ask("pending", "--limit", str(limit), *token)
        seen += [row["seq"] for row in page["rows"]]
        if page["next_page_token"] is None:
            break
        assert len(page["rows"]) == limit
        token = ["--page-token", page["next_page_token"]]

    assert seen == every
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("token", ["x", "1", "1.x", ".", "1.-2", "9" * 40 + ".1", "٣.1", "-1.1"])
def test_a_made_up_page_is_refused(outbox: Ledger, run, token: str) -> None:
    """A token of nowhere is one line that says so."""
    done = run("pending", f"--page-token={token}", code=1)

    assert done.stderr.startswith("error[input]: there is no page")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "wanted", ["zenml", "ZenML", ZENML, "zenml+http://ZEN.example:8080", ZENML + "?api_key=env:X"]
)
def test_a_backend_is_meant_by_system_or_url(outbox: Ledger, ask, wanted: str) -> None:
    """A system's name means all its backends; a URL is compared as the ledger spells it."""
    found = ask("pending", "--backend", wanted)

    assert [one["url"] for one in found["backends"]] == [ZENML]
    assert {row["backend"] for row in found["rows"]} == {ZENML}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [("kfp", "input"), ("zenml+http://other", "input"), ("http://x", "settings"), ("", "input")],
)
@pytest.mark.parametrize("command", [["pending"], ["replay"], ["drop", "--dead", "--yes"]], ids=str)
def test_an_unknown_backend_is_told(outbox, run, command, wanted: str, code: str) -> None:
    """What the ledger has no outbox for is refused, and the known ones are named."""
    done = run(*command, "--backend", "mlte", "--backend", wanted, code=1)

    assert done.stderr.startswith(f"error[{code}]: ")
    assert code != "input" or ZENML in done.stderr
    assert outbox.outbox.counts()[0].dead == 0


def test_what_was_given_up_is_shown_replayed_and_dropped(outbox: Ledger, run, ask) -> None:
    """Dead letters tell why, go back by their id or all together, or are dropped."""
    first, second, third = bury(outbox, 3)

    told = run("pending", "--dead", "--backend", "zenml").stdout
    assert "BackendRejectedError: \\x1b[31mname too long" in told
    assert [row["seq"] for row in ask("pending", "--dead")["rows"]] == [first, second, third]

    assert ask("replay", "--id", str(first)) == {"replayed": {ZENML: 1, MLTE: 0}}
    assert [row["seq"] for row in ask("pending", "--dead")["rows"]] == [second, third]
    assert "nothing was dropped" in run("drop", "--id", str(second)).stdout
    assert [row["seq"] for row in ask("pending", "--dead")["rows"]] == [second, third]

    assert "dropped 1 records" in run("drop", "--id", str(second), "--yes").stdout
    assert [row["seq"] for row in ask("pending", "--dead")["rows"]] == [third]
    assert f"{ZENML}: 1 records wait" in run("replay").stdout
    assert ask("pending", "--dead")["rows"] == []


def test_all_that_was_given_up_is_dropped_and_no_more(outbox: Ledger, run, ask) -> None:
    """`drop --dead` shows them, asks for --yes, and leaves what waits alone."""
    bury(outbox, 4)
    before = {one["url"]: one["pending"] for one in ask("pending")["backends"]}

    plan = ask("drop", "--dead")
    assert (plan["is_executed"], plan["count"]) == (False, 4)
    assert {row["state"] for row in plan["rows"]} == {"DEAD"}
    assert "nothing was dropped; repeat the command with --yes" in run("drop", "--dead").stdout
    assert ask("drop", "--dead", "--backend", "mlte", "--yes")["count"] == 0
    done = ask("drop", "--dead", "--yes")

    assert (done["is_executed"], done["count"]) == (True, 4)
    after = {one["url"]: (one["pending"], one["dead"]) for one in ask("pending")["backends"]}
    assert after == {url: (count, 0) for url, count in before.items()}
    assert "nothing was given up" in run("drop", "--dead", "--yes").stdout


@pytest.mark.parametrize("command", [["replay"], ["drop", "--yes"]], ids=str)
def test_an_id_of_nothing_changes_nothing(outbox: Ledger, run, command) -> None:
    """One id that is not there refuses the whole command."""
    (dead,) = bury(outbox, 1)

    done = run(*command, "--id", str(dead), "--id", "999999", code=1)

    assert done.stderr.startswith("error[input]: nothing with id 999999 waits")
    assert outbox.outbox.counts()[0].dead == 1


@pytest.mark.parametrize("arguments", [[], ["--dead", "--id", "1"], ["--id", "0"], ["--id", "x"]])
def test_drop_wants_to_know_what(outbox: Ledger, run, arguments: list[str]) -> None:
    """Neither nothing nor two things at once are dropped."""
    done = run("drop", "--yes", *arguments, code=2)

    assert "Error: " in done.stderr


def test_what_backends_call_records_is_shown(outbox: Ledger, run, ask) -> None:
    """show, and runs with a run, tell the ids of each backend, escaped."""
    version = ask("show", "total")
    task = version["task_id"]
    outbox.outbox.note(1, "version", version["id"], {"external_id": "zen-v1", "url": "http://z/1"})
    outbox.outbox.note(2, "version", version["id"], {"external_id": "\x1b[1mm"})
    outbox.outbox.note(1, "task", task, {"external_id": "step-7"})
    outbox.outbox.note(2, "run", version["run_id"], {"external_id": "run-9"})

    text = run("show", "total").stdout
    shown = ask("runs", version["run_id"])
    told = run("runs", version["run_id"]).stdout

    assert "zen-v1" in text
    assert "http://z/1" in text
    assert "\\x1b[1mm" in text
    assert ask("show", "total")["backends"][ZENML]["external_id"] == "zen-v1"
    assert shown["backends"][task] == {ZENML: {"external_id": "step-7"}}
    assert shown["backends"][version["run_id"]] == {MLTE: {"external_id": "run-9"}}
    assert "step-7" in told
    assert "run-9" in told


def test_a_column_of_pages_is_there_only_with_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no backend has a page for people, no column stands empty."""
    with_page = {ZENML: {"external_id": "1", "url": "http://z/1"}, MLTE: {"external_id": "2"}}

    write_externals([("run", {MLTE: {"external_id": "2"}})])
    without = capsys.readouterr().out
    write_externals([("run", with_page)])

    assert "Page" not in without
    assert "Page" in (told := capsys.readouterr().out)
    assert "http://z/1" in told


def test_without_backends_nothing_is_said_of_them(run, ask) -> None:
    """A ledger that keeps nothing for a backend says so, and shows records as before."""
    assert "keeps nothing for a backend" in run("pending").stdout
    assert ask("pending") == {"backends": [], "rows": [], "next_page_token": None}
    assert "Backends" not in run("show", "total").stdout
    assert ask("show", "total")["backends"] == {}
    assert "keeps nothing for a backend" in run("replay").stdout
    assert "nothing was given up" in run("drop", "--dead", "--yes").stdout


@pytest.mark.parametrize("command", [["pending"], ["replay"], ["drop", "--dead"]], ids=str)
def test_an_empty_place_stays_empty(call, tmp_path: Path, command: list[str]) -> None:
    """Where nothing is saved, `pending` says so and the others refuse; no file is made."""
    folder = tmp_path / "empty"
    folder.mkdir()

    done = call(*command, folder=folder, code=0 if command == ["pending"] else 1)

    assert "there is no ledger at" in done.stdout + done.stderr
    assert list(folder.iterdir()) == []
