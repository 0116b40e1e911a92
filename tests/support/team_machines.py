"""Machines of a team: processes with homes of their own, one PostgreSQL server, one S3 endpoint."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgresql_server as postgresql

from artifact_plugins.records import new_id

_CODE = Path(__file__).parents[1] / "integrations" / "team" / "machine"
_PAGE = Path(__file__).parents[2] / "docs" / "team.md"
_WAIT_SECONDS = 240
_CLEAN = {"PATH", "LANG", "SYSTEMROOT", "LD_LIBRARY_PATH"}


@dataclass(frozen=True)
class Machine:
    """A home, a working folder, a temporary folder and a copy of the team's code.

    Attributes:
        root: All of it lies below.
        settings: Environment variables that say where the team's things are.
    """

    root: Path
    settings: dict[str, str]

    @property
    def work(self) -> Path:
        return self.root / "home" / "work"

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": str(self.root / "code"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        kept = {name: value for name, value in os.environ.items() if name in _CLEAN}
        return kept | own | self.settings | more

    def start(self, *arguments: object, module: str = "acts", **more: str) -> subprocess.Popen[str]:
        """Start `python -m module ...` there; `more` are further environment variables."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=self.work,
            env=self.environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def act(self, *arguments: object, **more: str) -> Any:
        """Do what `acts.py` names; return its answer."""
        return answer_of(self.start(*arguments, **more))

    def cli(self, *arguments: object) -> Any:
        """Run `artifact-plugins ... --json`; return the document."""
        child = self.start(*arguments, "--json", module="artifact_plugins")
        out, err = child.communicate(timeout=_WAIT_SECONDS)
        assert child.returncode == 0, err
        return json.loads(out)


def answer_of(child: subprocess.Popen[str]) -> Any:
    """Wait for a process that must succeed; return the last line it wrote as JSON."""
    out, err = child.communicate(timeout=_WAIT_SECONDS)
    assert child.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def asked(child: subprocess.Popen[str], line: str) -> Any:
    """Write a line to a process; return the line it answers, as JSON."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()
    return json.loads(child.stdout.readline())


@dataclass(frozen=True)
class Team:
    """Two machines and what they share.

    Attributes:
        one: Its role owns the tables.
        other: Its role was granted what docs/team.md says.
        server: The PostgreSQL server.
        database: The team's database there.
    """

    one: Machine
    other: Machine
    server: postgresql.PostgreSQLServer
    database: str


def block(title: str) -> str:
    """Return the code block of docs/team.md that has this title."""
    found = re.search(rf'```\w+ title="{re.escape(title)}"\n(.*?)```', _PAGE.read_text(), re.DOTALL)
    assert found is not None, title
    return found[1]


@contextmanager
def a_team(
    server: postgresql.PostgreSQLServer, endpoint: str, *, port: int | None = None, **more: str
) -> Iterator[Team]:
    """Make a database, a prefix in the bucket, and two machines that know both.

    Args:
        endpoint: Of S3.
        port: Where the machines find the ledger, when it is not the server's own.
        more: Further settings of both.
    """
    database = server.new_database()
    server.run(f"ALTER DATABASE {database} OWNER TO guarded")
    server.run(
        "DO $$ BEGIN CREATE ROLE member LOGIN PASSWORD 'of the team'; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    address = f"127.0.0.1:{port or server.port}/{database}"
    shared = {
        "ARTIFACT_PLUGINS_STORE_URL": f"s3://team/{new_id()}",
        "ARTIFACT_PLUGINS_RUNTIME": "inline",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        **more,
    }
    with ExitStack() as stack:
        machines = []
        for role, password in (("guarded", "open sesame"), ("member", "of the team")):
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{role}-")))
            shutil.copytree(_CODE, root / "code")
            (root / "home" / "work").mkdir(parents=True)
            (root / "tmp").mkdir()
            own = {
                "ARTIFACT_PLUGINS_LEDGER_URL": f"postgresql://{role}@{address}",
                "ARTIFACT_PLUGINS_CREATED_BY": role,
                "PGPASSWORD": password,
            }
            machines.append(Machine(root, shared | own))
        team = Team(*machines, server, database)
        # The owner opens it first, which makes the tables; then others are let in.
        assert team.one.act("look_first") == []
        server.run(*block("members.sql").split(";")[:-1], database=database)
        yield team
