from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from archived_projects import Project, opened, packed
from drift_projects import ROWS, Drift

from artifact_plugins.snapshots import (
    Captured,
    capture_plugin,
    capture_project,
    restore,
)

# The new code of these reads what the old code wrote, by the paths that were recorded.
STILL_READABLE = {"format_changed_with_reader", "entry_point_moved"}


def capture_old(drift: Drift) -> list[Captured]:
    """Capture the tree that is there: a plugin and, when there is one, the user's project."""
    (root,) = drift.roots
    plugin = capture_plugin(root, plugin="shop", distribution=None, distribution_version=None)
    project = capture_project([drift.sample.partition(":")[0]]) if drift.project else None
    return [plugin, project] if project is not None else [plugin]


def save_with_old_code(drift: Drift, project: Project, directory: Path) -> tuple[Any, str]:
    """Write a value with the old tree; return it and the import path of its class."""
    project.write(drift.old)
    value = project.live(drift.sample)()
    directory.mkdir()
    project.live(drift.writer)().save(value, directory)
    assert value.facts() == drift.facts
    return value, f"{type(value).__module__}:{type(value).__qualname__}"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_old_values_load_whatever_the_code_became(name: str, project: Project, tmp_path: Path):
    """What old code wrote, its archive loads, beside the new code and without touching it."""
    drift = ROWS[name]()
    value, data_type = save_with_old_code(drift, project, tmp_path / "value")
    captured = capture_old(drift)
    project.write(drift.new)
    fresh = project.live(drift.new_sample) if drift.live is not None else lambda: None
    parts = restore([opened(part) for part in captured])

    def find(path: str) -> Any:
        return next(p for p in parts if p.answers_for(path.partition(":")[0])).find(path)

    before = fresh()
    cls = find(data_type)
    loaded = find(drift.writer)().load(tmp_path / "value", cls)

    assert loaded.facts() == drift.facts
    assert type(loaded) is cls
    assert not isinstance(value, cls) and not isinstance(before, cls)
    assert drift.live is None or before.facts() == fresh().facts() == drift.live


@pytest.mark.parametrize("name", sorted(ROWS.keys() - STILL_READABLE))
def test_without_the_archive_the_old_value_is_lost(name: str, project: Project, tmp_path: Path):
    """The negative control: the new tree alone does not load what the old one wrote."""
    drift = ROWS[name]()
    _, data_type = save_with_old_code(drift, project, tmp_path / "value")
    project.write(drift.new)

    try:
        cls = project.live(data_type)
        facts = project.live(drift.writer)().load(tmp_path / "value", cls).facts()
    except Exception as error:
        facts = error

    assert facts != drift.facts


def test_the_table_is_long_enough():
    """At least thirty kinds of drift are in the table, each with its sentence."""
    assert len(ROWS) >= 30
    assert all(make.__doc__ for make in ROWS.values())


def test_two_snapshots_of_one_plugin_run_side_by_side(project: Project):
    """Three states of one package, two archived and one live, each keep their own helper."""
    trees = [
        {
            "shop/__init__.py": "",
            "shop/prices.py": "import shop.rate\ndef price():\n    return shop.rate.RATE\n",
            "shop/rate.py": f"RATE = {rate}\n",
        }
        for rate in (1, 2, 3)
    ]
    project.write(trees[2])

    first, second = (restore([opened(packed(tree))])[0] for tree in trees[:2])
    prices = [first.find("shop.prices:price"), second.find("shop.prices:price")]

    assert [price() for price in (*prices, project.live("shop.prices:price"))] == [1, 2, 3]
    assert project.live("shop.rate").__name__ == "shop.rate"
