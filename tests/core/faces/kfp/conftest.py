"""One server for the tests that only need a run of their own, and what they send to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kfp_server import KfpServer, OpenedRun
from ledger_urls import url  # noqa: F401  # a fixture of this room


@pytest.fixture(scope="session")
def kfp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    """A server in single-user mode and dialect M that lives as long as the tests."""
    with KfpServer(tmp_path_factory.mktemp("kfp")) as server:
        yield server


@pytest.fixture(scope="session")
def kfp_s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    """The same in dialect S."""
    with KfpServer(tmp_path_factory.mktemp("kfp-s"), options=("--dialect", "S")) as server:
        yield server


@pytest.fixture
def run(kfp: KfpServer) -> OpenedRun:
    """A run of the test's own."""
    return kfp.open_run("run")


@pytest.fixture
def task_id(kfp: KfpServer, run: OpenedRun) -> str:
    """A task of that run, called `make`."""
    return kfp.new_task(run)
