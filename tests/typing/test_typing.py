"""Type checkers agree with what the documentation shows, and find mistakes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("mypy") is None or find_spec("basedpyright") is None,
        reason="the type checkers are in the dependency group `lint`",
    ),
]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BLOCK = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if any("@ap.pipeline" in body for _, body in BLOCK.findall(page.read_text(encoding="utf-8")))
]

Check = Callable[..., set[tuple[str, int]]]


def run(*arguments: str, folder: Path) -> str:
    """Return what a program wrote; it may find errors, but not fail otherwise."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Return a function: file and line of each error that mypy finds in a folder."""
    cache = tmp_path_factory.mktemp("mypy")

    def check(folder: Path, *, is_strict: bool = False) -> set[tuple[str, int]]:
        strict = "--strict" if is_strict else "--check-untyped-defs"
        told = run("mypy", strict, "--config-file=", f"--cache-dir={cache}", ".", folder=folder)
        return {
            (file, int(line))
            for file, line in re.findall(r"^([^:\n]+):(\d+): error:", told, flags=re.MULTILINE)
        }

    return check


@pytest.fixture(scope="module")
def pyright() -> Check:
    """The same with pyright, in the mode that it has when nobody says more."""

    def check(folder: Path, *, is_strict: bool = False) -> set[tuple[str, int]]:
        config = folder / "pyrightconfig.json"
        config.write_text(json.dumps({"typeCheckingMode": "standard"}), encoding="utf-8")
        told = run(
            "basedpyright",
            "--outputjson",
            f"--project={config}",
            f"--pythonpath={sys.executable}",
            folder=folder,
        )
        return {
            (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
            for found in json.loads(told)["generalDiagnostics"]
            if found["severity"] == "error"
        }

    return check


@pytest.fixture(params=["mypy", "pyright"])
def check(request: pytest.FixtureRequest) -> Check:
    found: Check = request.getfixturevalue(request.param)
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_documented_pipelines_have_no_type_errors(check, page, tmp_path):
    """What a page shows is what a type checker accepts."""
    for title, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        path = tmp_path / title
        path.parent.mkdir(exist_ok=True)
        path.write_text(body, encoding="utf-8")

    assert check(tmp_path) == set()


def test_pages_with_pipelines_are_found():
    """The README and the pages for newcomers are among them."""
    assert {"README", "index", "quickstart"} <= {page.stem for page in PAGES}


@pytest.mark.timeout(600)
def test_step_calls_keep_the_types_of_the_function(check, tmp_path):
    """Calls, outputs, `ap.value` and the records of a run have the types that are asserted."""
    shutil.copy(HERE / "pipelines.py", tmp_path)

    assert check(tmp_path, is_strict=True) == set()


@pytest.mark.timeout(600)
def test_mistakes_are_found(check, tmp_path):
    """Each marked line has an error and no other line has: the control of the tests above."""
    shutil.copy(HERE / "mistakes.py", tmp_path)
    lines = (HERE / "mistakes.py").read_text(encoding="utf-8").splitlines()
    marked = {("mistakes.py", number) for number, line in enumerate(lines, 1) if "# <-" in line}

    assert len(marked) > 10
    assert check(tmp_path, is_strict=True) == marked
