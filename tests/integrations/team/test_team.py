"""Two machines, one PostgreSQL, one S3: what one writes the other lists, loads and traces."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from team_machines import answer_of, block

from artifact_plugins.records import IOType

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]
MONTHS = "[1, 2, 3]"


@pytest.fixture(scope="module")
def written(team) -> dict[str, Any]:
    """What machine one did: the pipeline once in its process, once in workers, labels."""
    inline = team.one.act("run", MONTHS)
    workers = team.one.act("run", MONTHS, ARTIFACT_PLUGINS_RUNTIME="processes:2")
    labels = team.one.act("publish", inline["run"])
    ids = team.one.act("dump", team.one.root / "values")
    return {"inline": inline, "workers": workers, "ids": ids, **labels}


def without_cache(states: dict[str, str]) -> dict[str, str]:
    return {path: state.replace("CACHED", "SUCCEEDED") for path, state in states.items()}


def test_workers_record_the_same_run(written):
    """On one machine both runtimes leave the same tasks and links; the second is served."""
    inline, workers = written["inline"], written["workers"]

    assert without_cache(workers["states"]) == inline["states"]
    assert list(workers["states"].values()).count("CACHED") == 3
    assert set(inline["states"].values()) == {"SUCCEEDED", "SKIPPED"}
    assert workers["links"] == inline["links"]


def test_the_other_lists_what_one_wrote(team, written):
    """`list --where` on the other machine finds versions by metadata, tags, aliases and writer."""

    def names(where: str) -> set[str]:
        page = team.other.cli("list", "--where", where, "--limit", 1000)
        return {f"{found['artifact']}@{found['version']}" for found in page["versions"]}

    assert names('metadata["rmse"] < 0.3 and "reviewed" in tags') == {written["model"]}
    assert names('"prod" in aliases') == {written["model"]}
    assert names('created_by == "guarded" and name == "flights"') == {
        f"flights@{number}" for number in range(1, 7)
    }


def test_the_other_shows_the_same_record(team, written):
    """`show` gives both machines one document."""
    shown = team.other.cli("show", "ranking@1")

    assert shown == team.one.cli("show", "ranking@1")
    assert shown["uri"].startswith(("s3://team/", "data:"))
    assert shown["tags"] == ["report"]


def test_the_other_loads_every_value_equal(team, written):
    """Frames, dataclasses, inline values: each version loads with its type and value."""
    checked = team.other.act("check", team.one.root / "values")

    assert checked["count"] == len(written["ids"]) > 15
    assert set(checked["types"]) >= {"DataFrame", "dict", "float", "list", "str"}


def test_the_other_traces_to_the_parameters(team, written):
    """`lineage` of the model goes back over every task to months, carrier and literals."""
    graph = team.other.cli("lineage", "model@prod")

    tasks = {node["label"].partition("#")[0] for node in graph["nodes"] if node["kind"] == "task"}
    values = [node["value"] for node in graph["nodes"] if node["kind"] == "parameter"]
    assert tasks >= {"train", "rank", "mean_delay", "load_flights"}
    assert "UA" in values
    assert 8 in values
    assert [1, 2, 3] in values or {1, 2, 3} <= {v for v in values if type(v) is int}


def test_the_other_uses_what_one_made(team, written):
    """A pipeline over another machine's versions reads them as they are and links to them."""
    used = team.other.act("use", "flights@2", "worst@1")

    assert "IMPORTER" in used["types"].values() or any(
        IOType.COMPONENT_INPUT.value in link for link in used["links"]
    )
    nodes = {node["label"] for node in used["upstream"]["nodes"] if node["kind"] == "version"}
    assert {"flights@2 (Dataset)", "worst@1 (Artifact)"} <= nodes
    assert used["value"] == pytest.approx(96 / 7 - 48 / 7 - 0.5, abs=0.1)


