"""A defaultdict keeps a factory that a module defines; a function needs trust before it is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from functools import partial

import pytest

from artifact_plugins.errors import NotSerializableError

MODULE = "def factory():\n    return 7\nclass Uses:\n    @staticmethod\n    def inner(): return 8\n"
SETTINGS = (
    "ap.Settings(store_url='store', ledger_url='sqlite:///ledger.sqlite', inline_max_bytes=INLINE)"
)
SAVE = f"""
import collections, factories
import artifact_plugins as ap
with ap.open_session({SETTINGS}) as session:
    session.save({{"a": collections.defaultdict(factories.factory, x=1)}}, "one")
    session.save(collections.defaultdict(factories.Uses.inner), "two")
"""
LOAD = f"""
import sys
INLINE = 0
import artifact_plugins as ap
with ap.open_session({SETTINGS}) as session:
    try:
        print(session.load("one")["a"]["gone"], session.load("two")["gone"])
    except ap.ArtifactPluginsError as error:
        print(type(error).__name__, "factories" in sys.modules)
"""


def run(folder, text, *, home="home"):
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"XDG_CONFIG_HOME": str(folder / home), "PATH": "", "HOME": str(folder / home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module", params=[4096, 0], ids=["in the record", "in files"])
def saved(tmp_path_factory, request):
    """Return a folder with a module of factories and versions that use them."""
    folder = tmp_path_factory.mktemp("factories")
    (folder / "factories.py").write_text(MODULE)
    run(folder, SAVE.replace("INLINE", str(request.param)))
    return folder


def test_function_of_a_module_comes_back(saved):
    """In another process the factory is found by its name and called."""
    assert run(saved, LOAD) == "7 8"


def test_function_that_is_gone_comes_from_the_archive(saved, tmp_path):
    """The module is pinned with the version: without it, the factory still works."""
    shutil.copytree(saved, tmp_path / "copy", ignore=shutil.ignore_patterns("*.py", "__pycache__"))

    assert run(tmp_path / "copy", LOAD) == "7 8"


def test_stranger_is_refused(saved):
    """A function is there to be called: nothing is even imported for whoever is not trusted."""
    said = run(saved, LOAD, home="stranger")

    assert said.endswith("Error False")
    assert "Trust" in said or "Key" in said or "Signature" in said


def nameless():
    def inner():
        return 1

    return inner


@pytest.mark.parametrize("factory", [lambda: 1, nameless(), partial(int, 1), "".join])
def test_factory_without_a_lasting_name_is_refused(document, files, factory):
    """Negative control: lambdas, inner functions and objects that can be called stay refused."""
    with pytest.raises(NotSerializableError, match=r"value\['a'\] (names|is a defaultdict)"):
        document.save_files({"a": defaultdict(factory)}, files)
