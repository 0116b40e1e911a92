"""One of the team's servers goes away and comes back: what is said, what is there afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import postgresql_server as postgresql
import pytest
from cutting_proxy import cutting_proxy
from team_machines import Team, a_team, answer_of, asked

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]
STEPS = 16
MANY_STEPS = 40  # many commits, of which a share is cut


@pytest.fixture
def own_server() -> Iterator[postgresql.PostgreSQLServer]:
    """A PostgreSQL server that the test may stop."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    server = postgresql.start(folder)
    yield server
    postgresql.stop(server)
    shutil.rmtree(folder, ignore_errors=True)


def test_while_s3_is_away_errors_are_named_and_nothing_is_half_written(
    postgresql_server, s3_endpoint
):
    """Saves, loads and runs fail by name; records stay readable; then the same process goes on."""
    port = urlsplit(s3_endpoint).port
    assert port is not None
    with (
        cutting_proxy(port, b"never cut") as proxy,
        a_team(postgresql_server, f"http://127.0.0.1:{proxy.port}", AWS_MAX_ATTEMPTS="2") as team,
    ):
        one = team.one.start("through_outage")
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
        assert asked(one, "run") == 2
        assert asked(one, "save 100000") == 1

        proxy.is_away.set()
        away = [asked(one, line) for line in ("save 100000", "run", "load flights")]
        small = asked(one, "small text")
        listed = asked(one, "list arrays")
        page = team.other.cli("list", "flights")
        shown = team.other.cli("show", "flights@1")
        traced = team.other.cli("lineage", "flights@1")
        doctor = team.other.start("doctor", "--json", module="artifact_plugins")
        blamed = json.loads(doctor.communicate(timeout=240)[0])["problems"]
        said = failure_of(team, "load", "flights@1")

        proxy.is_away.clear()
        again = [asked(one, line) for line in ("list arrays", "save 100000", "run", "load flights")]
        answer_of(one)
        runs = team.other.cli("runs")["runs"]
        checked = team.other.cli("doctor")

    assert [answer["error"] for answer in away] == [
        "StoreWriteError",
        "StoreWriteError",
        "StoreReadError",
    ]
    assert all(answer["again"] for answer in away)
    assert small == 1
    assert listed == ["arrays@1"]
    assert [found["version"] for found in page["versions"]] == [2, 1]
    assert shown["artifact"] == "flights"
    assert {node["kind"] for node in traced["nodes"]} == {"version", "task", "parameter"}
    assert [problem["room"] for problem in blamed] == ["store"]
    assert "S3 bucket 'team'" in said
    assert again == [["arrays@1"], 2, 2, 3000]
    assert [run["state"] for run in runs] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert checked["is_well"]


def failure_of(team: Team, *arguments: object) -> str:
    child = team.other.start(*arguments, module="artifact_plugins")
    _, err = child.communicate(timeout=240)
    assert child.returncode == 1, err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("runtime", ["inline", "processes:2"])
def test_a_run_goes_on_after_postgresql_restarts(own_server, s3_endpoint, runtime):
    """A server that is killed in the middle of a run and comes back: everything is there, once."""
    with a_team(own_server, s3_endpoint, ARTIFACT_PLUGINS_RUNTIME=runtime) as team:
        child = team.one.start("long_run", STEPS, 0.3)
        wait_for_tasks(team, 5)

        postgresql.stop(own_server)
        time.sleep(1.5)
        postgresql.bring_back(own_server)
        done = answer_of(child)
        found = team.other.act("look_at", done["run"])

    assert done["total"] == sum(range(STEPS)) * 1000
    assert_whole(found)


@pytest.mark.parametrize("runtime", ["inline", "processes:2"])
def test_a_run_whose_commits_get_no_answer_is_recorded_once(
    postgresql_server, s3_endpoint, runtime
):
    """A third of the COMMITs is cut, half of them after the server did its work: nothing twice."""
    with (
        cutting_proxy(postgresql_server.port, b"COMMIT") as proxy,
        a_team(
            postgresql_server, s3_endpoint, port=proxy.port, ARTIFACT_PLUGINS_RUNTIME=runtime
        ) as team,
    ):
        proxy.share = {"answer": 0.17, "request": 0.17}
        done = team.one.act("long_run", MANY_STEPS, 0.06)
        proxy.share = {"answer": 0.0, "request": 0.0}
        found = team.other.act("look_at", done["run"])

    assert proxy.cut["answer"] + proxy.cut["request"] > 2
    assert_whole(found, steps=MANY_STEPS)


def test_a_postgresql_that_stays_away_is_named(own_server, s3_endpoint):
    """After the busy timeout the run ends with a named error; the next run works."""
    with a_team(own_server, s3_endpoint, ARTIFACT_PLUGINS_BUSY_TIMEOUT_SECONDS="1") as team:
        child = team.one.start("long_run", STEPS, 0.3)
        wait_for_tasks(team, 5)

        postgresql.stop(own_server)
        _, said = child.communicate(timeout=240)
        refused = failure_of(team, "list")
        postgresql.bring_back(own_server)
        first = team.other.cli("runs")["runs"][0]
        cut = team.other.act("look_at", first["id"])
        done = team.one.act("long_run", STEPS, 0)
        found = team.other.act("look_at", done["run"])
        checked = team.other.cli("doctor")

    assert child.returncode == 1
    last = said.strip().splitlines()
    assert any("errors.Store" in line or "errors.CommitUnknown" in line for line in last), said
    assert "cannot be" in refused
    # Nobody could write how it ended.
    assert cut["state"] == "RUNNING"
    assert 4 <= len(cut["versions"]) < STEPS
    assert_whole(found, first_number=len(cut["versions"]) + 1)
    assert checked["is_well"]


def wait_for_tasks(team: Team, count: int) -> None:
    """Wait until the ledger has so many tasks that have ended."""
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at:
        ((ended,),) = team.server.run(
            "SELECT count(*) FROM task WHERE state = 'SUCCEEDED'", database=team.database
        )
        if ended >= count:
            return
        time.sleep(0.05)
    raise TimeoutError("the run does not begin")


def assert_whole(found: dict[str, Any], *, first_number: int = 1, steps: int = STEPS) -> None:
    """Every task, version and link of the run is there, and there once."""
    assert found["state"] == "SUCCEEDED"
    assert {task.rpartition(" ")[2] for task in found["tasks"]} == {"SUCCEEDED"}
    assert sum("slowly" in task for task in found["tasks"]) == steps
    numbers = list(range(first_number, first_number + steps))
    assert [n for name, n in found["versions"] if name == "slow"] == numbers
    assert len(set(found["outputs"])) == len(numbers) + 1
    assert found["links"] == found["different_links"]
    assert found["documents"] == 1
