"""Facts about the code as a whole."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import artifact_plugins

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ROOT / "src/artifact_plugins",
    ROOT / "materializers/artifact_materializers",
    ROOT / "integrations/artifact_integrations",
)
HEAVY = ("fsspec", "numpy", "pandas", "pyarrow", "pydantic", "sqlalchemy", "sqlite3")
CEILING_LINES = 400
MEDIAN_LINES = 150


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]


def run_python(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def loaded_by(code: str) -> set[str]:
    names = run_python(f"{code}\nimport sys\nprint(*(name.split('.')[0] for name in sys.modules))")
    return {name for name in HEAVY if name in names.split()}


def test_front_door_loads_nothing_heavy():
    """`import artifact_plugins` loads no SQL, no filesystem layer, no data library."""
    loaded = loaded_by("import artifact_plugins")

    assert loaded == set()


def test_the_check_for_heavy_imports_sees_one():
    """The check above notices a package that does load one of them."""
    loaded = loaded_by("import artifact_plugins.settings")

    assert "pydantic" in loaded


def test_steps_load_no_data_library():
    """Declaring a step loads no filesystem layer and no data library."""
    loaded = loaded_by("import artifact_plugins as ap\n@ap.step\ndef f(x: int) -> int: return x")

    assert loaded & {"fsspec", "numpy", "pandas", "pyarrow"} == set()


def test_answering_hooks_loads_no_data_library():
    """Every plugin answers its register hooks without importing its library."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    names = list(table["artifact_plugins"].values())

    loaded = loaded_by(f"for name in {names!r}: __import__(name, fromlist=['x'])")

    assert loaded <= {"pydantic"}


def test_import_is_cheap():
    """Importing the package costs at most 2.5 times `import pydantic`, best of five."""

    def seconds(package: str) -> float:
        code = f"import time; t = time.process_time(); import {package}; print(time.process_time() - t)"
        return float(run_python(code))

    both = [(seconds("artifact_plugins"), seconds("pydantic")) for _ in range(5)]

    assert min(ours for ours, _ in both) <= 2.5 * min(theirs for _, theirs in both)


def test_all_is_complete():
    """Every name of `__all__` exists, and every name a type checker sees is in it."""
    tree = ast.parse(inspect.getsource(artifact_plugins))
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and alias_is_public(node)
        for alias in node.names
        if alias.asname
    }

    missing = [name for name in artifact_plugins.__all__ if not hasattr(artifact_plugins, name)]

    assert missing == []
    assert typed == set(artifact_plugins.__all__)
    assert set(dir(artifact_plugins)) == set(artifact_plugins.__all__)


def test_no_name_hides_a_room():
    """No name of the front door is also a submodule, which an import would put in its place."""
    rooms = {module.name for module in pkgutil.iter_modules(artifact_plugins.__path__)}

    assert rooms & set(artifact_plugins.__all__) == set()


def alias_is_public(node: ast.ImportFrom) -> bool:
    return (node.module or "").startswith("artifact_plugins")


def test_every_module_says_what_it_is_for():
    """Every module opens with a sentence of more than one word."""
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if len((ast.get_docstring(ast.parse(path.read_text())) or "").split()) < 3
    ]

    assert silent == []


def test_files_are_short():
    """No file has more than 400 lines, and the median is at most 150."""
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}

    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > CEILING_LINES}

    assert long == {}
    assert statistics.median(lengths.values()) <= MEDIAN_LINES


def test_nothing_is_put_off():
    """No file says that something remains to be done."""
    marker = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    files = [*modules(), *ROOT.glob("docs/*.md"), *(ROOT / "tests").rglob("*.py")]

    found = [str(path.relative_to(ROOT)) for path in files if marker.search(path.read_text())]

    assert found == []


def test_a_test_runs_in_its_own_folder(tmp_path):
    """A test that stores something stores it outside the checkout."""
    assert Path.cwd() == tmp_path


def test_test_files_have_unique_names():
    """Two test files never share a name, so a failure names one file."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]

    twice = sorted({name for name in names if names.count(name) > 1})

    assert twice == []


def test_every_room_has_a_floor():
    """The rooms on disk are the rooms that the layers contract and the docs name."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = tables["contracts"]
    rooms = {module.name for module in pkgutil.iter_modules([str(PACKAGES[0])])}
    layers = {room for line in contracts[0]["layers"] for room in re.findall(r"\w+", line)}
    closed = next(c for c in contracts if c["name"].startswith("plugins enter"))
    refused = {name.removeprefix("artifact_plugins.") for name in closed["forbidden_modules"]}
    page = (ROOT / "docs/maintainers.md").read_text()

    assert rooms == layers
    assert rooms - refused == {"contracts", "records", "errors", "transport"}
    assert [room for room in rooms if f"`{room}`" not in page] == []


def test_public_methods_are_documented():
    """Every public method has a docstring, its own or that of the contract it fulfils."""
    promised = {
        name
        for module in ("materializer", "abilities", "files", "runtime")
        for _, cls in public_classes(f"artifact_plugins.contracts.{module}")
        for name, member in vars(cls).items()
        if callable(member)
    }

    silent = [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for module in room_modules()
        for _, cls in public_classes(module)
        if not getattr(cls, "_is_protocol", False)  # describes what others made
        for name, member in vars(cls).items()
        if inspect.isfunction(member)
        and member.__module__ == cls.__module__
        and not name.startswith("_")
        and name not in promised
        and not inspect.getdoc(getattr(cls, name))
    ]

    assert silent == []


def room_modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(artifact_plugins.__path__, "artifact_plugins."):
        yield found.name


def public_classes(module: str) -> Iterator[tuple[str, type]]:
    for name, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass):
        if cls.__module__ == module and not name.startswith("_"):
            yield name, cls
