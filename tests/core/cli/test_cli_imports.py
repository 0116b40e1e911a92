"""What a command imports: help imports nothing heavy, reading records no data library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pydantic", "rich", "pandas", "numpy", "pyarrow", "fsspec"}


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["list", "--help"], set()),
        (["list"], {"pydantic", "rich"}),
        (["list", "--json"], {"pydantic"}),
    ],
    ids=["help", "list-help", "list", "list-json"],
)
def test_command_imports_only_what_it_needs(
    original: Path, arguments: list[str], allowed: set[str]
) -> None:
    """Heavy libraries are imported by the commands that use them."""
    script = (
        "import sys\n"
        "from artifact_plugins.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print('loaded', *sorted({HEAVY!r} & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=original,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert set(done.stdout.splitlines()[-1].split()[1:]) <= allowed
