"""A folder filled by a small program, and the command line as a process in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import warm_processes

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command

PROGRAM = '''
"""What a user would write: values saved by hand, and a small pipeline."""

from typing import Annotated

import artifact_plugins as ap
import pandas as pd


@ap.step
def prices(count: int) -> Annotated[pd.DataFrame, "prices"]:
    return pd.DataFrame({"item": [f"i{n}" for n in range(count)], "price": [1.5] * count})


@ap.step
def total(prices: pd.DataFrame, rate: float = 1.2) -> Annotated[float, "total"]:
    return float(prices["price"].sum() * rate)


@ap.pipeline
def bill(count: int = 4):
    return total(prices(count))


if __name__ == "__main__":
    ap.save({"a": [1, 2.5], "b": "text"}, "config", tags=["raw", "v:1"], description="by hand")
    ap.save({"a": [], "b": ""}, "config", metadata={"rmse": 0.25})
    ap.save(bytes(range(256)) * 40, "large")
    bill()
    bill(count=3)
'''

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def executable() -> str:
    """Return the path of the installed console script."""
    return str(Path(sys.executable).with_name("artifact-plugins"))


def environment(**extra: str) -> dict[str, str]:
    """Return the environment without our settings and without a terminal's size."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ARTIFACT_PLUGINS_") and name not in ("COLUMNS", "LINES")
    }
    return {**kept, **extra}


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a store and a ledger; nobody changes it."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "shop.py").write_text(PROGRAM)
    subprocess.run(
        [sys.executable, "shop.py"],
        cwd=folder,
        env=environment(ARTIFACT_PLUGINS_DURABILITY="process"),
        check=True,
        timeout=60,
        capture_output=True,
    )
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of the filled folder that the test may change."""
    return Path(shutil.copytree(original, tmp_path / "work"))


def make_cli(folder: Path) -> Cli:
    """Return a function that runs the command line in a folder."""

    def run(
        *arguments: str, code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        script = Path(executable())
        done = warm_processes.run(script, *arguments, cwd=folder, env=environment(**(env or {})))
        assert code in (None, done.returncode), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def cli(original: Path) -> Cli:
    """The command line in the filled folder, for commands that only read."""
    return make_cli(original)


@pytest.fixture
def call(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """The same in this process: a new one for each row of a table costs minutes."""

    def run(
        *arguments: str, code: int | None = 0, folder: Path = original
    ) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            ended = run_command(group, arguments)
        output = capsys.readouterr()
        assert code in (None, ended), output.out + output.err
        return subprocess.CompletedProcess(arguments, ended, output.out, output.err)

    return run


@pytest.fixture
def cli_json(call: Cli) -> Callable[..., Any]:
    """The command line with `--json`, in the filled folder; gives the document."""

    def run(*arguments: str, code: int = 0) -> Any:
        return json.loads(call(*arguments, "--json", code=code).stdout)

    return run


@pytest.fixture
def in_folder() -> Callable[[Path], Cli]:
    """The command line in a folder of the test's own."""
    return make_cli
