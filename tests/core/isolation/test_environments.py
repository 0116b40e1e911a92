"""Recorded environments: built once, whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from recorded_environments import RECORDED_AT, SHOP, snapshot_of, work_of

from artifact_plugins.errors import EnvironmentMismatchError
from artifact_plugins.isolation import environments, load_isolated
from artifact_plugins.isolation.environments import environment_python
from artifact_plugins.isolation.requirements import Requirements, requirements_of


def small(*lines: str, python: str | None = None) -> Requirements:
    """Return an environment of few packages."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Requirements(python or here, lines, "0" * 32)


def build(wanted: Requirements, home: Path, seconds: float = 120) -> Path:
    return environment_python(wanted, cache_home=home, recorded_at=RECORDED_AT, seconds=seconds)


def left_behind(home: Path) -> list[str]:
    """Return what lies beside the lock files."""
    return [path.name for path in (home / "environments").iterdir() if path.suffix != ".lock"]


@pytest.mark.slow
def test_an_environment_has_the_recorded_versions(tmp_path: Path):
    """The interpreter of a built environment imports the version that was asked for."""
    python = build(small("six==1.16.0"), tmp_path)

    said = subprocess.run(
        [str(python), "-I", "-c", "import six; print(six.__version__)"],
        capture_output=True,
        text=True,
    )
    assert said.stdout.strip() == "1.16.0"
    assert left_behind(tmp_path) == ["0" * 32]


@pytest.mark.slow
def test_concurrent_builders_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of eight who want one environment at once, one builds it and all get it."""
    built = []
    fill = environments._fill

    def counted(*args: object) -> list[str]:
        built.append(args)
        return fill(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(environments, "_fill", counted)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: build(small("six==1.16.0"), tmp_path), range(8)))

    assert len(built) == 1
    assert len(found) == 1


@pytest.mark.slow
def test_processes_build_once(tmp_path: Path):
    """Processes exclude each other too: every one gets the environment of the first."""
    code = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from artifact_plugins.isolation import environments
from artifact_plugins.isolation.requirements import Requirements
fill = environments._fill
def noted(*args):
    print("built")
    return fill(*args)
environments._fill = noted
environments.environment_python(
    Requirements("{sys.version_info.major}.{sys.version_info.minor}", ("six==1.16.0",), "0" * 32),
    cache_home=Path(sys.argv[1]), recorded_at=datetime.now(UTC), seconds=120,
)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [process.communicate()[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0]
    assert b"".join(said).count(b"built") == 1


def test_what_a_killed_builder_left_is_removed(tmp_path: Path) -> None:
    """The next builder removes what one that was killed has left."""
    (tmp_path / "environments" / f"{'0' * 32}.building-x/env").mkdir(parents=True)

    with pytest.raises(EnvironmentMismatchError):
        build(small("six==99.0"), tmp_path)

    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_a_damaged_environment_is_built_again(tmp_path: Path):
    """An environment whose interpreter is gone is not used but replaced."""
    python = build(small("six==1.16.0"), tmp_path)
    python.unlink()

    again = build(small("six==1.16.0"), tmp_path)

    assert again == python
    assert python.exists()
    assert left_behind(tmp_path) == ["0" * 32]


def test_an_environment_that_is_there_needs_no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A whole environment is used as it is: nothing is looked for, nothing is run."""
    place = tmp_path / "environments" / ("0" * 32)
    (place / "bin").mkdir(parents=True)
    (place / "Scripts").mkdir()
    for name in ("bin/python", "Scripts/python.exe", "environment.json"):
        (place / name).touch()
    monkeypatch.setenv("PATH", "")

    found = build(small("six==1.16.0"), tmp_path)

    assert found.is_relative_to(place)


def test_no_uv_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without uv the error says where it was looked for and what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "uv", raising=False)
    work = work_of(tmp_path, {"shop.py": SHOP}, "shop:Pickled", cache_home=tmp_path / "cache")

    with pytest.raises(EnvironmentMismatchError, match="no uv on PATH") as refused:
        load_isolated(work)

    assert "pip install uv" in str(refused.value)
    assert refused.value.tried[0] == "uv"


