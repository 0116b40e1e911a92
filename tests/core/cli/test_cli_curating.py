"""Update, delete, restore, trash, prune and gc as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run(in_folder, folder: Path):
    """The command line as a process in a folder of the test's own."""
    return in_folder(folder)


@pytest.fixture
def ask(call, folder: Path):
    """The same in this process, with `--json`; gives the document."""

    def asked(*arguments: str, code: int = 0) -> Any:
        return json.loads(call(*arguments, "--json", code=code, folder=folder).stdout)

    return asked


def test_a_deleted_version_comes_back(run) -> None:
    """delete, trash and restore as processes: listings, numbers and errors follow."""
    done = run("delete", "config")
    assert done.stdout == "deleted config@2; `artifact-plugins restore config@2` brings it back\n"
    assert "config@2" in run("trash").stdout

    failed = run("load", "config@2", code=1)
    assert failed.stderr.startswith("error[artifact-missing]: config@2 was deleted at 20")
    assert failed.stderr.count("\n") == 1

    assert run("restore", "config@2").stdout == "restored config@2\n"
    assert "'a': []" in run("load", "config@2").stdout
    assert "is empty" in run("trash").stdout


def test_delete_writes_the_record(ask) -> None:
    """JSON of delete and trash is the record, with when it was deleted."""
    deleted = ask("delete", "config")

    assert (deleted["artifact"], deleted["version"]) == ("config", 2)
    assert deleted["deleted_at"] is not None
    trash = ask("trash")
    assert [one["id"] for one in trash["versions"]] == [deleted["id"]]
    assert trash["next_page_token"] is None
    found = ask("restore", deleted["id"])
    assert found["version"]["deleted_at"] is None
    assert found["aliases_elsewhere"] == {}


def test_what_holds_a_version_is_told(call, ask, folder: Path) -> None:
    """A tagged, linked version is refused with one line that names everything; --force deletes it."""
    done = call("delete", "config@1", code=1, folder=folder)

    assert done.stderr.startswith("error[version-held]: config@1 is held by tag 'raw'; tag 'v:1'")
    linked = call("delete", "prices", code=1, folder=folder)
    assert "link" in linked.stderr
    assert ask("delete", "prices", "--force")["version"] == 2
    tree = call("lineage", "total", folder=folder).stdout
    assert "prices@2" in tree  # its record stays


def test_an_alias_that_moved_is_told(call, ask, folder: Path) -> None:
    """Restore says which alias stays with whom."""
    ask("tags", "config@2", "--alias", "prod")
    ask("delete", "config@2", "--force")
    holder = ask("tags", "config@1", "--alias", "prod")["version_id"]

    done = call("restore", "config@2", folder=folder)

    assert f"alias 'prod' stays on version id {holder}" in done.stdout


def test_update_changes_what_may_change(ask) -> None:
    """Description, tags, single metadata keys, and the name of the artifact."""
    record = ask(
        "update",
        "config",
        *("--description", "the newest", "--tag", "gold", "--add-tag", "v:2"),
        *("--set", "rmse=0.5", "--set", "note=as text", "--unset", "nothing"),
        *("--name", "settings"),
    )

    assert record["artifact"] == "settings"
    assert record["description"] == "the newest"
    assert record["tags"] == ["gold", "v:2"]
    assert (record["metadata"]["rmse"], record["metadata"]["note"]) == (0.5, "as text")
    again = ask("update", "settings", "--metadata", '{"only": [1]}', "--description", "")
    assert again["metadata"] == {"only": [1]}
    assert again["description"] is None
    assert ask("load", "settings@1")["value"] == {"a": [1, 2.5], "b": "text"}


def test_update_of_nothing_changes_nothing(call, folder: Path) -> None:
    """Without an option the record stays as it is."""
    assert call("update", "config", folder=folder).stdout == "config@2 stays as it is\n"


def test_prune_is_a_dry_run_until_yes(run, ask) -> None:
    """Without --yes nothing is deleted; with it what was shown is in the trash."""
    told = run("prune", "--keep-newest", "1")
    assert "would delete 0 versions" in told.stdout
    plan = ask("prune", "--keep-newest", "1", "--with-links")
    assert not plan["is_executed"]
    assert {one["version"] for one in plan["versions"]} == {"prices@1", "total@1"}
    assert plan["held_by"] == {"retention": 4, "tag": 1}
    assert {hold["kind"] for one in plan["held"] for hold in one["holds"]} == {"retention", "tag"}
    assert ask("trash")["versions"] == []

    done = run("prune", "--keep-newest", "1", "--with-links", "--yes")

    assert "deleted 2 versions" in done.stdout
    assert {one["artifact"] for one in ask("trash")["versions"]} == {"prices", "total"}


def test_prune_takes_a_name_or_a_filter(ask) -> None:
    """Only those versions are looked at."""
    assert [one["version"] for one in ask("prune", "large")["versions"]] == ["large@1"]
    found = ask("prune", "--where", 'metadata["rmse"] == 0.25')
    assert [one["version"] for one in found["versions"]] == ["config@2"]
    assert ask("prune", "--older-than", "1d")["versions"] == []


def test_gc_frees_what_was_deleted(run, ask, folder: Path) -> None:
    """A dry run first; then the files are gone, and restoring says so."""
    ask("delete", "large")
    assert ask("gc")["versions"] == []
    told = ask("gc", "--trash", "0", "--dry-run")
    assert len(told["versions"]) == 1
    assert told["is_dry_run"]

    done = run("gc", "--trash", "0")

    assert "removed 1 deleted versions and 0 unfinished saves" in done.stdout
    assert not [path for path in folder.rglob("*") if path.parent.name == told["versions"][0]]
    failed = run("restore", "large@1", code=1)
    assert "its bytes were collected" in failed.stderr
    assert ask("doctor")["is_well"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["prune", "--older-than", "30"],
        ["prune", "--keep-newest", "-1"],
        ["prune", "--yes", "--dry-run"],
        ["prune", "config", "--where", "version > 1"],
        ["gc", "--grace", "soon"],
        ["update", "config", "--set", "novalue"],
        ["update", "config", "--metadata", "[1]"],
        ["delete"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_two(call, folder: Path, arguments: list[str]) -> None:
    """Usage is explained on stderr, and nothing changes."""
    before = call("list", "--json", folder=folder).stdout

    done = call(*arguments, code=2, folder=folder)

    assert done.stdout == ""
    assert "Error: " in done.stderr
    assert call("list", "--json", folder=folder).stdout == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["delete", "nothing"], "artifact-missing"),
        (["restore", "nothing"], "artifact-missing"),
        (["update", "nothing", "--description", "x"], "artifact-missing"),
        (["update", "config", "--add-tag", "a\nb"], "invalid-name"),
        (["update", "config", "--name", "large"], "lineage-conflict"),
        (["prune", "nothing"], "artifact-missing"),
        (["trash", "--page-token", "nonsense"], "invalid-key"),
    ],
    ids=str,
)
def test_named_errors_are_one_line(call, folder: Path, arguments: list[str], code: str) -> None:
    """A named error is one line `error[code]: message` and exit code 1."""
    done = call(*arguments, code=1, folder=folder)

    assert done.stdout == ""
    assert done.stderr.startswith(f"error[{code}]: ")
    assert done.stderr.count("\n") == 1
