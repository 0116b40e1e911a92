"""A KFP-compatible server over HTTP, sessions, and backends that speak to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kfp_server import KfpServer

import artifact_plugins as ap
from artifact_integrations.kfp.backend import KfpBackend

sys.path.insert(0, str(Path(__file__).parent))  # kfp_pipelines


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KfpServer]:
    """A single-user server, shared: each test has runs and artifact names of its own.

    It speaks dialect M; `in_both_dialects` gives a test one of each.
    """
    options = ("--dialect", getattr(request, "param", "M"))
    with KfpServer(tmp_path_factory.mktemp("kfp_server"), options=options) as started:
        yield started


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ap.Session]:
    """A session without backends of its own."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'own.sqlite'}",
        durability="process",
    )
    with ap.open_session(settings) as opened:
        yield opened


@pytest.fixture
def backend_at() -> Iterator[Callable[..., KfpBackend]]:
    """Make backends for `http://...` URLs; their connections are closed at the end."""
    made: list[KfpBackend] = []

    def make(url: str, options: str = "", timeout_seconds: float = 60.0) -> KfpBackend:
        made.append(KfpBackend(f"kfp+{url}{options}", timeout_seconds=timeout_seconds))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(server: KfpServer, backend_at: Callable[..., KfpBackend]) -> KfpBackend:
    """A backend that makes a run there for each of ours."""
    return backend_at(server.url)
