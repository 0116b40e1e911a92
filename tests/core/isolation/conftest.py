"""What the tests of the room share: real environments of older libraries."""

from __future__ import annotations

import pytest
from recorded_environments import RecordedEnvironment


@pytest.fixture(scope="session")
def older_pandas() -> RecordedEnvironment:
    """Give pandas 2.2 beside numpy 1.26."""
    return RecordedEnvironment({"pandas": "2.2.3", "numpy": "1.26.4", "pyarrow": "17.0.0"})


@pytest.fixture(scope="session")
def older_sklearn() -> RecordedEnvironment:
    """Give scikit-learn 1.5 beside numpy 1.26, and pandas for its arguments."""
    return RecordedEnvironment(
        {"scikit-learn": "1.5.2", "numpy": "1.26.4", "pandas": "2.2.3", "pyarrow": "17.0.0"}
    )
