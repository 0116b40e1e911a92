"""Plugins offer artifact tasks and renames by hooks; conflicts name both plugins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifact_plugins.cli import main
from artifact_plugins.errors import PluginConflictError, PluginError
from artifact_plugins.plugins import load_plugins
from artifact_plugins.testing import session_on_disk

Write = Callable[..., None]
TASK = """
class Task(ArtifactTask):
    name = "shop_task"
    format = "shop/1"
    def serialize(self, value, directory, **parameters):
        (directory / "a").write_text(value)
    def deserialize(self, path, **parameters):
        return path.read_text()
"""
OFFER = """
@hookimpl
def register_artifact_tasks():
    return [ArtifactTaskOffer(name="shop_task", target="shop_code:Task", types=["builtins:str"])]
"""


def test_offered_artifact_task_is_chosen_by_name(write_module: Write, tmp_path: Path) -> None:
    """An offer imports nothing; its class is imported when it is used."""
    write_module("shop_code", TASK)
    write_module("shop_plugin", OFFER + "import sys\nassert 'shop_code' not in sys.modules\n")

    with session_on_disk(tmp_path / "s", plugins=("shop_plugin",)) as session:
        version = session.save("a", "x", task="shop_task")

        assert version.artifact_task == "shop_task"
        assert session.load(version) == "a"


def test_name_claimed_twice_names_both_plugins(write_module: Write) -> None:
    """Two plugins with one artifact task name stop the load and are both named."""
    write_module("shop_one", OFFER)
    write_module("shop_two", OFFER)

    with pytest.raises(PluginConflictError, match="'shop_task'") as caught:
        load_plugins(modules=("shop_one", "shop_two"))

    assert caught.value.plugins == ("shop_one", "shop_two")
    load_plugins(modules=("shop_one",))  # the control: one alone is fine


@pytest.mark.parametrize(
    ("offer", "named"),
    [
        ("ArtifactTaskOffer(name='a:b', target='m:C')", "'a:b'"),
        ("ArtifactTaskOffer(name='', target='m:C')", "name=''"),
        ("ArtifactTaskOffer(name='a', target='m')", "'m'"),
        ("ArtifactTaskOffer(name='a', target='m:C', types=['pandas'])", "'pandas'"),
        ("ArtifactTaskOffer(name='a', target='m:C', types='x:y')", "types="),
        ("ArtifactTaskOffer(name='a', target='m:C', executes_on_load='no')", "executes_on_load"),
        ("'shop_task'", "str"),
    ],
)
def test_offer_that_cannot_be_meant_is_refused(write_module: Write, offer: str, named: str) -> None:
    """A wrong offer stops the session and is named with its field."""
    write_module(
        "shop_plugin", f"@hookimpl\ndef register_artifact_tasks():\n    return [{offer}]\n"
    )

    with pytest.raises(PluginError, match=named):
        load_plugins(modules=("shop_plugin",))


def test_target_that_is_missing_is_named_at_use(write_module: Write, tmp_path: Path) -> None:
    """An offer whose class is gone opens the session and fails when it is used."""
    write_module("shop_plugin", OFFER)

    with (
        session_on_disk(tmp_path / "s", plugins=("shop_plugin",)) as session,
        pytest.raises(PluginError, match=r"'shop_task'.*'shop_plugin'.*shop_code:Task"),
    ):
        session.save("a", "x", task="shop_task")


RENAMES = """
@hookimpl
def register_renames():
    return {answer}
"""


def test_renames_of_plugins_are_gathered(write_module: Write) -> None:
    """All answers count, and the same answer twice is no conflict."""
    write_module("shop_one", RENAMES.format(answer={"old:A": "new:A"}))
    write_module("shop_two", RENAMES.format(answer={"old:A": "new:A", "old:B": "new:B"}))

    registry = load_plugins(modules=("shop_one", "shop_two"))

    assert registry.renames == {"old:A": "new:A", "old:B": "new:B"}


def test_class_sent_to_two_places_names_both_plugins(write_module: Write) -> None:
    """Two plugins that send one class to two places stop the load."""
    write_module("shop_one", RENAMES.format(answer={"old:A": "new:A"}))
    write_module("shop_two", RENAMES.format(answer={"old:A": "other:A"}))

    with pytest.raises(PluginConflictError, match="'shop_one'.*'shop_two'"):
        load_plugins(modules=("shop_one", "shop_two"))


@pytest.mark.parametrize("answer", [["old:A"], {"old": "new:A"}, {"old:A": "new"}, {"old:A": 3}])
def test_renames_that_cannot_be_meant_are_refused(write_module: Write, answer: Any) -> None:
    """Renames are a mapping of import paths."""
    write_module("shop_plugin", RENAMES.format(answer=answer))

    with pytest.raises(PluginError, match="register_renames"):
        load_plugins(modules=("shop_plugin",))


def test_offer_may_say_that_loading_executes_nothing(write_module: Write, tmp_path: Path) -> None:
    """The word of the offer beats the word of the class."""
    write_module("shop_code", TASK.replace("    format", "    executes_on_load = True\n    format"))
    write_module("shop_plugin", OFFER.replace("types=", "executes_on_load=False, types="))

    with session_on_disk(tmp_path / "s", plugins=("shop_plugin",), trust="installed") as session:
        assert session.load(session.save("a", "x", task="shop_task")) == "a"


# The command line.


def run(arguments: list[str]) -> None:
    """Call the command; it ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code


def test_explain_shows_artifact_tasks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`explain TYPE` names what may be chosen, and what the settings have chosen."""
    monkeypatch.chdir(tmp_path)
    run(["explain", "str"])
    offered = capsys.readouterr().out
    monkeypatch.setenv("ARTIFACT_PLUGINS_ARTIFACT_TASKS", json.dumps({"builtins:str": "text"}))
    run(["explain", "str"])
    chosen = capsys.readouterr().out

    assert "may name 'text'" in offered
    assert "=> artifact task 'text' of plugin 'materializers.tasks'" in chosen


def test_plugins_shows_artifact_tasks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`plugins --json` lists the artifact tasks of each plugin."""
    monkeypatch.chdir(tmp_path)
    run(["plugins", "--json"])

    plugins = {p["name"]: p for p in json.loads(capsys.readouterr().out)["plugins"]}
    names = [task["name"] for task in plugins["materializers.tasks"]["artifact_tasks"]]
    assert names == [
        "csv_frame",
        "parquet_frame",
        "jsonl_records",
        "image",
        "text",
        "npz_arrays",
        "directory",
    ]
