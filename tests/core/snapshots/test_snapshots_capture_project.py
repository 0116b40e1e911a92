"""Whose a module is, which data goes with it, and when the same code is captured again."""

from __future__ import annotations

import sys
import textwrap
import threading
import types
from pathlib import Path

import pytest
from archived_projects import Project
from captured_projects import SHOP, captured, members

from artifact_plugins.errors import NotSerializableError, ResourceLimitError
from artifact_plugins.snapshots import capture_project, digest_here, is_first_party
from artifact_plugins.snapshots.archive import Captured
from artifact_plugins.snapshots.opening import open_archive


def test_data_that_a_module_reads_is_captured(project: Project):
    """Files that a module names and reads beside itself are members, byte for byte."""
    project.write(
        {
            "shop/__init__.py": "",
            "shop/a.py": "from pathlib import Path\n"
            "HERE = Path(__file__).parent\n"
            "TEXT = HERE / 'a.json'\nDEEP = HERE / 'deep' / 'b.txt'\nNO = HERE / 'no.txt'\n",
            "shop/b.py": "import importlib.resources as r\n"
            "def f(): return (r.files('shop.data') / 'c.csv').read_text()\n",
            "shop/c.py": "import pkgutil\nDATA = pkgutil.get_data(__name__, 'd.bin')\n",
            "shop/d.py": "NAME = 'unread.txt'\n",
            "shop/e.py": "from pathlib import Path\nALL = Path(__file__).with_name('all')\n",
            "shop/a.json": "{}",
            "shop/deep/b.txt": "b",
            "shop/data/__init__.py": "",
            "shop/data/c.csv": "c\n",
            "shop/d.bin": "d",
            "shop/unread.txt": "",
            "shop/all/x.html": "x",
            "shop/all/y/z.html": "z",
            "shop/README.md": "",
        }
    )
    (project.root / "shop/data/c.csv").write_bytes(b"c\r\n\xff")
    modules = [f"shop.{name}" for name in "abcde"]

    found = captured(*modules, "shop.data")
    data = {file.path for file in found.archive.files if not file.path.endswith(".py")}

    assert data == {
        "shop/a.json",
        "shop/all/x.html",
        "shop/all/y/z.html",
        "shop/d.bin",
        "shop/data/c.csv",
        "shop/deep/b.txt",
    }
    assert open_archive(found.data, found.archive)["shop/data/c.csv"] == b"c\r\n\xff"


def test_data_beside_a_script_is_captured_only_by_name(project: Project):
    """Beside a top-level module a named file is taken, a folder is not, nor is anything large."""
    project.write(
        {
            "app.py": "from pathlib import Path\nHERE = Path(__file__).parent\n"
            "A = HERE / 'a.json'\nB = HERE / 'results'\nC = HERE / 'large.bin'\n"
            "D = HERE / '..' / 'outside.txt'\nE = Path('/etc/hostname')\n",
            "a.json": "{}",
            "results/run.csv": "1",
            "b.json": "{}",
        }
    )
    (project.root / "large.bin").write_bytes(bytes(1024 * 1024 + 1))

    assert members("app") == {"app.py", "a.json"}


def test_declared_package_data_is_captured(project: Project):
    """What setuptools is told to ship with a package belongs to it, read or not."""
    project.write(
        {
            "pyproject.toml": "[tool.setuptools.package-data]\nshop = ['*.tmpl', 'sub/*.txt']\n"
            "'*' = ['*.cfg']\nother = ['*.md']\n",
            "shop/__init__.py": "",
            "shop/a.tmpl": "a",
            "shop/sub/b.txt": "b",
            "shop/c.cfg": "c",
            "shop/d.md": "d",
        }
    )

    assert members("shop") == {"shop/__init__.py", "shop/a.tmpl", "shop/c.cfg", "shop/sub/b.txt"}


@pytest.mark.parametrize("name", ["this", "colorsys"])
def test_modules_with_names_of_python_are_refused(
    name: str, project: Project, monkeypatch: pytest.MonkeyPatch
):
    """A module of the user that has the name of one of Python cannot be pinned, and says so."""
    project.write({"app.py": f"import {name}\n"})
    (project.root / f"{name}.py").write_text("")
    monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(NotSerializableError, match=f"root '{name}' has the name of a module"):
        captured("app")


def test_libraries_and_python_are_nothing_to_capture():
    """Without a module of the user there is no archive."""
    assert capture_project(["numpy", "json", "artifact_plugins.records", "builtins"]) is None
    assert capture_project([]) is None


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("numpy", False),
        ("numpy.linalg", False),
        ("json", False),
        ("sys", False),
        ("artifact_plugins.session", False),
        ("artifact_materializers.numpy", False),
        ("artifact_plugins._snap.0123456789abcdef.shop", False),
        ("__main__", True),
        ("__mp_main__", True),
        ("nowhere_at_all", True),
    ],
)
def test_whose_a_module_is(module: str, expected: bool):
    """Libraries, Python and artifact_plugins are not first-party."""
    assert is_first_party(module) is expected


