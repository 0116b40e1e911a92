"""Sessions on disk, and the shape of a run as lines that read like the table of link types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins.steps import PipelineRun


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ap.Session]:
    """Open a session whose store and ledger lie in the test's own folder."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        durability="process",
    )
    with ap.open_session(settings) as opened:
        yield opened


@pytest.fixture
def opened(tmp_path: Path):
    """Return a function: open a session in the folder of the test with a runtime."""

    @contextmanager
    def opening(runtime="inline", **more) -> Iterator[ap.Session]:
        settings = ap.Settings(
            store_url=str(tmp_path / "store"),
            ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
            durability="process",
            **({"runtime": runtime} if isinstance(runtime, str) else {}),
            **more,
        )
        executor = None if isinstance(runtime, str) else runtime
        with ap.open_session(settings, runtime=executor) as session:
            yield session

    return opening


@pytest.fixture
def shape() -> Callable[[PipelineRun], list[str]]:
    """Return a function: `task TYPE value producer key` of each link, in the order of tasks."""

    def lines(run: PipelineRun) -> list[str]:
        tasks = {task.id: task for task in run.tasks()}
        numbers: dict[str, str] = {}
        for version in run.versions():
            numbers[version.id] = f"{version.artifact}@{version.version}"
        found = []
        for link in run.links():
            task = tasks[link.task_id]
            name = (
                task.name if task.iteration_index is None else f"{task.name}#{task.iteration_index}"
            )
            value = numbers.get(link.version_id or "", link.version_id) or repr(link.value)
            found.append(
                f"{name} {link.io_type.value} {value} {str(link.producer) or 'none'} {link.key} "
                f"[{link.position}]"
            )
        return found

    return lines
