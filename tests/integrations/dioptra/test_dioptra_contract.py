"""The contract of backends, against Dioptra and its MLflow."""

from __future__ import annotations

import pytest

from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_plugins.testing import BackendContract

pytestmark = pytest.mark.server


class TestDioptra(BackendContract):
    @pytest.fixture
    def backend(self, backend: DioptraBackend) -> DioptraBackend:
        return backend
