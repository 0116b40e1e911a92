"""The contract of backends, against MLTE in each of its stores."""

from __future__ import annotations

import pytest

from artifact_integrations.mlte.backend import MlteBackend
from artifact_plugins.testing import BackendContract

pytestmark = pytest.mark.server


class TestMlte(BackendContract):
    @pytest.fixture
    def backend(self, backend: MlteBackend) -> MlteBackend:
        return backend
