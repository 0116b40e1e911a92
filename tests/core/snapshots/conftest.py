"""What the tests of archived code share."""

from __future__ import annotations

from archived_projects import project  # noqa: F401  # a fixture
