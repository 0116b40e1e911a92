from __future__ import annotations

import os
import time
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from archived_projects import Project

from artifact_plugins.errors import NotSerializableError, ResourceLimitError
from artifact_plugins.snapshots import capture_plugin, open_archive
from artifact_plugins.snapshots.archive import Captured

ACME = {
    "acme/__init__.py": "import csv\n",
    "acme/plugin/__init__.py": "import numpy as np\nfrom .frame import Frame\n",
    "acme/plugin/frame.py": "class Frame: ...\n",
    "acme/plugin/sub/__init__.py": "",
    "acme/plugin/sub/deep.py": "from ... import __doc__\n",
    "acme/other.py": "",
}


def captured(module: str = "acme.plugin", distribution: str | None = "acme") -> Captured:
    return capture_plugin(
        module, plugin="acme", distribution=distribution, distribution_version="1.0"
    )


def members(*args: str | None) -> set[str]:
    return {file.path for file in captured(*args).archive.files}


def test_folder_of_a_plugin_is_captured(project: Project):
    """The archive holds the Python files of the folder and the `__init__` of the packages around."""
    project.write(ACME)

    found = captured().archive

    assert {file.path for file in found.files} == ACME.keys() - {"acme/other.py"}
    assert found.roots == ("acme.plugin",)
    assert (found.role, found.name) == ("plugin", "acme")
    assert (found.distribution, found.distribution_version) == ("acme", "1.0")


def test_namespace_around_a_plugin_has_no_init(project: Project):
    """A folder without `__init__` around a plugin adds no member."""
    project.write({"space/plugin/__init__.py": "", "space/plugin/a.py": ""})

    assert members("space.plugin") == {"space/plugin/__init__.py", "space/plugin/a.py"}


def test_libraries_of_a_plugin_are_recorded(project: Project):
    """Imported distributions are recorded by version, its own modules are not libraries."""
    project.write(ACME)

    assert set(captured().libraries) == {"numpy"}


def test_own_plugins_record_what_they_import():
    """The pandas plugin of this package depends on artifact-plugins, pandas and pyarrow."""
    found = capture_plugin(
        "artifact_materializers.pandas",
        plugin="materializers.pandas",
        distribution="artifact-plugins",
        distribution_version="0.1.0",
    )

    assert {"artifact-plugins", "numpy", "pandas", "pyarrow"} <= found.libraries.keys()
    assert found.archive.roots == ("artifact_materializers.pandas",)


def test_what_is_no_code_is_left_out(project: Project):
    """Bytecode, hidden files, caches, tests that nothing imports and stray files are left out."""
    project.write(
        {
            **ACME,
            "acme/plugin/__pycache__/frame.cpython-311.pyc": "",
            "acme/plugin/old.pyc": "",
            "acme/plugin/.git/config": "",
            "acme/plugin/.hidden.py": "",
            "acme/plugin/.ruff_cache/x.py": "",
            "acme/plugin/frame.py~": "",
            "acme/plugin/tests/__init__.py": "",
            "acme/plugin/tests/test_frame.py": "",
            "acme/plugin/conftest.py": "",
            "acme/plugin/README.md": "",
            "acme/plugin/py.typed": "",
            "acme/plugin/acme.egg-info/PKG-INFO": "",
        }
    )

    assert members() == ACME.keys() - {"acme/other.py"}


def test_tests_that_code_imports_stay(project: Project):
    """A package called `test` that the code imports is code."""
    files = {**ACME, "acme/plugin/test/__init__.py": "", "acme/plugin/test/t.py": ""}
    project.write({**files, "acme/plugin/frame.py": "from .test import t\n"})

    assert {"acme/plugin/test/__init__.py", "acme/plugin/test/t.py"} <= members()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X = 'a.json'", {"a.json"}),
        ("X = f'{name}.json'", {"a.json", "b.json", "deep/c.json"}),
        ("X = 'deep'", {"deep/c.json", "deep/d.txt"}),
        ("X = list(folder.iterdir())", {"a.json", "b.json", "deep/c.json", "deep/d.txt", "e.md"}),
        ("X = sorted(folder.rglob('*'))", {"a.json", "b.json", "deep/c.json", "deep/d.txt", "e.md"}),
        ("import json\nX = json.loads('{}')", set()),
    ],
)  # fmt: skip
def test_data_that_a_plugin_mentions_is_captured(text: str, expected: set[str], project: Project):
    """A data file is a member when its name, ending or folder is mentioned, or folders are listed."""
    data = dict.fromkeys(["a.json", "b.json", "deep/c.json", "deep/d.txt", "e.md"], "1")
    project.write({"acme/__init__.py": text + "\n", **{f"acme/{n}": t for n, t in data.items()}})

    assert members("acme") == {"acme/__init__.py", *(f"acme/{name}" for name in expected)}


def test_data_stays_as_it_is(project: Project):
    """Data files are kept byte for byte, Python files with LF line ends."""
    project.write({"acme/__init__.py": "X = 'a.csv'\n", "acme/a.csv": ""})
    (project.root / "acme/__init__.py").write_bytes(b"X = 'a.csv'\r\n")
    (project.root / "acme/a.csv").write_bytes(b"\xff\r\n\x00")

    found = captured("acme")

    assert open_archive(found.data, found.archive) == {
        "acme/__init__.py": b"X = 'a.csv'\n",
        "acme/a.csv": b"\xff\r\n\x00",
    }


