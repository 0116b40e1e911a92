"""`doctor --load-check`: with which code every stored version would load, as processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shop_places import CANARY, TREE, Shop, save_shop

GONE: dict[str, str | None] = {
    "acme/__init__.py": None,
    "acme/tea.py": None,
    "shop/orders.py": CANARY + "class Other: ...\n",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with six artifacts; the tests only read it."""
    return save_shop(tmp_path_factory.mktemp("shop"))


def test_everything_is_installed(saved, tmp_path):
    """Where nothing changed, every version loads with the code that wrote it."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE)

    found = shop.json("doctor", "--load-check")

    assert found["is_well"]
    assert found["loads"] == {"installed": 6}


def test_drift_is_counted_and_nothing_archived_runs(saved, tmp_path):
    """Versions whose code is gone load from the archive; the doctor runs none of it."""
    shop = Shop(saved, tmp_path / "code", plugins=())
    shop.write(TREE, GONE)

    found = shop.json("doctor", "--load-check")
    text = shop.cli("doctor", "--load-check").stdout
    ran = shop.executed()
    shop.cli("load", "tea")

    # order and tea by the archive; plain, orders and basket with an archived class.
    assert found["loads"] == {"archive": 2, "compatible": 3, "installed": 1}
    assert "code that would load them: 2 archive, 3 compatible, 1 installed" in text
    assert ran == []
    assert any("_snap" in module for module in shop.executed())  # the canary does fire


def test_stranger_sees_what_would_not_load(saved, tmp_path):
    """What nobody trusted vouches for is a problem with its code; the exit code is 1."""
    shop = Shop(saved, tmp_path / "code", user="bob", plugins=())
    shop.write(TREE, GONE)

    found = shop.json("doctor", "--load-check", code=1)

    problems = {p["what"]: p["code"] for p in found["problems"] if p["room"] == "loading"}
    assert found["loads"] == {"installed": 1, "not at all": 5}
    assert problems == dict.fromkeys(
        ("basket@1", "order@1", "orders@1", "plain@1", "tea@1"), "untrusted-key"
    )
    assert shop.executed() == []


def test_lost_archive_is_found(saved, tmp_path):
    """A version whose archived code was removed from the store is named, with what is missing."""
    shutil.copytree(saved.parent / "alice", tmp_path / "alice")
    work = Path(shutil.copytree(saved, tmp_path / "work"))
    for archive in (work / ".artifact_plugins/store/snapshots").rglob("*.zip"):
        archive.unlink()
    shop = Shop(work, tmp_path / "code", plugins=())
    shop.write(TREE, GONE)

    found = shop.json("doctor", "--load-check", code=1)

    problems = {p["what"]: p["code"] for p in found["problems"] if p["room"] == "loading"}
    assert problems["tea@1"] == problems["order@1"] == "artifact-missing"


def test_loads_are_only_checked_when_asked(saved, tmp_path):
    """Without the option nothing is said about loading."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE)

    assert shop.json("doctor")["loads"] is None
