"""A bad network before a real ZenML: lost answers at every request, and each record once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zenml_pipelines as pipelines
from chaos_proxy import ChaosProxy, Fault
from zenml_servers import Persistent, ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.errors import BackendContractError, BackendUnavailableError
from artifact_plugins.records import LinkQuery, RunQuery, VersionQuery, every

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture
def proxy(server: ZenML) -> Iterator[ChaosProxy]:
    """A proxy before the server that harms nothing until it is told to."""
    found = ChaosProxy(int(server.url.rpartition(":")[2]), retry_after_seconds=0)
    yield found
    found.close()


@pytest.fixture
def cut_backend(
    proxy: ChaosProxy, project: str, open_backend: Callable[..., ZenMLBackend]
) -> ZenMLBackend:
    """A backend whose requests pass the proxy; those that hang end soon."""
    return open_backend(proxy.url, project, timeout_seconds=20.0)


def test_every_lost_answer_in_turn(
    session: Session,
    proxy: ChaosProxy,
    server: ZenML,
    project: str,
    open_backend: Callable[..., ZenMLBackend],
) -> None:
    """Whichever answer is lost, what comes next finds the record: one run, two steps, two versions."""
    lost = 0
    while True:
        pipelines.chain()
        (run, *_) = session.ledger.runs(RunQuery())
        proxy.script[:] = [None] * lost + [Fault.LOSE_ANSWER]
        persistent = Persistent()

        persistent.deliver(session, open_backend(proxy.url, project), run.id)

        was_reached = not proxy.script
        proxy.script.clear()
        lost += 1
        assert counted(server, project) == (lost, 2 * lost, 2 * lost), persistent.failures
        if not was_reached:
            break
    assert lost > 10
    assert server.count("/pipelines", project=project) == 1
    assert server.count("/pipeline_snapshots", project=project) == 1


def counted(server: ZenML, project: str) -> tuple[int, int, int]:
    """Return how many runs, steps and versions the server has."""
    return (
        server.count("/runs", project=project),
        server.count("/steps", project=project),
        server.count("/artifact_versions", project=project),
    )


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.STATUS_502, Fault.TRUNCATED_JSON])
def test_damaged_answers(
    session: Session,
    cut_backend: ZenMLBackend,
    proxy: ChaosProxy,
    server: ZenML,
    project: str,
    persistent: Persistent,
    fault: Fault,
) -> None:
    """A third of all answers damaged: named errors on the way, every record once and equal at its end."""
    ap.save("x" * 9_000, "stored", tags=["a"])
    pipelines.chain()
    proxy.shares = {fault: 0.33}

    persistent.deliver(session, cut_backend, tries=200)

    proxy.shares = {}
    assert {type(error) for error in persistent.failures} <= {
        BackendContractError,
        BackendUnavailableError,
    }
    assert persistent.failures
    assert counted(server, project) == (1, 2, 3)
    for version in every(session.ledger.versions, VersionQuery()):
        note = persistent.notes.external("version", version.id)
        assert cut_backend.version(note["external_id"]).record == version
    (run,) = every(session.ledger.runs, RunQuery())
    links = sorted(every(session.ledger.links, LinkQuery(run_id=run.id)), key=lambda x: x.id)
    assert list(cut_backend.links(run.id)) == links


def test_server_that_is_away(
    session: Session, cut_backend: ZenMLBackend, proxy: ChaosProxy, tmp_path: Path
) -> None:
    """A server that is not there is unavailable; nothing is noted."""
    ap.save(1, "one")
    proxy.is_away.set()

    with pytest.raises(BackendUnavailableError, match="was not reached"):
        cut_backend.probe()
