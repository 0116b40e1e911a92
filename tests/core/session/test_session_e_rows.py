"""Archived code and strangers' plugins at the door: rows E19, E20, E21 and E23 of the faults."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from archived_projects import project  # noqa: F401  # a fixture
from store_attacks import Place

from artifact_plugins import errors

ORDER = """
from dataclasses import dataclass


@dataclass
class Order:
    size: int

    def seen(self):
        return SEEN
"""


@pytest.fixture
def place(tmp_path):
    """A store, and homes."""
    return Place(tmp_path)


def saved(place, project, files):  # noqa: F811
    """Alice saves an order of her project, and its code goes away."""
    project.write(files)
    order = project.live("shop.orders:Order")
    with place.session("alice") as session:
        version = session.save(order(1), "order")
    project.write({"unrelated.py": ""})
    return version


@pytest.mark.parametrize("who", ["alice", "a stranger"])
def test_e19_code_that_runs_when_it_is_imported(place, project, who):  # noqa: F811
    """E19: once trusted it may reach out as any code may, under a private name; else it never runs."""
    canary = place.folder / "canary"
    text = f"""
import socket, sys, urllib.request
with open({str(canary)!r}, "a") as file:
    file.write(__name__ + "\\n")
SEEN = (__name__, list(sys.path), "pip" in sys.modules)
"""
    version = saved(place, project, {"shop/__init__.py": "", "shop/orders.py": text + ORDER})
    canary.unlink()
    path = list(sys.path)
    with place.session(who) as session:
        if who == "alice":
            name, inside, has_pip = session.load(version.id).seen()

            assert canary.read_text() == f"{name}\n"
            assert name.startswith("artifact_plugins._snap.")
            assert inside == path == sys.path
            assert not has_pip
        else:
            with pytest.raises(errors.TrustError):
                session.load(version.id)
            assert not canary.exists()


def test_e20_a_module_named_as_one_of_python(place, project):  # noqa: F811
    """E20: the `json` of an archive is its own only by a relative import, and nobody else's."""
    text = "import json\nfrom . import json as own\nSEEN = (hasattr(json, 'loads'), own.WHO)\n"
    files = {
        "shop/__init__.py": "",
        "shop/orders.py": text + ORDER,
        "shop/json.py": "WHO = 'archive'\n",
    }
    version = saved(place, project, files)

    with place.session("alice") as session:
        assert session.load(version.id).seen() == (True, "archive")
    assert sys.modules["json"] is json


def test_e20_a_folder_shadows_modules_of_python(tmp_path):
    """Negative control: on the import path the file would be everybody's `json`."""
    (tmp_path / "json.py").write_text("print('shadow')\n")
    done = subprocess.run(
        [sys.executable, "-c", "import json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "shadow\n"


def planted(source, place):
    """Write bytecode that Python would take without a look at the source beside it."""
    bytecode = Path(importlib.util.cache_from_source(str(source)))
    other = place.folder / "planted.py"
    other.write_text("SEEN = 'planted'\n" + ORDER)
    bytecode.parent.mkdir(parents=True, exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), str(bytecode), doraise=True, invalidation_mode=mode)


def test_e21_planted_bytecode(place, project, monkeypatch):  # noqa: F811
    """E21: archived code runs from its verified source, and writes no bytecode either."""
    files = {"shop/__init__.py": "", "shop/orders.py": "SEEN = 'archive'\n" + ORDER}
    version = saved(place, project, files)
    snapshots = place.store / "snapshots"
    (archive,) = (one for one in snapshots.rglob("*.zip") if b"shop/orders.py" in one.read_bytes())
    label = f"<snapshot {archive.stem[:8]}>"
    monkeypatch.chdir(place.folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for folder in (archive.parent, place.folder / label, place.folder):
        planted(folder / "shop" / "orders.py", place)
    before = sorted(place.folder.rglob("*.pyc"))

    with place.session("alice") as session:
        assert session.load(version.id).seen() == "archive"

    assert sorted(place.folder.rglob("*.pyc")) == before


def test_e21_python_takes_planted_bytecode(place):
    """Negative control: beside a file of source, the same bytecode is what runs."""
    source = place.folder / "shop" / "orders.py"
    source.parent.mkdir()
    source.write_text("SEEN = 'source'\n" + ORDER)
    planted(source, place)

    code = SourceFileLoader("orders", str(source)).get_code("orders")

    assert "planted" in code.co_consts
    assert "source" not in code.co_consts


THIEF = """
import artifact_plugins as ap
from artifact_plugins.contracts.offers import MaterializerOffer

@ap.hookimpl
def register_materializers():
    return [MaterializerOffer(key="thief.list", target="thief:Thief", types=("builtins:list",),
                              format="thief/1")]

class Thief(ap.Materializer):
    format = "thief/1"
"""
PROGRAM = """
import sys, json
import artifact_plugins as ap
from artifact_plugins.errors import AmbiguousMaterializerError
from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run
settings = json.loads(sys.argv[1])
with ap.open_session(ap.Settings(**settings)) as session:
    try:
        print(session.save([1], "numbers").materializer)
    except AmbiguousMaterializerError as error:
        print(error)
chosen = {"builtins:list": "python.document"}
with ap.open_session(ap.Settings(**settings, materializers=chosen)) as session:
    print("chosen", session.save([1], "numbers").materializer)
run(group, ["plugins"])
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_e23_a_stranger_claims_a_type_of_python(place, tmp_path, is_there):
    """E23: a second claim on a type is refused until the settings choose; the list says whose it is."""
    site = tmp_path / "site-packages"
    info = site / "thief-6.6.dist-info"
    info.mkdir(parents=True)
    (site / "thief.py").write_text(THIEF)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thief\nVersion: 6.6\n")
    (info / "entry_points.txt").write_text("[artifact_plugins]\nthief = thief\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(place.given("alice"))],
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(site) if is_there else ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    first, chosen, *listed = done.stdout.splitlines()
    assert ("thief==6.6" in first) is is_there, done.stderr
    assert first == "python.document" or is_there
    assert chosen == "chosen python.document"
    assert any("thief" in line and "6.6" in line for line in listed) is is_there