def test_parts_of_a_namespace_belong_to_whom_they_lie_with(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One namespace package may hold a library and the user's own module."""
    library = tmp_path / "site-packages"
    (library / "acme_space/lib").mkdir(parents=True)
    (library / "acme_space/lib/__init__.py").write_text("")
    project.write({"acme_space/own.py": "import acme_space.lib\n"})
    monkeypatch.syspath_prepend(str(library))

    found = captured("acme_space.own")

    assert is_first_party("acme_space.own")
    assert not is_first_party("acme_space.lib")
    assert [file.path for file in found.archive.files] == ["acme_space/own.py"]
    project.forget()


def test_modules_in_a_zip_file_are_captured(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Source is read from wherever its loader gets it."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("zipped_shop/__init__.py", "from . import orders\r\n")
        archive.writestr("zipped_shop/orders.py", "class Order: ...\r\n")
    monkeypatch.syspath_prepend(str(tmp_path / "app.pyz"))
    project.write({"app.py": "import zipped_shop\n"})

    assert members("app") == {"app.py", "zipped_shop/__init__.py", "zipped_shop/orders.py"}


def test_modules_in_memory_are_captured_from_their_kept_text(project: Project):
    """A module that `exec` made is captured when its text is known and is what runs."""
    import linecache

    text = "LIMIT = 3\n\ndef double(x):\n    return 2 * x\n"
    made = types.ModuleType("memory_shop")
    exec(compile(text, "<cell 1>", "exec"), vars(made))
    lines = text.splitlines(keepends=True)
    linecache.cache["<cell 1>"] = (len(text), None, lines, "<cell 1>")
    project.write({"app.py": "import memory_shop\n"})
    sys.modules["memory_shop"] = made
    try:
        with_text = members("app")
        del linecache.cache["<cell 1>"]
        without = members("app")
    finally:
        del sys.modules["memory_shop"]
        linecache.cache.pop("<cell 1>", None)

    assert with_text == {"app.py", "memory_shop.py"}
    assert without == {"app.py"}


def test_second_capture_is_the_same_object(project: Project):
    """What did not change is captured once, also under another order of the names."""
    project.write({"app.py": "import shop.orders\n", **SHOP})

    first = captured("app", "shop.other")

    assert captured("shop.other", "app") is first


def test_changed_file_is_captured_again(project: Project):
    """A file that changed and was not imported yet is captured again."""
    project.write({"app.py": "import shop.orders\n", **SHOP})
    first = captured("app")
    (project.root / "shop/orders.py").write_text("class Order: x = 1\n")

    second = captured("app")

    assert second.archive.digest != first.archive.digest
    assert [f.path for f in second.archive.files] == [f.path for f in first.archive.files]


def test_another_module_of_the_name_is_captured(project: Project, tmp_path: Path, monkeypatch):
    """A module that is found elsewhere now is not the one that was captured."""
    project.write({"app.py": "X = 1\n"})
    first = captured("app")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/app.py").write_text("X = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))

    assert captured("app").archive.digest != first.archive.digest


def test_line_ends_make_no_difference(project: Project):
    """A checkout with CRLF has the digest of one with LF."""
    project.write({"app.py": "X = 1\nY = 2\n"})
    first = captured("app").archive
    (project.root / "app.py").write_bytes(b"X = 1\r\nY = 2\r\n")

    assert captured("app").archive == first


def test_threads_capture_once(project: Project):
    """Threads that capture the same code at once get one and the same archive."""
    project.write({"app.py": "import shop.orders\n", **SHOP})
    found: list[Captured] = []
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        found.append(captured("app"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8 and len({id(each) for each in found}) == 1


def test_digest_here_tells_the_same_from_the_changed(project: Project):
    """The digest of the user's code here is that of an archive until a file changes or goes."""
    project.write(
        {
            "app.py": textwrap.dedent(
                """
                from pathlib import Path
                import shop.orders
                TEXT = Path(__file__).parent / "a.json"
                """
            ),
            "a.json": "{}",
            **SHOP,
        }
    )
    archive = captured("app").archive

    same = digest_here(archive)
    (project.root / "a.json").write_text("{ }")
    changed = digest_here(archive)
    (project.root / "shop/orders.py").unlink()
    gone = digest_here(archive)

    assert same == archive.digest
    assert changed is not None and changed != same
    assert gone is None


def test_too_many_modules_are_refused(project: Project):
    """More than 2,000 modules are a named error."""
    files = {f"big/m{number}.py": "" for number in range(2001)}
    init = "import importlib\ndef f(x): return importlib.import_module(x)\n"
    project.write({"big/__init__.py": init, **files})

    with pytest.raises(ResourceLimitError, match="2001 files, allowed are 2000"):
        captured("big")


def test_what_pip_put_into_a_folder_is_a_library(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`pip install --target` leaves a record beside a package: it is nobody's own code."""
    vendor = tmp_path / "vendor"
    (vendor / "vendored_lib").mkdir(parents=True)
    (vendor / "vendored_lib/__init__.py").write_text("")
    (vendor / "vendored_lib-1.2.dist-info").mkdir()
    record = "vendored_lib/__init__.py,sha256=x,0\n../bin/tool,,\n"
    (vendor / "vendored_lib-1.2.dist-info/RECORD").write_text(record)
    (vendor / "own_module.py").write_text("")
    monkeypatch.syspath_prepend(str(vendor))
    project.write({"app.py": "import vendored_lib, own_module\n"})

    assert not is_first_party("vendored_lib")
    assert members("app") == {"app.py", "own_module.py"}


def test_folders_of_input_data_are_left_out(project: Project):
    """A folder that a package names is taken with up to 200 files and 1 MiB, else not at all."""
    text = "from pathlib import Path\nHERE = Path(__file__).parent\nA = HERE / 'few'\nB = HERE / 'many'\n"
    many = {f"shop/many/{number}.csv": "1" for number in range(201)}
    project.write({"shop/__init__.py": text, "shop/few/a.csv": "1", **many})

    assert members("shop") == {"shop/__init__.py", "shop/few/a.csv"}
