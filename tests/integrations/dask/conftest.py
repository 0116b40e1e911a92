"""A Dask cluster of real processes: one scheduler and its workers, elsewhere but on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")

import artifact_plugins as ap

ROOT = Path(__file__).parents[3]


class Cluster:
    """A scheduler and workers of one thread each, without nannies: what dies stays dead.

    Attributes:
        workers: Processes of the workers.
        scheduler: Its process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # The workers import the steps of a test module by its name.
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
        self._environment = {
            **os.environ,
            "PYTHONPATH": path,
            "DASK_CONFIG": str(folder),
            **environment,
        }
        self._file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "dask_scheduler", "--port", "0", "--scheduler-file", str(self._file)
        )

    def add_worker(self) -> None:
        """Start a worker; it joins when it is ready."""
        options = ["--nthreads", "1", "--no-nanny", "--scheduler-file", str(self._file)]
        self.workers.append(
            self._start("dask_worker", *options, "--local-directory", str(self._folder))
        )

    @property
    def address(self) -> str:
        """Host and port of the scheduler."""
        return str(self._document()["address"]).partition("://")[2]

    def url(self, **options: float) -> str:
        """Return the setting; no test waits long."""
        wanted = {"connect_seconds": 5, "worker_seconds": 30, **options}
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        scheme = {"tcp": "dask", "tls": "dask+tls"}[self._document()["address"].partition(":")[0]]
        return f"{scheme}://{self.address}?{query}"

    def wait(self) -> Cluster:
        """Wait until every worker has joined."""
        from distributed import Client

        with Client(self._document()["address"], timeout=30, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)
        return self

    def close(self) -> None:
        """End all of it."""
        for process in [*self.workers, self.scheduler]:
            process.kill()
        for process in [*self.workers, self.scheduler]:
            process.wait()

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        options = (*options, "--host", "127.0.0.1", "--no-dashboard")
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *options],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _document(self) -> dict[str, Any]:
        for _ in range(600):
            try:
                return dict(json.loads(self._file.read_text()))
            except (OSError, ValueError):
                time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text())


@contextmanager
def running(folder: Path, workers: int, environment: Mapping[str, str]) -> Iterator[Cluster]:
    cluster = Cluster(folder, environment)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster.wait()
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers that the tests of a module share and leave in peace."""
    with running(tmp_path_factory.mktemp("dask"), 2, {}) as found:
        yield found


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Return a function that starts a cluster which the test may break."""
    started: list[Any] = []

    def start(workers: int = 2, **environment: str) -> Cluster:
        folder = tmp_path / "cluster"
        folder.mkdir()
        started.append(running(folder, workers, environment))
        return started[-1].__enter__()

    yield start
    for context in started:
        context.__exit__(None, None, None)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that opens a session in the folder of the test with a runtime."""

    def opening(runtime: str = "inline", folder: str = "home", **more: Any) -> Any:
        settings = ap.Settings(
            store_url=str(tmp_path / folder / "store"),
            ledger_url=f"sqlite:///{tmp_path / folder / 'ledger.sqlite'}",
            durability="process",
            runtime=runtime,
            **more,
        )
        return ap.open_session(settings)

    return opening
