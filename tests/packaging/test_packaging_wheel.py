"""The wheel holds what the checkout holds, and the core tests pass against it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


UV = shutil.which("uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel in its own environment, as a release does."""
    folder = tmp_path_factory.mktemp("wheel")
    builder = [UV, "build"] if UV else [sys.executable, "-m", "build"]
    run(*builder, "--wheel", "--out-dir" if UV else "--outdir", str(folder), str(ROOT))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """Give the Python of a new environment that holds the wheel and the tests' tools."""
    # Some core tests drop their privileges; pytest's own folders are private to one user.
    folder = Path(tempfile.mkdtemp(prefix="artifact-plugins-"))
    folder.chmod(0o755)
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]
    python = folder / "bin" / "python"
    if UV:
        run(UV, "venv", "--python", sys.executable, "--allow-existing", str(folder))
        run(UV, "pip", "install", "--python", str(python), f"{wheel}[all]", *tools)
    else:
        run(sys.executable, "-m", "venv", str(folder))
        run(str(python), "-m", "pip", "install", "--quiet", f"{wheel}[all]", *tools)
    yield python
    shutil.rmtree(folder)


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def members(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_top_level_is_exact(wheel):
    """The wheel holds the three packages and its own metadata, nothing else."""
    top = {name.split("/")[0] for name in members(wheel)}

    info = {name for name in top if name.endswith(".dist-info")}

    assert len(info) == 1
    assert info.pop().startswith("artifact_plugins-")
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "artifact_integrations",
        "artifact_materializers",
        "artifact_plugins",
    }


def test_every_module_is_in_the_wheel(wheel):
    """Every file of the three packages is in the wheel, types included, and no others."""
    folders = (ROOT / "src", ROOT / "materializers", ROOT / "integrations")
    wanted = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    found = {name for name in members(wheel) if ".dist-info/" not in name}

    assert found == wanted
    assert {"artifact_plugins/py.typed", "artifact_materializers/py.typed"} <= found


def test_license_is_in_the_wheel(wheel):
    """The wheel carries its license."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in members(wheel))


def test_entry_points_are_those_of_the_checkout(wheel):
    """The wheel and the editable installation offer the same plugins and programs."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        text = archive.read(name).decode()
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # names keep their case
    parser.read_string(text)
    packed = {
        (group, n, value) for group in parser.sections() for n, value in parser[group].items()
    }

    editable = {(p.group, p.name, p.value) for p in distribution("artifact-plugins").entry_points}

    assert packed == editable
    assert any(group == "artifact_plugins" for group, _, _ in packed)


def test_core_tests_pass_against_the_wheel(installed, tmp_path):
    """What a user touches works in an environment that has only the wheel."""
    # Some core tests hold a page of the documentation to its word.
    for folder in ("docs", "tests/core", "tests/support"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "test_where.py").write_text(WHERE)

    out = run(
        str(installed),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not server"),
        # The other rooms import nothing that these do not; their tests would say the same twice.
        *(f"tests/core/{name}" for name in ("steps", "plugins", "cli/test_cli_reading.py")),
        "tests/test_where.py",
        cwd=tmp_path,  # with the tests and without the packages; workers import steps from there
    )

    assert " passed" in out


# In the run above, what is imported is the wheel.
WHERE = '''
import sys
from pathlib import Path

import artifact_plugins


def test_the_wheel_is_imported():
    """The package under test lies in the environment's own folder."""
    assert Path(artifact_plugins.__file__).is_relative_to(Path(sys.prefix))
'''
