"""One run in ZenML, MLTE, Dioptra and a KFP-compatible server at once, as the README does it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chaos_proxy import Fault, chaos_proxy
from registries import Registries, write_environment
from zenml_servers import NEW, ZenML

import artifact_plugins as ap

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r'^```python title="(flights|look)\.py"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SLOW_SECONDS = 0.5
SYSTEMS = ["dioptra", "kfp", "mlte", "zenml"]
pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    with Registries(tmp_path_factory.mktemp("registries")) as running:
        yield running


@pytest.fixture(scope="module")
def home(servers: Registries) -> Path:
    """The folder of a user who did what the README says."""
    for name, code in BLOCK.findall((ROOT / "README.md").read_text()):
        (servers.folder / f"{name}.py").write_text(code)
    write_environment(servers.folder, servers.variables)
    shell(servers.folder, "python flights.py")
    shell(servers.folder, "artifact-plugins sync")
    return servers.folder


def shell(folder: Path, command: str, *, expect: int = 0) -> str:
    """Run a command as the README does, and return what it prints."""
    done = subprocess.run(
        ["/bin/sh", "-c", f". ./environment.sh; {command}"],
        cwd=folder,
        env={**os.environ, "ARTIFACT_PLUGINS_DURABILITY": "process", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done.stdout


def waiting(folder: Path, command: str = "pending") -> dict[str, tuple[int, int]]:
    """Return what is pending and dead, by the scheme of each backend."""
    rows = json.loads(shell(folder, f"artifact-plugins {command} --json"))["backends"]
    return {row["url"].partition("+")[0]: (row["pending"], row["dead"]) for row in rows}


@contextmanager
def opened(home: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[ap.Session]:
    """Open a session in this process where the shell of the user has its own."""
    monkeypatch.chdir(home)
    with monkeypatch.context() as patch:
        for name, value in exported(home).items():
            patch.setenv(name, value)
        with ap.open_session(ap.Settings(**settings)) as session:
            yield session


def exported(home: Path) -> dict[str, str]:
    """Return the settings that `environment.sh` sets."""
    told = shell(home, "env -0")
    pairs = (line.partition("=") for line in told.split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("ARTIFACT_PLUGINS_")}


def test_the_readme_finds_the_run_in_all_four(home):
    """Each system lists the version under an id of its own, with all links; it loads by that id."""
    told = shell(home, "python look.py")

    found = re.findall(r"^(\w+) (\S+) (\d+) links$", told, re.MULTILINE)
    assert sorted(name for name, _, _ in found) == SYSTEMS
    assert len({external for _, external, _ in found}) == 4
    assert {links for _, _, links in found} == {"28"}
    assert told.count("12.0") == 4
    assert waiting(home, "backends") == dict.fromkeys(SYSTEMS, (0, 0))


def test_records_read_back_are_equal(home, monkeypatch):
    """What each system gives back is the record and the links of the ledger."""
    with opened(home, monkeypatch) as session:
        (run,) = session.runs(limit=1)
        ours = {link.id: link for link in session.links(f'run_id == "{run.id}"')}
        version = session.find("ranking")
        for name in SYSTEMS:
            (remote,) = session.backends[name].versions(
                ap.RemoteQuery(artifact="ranking", run_id=run.id)
            )
            assert remote.record == version, name
            links = {link.id: link for link in session.backends[name].links(run.id)}
            assert links == ours, name


def test_who_has_another_ledger_loads_by_their_ids(home, monkeypatch):
    """A reader with an empty ledger and the same store gets the value from any of the four."""
    with opened(home, monkeypatch) as session:
        (run,) = session.runs(limit=1)
        value = session.load("ranking")
        query = ap.RemoteQuery(artifact="ranking", run_id=run.id)
        ids = {name: session.backends[name].versions(query)[0].external_id for name in SYSTEMS}
    with opened(home, monkeypatch, ledger_url=f"sqlite:///{home}/other.sqlite") as session:
        assert not session.versions()
        for name, external in ids.items():
            assert session.load(f"{name}:{external}").equals(value), name


def test_a_record_lost_by_a_system_is_sent_again(home, servers, monkeypatch):
    """`reconcile` finds what was deleted behind our back, and `sync` brings it again."""
    with opened(home, monkeypatch) as session:
        version = session.save({"answer": 42}, "by-hand")
    shell(home, "artifact-plugins sync")
    query = ap.RemoteQuery(artifact="by-hand")
    with opened(home, monkeypatch) as session:
        (lost,) = session.backends["zenml"].versions(query)
    ZenML(servers.zenml.url, NEW).ask("DELETE", f"/artifact_versions/{lost.external_id}")

    shell(home, "artifact-plugins reconcile --yes")
    shell(home, "artifact-plugins sync")

    with opened(home, monkeypatch) as session:
        (again,) = session.backends["zenml"].versions(query)
    assert again.external_id != lost.external_id
    assert again.record == version


CHAIN = """
import statistics, time
import artifact_plugins as ap

@ap.step
def plus_one(number: int) -> int:
    return number + 1

seconds, number = [], 0
with ap.start_run("chain"):
    for _ in range(10):
        started = time.perf_counter()
        number = plus_one(number)
        seconds.append(time.perf_counter() - started)
print(statistics.median(seconds))
"""


def test_one_down_one_slow_and_steps_are_not_held_up(servers, tmp_path):
    """With one system away and one slow steps go on, nothing is lost, `pending` tells what waits."""
    (tmp_path / "chain.py").write_text(CHAIN)
    with (
        socket.socket() as nobody,
        chaos_proxy(
            servers.zenml.port, shares={Fault.DELAY: 1.0}, delay_seconds=SLOW_SECONDS
        ) as slow,
    ):
        nobody.bind(("127.0.0.1", 0))  # nothing listens there
        away = f"mlte+http://127.0.0.1:{nobody.getsockname()[1]}/"
        urls = {**servers.urls, "mlte": away, "zenml": f"zenml+{slow.url}/"}
        variables = {**servers.variables, "ARTIFACT_PLUGINS_BACKENDS": json.dumps([*urls.values()])}
        write_environment(tmp_path, variables)

        assert float(shell(tmp_path, "python chain.py")) < SLOW_SECONDS
        before = waiting(tmp_path)
        shell(tmp_path, "artifact-plugins sync", expect=1)
        after = waiting(tmp_path)

    assert before["mlte"] == after["mlte"] == (12, 0)  # 10 tasks, ROOT and the run
    assert before["zenml"] > (0, 0)
    assert {name: after[name] for name in ("kfp", "dioptra", "zenml")} == dict.fromkeys(
        ("kfp", "dioptra", "zenml"), (0, 0)
    )
