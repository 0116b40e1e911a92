"""`explain-load`, `load --allow-unsafe` and `show`: what a load uses, said before it, as processes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from shop_places import ACME, CANARY, LOAD, MATERIALIZER, ORDERS, TEA, TREE, Shop, save_shop

NO_PLUGIN: dict[str, str | None] = {"acme/__init__.py": None, "acme/tea.py": None}
NO_CLASS: dict[str, str | None] = {"shop/orders.py": CANARY + "class Other: ...\n"}
OTHER_HELPER: dict[str, str | None] = {
    "shop/helpers.py": CANARY + "def price(count):\n    return 0\n"
}
OTHER_FORMAT: dict[str, str | None] = {
    "acme/__init__.py": CANARY + ACME.replace("tea/1", "tea/2"),
    "acme/tea.py": CANARY + TEA.replace("tea/1", "tea/2"),
}
MOVED: dict[str, str | None] = {
    "shop/orders.py": CANARY + "class Other: ...\n",
    "shop/sales.py": CANARY + ORDERS,
    "shop/materializer.py": CANARY + MATERIALIZER.replace("shop.orders", "shop.sales"),
}
RENAMES = {"renames": {"shop.orders:Order": "shop.sales:Order"}}
EXACT = {"snapshots": "exact"}

# Artifact, what changed, plugins, settings, code used, where its class is.
CASES: dict[str, tuple[str, Any, Any, Any, str, str]] = {
    "same code": ("order", {}, ("acme",), {}, "installed", "installed"),
    "same plugin": ("tea", {}, ("acme",), {}, "installed", "installed"),
    "plain value": ("numbers", {}, ("acme",), {}, "installed", "installed"),
    "helper changed": ("order", OTHER_HELPER, ("acme",), {}, "compatible", "installed"),
    "helper of elements": ("orders", OTHER_HELPER, ("acme",), {}, "compatible", "installed"),
    "exact": ("order", OTHER_HELPER, ("acme",), EXACT, "archive", "archive"),
    "class gone": ("order", NO_CLASS, ("acme",), {}, "archive", "archive"),
    "only class gone": ("plain", NO_CLASS, ("acme",), {}, "compatible", "archive"),
    "pickled class gone": ("basket", NO_CLASS, ("acme",), {}, "compatible", "archive"),
    "class moved": ("plain", MOVED, ("acme",), RENAMES, "compatible", "renamed"),
    "plugin gone": ("tea", NO_PLUGIN, (), {}, "archive", "archive"),
    "format changed": ("tea", OTHER_FORMAT, ("acme",), {}, "archive", "installed"),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with one artifact of each kind; the tests only read it."""
    return save_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def own(saved: Path, tmp_path: Path) -> Path:
    """A copy of it and of alice's key, where nothing but alice's key is trusted."""
    shutil.copytree(saved.parent / "alice", tmp_path / "alice")
    return Path(shutil.copytree(saved, tmp_path / "work"))


@pytest.mark.parametrize("case", CASES)
def test_explanation_is_what_a_load_then_does(saved, tmp_path, case):
    """Code, class, materializer, plugin and trust are those that the hook of a load gets."""
    name, change, plugins, settings, code, where = CASES[case]
    shop = Shop(saved, tmp_path / "code", plugins=plugins, settings=settings)
    shop.write(TREE, change)

    explained = shop.json("explain-load", name)
    executed = shop.executed()
    decision = shop.decision(name)

    said = {key: value for key, value in explained["decision"].items() if key != "reason"}
    assert said == {key: value for key, value in decision.items() if key != "reason"}
    assert (said["code"], said["data_type"]) == (code, where)
    assert explained["error"] is None
    assert set(executed) <= {"acme", "acme.tea"}  # the installed plugin, nothing that was stored
    # The negative control: the load does run archived code, and the canary sees it.
    assert any("_snap" in module for module in shop.executed()) == ("archive" in (code, where))


