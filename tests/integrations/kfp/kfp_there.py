"""What a KFP-compatible server has, in either dialect, as it says it itself."""

from __future__ import annotations

from typing import Any

import pytest
from kfp_server import KfpServer

in_both_dialects = pytest.mark.parametrize("server", ["M", "S"], indirect=True)


def pages(server: KfpServer, path: str, name: str) -> list[dict[str, Any]]:
    """Return all items of a listing."""
    found: list[dict[str, Any]] = []
    sign, token = "&" if "?" in path else "?", ""
    while True:
        page = server.call("GET", f"{path}{sign}page_size=200{token}")
        found += page.get(name, [])
        if "next_page_token" not in page:
            return found
        token = f"&page_token={page['next_page_token']}"


def tasks_there(server: KfpServer, run_id: str) -> list[dict[str, Any]]:
    """Return the tasks of a run."""
    path = f"/runs/{run_id}/tasks" if server.dialect == "M" else f"/tasks?run_id={run_id}"
    return pages(server, path, "tasks")


def rows_there(server: KfpServer, run_id: str) -> list[dict[str, Any]]:
    """Return the link rows of a run."""
    return pages(server, f"/artifact_tasks?run_ids={run_id}", "artifact_tasks")