def test_the_other_is_served_from_ones_cache(team, written):
    """The same code in another folder and equal inputs: a hit, and the old version is linked."""
    before = versions_of(team, "delay")

    served = team.other.act("run", MONTHS)
    missed = team.other.act("run", MONTHS, "AA")

    states = [served["states"][path] for path in served["states"] if "mean_delay" in path]
    assert states.count("CACHED") == 3
    states = [missed["states"][path] for path in missed["states"] if "mean_delay" in path]
    assert "CACHED" not in states
    assert len(versions_of(team, "delay")) == len(before) + 3


def versions_of(team, name: str) -> list[int]:
    page = team.other.cli("list", name, "--limit", 1000)
    return sorted(version["version"] for version in page["versions"])


def test_an_alias_is_moved_once(team, written):
    """Both read who has `best`; the first to move it wins, the other is told who has it."""
    one = team.one.start("move_alias")
    assert one.stdout.readline() == "read\n"

    moved = team.other.start("move_alias").communicate("go\n", timeout=240)[0]
    out, err = one.communicate("go\n", timeout=240)

    holder = json.loads(moved.splitlines()[-1])["holder"]
    answer = json.loads(out.splitlines()[-1])
    assert answer["holder"] == holder, err
    assert "best" in answer["conflict"]


def test_what_one_deletes_the_other_restores(team, written):
    """A deleted version is gone for both, and whole again for both when one restores it."""
    team.other.cli("delete", "notes@1", "--force")
    gone = team.one.start("show", "notes@1", module="artifact_plugins")
    _, said = gone.communicate(timeout=240)

    restored = team.one.cli("restore", "notes@1")

    assert gone.returncode != 0
    assert "restore" in said
    assert restored["version"]["id"] == written["notes"]
    assert team.other.cli("load", "notes@1")["value"] == {"by": "hand", "of": [1, 2, None]}


def test_both_save_one_artifact_without_gaps(team):
    """50 versions from each machine at once, in its record or in S3: 1 to 100."""
    savers = [machine.start("save_many", 50, label) for label, machine in both(team)]
    for saver in savers:
        assert saver.stdout.readline() == "ready\n"

    for saver in savers:
        saver.stdin.write("go\n")
        saver.stdin.flush()
    numbers = [number for saver in savers for number in answer_of(saver)]

    assert sorted(numbers) == list(range(1, 101))
    assert versions_of(team, "raced") == list(range(1, 101))


def both(team) -> list[tuple[str, Any]]:
    return [("one", team.one), ("other", team.other)]


def test_a_worker_needs_only_the_store(team):
    """Workers without the ledger's password run the pipeline; what they read by hand asks for it."""
    found = team.one.act("workers", ARTIFACT_PLUGINS_PROJECT="workers")

    process, rows = found["seen"]
    assert rows == 3000
    assert process != found["driver"]
    # Negative control: these workers cannot open the ledger.
    assert found["refused"].startswith("StoreReadError")
    assert "password authentication failed" in found["refused"]


def test_the_page_is_true(team):
    """The variables, the script and the commands of docs/team.md work between the machines."""
    variables = set(re.findall(r"export (\w+)=", block("team.sh")))
    project = {"ARTIFACT_PLUGINS_PROJECT": "page"}
    for machine in (team.one, team.other):
        (machine.root / "code" / "delays.py").write_text(block("delays.py"))
        done = machine.start(module="delays", **project)
        out, err = done.communicate(timeout=240)
        assert out == "mean_delay@1 5.0\n", err

    said = []
    for line in block("look.sh").splitlines():
        command = shlex.split(line)[1:]
        looked = team.other.start(*command, module="artifact_plugins", **project)
        out, err = looked.communicate(timeout=240)
        assert looked.returncode == 0, err
        said.append(out)

    assert variables <= team.other.environment().keys()
    for text, out in zip(("mean_delay@1", "5.0", "12.0"), said, strict=True):
        assert text in out


def test_homes_stay_empty(team, written):
    """Neither machine keeps anything in its home, working or temporary folder but its own key."""
    left = [
        str(path.relative_to(machine.root))
        for machine in (team.one, team.other)
        for folder in ("home", "tmp")
        for path in (machine.root / folder).rglob("*")
        if path.is_file()
        and not path.is_relative_to(machine.root / "home" / ".config" / "artifact_plugins")
    ]

    assert left == []
