"""Where the ledger of a test is: in a SQLite file and on a PostgreSQL server, each in its turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# For tests of what only one of them has.
ONLY_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
ONLY_POSTGRESQL = pytest.mark.parametrize(
    "url", [pytest.param("postgresql", marks=pytest.mark.server)], indirect=True
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a ledger that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.sqlite"
    else:
        server = request.getfixturevalue("postgresql_server")
        schema = server.new_schema()
        yield server.schema_url(schema)
        server.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
