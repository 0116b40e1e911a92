from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = shutil.which("uv")

BACKENDS = {
    "hatchling": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [tool.hatch.build.targets.wheel]
        include = ["acme_prices", "acme_single.py", "acme_single_reader.py"]
        exclude = ["tests"]
        """,
    "setuptools": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        [tool.setuptools]
        packages = ["acme_prices", "acme_prices.sub", "acme_prices.sub.data"]
        py-modules = ["acme_single", "acme_single_reader"]
        [tool.setuptools.package-data]
        acme_prices = ["table.csv", "forms/*.html"]
        "acme_prices.sub.data" = ["*.json"]
        """,
}
PROJECT = """
[project]
name = "acme-prices"
version = "1.4.2"
"""
FILES = {
    "acme_prices/__init__.py": "import numpy\nTABLE = 'table.csv'\nFORMS = 'forms'\n",
    "acme_prices/frame.py": "from . import sub\nTEXT = '''a\nb'''\n",
    "acme_prices/sub/__init__.py": "from importlib.resources import files\n",
    "acme_prices/sub/read.py": "def load(name): return files('acme_prices.sub.data') / (name + '.json')\n",
    "acme_prices/sub/data/__init__.py": "",
    "acme_prices/sub/data/a.json": "{}",
    "acme_prices/sub/data/b.json": "[]",
    "acme_prices/table.csv": "a,b\r\n1,2\r\n",
    "acme_prices/forms/one.html": "<p>",
    "acme_single.py": "from acme_single_reader import Reader\nimport pydantic\n",
    "acme_single_reader.py": "class Reader: ...\n",
    # What only a checkout has.
    "acme_prices/tests/test_frame.py": "def test(): ...\n",
    "acme_prices/NOTES.md": "",
    "acme_prices/__pycache__/frame.cpython-39.pyc": "",
    "acme_prices/.cache/x": "",
    "acme_unshipped.py": "",
    ".git/config": "",
}  # fmt: skip
SCRIPT = """
import json
from artifact_plugins.snapshots import capture_plugin
found = {}
for module in ("acme_prices", "acme_single"):
    captured = capture_plugin(
        module, plugin=module, distribution="acme-prices", distribution_version="1.4.2"
    )
    found[module] = [
        captured.archive.model_dump(), sorted(captured.libraries), __import__(module).__file__
    ]
print(json.dumps(found))
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(folder: Path) -> str:
    """Make an environment that sees the libraries of this one; return its interpreter."""
    if UV:
        run(UV, "venv", "--quiet", "--python", sys.executable, str(folder), cwd=folder.parent)
    else:
        run(sys.executable, "-m", "venv", str(folder), cwd=folder.parent)
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    here = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    own = [path for path in sys.path if "site-packages" in path]
    ours = [str(ROOT / "src"), str(ROOT / "materializers"), str(ROOT / "integrations")]
    Path(here.strip(), "ours.pth").write_text("\n".join([*own, *ours]) + "\n")
    return python


def install(python: str, what: list[str], cwd: Path) -> None:
    if UV:
        run(UV, "pip", "install", "--quiet", "--no-deps", "--python", python, *what, cwd=cwd)
    else:
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", *what, cwd=cwd)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_wheel_editable_install_and_checkout_have_one_digest(backend: str, tmp_path: Path):
    """A plugin has one archive in a wheel, an editable install, a checkout and one with CRLF."""
    checkout = tmp_path / "checkout"
    for name, text in FILES.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes(text.encode())
    (checkout / "pyproject.toml").write_text(PROJECT + textwrap.dedent(BACKENDS[backend]))
    crlf = tmp_path / "crlf"
    shutil.copytree(checkout, crlf)
    for path in crlf.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    source = tmp_path / "source"
    shutil.copytree(checkout, source)
    wheel, editable, bare = (environment(tmp_path / name) for name in ("wheel", "editable", "bare"))
    install(wheel, [str(source)], tmp_path)
    install(editable, ["--editable", str(checkout)], tmp_path)

    found = {
        "wheel": run(wheel, "-c", SCRIPT, cwd=tmp_path),
        "editable": run(editable, "-c", SCRIPT, cwd=tmp_path),
        "checkout": run(bare, "-c", SCRIPT, cwd=tmp_path, PYTHONPATH=str(checkout)),
        "inside": run(bare, "-c", SCRIPT, cwd=checkout),
        "crlf": run(bare, "-c", SCRIPT, cwd=tmp_path, PYTHONPATH=str(crlf)),
    }

    plugins = {name: json.loads(text) for name, text in found.items()}
    places = {name: plugin["acme_prices"].pop() for name, plugin in plugins.items()}
    singles = {name: plugin["acme_single"].pop() for name, plugin in plugins.items()}
    assert "site-packages" in places["wheel"] and "site-packages" in singles["wheel"]
    assert places["editable"].startswith(str(checkout))
    assert all(plugin == plugins["wheel"] for plugin in plugins.values())
    (package, libraries), (single, others) = plugins["wheel"].values()
    assert [file["path"] for file in package["files"]] == [
        "acme_prices/__init__.py",
        "acme_prices/forms/one.html",
        "acme_prices/frame.py",
        "acme_prices/sub/__init__.py",
        "acme_prices/sub/data/__init__.py",
        "acme_prices/sub/data/a.json",
        "acme_prices/sub/data/b.json",
        "acme_prices/sub/read.py",
        "acme_prices/table.csv",
    ]
    assert [file["path"] for file in single["files"]] == ["acme_single.py", "acme_single_reader.py"]
    assert (libraries, others) == (["numpy"], ["pydantic"])