def test_extensions_are_listed(project: Project):
    """Compiled modules are left out and named, whatever machine they are for."""
    project.write(ACME)
    for name in (f"_fast{EXTENSION_SUFFIXES[0]}", "_win.cp311-win_amd64.pyd", "sub/_deep.abi3.so"):
        (project.root / "acme/plugin" / name).write_bytes(b"\x7fELF")

    found = captured().archive

    assert found.extensions == ("acme.plugin._fast", "acme.plugin._win", "acme.plugin.sub._deep")
    assert not any(file.path.endswith((".so", ".pyd")) for file in found.files)


def test_single_module_takes_what_it_reaches(project: Project):
    """A plugin that is one module is captured with the modules of its project that it imports."""
    project.write(
        {
            "pyproject.toml": "",
            "acme_plugin.py": "import acme_reader, numpy\n",
            "acme_reader.py": "",
            "acme_other.py": "",
        }
    )

    found = captured("acme_plugin")

    assert [file.path for file in found.archive.files] == ["acme_plugin.py", "acme_reader.py"]
    assert found.archive.roots == ("acme_plugin", "acme_reader")
    assert set(found.libraries) == {"numpy"}


def test_single_module_in_a_package_takes_no_more_than_it_imports(project: Project):
    """The `__init__` of the package around a module is a member; what that imports is not."""
    project.write(
        {
            "pyproject.toml": "",
            "acme/__init__.py": "import acme.huge\n",
            "acme/huge.py": "",
            "acme/plugin.py": "import os.path\nfrom .reader import Reader\n",
            "acme/reader.py": "class Reader: ...\n",
        }
    )

    found = captured("acme.plugin").archive

    assert [f.path for f in found.files] == ["acme/__init__.py", "acme/plugin.py", "acme/reader.py"]
    assert found.roots == ("acme.plugin", "acme.reader")


def test_plugin_of_the_user_takes_what_it_reaches(project: Project):
    """A plugin that is not installed is captured with the user's code around it."""
    project.write(
        {
            "shop/__init__.py": "",
            "shop/plugin/__init__.py": "from shop import orders\nimport tools\n",
            "shop/orders.py": "",
            "tools.py": "",
            "unused.py": "",
        }
    )

    found = captured("shop.plugin", None).archive

    assert [file.path for file in found.files] == [
        "shop/__init__.py",
        "shop/orders.py",
        "shop/plugin/__init__.py",
        "tools.py",
    ]
    assert found.roots == ("shop", "tools")


@pytest.mark.parametrize("module", ["nowhere_at_all", "_struct", "math"])
def test_plugin_without_source_is_refused(module: str):
    """A plugin that is not there, or is compiled, cannot be archived and is named."""
    with pytest.raises(NotSerializableError, match=f"'{module}' has no source"):
        captured(module)


def test_links_in_a_circle_end(project: Project):
    """A folder that links to one above it is walked once."""
    project.write(ACME)
    os.symlink(project.root / "acme", project.root / "acme/plugin/again")

    assert "acme/plugin/frame.py" in members()


def test_a_pipe_in_the_folder_is_passed_over(project: Project):
    """What is neither file nor folder is not opened."""
    project.write(ACME)
    os.mkfifo(project.root / "acme/plugin/pipe.py")

    assert "acme/plugin/pipe.py" not in members()


def test_large_folders_are_refused(project: Project):
    """Too many files and too many bytes are named errors."""
    project.write({"acme/__init__.py": "X = 'a.bin'\n"})
    (project.root / "acme/a.bin").write_bytes(bytes(17 * 1024 * 1024))
    with pytest.raises(ResourceLimitError, match=r"a\.bin"):
        captured("acme")

    project.write({f"acme/m{number}.py": "" for number in range(2001)})
    with pytest.raises(ResourceLimitError, match="2001 files"):
        captured("acme")


@pytest.mark.parametrize("change", ["edit", "add", "remove", "data"])
def test_changed_folder_is_captured_again(change: str, project: Project):
    """An edited, a new, a removed and a changed data file make another archive."""
    project.write({**ACME, "acme/plugin/a.json": "1", "acme/plugin/frame.py": "X = 'a.json'\n"})
    first = captured()
    assert captured() is first
    folder = project.root / "acme/plugin"

    if change == "edit":
        (folder / "sub/deep.py").write_text("X = 1\n")
    elif change == "add":
        (folder / "sub/new.py").write_text("")
    elif change == "remove":
        (folder / "sub/deep.py").unlink()
    else:
        (folder / "a.json").write_text("2")

    assert captured().archive.digest != first.archive.digest


@pytest.mark.slow
def test_capture_is_quick(project: Project):
    """30 files are captured within 50 ms, and again within 1 ms (the best of ten)."""
    text = "import numpy\n\n\ndef f(x):\n    token = {'a': x}\n    return token\n" * 25
    project.write({f"acme/m{number}.py": text for number in range(30)})
    first, second = [], []
    for number in range(10):
        (project.root / "acme/__init__.py").write_text(f"X = {number}\n")
        start = time.perf_counter()
        captured("acme")
        middle = time.perf_counter()
        captured("acme")
        first.append(middle - start)
        second.append(time.perf_counter() - middle)

    assert min(first) < 0.05
    assert min(second) < 0.001
