"""What every test gets: its own working folder, a clean environment, two hypothesis profiles."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgresql_server import postgresql_server  # noqa: F401  # a fixture for every room

# Times on a shared machine say nothing about a property, so none has a deadline.
settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# A failure in CI prints what reproduces it; nothing is kept between jobs.
settings.register_profile(
    "ci",
    parent=settings.get_profile("default"),
    database=None,
    print_blob=True,
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


# A shell that starts pytest in the background has SIGINT ignored, in its children too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_working_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what a test stores out of the checkout, and the caller's settings out of the test."""
    monkeypatch.chdir(tmp_path)
    # The key that signs what the tests save.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    # Nobody's own keyring is asked, nor a window opened to unlock it.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in list(os.environ):
        if name.startswith("ARTIFACT_PLUGINS_"):
            monkeypatch.delenv(name)
