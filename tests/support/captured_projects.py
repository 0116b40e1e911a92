"""The user's own code as `capture_project` takes it: the archive, its members, a little shop."""

from __future__ import annotations

from artifact_plugins.snapshots import capture_project
from artifact_plugins.snapshots.archive import Captured

SHOP = {"shop/__init__.py": "", "shop/orders.py": "class Order: ...\n", "shop/other.py": ""}


def captured(*modules: str) -> Captured:
    found = capture_project(modules)
    assert found is not None
    return found


def members(*modules: str) -> set[str]:
    return {file.path for file in captured(*modules).archive.files}
