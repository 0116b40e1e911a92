from __future__ import annotations

import importlib
import linecache
import os
import sys
import textwrap
import types
from pathlib import Path

import pytest
from archived_projects import Project

from artifact_plugins.errors import NotSerializableError
from artifact_plugins.snapshots import capture_plugin, capture_project, open_archive
from artifact_plugins.snapshots.running import _started_ns

BEFORE = """
RATE = 2

class Order:
    note = 'a'

    @property
    def total(self):
        return 3

    @classmethod
    def make(cls):
        return cls()

def price(x):
    return x * RATE
"""
EDITS = {
    "function": ("return x * RATE", "return x + RATE"),
    "property": ("return 3", "return 4"),
    "class method": ("return cls()", "return cls"),
    "constant": ("RATE = 2", "RATE = 3"),
    "new line": ("def price", "\n\ndef price"),
    "renamed": ("def price", "def cost"),
}


def source(name: str = "shop_run") -> bytes:
    found = capture_project([name])
    assert found is not None
    return open_archive(found.data, found.archive)[f"{name}.py"]


def write(project: Project, text: str, name: str = "shop_run") -> Path:
    """Write a file two seconds later: bytecode knows its source by size and whole seconds."""
    path = project.root / f"{name}.py"
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    now = path.stat().st_mtime_ns
    os.utime(path, ns=(now, max(now, before + 2_000_000_000)))
    return path


@pytest.mark.parametrize("edit", sorted(EDITS))
@pytest.mark.parametrize("writes_bytecode", [True, False])
def test_code_edited_after_its_import_is_not_taken_for_what_runs(
    edit: str, writes_bytecode: bool, project: Project, monkeypatch: pytest.MonkeyPatch
):
    """A module that was edited after its import is refused and named, until it is loaded again."""
    monkeypatch.setattr(sys, "dont_write_bytecode", not writes_bytecode)
    project.write({"shop_run.py": BEFORE})
    linecache.clearcache()
    module = project.live("shop_run")
    after = textwrap.dedent(BEFORE).replace(*EDITS[edit])
    write(project, after)

    with pytest.raises(NotSerializableError, match="'shop_run' was edited after it was imported"):
        source()
    importlib.reload(module)
    if edit == "renamed":
        del module.price  # a reload leaves it there

    assert source() == after.encode()


@pytest.mark.parametrize("edit", sorted(EDITS))
def test_code_that_was_captured_before_is_remembered(edit: str, project: Project):
    """After an edit the archive is still of the code that runs, when it was captured before."""
    project.write({"shop_run.py": BEFORE})
    module = project.live("shop_run")
    first = source()
    after = textwrap.dedent(BEFORE).replace(*EDITS[edit])
    write(project, after)

    during = source()
    importlib.reload(module)
    if edit == "renamed":
        del module.price

    assert during == first == textwrap.dedent(BEFORE).encode()
    assert source() == after.encode()


def test_code_that_linecache_holds_is_found(project: Project):
    """A traceback or a debugger has read the source earlier: that text is taken if it fits."""
    project.write({"shop_run.py": BEFORE})
    path = project.live("shop_run").__file__
    linecache.getlines(path)
    write(project, BEFORE.replace("return 3", "return 5"))

    assert source() == textwrap.dedent(BEFORE).encode()


def test_a_touched_file_is_what_runs(project: Project):
    """A file with a new time and the old content is no edit."""
    project.write({"shop_run.py": BEFORE})
    project.live("shop_run")
    write(project, textwrap.dedent(BEFORE))

    assert source() == textwrap.dedent(BEFORE).encode()


def test_comments_may_be_edited_in_their_lines(project: Project):
    """An edit that changes neither code nor lines is taken: it runs the same."""
    project.write({"shop_run.py": "# one\nX = 1\ndef f(): return X\n"})
    project.live("shop_run")
    write(project, "# two\nX = 1\ndef f(): return X\n")

    assert source() == b"# two\nX = 1\ndef f(): return X\n"


def test_decorated_and_generated_functions_are_no_edit(project: Project):
    """Wrappers, dataclasses, named tuples, enums, partials and patches from elsewhere pass."""
    project.write(
        {
            "shop_run.py": textwrap.dedent("""
            import enum, functools, typing
            from dataclasses import dataclass
            from pydantic import BaseModel

            def twice(f):
                @functools.wraps(f)
                def wrapper(*args):
                    return f(*args) * 2
                return wrapper

            @twice
            def price(x): return x

            @functools.lru_cache
            def kept(x): return x

            @dataclass(order=True)
            class Order:
                n: int = 3
                tags: tuple = ()

            class Point(typing.NamedTuple):
                x: int = 1

            class Color(enum.Enum):
                RED = 1

            class Model(BaseModel):
                a: int = 1
                def f(self): return [x for x in range(self.a)]

            half = functools.partial(price, 1)
            square = lambda x: x * x
            A = B = 1
            COUNT = 0
            def count():
                global COUNT
                COUNT += 1
                return COUNT
            """)
        }
    )
    module = project.live("shop_run")
    module.count()
    module.price(2)
    module.square = types.FunctionType(compile("1", "elsewhere.py", "eval"), {})
    write(project, (project.root / "shop_run.py").read_text())

    assert source() == (project.root / "shop_run.py").read_bytes()


def test_a_plugin_folder_is_looked_at_in_the_same_way(project: Project):
    """An edited module of a plugin is refused too; one that is not imported is not."""
    project.write({"acme_run/__init__.py": "X = 1\n", "acme_run/a.py": "def f(): return 1\n"})
    project.live("acme_run")

    def captured() -> bytes:
        found = capture_plugin(
            "acme_run", plugin="acme", distribution="acme", distribution_version="1"
        )
        return open_archive(found.data, found.archive)["acme_run/a.py"]

    write(project, "def f(): return 2\n", "acme_run/a")
    unloaded = captured()
    project.live("acme_run.a")
    write(project, "def f(): return 3\n", "acme_run/a")

    assert unloaded == b"def f(): return 2\n"
    assert captured() == unloaded


def test_the_beginning_of_this_process_is_known():
    """On Linux a process knows since when it runs; files older than that need no look."""
    started = _started_ns()

    assert started == 0 or started < Path(__file__).stat().st_atime_ns + 10**18
    if sys.platform == "linux":
        assert 0 < started < Path("/proc/self").stat().st_mtime_ns + 10**10
