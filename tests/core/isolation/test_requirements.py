"""What a record may ask uv for."""

from __future__ import annotations

import pytest
from recorded_environments import snapshot_of

from artifact_plugins.errors import (
    EnvironmentMismatchError,
    ManifestInvalidError,
    PythonVersionMismatchError,
)
from artifact_plugins.isolation.requirements import requirements_of


@pytest.mark.parametrize(
    "name", ["--index-url", "-r/etc/passwd", "six @ file:///x", "a\nb", "", "../x", "x;y", "é"]
)
def test_a_name_that_is_none_is_refused(name: str):
    """No name of a record becomes an option, a path or a URL of uv."""
    with pytest.raises(ManifestInvalidError, match="names a library"):
        requirements_of(snapshot_of({}, "a:B", {name: "1.0"}))


@pytest.mark.parametrize("version", ["1.0 --pre", "1.0\n-r x", "", ">=1", "1.0;x", "@file:///x"])
def test_a_version_that_is_none_is_refused(version: str):
    """No version of a record becomes anything but an exact version."""
    with pytest.raises(ManifestInvalidError, match="names version"):
        requirements_of(snapshot_of({}, "a:B", {"six": version}))


def test_a_library_without_a_version_is_named():
    """What was recorded without a version cannot be installed, and the error says which."""
    with pytest.raises(EnvironmentMismatchError, match="'homemade'"):
        requirements_of(snapshot_of({}, "a:B", {"homemade": "unknown"}))


@pytest.mark.parametrize("python", ["3.10.4", "2.7", "3.9"])
def test_a_python_older_than_ours_is_refused(python: str):
    """The child runs this release, which needs Python 3.11; an older record says so."""
    with pytest.raises(PythonVersionMismatchError, match="3.11 or newer"):
        requirements_of(snapshot_of({}, "a:B", python=python))


@pytest.mark.parametrize("python", ["", "three", "3", "3.x", "--help"])
def test_a_python_that_is_none_is_refused(python: str):
    """A Python version of a record is digits."""
    with pytest.raises(ManifestInvalidError, match="names Python"):
        requirements_of(snapshot_of({}, "a:B", python=python))


@pytest.mark.parametrize(
    ("numpy", "line"), [("1.26.4", "pyarrow>=17,<26"), ("2.1.0", "pyarrow>=17")]
)
def test_frames_get_an_arrow_that_fits(numpy: str, line: str):
    """A record with pandas and without pyarrow gets one that its numpy can import."""
    found = requirements_of(snapshot_of({}, "a:B", {"pandas": "2.2.3", "numpy": numpy}))

    assert line in found.lines