@pytest.mark.slow
def test_an_unknown_version_is_named(tmp_path: Path):
    """A version that no index has is named with uv's own words; nothing half-built stays."""
    with pytest.raises(EnvironmentMismatchError, match="no version of six==99") as refused:
        build(small("six==99.0"), tmp_path)

    assert refused.value.wanted == ("six==99.0",)
    assert left_behind(tmp_path) == []


def test_no_network_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Offline with an empty cache the reason is uv's: the network was disabled."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))

    with pytest.raises(EnvironmentMismatchError, match="network was disabled"):
        build(small("six==1.16.0"), tmp_path)

    assert left_behind(tmp_path) == []


def test_no_such_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Python that is neither here nor to be had is named."""
    monkeypatch.setenv("UV_OFFLINE", "1")

    with pytest.raises(EnvironmentMismatchError, match=r"uv venv --python 3\.77"):
        build(small("six==1.16.0", python="3.77"), tmp_path)

    assert left_behind(tmp_path) == []


def test_a_builder_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A uv that does not end is ended with all it started, and nothing stays."""
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\nsleep 600 & sleep 600\n")
    uv.chmod(0o700)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")

    with pytest.raises(EnvironmentMismatchError, match="no end after"):
        build(small("six==1.16.0"), tmp_path, seconds=0.5)

    assert left_behind(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    """A cache folder that is a file is an error of the environment, not a crash."""
    (tmp_path / "environments").write_text("")

    with pytest.raises(EnvironmentMismatchError, match="cannot be used"):
        build(small("six==1.16.0"), tmp_path)


def test_credentials_of_an_index_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What uv says is passed on without the password in an index URL."""
    monkeypatch.setenv("UV_INDEX_URL", "http://ann:s3cret@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(EnvironmentMismatchError) as refused:
        build(small("six==1.16.0"), tmp_path)

    assert "s3cret" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)


def test_the_default_folder_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a folder of its own an environment lies below the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(EnvironmentMismatchError):
        environment_python(small("six==99.0"), cache_home=None, recorded_at=RECORDED_AT, seconds=60)

    assert (tmp_path / "artifact_plugins/environments").is_dir()
    shutil.rmtree(tmp_path / "artifact_plugins")


def test_libraries_are_pinned_and_ours_are_not_installed():
    """Recorded versions are exact; artifact_plugins and the archived packages stay out."""
    snapshot = snapshot_of(
        {}, "shop:Pickled", {"Pandas": "2.2.3", "artifact-plugins": "0.1.0", "pydantic": "2.10.1"}
    )
    own = snapshot.archives[0].model_copy(update={"distribution": "shop_kit"})
    snapshot = snapshot.model_copy(
        update={"archives": (own,), "libraries": {**snapshot.libraries, "shop-kit": "1.0"}}
    )

    found = requirements_of(snapshot)

    assert {"pandas==2.2.3", "pydantic==2.10.1"} <= set(found.lines)
    assert [line for line in found.lines if line.startswith(("artifact", "shop"))] == []
    assert [line for line in found.lines if line.startswith("pydantic>")] == []
    assert any(line.startswith("pluggy") for line in found.lines)
    assert any(line.startswith("pyarrow") for line in found.lines)


def test_the_identity_is_that_of_the_contents():
    """The same libraries in another order share an environment; another version does not."""
    one = requirements_of(snapshot_of({}, "a:B", {"six": "1.16.0", "idna": "3.7"}))
    same = requirements_of(snapshot_of({}, "a:C", {"idna": "3.7", "six": "1.16.0"}))
    other = requirements_of(snapshot_of({}, "a:B", {"six": "1.17.0", "idna": "3.7"}))
    newer = requirements_of(
        snapshot_of({}, "a:B", {"six": "1.16.0", "idna": "3.7"}, python="3.12.1")
    )

    assert one == same
    assert len({one.identity, other.identity, newer.identity}) == 3
