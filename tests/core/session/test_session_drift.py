"""Versions load although the code that wrote them has changed: the drift table, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from drift_projects import ROWS
from drift_trees import write_tree

WORKERS = Path(__file__).with_name("drift_workers.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Save with every old tree, then load with every new one, in fresh processes."""
    root = tmp_path_factory.mktemp("drift")
    places = {
        "store_url": str(root / "store"),
        "ledger_url": f"sqlite:///{root}/ledger.sqlite",
        "trust_home": str(root / "home"),
        "durability": "process",
    }
    jobs = []
    for name, make in ROWS.items():
        drift = make()
        old, new = root / name / "old", root / name / "new"
        write_tree(old, drift.old)
        write_tree(new, drift.new)
        common = {"name": name, "live": drift.live is not None, "new_sample": drift.new_sample}
        jobs.append(
            common
            | {"action": "save", "tree": str(old), "settings": places}
            | {"sample": drift.sample, "writer": drift.writer}
        )
        for policy in ("exact", "compatible"):
            settings = places | {"snapshots": policy}
            jobs.append(common | {"action": "load", "tree": str(new), "settings": settings})
    listed = root / "jobs.json"
    listed.write_text(json.dumps(jobs))
    subprocess.run([sys.executable, str(WORKERS), str(listed)], check=True, cwd=root)
    found = [json.loads((root / f"{number}.json").read_text()) for number in range(len(jobs))]
    return {name: found[3 * n : 3 * n + 3] for n, name in enumerate(ROWS)}


def test_the_table_is_long_enough():
    """The drift table has at least 30 rows."""
    assert len(ROWS) >= 30


@pytest.mark.parametrize("name", ROWS)
def test_exact_loads_with_the_code_that_wrote_it(results, name):
    """The archived code gives the value as the old tree had it, beside the new tree."""
    saved, exact, _ = results[name]
    drift = ROWS[name]()

    assert saved["facts"] == exact.get("facts"), exact.get("error")
    assert exact["code"] == exact["explained"] == "archive"
    assert exact["class"].startswith("artifact_plugins._snap.")
    if drift.live is not None:
        assert exact["live"] == drift.live


@pytest.mark.parametrize("name", ROWS)
def test_compatible_loads_with_what_fits(results, name):
    """The code here loads the version if it can, and the archive if it cannot."""
    saved, _, compatible = results[name]

    assert "error" not in compatible, compatible.get("error")
    assert compatible["code"] in ("compatible", "archive")
    if compatible["code"] == "archive":
        assert compatible["facts"] == saved["facts"]
