"""Classes that moved: `Settings.renames` and the hook `register_renames` say where they are."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import (
    ArtifactMissingError,
    LoadFailedError,
    PayloadClassNotFoundError,
    PluginConflictError,
    SettingsError,
)

ORDER = """
from dataclasses import dataclass

@dataclass
class {name}:
    item: str
    count: int
"""
BASKET = """
class {name}:
    def __init__(self, items):
        self.items = items

    def __reduce__(self):
        return ({name}, (self.items,))

    def __eq__(self, other):
        return type(other) is {name} and self.items == other.items
"""
WRITER = """
from artifact_plugins import Materializer

class {name}(Materializer[bytes]):
    format = "upper/1"

    def save(self, value, directory):
        (directory / "upper").write_bytes(value[::-1])

    def load(self, directory, data_type):
        return (directory / "upper").read_bytes()[::-1]
"""
RENAMER = """
import artifact_plugins as ap

@ap.hookimpl
def register_renames():
    return {renames!r}

@ap.hookimpl
def after_artifact_loaded(decision):
    decisions.append(decision)

decisions = []
"""
Code = Callable[..., None]
Open = Callable[..., Any]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    """Replaces the user's modules, as a new release and a new process would."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)

    def forget() -> None:
        for name in set(sys.modules) - before:
            path = getattr(sys.modules[name], "__file__", None)
            if path is not None and Path(path).is_relative_to(folder):
                del sys.modules[name]
        importlib.invalidate_caches()

    def write(**modules: str) -> None:
        forget()
        for old in folder.glob("*.py"):
            old.unlink()
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)

    yield write
    forget()


@pytest.fixture
def opened(places: dict[str, str]) -> Open:
    """Open a session of the test's places that listens to what was decided."""

    def open_with(**settings: Any) -> Any:
        return ap.open_session(ap.Settings(**places, **settings))

    return open_with


def listener(renames: dict[str, str] | None = None) -> str:
    """Return a plugin that says where classes went and remembers decisions."""
    return RENAMER.format(renames=renames or {})


def decided() -> Any:
    """Return what the plugin was told last."""
    return importlib.import_module("renamer").decisions[-1]


