"""The chaos of test_delivery_chaos.py between sessions and servers of other systems."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dioptra_server
import pytest
import zenml_servers
from chaos_proxy import ChaosProxy, Fault, chaos_proxy
from kfp_server import KfpServer
from server_environments import ServerProcess, environment

import artifact_plugins as ap
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.delivery.notes import UNSUPPORTED
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, VersionQuery, every

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SHARES = {
    Fault.CUT_REQUEST: 0.12,
    Fault.CUT_ANSWER: 0.12,
    Fault.LOSE_ANSWER: 0.12,
    Fault.STATUS_502: 0.03,
    Fault.STATUS_503: 0.03,
    Fault.HTML: 0.02,
    Fault.TRUNCATED_JSON: 0.01,
}


@ap.step
def doubled(number: int) -> int:
    return 2 * number


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@contextlib.contextmanager
def kfp(folder: Path) -> Iterator[list[int]]:
    """A KFP-compatible server; yields its port."""
    with KfpServer(folder) as server:
        yield [server.port]


@contextlib.contextmanager
def mlte(folder: Path) -> Iterator[list[int]]:
    """A real MLTE backend that keeps everything in files; yields its port."""
    (folder / "store").mkdir()
    programs = environment("mlte", ["mlte[backend,rdbs]==2.7.0"])
    command = [str(programs / "mlte"), "backend", "--host", "127.0.0.1", "--port", "{port}"]
    command += ["--store-uri", f"fs://{folder}/store", "--jwt-secret", "x" * 40]
    with ServerProcess(command, cwd=folder, ready="/api/healthz") as server:
        yield [server.port]


@contextlib.contextmanager
def zenml(folder: Path) -> Iterator[list[int]]:
    """A real ZenML; yields its port."""
    with zenml_servers.serve(folder, zenml_servers.NEW) as server:
        yield [server.port]


@contextlib.contextmanager
def dioptra(folder: Path) -> Iterator[list[int]]:
    """A real Dioptra; yields the ports of its API and of its MLflow."""
    with dioptra_server.DioptraServer(folder) as server:
        yield [server.api.port, server.mlflow.port]


def steps_there(backend: Any, run_id: str) -> int:
    """Return how many steps ZenML has of a run."""
    return int(backend._server.page("/steps", {"pipeline_run_id": run_id}, 1)["total"])


def jobs_there(backend: Any, run_id: str) -> int:
    """Return how many jobs Dioptra has of a run, without the one of the run itself."""
    return len(list(backend._api.searched("jobs/", run_id, sort="id"))) - 1


@dataclass(frozen=True)
class System:
    """Whose servers are behind the proxies, and how much of it fits in a minute.

    Attributes:
        serve: Starts them in a folder and yields their ports.
        saves: By hand.
        mapped: Iterations of the one step of the run.
        tasks_there: How many tasks of a run they have, where no links tell.
    """

    serve: Callable[[Path], contextlib.AbstractContextManager[list[int]]]
    saves: int
    mapped: int
    options: str = "/"
    user: tuple[str, str] | None = None
    keeps_saved: bool = True
    tasks_there: Callable[[Any, str], int] | None = None


SYSTEMS = {
    "kfp": System(kfp, 40, 20, keeps_saved=False),
    "mlte": System(mlte, 40, 20, user=("admin", "admin1234")),
    "zenml": System(
        zenml,
        12,
        6,
        user=(zenml_servers.USERNAME, zenml_servers.PASSWORD),
        tasks_there=steps_there,
    ),
    "dioptra": System(
        dioptra,
        4,
        3,
        options="/?mlflow={}",
        user=(dioptra_server.USER, dioptra_server.PASSWORD),
        tasks_there=jobs_there,
    ),
}


@pytest.fixture(params=SYSTEMS)
def name(request: pytest.FixtureRequest) -> str:
    """Each system in turn."""
    return str(request.param)


@pytest.fixture
def opened(
    name: str,
    tmp_path: Path,
    places: dict[str, Any],
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[ap.Session, Sequence[ChaosProxy]]]:
    """A session that delivers to a server, each of whose ports is behind a proxy."""
    from artifact_plugins.delivery import deliverer

    # A task is a dozen requests there, and the pauses between tries are next to none here.
    policy = replace(deliverer.Policy(), tries=200)
    monkeypatch.setattr(deliverer, "Policy", lambda: policy)
    system = SYSTEMS[name]
    for variable, value in zip(("USERNAME", "PASSWORD"), system.user or (), strict=False):
        monkeypatch.setenv(f"ARTIFACT_PLUGINS_{name.upper()}_{variable}", value)
    folder = tmp_path / "server"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(system.serve(folder))
        proxies = [stack.enter_context(chaos_proxy(port, seed=9)) for port in ports]
        first, *others = (proxy.url for proxy in proxies)
        url = f"{name}+{first}{system.options.format(*others)}"
        own = {"backends": (url,), "project": "chaos", "plugins": ()}
        settings = ap.Settings(**{**places, **own, "flush_seconds": 0.0})
        yield stack.enter_context(ap.open_session(settings)), proxies


def there(session: ap.Session) -> Counter[str]:
    """Return how often the server lists each of our versions."""
    (backend,) = session.backends.values()
    found: Counter[str] = Counter()
    token = None
    while True:
        page = backend.versions(RemoteQuery(limit=100, page_token=token))
        found.update(one.record.id for one in page if one.record is not None)
        token = page.next_token
        if token is None:
            return found


def test_every_record_is_there_once(name, opened):
    """With 45 % of the traffic damaged, versions, tasks and links end at the server once."""
    session, proxies = opened
    system = SYSTEMS[name]
    for proxy in proxies:
        proxy.shares = dict(SHARES)

    for number in range(system.saves):
        session.save({"number": number}, f"by-hand-{number % 5}")
    with ap.start_run("chaos") as run:
        total(doubled.map(number=list(range(system.mapped))))
    # A slow server on a loaded machine may need the calm for its last records.
    session.deliverer.sync(timeout_seconds=25)
    counted = sum((proxy.counted for proxy in proxies), Counter[str]())
    for proxy in proxies:
        proxy.shares = {}
    session.deliverer.sync(timeout_seconds=400)

    (status,) = session.deliverer.status()
    assert (status.pending, status.dead) == (0, 0)
    assert 1 - counted["passed"] / counted.total() > 0.3
    ledger = session.ledger
    (backend,) = session.backends.values()
    # A system without artifacts outside of runs says so of what was saved by hand.
    versions = Counter(
        version.id
        for version in every(ledger.versions, VersionQuery())
        if UNSUPPORTED not in (ledger.outbox.external(1, "version", version.id) or {})
    )
    assert versions.total() == system.mapped + 1 + system.saves * system.keeps_saved
    assert there(session) == versions
    sent = sorted(
        (link.task_id, link.io_type, link.key, link.version_id or "")
        for link in every(ledger.links, LinkQuery(run_id=run.id))
    )
    back = backend.links(run.id)
    assert sorted((x.task_id, x.io_type, x.key, x.version_id or "") for x in back) == sent
    for kind, ids in (
        ("run", [one.id for one in every(ledger.runs, RunQuery())]),
        ("task", [one.id for one in every(ledger.tasks, TaskQuery(run_id=run.id))]),
        ("version", list(versions)),
    ):
        noted = {one: ledger.outbox.external(1, kind, one) for one in ids}
        assert all(value is not None for value in noted.values()), kind
        assert backend.missing(kind, noted) == []
    if system.tasks_there is not None:
        noted_id = ledger.outbox.external(1, "run", run.id)["external_id"]
        found = system.tasks_there(backend, noted_id if name == "zenml" else run.id)
        assert found == system.mapped + 1
