"""The contract of backends, against ZenML, the oldest and the newest that is known."""

from __future__ import annotations

import pytest

from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins.testing import BackendContract

pytestmark = pytest.mark.server


class TestZenML(BackendContract):
    @pytest.fixture
    def backend(self, backend: ZenMLBackend) -> ZenMLBackend:
        return backend