def attribute(path: str) -> Any:
    """Import `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def save_order(code: Code, opened: Open) -> None:
    """Save an order and a list of orders of the module `rn_orders`."""
    code(rn_orders=ORDER.format(name="Order"))
    with opened() as session:
        order = attribute("rn_orders:Order")("tea", 2)
        session.save(order, "order")
        session.save([order], "orders")


def test_moved_class_is_found(code, opened):
    """A value comes back as the class at its new path, in a container too."""
    save_order(code, opened)
    code(rn_sales=ORDER.format(name="Sale"), renamer=listener())

    with opened(renames={"rn_orders:Order": "rn_sales:Sale"}, plugins=("renamer",)) as session:
        explained = session.explain_load("order")
        value, values = session.load("order"), session.load("orders")

        assert value == attribute("rn_sales:Sale")("tea", 2)
        assert values == [value]
        assert (decided().code, decided().data_type) == ("compatible", "renamed")
        assert explained.decision.data_type == "renamed"
        assert explained.decision.code == "compatible"


def test_without_the_rename_the_archive_is_used(code, opened):
    """The negative control: a class that is nowhere here comes from the archive."""
    save_order(code, opened)
    code(rn_sales=ORDER.format(name="Sale"), renamer=listener())

    with opened(plugins=("renamer",)) as session:
        value = session.load("order")

    assert type(value).__module__.startswith("artifact_plugins._snap.")
    assert decided().data_type == "archive"


def test_who_wants_the_moved_class_is_told_what_to_say(code, opened):
    """The error of the load and the explanation give the line; with it the class is found."""
    save_order(code, opened)
    code(rn_sales=ORDER.format(name="Sale"))

    with opened() as session:
        facts = session.explain_load("order").facts
        with pytest.raises(LoadFailedError) as refused:
            session.load("order", as_type=attribute("rn_sales:Sale"))
    assert '"rn_orders:Order" = "new.module:Name"' in facts[-1]
    (line,) = re.findall(r'renames\]: "(.+)" = "(.+)";', str(refused.value))

    with opened(renames=dict([line])) as session:
        assert session.load("order", as_type=attribute("rn_sales:Sale")).item == "tea"
        assert not [fact for fact in session.explain_load("order").facts if "moved" in fact]


def test_pickled_class_is_found(code, opened):
    """A pickle asks the renames for each class that it names."""
    code(rn_orders=BASKET.format(name="Basket"))
    with opened() as session:
        session.save(attribute("rn_orders:Basket")(["tea"]), "basket")
    code(rn_sales=BASKET.format(name="Trolley"))

    with opened(renames={"rn_orders:Basket": "rn_sales:Trolley"}) as session:
        assert session.load("basket") == attribute("rn_sales:Trolley")(["tea"])


@pytest.mark.parametrize("changed", ["", "\n# edited"])
def test_moved_materializer_is_found(code, opened, changed):
    """A materializer that no plugin offers may move, and change, like any class."""
    code(rn_old=WRITER.format(name="Writer"))
    with opened() as session:
        session.save(b"abc", "text", materializer=attribute("rn_old:Writer"))
    code(rn_new=WRITER.format(name="Better") + changed, renamer=listener())

    renames = {"rn_old:Writer": "rn_new:Better"}
    with opened(renames=renames, plugins=("renamer",)) as session:
        explained = session.explain_load("text")
        assert "rn_new" not in sys.modules  # explaining imports nothing
        value = session.load("text")

    assert value == b"abc"
    assert "rn_new" in sys.modules
    assert decided().code == explained.decision.code == "compatible"


def test_renames_are_followed_to_the_end(code, opened):
    """A class that moved three times is found, whoever says which of the moves."""
    save_order(code, opened)
    code(
        rn_now=ORDER.format(name="Order"),
        renamer=listener({"rn_sales:Sale": "rn_shop:Order", "rn_shop:Order": "rn_now:Order"}),
    )

    with opened(renames={"rn_orders:Order": "rn_sales:Sale"}, plugins=("renamer",)) as session:
        assert session.explain_load("order").decision.data_type == "renamed"
        assert type(session.load("order")) is attribute("rn_now:Order")


@pytest.mark.parametrize("said", [{}, {"rn_sales:Sale": "rn_orders:Order"}])
def test_circle_is_a_named_error(code, opened, tmp_path, said):
    """Renames that lead back stop the opening and show the way; nothing is created."""
    code(renamer=listener(said))
    renames = {"rn_orders:Order": "rn_sales:Sale"}
    if not said:
        renames["rn_sales:Sale"] = "rn_orders:Order"

    with pytest.raises(SettingsError, match="circle") as caught:
        opened(renames=renames, plugins=("renamer",)).__enter__()

    assert "rn_orders:Order -> rn_sales:Sale" in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_settings_break_the_circle_of_a_plugin(code, opened):
    """A class that the settings say is where it was has not moved."""
    save_order(code, opened)
    code(
        rn_orders=ORDER.format(name="Order"),
        renamer=listener({"rn_orders:Order": "rn_b:Order", "rn_b:Order": "rn_orders:Order"}),
    )

    renames = {"rn_orders:Order": "rn_orders:Order"}
    with opened(renames=renames, plugins=("renamer",)) as session:
        assert type(session.load("order")) is attribute("rn_orders:Order")
        assert decided().data_type == "installed"


def test_settings_win_over_a_plugin(code, opened):
    """The settings say the last word about where a class is."""
    save_order(code, opened)
    code(
        rn_sales=ORDER.format(name="Sale"),
        rn_wrong=ORDER.format(name="Sale"),
        renamer=listener({"rn_orders:Order": "rn_wrong:Sale"}),
    )

    with opened(plugins=("renamer",)) as session:
        assert type(session.load("order")) is attribute("rn_wrong:Sale")
    with opened(renames={"rn_orders:Order": "rn_sales:Sale"}, plugins=("renamer",)) as session:
        assert type(session.load("order")) is attribute("rn_sales:Sale")


def test_plugins_that_disagree_are_named(code, opened):
    """Two plugins that send one class to two places stop the opening."""
    code(
        renamer=listener({"rn_orders:Order": "rn_a:Order"}),
        renamer_b=listener({"rn_orders:Order": "rn_b:Order"}),
    )

    with pytest.raises(PluginConflictError, match=r"'renamer'.*'renamer_b'"):
        opened(plugins=("renamer", "renamer_b")).__enter__()


@pytest.mark.parametrize("target", ["rn_sales:function", "rn_sales:missing", "rn_nowhere:Sale"])
def test_rename_to_no_class_is_no_class(code, opened, target):
    """A rename that leads nowhere is as if the class were gone: the archive, or a named error."""
    save_order(code, opened)
    code(rn_sales="def function(): ...\n", renamer=listener())

    renames = {"rn_orders:Order": target}
    with opened(renames=renames, plugins=("renamer",)) as session:
        explained = session.explain_load("order")
        value = session.load("order")

        assert type(value).__module__.startswith("artifact_plugins._snap.")
        assert decided().data_type == explained.decision.data_type == "archive"
    for archive in Path(session.settings.store_url).rglob("*.zip"):
        archive.unlink()
    with opened(renames=renames) as session:
        explained = session.explain_load("order")
        with pytest.raises(ArtifactMissingError) as caught:
            session.load("order")
    assert isinstance(caught.value.__cause__, PayloadClassNotFoundError)
    assert target in str(caught.value.__cause__)
    assert str(explained.error) == str(caught.value)


def test_save_after_a_rename_pins_the_new_path(code, opened):
    """What is loaded under its new name is saved under it, pinned to the code that defines it."""
    save_order(code, opened)
    code(rn_sales=ORDER.format(name="Sale"))

    with opened(renames={"rn_orders:Order": "rn_sales:Sale"}) as session:
        again = session.save(session.load("order"), "again")
        (pinned,) = [s for s in session.snapshots().items if s.id == again.plugin_snapshot]
        explained = session.explain_load(again)

    files = {file.path for archive in pinned.archives for file in archive.files}
    assert again.data_type == "rn_sales:Sale"
    assert "rn_sales.py" in files
    assert "rn_orders.py" not in files
    assert (explained.decision.code, explained.decision.data_type) == ("installed", "installed")


def test_unvouched_rename_imports_nothing(code, opened, tmp_path):
    """A rename does not make a stranger's version import the module it leads to."""
    save_order(code, opened)
    code(rn_sales=ORDER.format(name="Sale"))

    renames = {"rn_orders:Order": "rn_sales:Sale"}
    with opened(renames=renames, trust_home=str(tmp_path / "bob")) as session:
        explained = session.explain_load("order")
        with pytest.raises(type(explained.error)):
            session.load("order")

    assert explained.error.code == "untrusted-key"
    assert "rn_sales" not in sys.modules
