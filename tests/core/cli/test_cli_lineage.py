"""`artifact-plugins lineage` asks every question and draws every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from artifact_plugins.cli.commands import lineage

Json = Callable[..., Any]


def labels(document: dict[str, Any]) -> list[str]:
    return [node["label"] for node in document["nodes"]]


@pytest.fixture
def run_name(cli_json: Json) -> str:
    """The name of the first run."""
    return str(cli_json("runs")["runs"][-1]["name"])


def test_the_directions(cli_json: Json) -> None:
    """`--direction down` and `--down` are one question, `up` is what happens without."""
    assert labels(cli_json("lineage", "total@1")) == labels(
        cli_json("lineage", "total@1", "--direction", "up")
    )
    down = labels(cli_json("lineage", "prices@1", "--direction", "down"))
    assert down == labels(cli_json("lineage", "prices@1", "--down"))
    assert "total@1 (Metric)" in down or "total@1 (Artifact)" in down


def test_the_bounds(cli_json: Json, run_name: str) -> None:
    """Depth, width, number of nodes, key and run bound what is followed."""
    whole = cli_json("lineage", "total@1")
    shallow = cli_json("lineage", "total@1", "--depth", "1")
    narrow = cli_json("lineage", "total@1", "--width", "1")
    small = cli_json("lineage", "total@1", "--max-nodes", "2")
    by_key = cli_json("lineage", "total@1", "--key", "rate")
    by_run = cli_json("lineage", "total@1", "--run", run_name)

    assert len(shallow["nodes"]) < len(whole["nodes"])
    assert narrow["hidden"]
    assert (len(small["nodes"]), small["truncated"]) == (2, True)
    assert [node["kind"] for node in by_key["nodes"]] == ["version", "task", "parameter"]
    assert by_run == whole


def test_between_two_versions(cli_json: Json) -> None:
    """`--to` leaves the ways between two versions."""
    document = cli_json("lineage", "prices@1", "--to", "total@1")

    assert document["direction"] == "between"
    assert [node["kind"] for node in document["nodes"]] == ["version", "task", "version"]


def test_a_run_is_drawn(call, cli_json: Json, run_name: str) -> None:
    """The name of a run gives everything that its steps read and made."""
    document = cli_json("lineage", run_name)

    assert document["direction"] == "run"
    assert {"prices", "total"} <= set(labels(document))
    assert "total@1" in call("lineage", run_name).stdout.splitlines()[0]


def test_what_cannot_bound_a_question_is_wrong_usage(call, run_name: str) -> None:
    """Options that mean nothing for a question are refused by name, with exit code 2."""
    done = call("lineage", run_name, "--depth", "2", "--key", "x", code=2)
    call("lineage", "total@1", "--to", "prices@1", "--width", "2", code=2)
    call("lineage", "total@1", "--json", "--format", "openlineage", code=2)

    assert "--depth, --key cannot bound" in done.stderr


def test_a_reference_that_names_nothing_is_the_error_of_versions(call) -> None:
    """Neither a version nor a run has that name: the hint is about versions."""
    done = call("lineage", "nothing", code=1)

    assert "artifact-missing" in done.stderr
    assert "there are the artifacts" in done.stderr


def test_openlineage_events_of_the_run_that_made_a_version(
    call, run_name: str, tmp_path: Path
) -> None:
    """`--format openlineage` writes a line of JSON per event, for a version or its run."""
    pytest.importorskip("openlineage.client")
    target = tmp_path / "events.jsonl"

    lines = call("lineage", "total@1", "--format", "openlineage").stdout.splitlines()
    call("lineage", run_name, "--format", "openlineage", "--output", str(target))

    events = [json.loads(line) for line in lines]
    assert {event["eventType"] for event in events} == {"START", "COMPLETE"}
    assert target.read_text().splitlines() == lines


def test_a_version_saved_by_hand_has_no_events(call) -> None:
    """There is no run behind a version that was saved by hand."""
    done = call("lineage", "config@1", "--format", "openlineage", code=1)

    assert "saved by hand" in done.stderr


def test_a_format_that_cannot_be_loaded_is_named(call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format whose library is missing says what to install; nothing is written."""
    broken = EntryPoint("openlineage", "no_such_module:draw", lineage.GROUP)
    monkeypatch.setattr(lineage, "entry_points", lambda group: [broken])

    done = call("lineage", "total@1", "--format", "openlineage", code=1)

    assert "install artifact-plugins[openlineage]" in done.stderr
    assert done.stdout == ""


def test_any_package_can_add_a_format(call, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the group is a format: a function of a session and a run."""
    monkeypatch.setattr(lineage, "drawn_by_a_test", draw_names, raising=False)
    added = EntryPoint("names", f"{lineage.__name__}:drawn_by_a_test", lineage.GROUP)
    monkeypatch.setattr(lineage, "entry_points", lambda group: [added])

    assert call("lineage", "total@1", "--format", "names").stdout.startswith("bill-")
    assert "names" in call("lineage", "total@1", "--format", "svg", code=2).stderr


def draw_names(session: Any, run: Any) -> str:
    return str(run.name)
