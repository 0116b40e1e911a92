"""A team of two machines, and the S3 endpoint that it shares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from postgresql_server import PostgreSQLServer
from s3_server import MOTO, serving
from team_machines import Team, a_team


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 endpoint in a process of its own, with the bucket `team`."""
    with serving(lambda port: [sys.executable, "-c", MOTO, str(port)]) as endpoint:
        urlopen(Request(f"{endpoint}/team", method="PUT")).close()
        yield endpoint


@pytest.fixture(scope="module")
def team(postgresql_server: PostgreSQLServer, s3_endpoint: str) -> Iterator[Team]:
    """A team whose tests leave things to each other."""
    with a_team(postgresql_server, s3_endpoint) as found:
        yield found
