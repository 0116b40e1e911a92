"""A user's setting is all it takes: runs arrive in ZenML by themselves and load by its ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zenml_pipelines as pipelines
from zenml_servers import ZenML

import artifact_plugins as ap

pytestmark = [pytest.mark.server, pytest.mark.timeout(300), pytest.mark.usefixtures("known")]


def settings(tmp_path: Path, server: ZenML, theirs: str, **more: Any) -> ap.Settings:
    return ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite",
        plugins=("artifact_integrations.zenml",),
        backends=(f"zenml+{server.url}/?project={theirs}",),
        delivery="wait",
        flush_seconds=120,
        **more,
    )


def test_run_arrives_by_itself(tmp_path: Path, server: ZenML, project: str) -> None:
    """After a run with the backend in the settings, ZenML has it whole, and a value loads by its id."""
    with ap.open_session(settings(tmp_path, server, project)):
        pipelines.delays(months=[1, 2])
        items = server.ask("GET", "/artifact_versions", project=project)["items"]
        (ranking,) = [item for item in items if item["body"]["artifact"]["name"] == "ranking"]

        assert ap.load(f"zenml:{ranking['id']}") == {"m0": 499.5, "m1": 999.0}

    (run,) = server.ask("GET", "/runs", project=project)["items"]
    assert run["body"]["status"] == "completed"
    assert server.count("/steps", project=project) == 5
    assert len(items) == 5


def test_project_of_the_url_keeps_names_apart(tmp_path: Path, server: ZenML, project: str) -> None:
    """Two projects of ours share an artifact of one name in one project there, and not in two."""
    other = server.new_project()
    for ours, theirs in (("a", project), ("b", project), ("c", other)):
        with ap.open_session(settings(tmp_path / ours, server, theirs, project=ours)) as session:
            session.save(1, "flights")

    numbers = {
        theirs: [
            (item["body"]["artifact"]["name"], item["body"]["version"])
            for item in server.ask("GET", "/artifact_versions", project=theirs)["items"]
        ]
        for theirs in (project, other)
    }
    assert numbers == {
        project: [("flights", "1"), ("flights", "2")],
        other: [("flights", "1")],
    }
