"""The contract of backends, against our KFP-compatible server."""

from __future__ import annotations

import pytest

from artifact_integrations.kfp.backend import KfpBackend
from artifact_plugins.testing import BackendContract

pytestmark = pytest.mark.server


class TestKfp(BackendContract):
    @pytest.fixture
    def backend(self, backend: KfpBackend) -> KfpBackend:
        return backend
