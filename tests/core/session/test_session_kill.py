"""kill -9 at every stage of a save and of a step, and many processes at once."""

from __future__ import annotations

import os
import signal

import pytest
import warm_processes

import artifact_plugins as ap
from artifact_plugins.records import RunQuery, RunState, VersionQuery

SAVE = """
import artifact_plugins as ap
with ap.open_session(ap.Settings(**{places!r})) as session:
    version = session.save("x" * 100_000, "big", idempotency_key="the-one")
    print(version.version)
"""

RUN = """
import artifact_plugins as ap

@ap.step
def make() -> str:
    return "y" * 100_000

with ap.open_session(ap.Settings(**{places!r})):
    with ap.start_run("script"):
        make()
"""


def child(code: str, places: dict[str, str], failpoints: str = "") -> int:
    """Run code in a process of its own with failpoints set; return its exit code."""
    environment = {**os.environ, "ARTIFACT_PLUGINS_TESTING": "1"}
    environment["ARTIFACT_PLUGINS_FAILPOINTS"] = failpoints
    done = warm_processes.run(code.format(places=places), env=environment)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


BEFORE_COMMIT = [
    "save.before_payload",
    "save.mid_payload",
    "save.after_payload",
    "save.after_manifest",
    "commit.before",
    "commit.inside",
]


@pytest.mark.parametrize("point", BEFORE_COMMIT)
def test_save_killed_before_its_commit_is_invisible_and_repeatable(places, point):
    """Nothing half-visible is left, older versions load, the repeat gives one version."""
    with ap.open_session(ap.Settings(**places)) as session:
        session.save("z" * 50_000, "old")

    code = child(SAVE, places, f"{point}=kill")

    assert code == -signal.SIGKILL, f"{point} was never reached"
    with ap.open_session(ap.Settings(**places)) as session:
        assert len(session.ledger.versions(VersionQuery(artifact="big"))) == 0
        assert session.load("old") == "z" * 50_000
    assert child(SAVE, places) == 0
    assert child(SAVE, places) == 0
    with ap.open_session(ap.Settings(**places)) as session:
        assert [v.version for v in session.ledger.versions(VersionQuery(artifact="big"))] == [1]
        assert session.load("big") == "x" * 100_000


def test_save_killed_after_its_commit_is_there_once(places):
    """An answer that was lost is not a save that was lost."""
    assert child(SAVE, places, "commit.after=kill") == -signal.SIGKILL

    assert child(SAVE, places) == 0

    with ap.open_session(ap.Settings(**places)) as session:
        assert [v.version for v in session.ledger.versions(VersionQuery(artifact="big"))] == [1]
        assert session.load("big") == "x" * 100_000


def test_without_a_key_the_repeat_makes_a_second_version(places):
    """Negative control: it is the key that makes the repeat the same version."""
    unkeyed = SAVE.replace(', idempotency_key="the-one"', "")
    assert child(unkeyed, places, "commit.after=kill") == -signal.SIGKILL

    assert child(unkeyed, places) == 0

    with ap.open_session(ap.Settings(**places)) as session:
        assert len(session.ledger.versions(VersionQuery(artifact="big"))) == 2


@pytest.mark.parametrize(
    "point",
    ["step.before_call", "step.before_commit", "save.after_manifest@1", "commit.inside@2"],
)
def test_step_killed_before_its_commit_leaves_no_version_and_no_link(places, point):
    """The run is seen RUNNING and unfinished; the next run works."""
    name, _, passage = point.partition("@")

    code = child(RUN, places, f"{name}=kill@{passage or 1}")

    assert code == -signal.SIGKILL, f"{point} was never reached"
    with ap.open_session(ap.Settings(**places)) as session:
        assert len(session.ledger.versions(VersionQuery(artifact="make"))) == 0
        assert len(session.ledger.links(_all_links())) == 0
        assert session.ledger.runs(RunQuery())[0].state is RunState.RUNNING
    assert child(RUN, places) == 0
    with ap.open_session(ap.Settings(**places)) as session:
        assert session.load("make") == "y" * 100_000


def test_step_killed_after_its_commit_keeps_version_and_links(places):
    """What was committed stays, with its link, although the run never ended."""
    assert child(RUN, places, "step.after_commit=kill") == -signal.SIGKILL

    with ap.open_session(ap.Settings(**places)) as session:
        assert session.load("make") == "y" * 100_000
        assert [link.io_type for link in session.ledger.links(_all_links())] == ["OUTPUT"]


def _all_links():
    from artifact_plugins.records import LinkQuery

    return LinkQuery()


@pytest.mark.timeout(240)
def test_sixteen_processes_save_one_artifact_without_gaps(places):
    """Version numbers are 1..N, nobody gives up and nothing is lost."""
    code = """
import artifact_plugins as ap
with ap.open_session(ap.Settings(**{places!r})) as session:
    for number in range(10):
        session.save(["{who}", number] * 1000, "hot")
"""
    with ap.open_session(ap.Settings(**places)) as session:
        session.save(0, "warm")
    processes = [warm_processes.start(code.format(places=places, who=n)) for n in range(16)]

    codes = [process.wait(timeout=200) for process in processes]

    assert codes == [0] * 16
    with ap.open_session(ap.Settings(**places)) as session:
        found = session.ledger.versions(VersionQuery(artifact="hot"), limit=1000)
        assert sorted(v.version for v in found) == list(range(1, 161))
        values = {tuple(session.load(v)[:2]) for v in found}
        assert values == {(str(who), number) for who in range(16) for number in range(10)}