def test_explanation_is_readable(saved, tmp_path):
    """The text names the code, the reason, what it is pinned to and what has changed."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE, NO_CLASS)

    text = shop.cli("explain-load", "order").stdout

    assert "Loaded with   archive code: " in text
    assert "class 'shop.orders:Order' is not here" in text
    assert "drift: shop differs" in text
    assert "trust: own key " in text


def test_stranger_is_refused_until_the_key_is_added(own, tmp_path):
    """A copy of the store loads for somebody else only after `trust export` and `trust add`."""
    alice, bob = Shop(own, tmp_path / "old"), Shop(own, tmp_path / "bob-code", user="bob")
    alice.write(TREE)
    bob.write(TREE, NO_CLASS)

    before = bob.json("explain-load", "order", code=1)
    refused = bob.cli("load", "order", code=1)
    ran_before = bob.executed()
    (own / "alice.key").write_text(alice.cli("trust", "export").stdout)
    bob.cli("trust", "add", "alice.key", "--name", "alice")
    after = bob.json("explain-load", "order")
    loaded = bob.cli("load", "order").stdout

    assert (before["decision"], before["error"]["code"]) == (None, "untrusted-key")
    assert "error[untrusted-key]" in refused.stderr
    assert "trust add" in refused.stderr
    assert not any("shop" in module for module in ran_before)
    assert after["decision"]["code"] == "archive"
    assert "alice" in after["decision"]["trusted_by"]
    assert "item='tea'" in loaded
    assert any("_snap" in module for module in bob.executed())


@pytest.mark.parametrize("name", ["order", "plain", "orders", "basket"])
def test_stranger_is_told_what_the_load_will_say(saved, tmp_path, name):
    """The error of the explanation is the error of the load, and neither runs anything."""
    bob = Shop(saved, tmp_path / "code", user="bob")
    bob.write(TREE)

    explained = bob.json("explain-load", name, code=1)
    refused = bob.python(LOAD, name, code=1)

    assert explained["error"]["code"] == "untrusted-key"
    assert "UntrustedKeyError" in refused.stderr
    assert not any("shop" in module for module in bob.executed())


def test_data_of_a_stranger_needs_no_trust(saved, tmp_path):
    """Plain values, and types that an installed plugin offers, load from anybody."""
    bob = Shop(saved, tmp_path / "code", user="bob")
    bob.write(TREE)

    for name in ("numbers", "tea"):
        assert bob.json("explain-load", name)["decision"]["trusted_by"] is None
        bob.cli("load", name)


def test_unsafe_executes_once(own, tmp_path):
    """`load --allow-unsafe` runs a stranger's archived code, and the next load asks again."""
    bob = Shop(own, tmp_path / "code", user="bob", plugins=())
    bob.write(TREE, NO_CLASS, NO_PLUGIN)

    for name, shown in (("order", "item='tea'"), ("basket", "Basket"), ("tea", "leaf='green'")):
        bob.cli("load", name, code=1)
        assert not any("_snap" in module for module in bob.executed())
        loaded = bob.cli("load", name, "--allow-unsafe")
        assert shown in loaded.stdout
        assert any("_snap" in module for module in bob.executed())
        bob.cli("load", name, code=1)
        assert bob.executed() == []


def test_unsafe_is_no_setting_of_the_environment(saved, tmp_path):
    """Only the argument makes a load unsafe: the environment cannot."""
    bob = Shop(saved, tmp_path / "code", user="bob", settings={"trust": "unsafe"})
    bob.write(TREE, NO_CLASS)

    refused = bob.cli("load", "order", code=1)

    assert "error[settings]" in refused.stderr
    assert bob.executed() == []


def test_show_says_what_a_version_is_pinned_to(saved, tmp_path):
    """`show` names the plugin and the beginning of the snapshot; `--json` has all of it."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE)

    text = shop.cli("show", "tea").stdout
    record = shop.json("show", "tea")

    assert f"Snapshot    acme {record['plugin_snapshot'][7:23]}\n" in text


def test_unknown_version_is_named(saved, tmp_path):
    """A version that is not there is one line on stderr and exit code 1."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE)

    assert "error[artifact-missing]" in shop.cli("explain-load", "ordre", code=1).stderr
