from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from archived_projects import packed

from artifact_plugins.errors import EnvironmentMismatchError, PythonVersionMismatchError
from artifact_plugins.records import CodeArchive, PluginSnapshot, now
from artifact_plugins.snapshots.environment import Mismatch, check_environment, mismatches

ROOT = Path(__file__).parents[3]


def snapshot(
    libraries: dict[str, str] | None = None, *, python: str = "", role: str = "plugin"
) -> PluginSnapshot:
    archive = CodeArchive(
        role=role, name="shop", digest=f"sha256:{'0' * 64}", roots=("shop",), files=()
    )
    return PluginSnapshot(
        id=f"sha256:{'1' * 64}",
        plugin="shop",
        entry_object="shop:Order",
        archives=(archive,),
        python_version=python or platform.python_version(),
        libraries=libraries or {},
        created_at=now(),
    )


def installed(site: Path, name: str, version: str) -> None:
    """Write what an installer leaves of a distribution."""
    info = site / f"{name}-{version}.dist-info"
    shutil.rmtree(site, ignore_errors=True)
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.parametrize(
    ("wanted", "found", "fatal"),
    [
        ("2.1.0", "2.1.0", None),
        ("2.1.0", "2.9.3", None),
        ("2.9.3", "2.1.0", None),
        ("2.1.0", "3.0.0", True),
        ("3.0.0", "2.9", True),
        ("0.4.1", "0.4.9", None),
        ("0.4.1", "0.5.0", True),
        ("0.9", "1.0", True),
        ("1.0rc1", "1.2", None),
        ("1!1.0", "1.0", True),
        ("2024.5.0", "2026.1.0", False),
        ("2024.5.0", "3.0", True),
        ("unknown", "3.0", None),
        ("made-up", "3.0", True),
    ],
)
def test_versions_are_compared_by_their_promise(
    site: Path, wanted: str, found: str, fatal: bool | None
):
    """Another major version, or minor one before 1.0, is fatal; a year is not."""
    name = f"acme_{abs(hash((wanted, found)))}"
    installed(site, name, found)

    differences = mismatches(snapshot({name: wanted}))

    assert differences == (() if fatal is None else (Mismatch(name, wanted, found, fatal),))


def test_a_missing_library_is_fatal_and_named():
    """K6: the error lists name, wanted and found of every library, and runs nothing."""
    wanted = snapshot({"no-such-library": "1.2", "pydantic": "1.10.2"})

    with pytest.raises(EnvironmentMismatchError) as caught:
        check_environment(wanted)

    assert "no-such-library: wanted 1.2, found nothing" in str(caught.value)
    assert "pydantic: wanted 1.10.2, found 2." in str(caught.value)
    assert "nothing was executed" in str(caught.value)
    assert [row[0] for row in caught.value.mismatches] == ["no-such-library", "pydantic"]


def test_a_library_that_is_installed_meanwhile_is_seen(site: Path):
    """A library that was missing a moment ago is found without a restart."""
    wanted = snapshot({"acme-late": "1.0"})
    assert mismatches(wanted)[0].is_fatal

    installed(site, "acme_late", "1.4")

    assert mismatches(wanted) == ()


def test_a_library_without_metadata_is_found_by_its_module(site: Path):
    """A folder on the path that no installer wrote counts as that library."""
    (site / "acme_plain.py").write_text("")

    assert mismatches(snapshot({"acme-plain": "unknown"})) == ()
    assert mismatches(snapshot({"acme-gone": "unknown"}))[0].is_fatal


def test_our_own_next_release_is_no_obstacle():
    """artifact_plugins is never a reason to refuse: its contracts stay."""
    (only,) = mismatches(snapshot({"artifact-plugins": "7.0"}))

    assert not only.is_fatal


def test_another_python_is_fatal_only_for_classes_of_a_script():
    """Source runs on another minor version of Python; what cloudpickle wrote does not."""
    (source,) = mismatches(snapshot(python="3.7.1"))

    assert (source.name, source.wanted, source.is_fatal) == ("Python", "3.7.1", False)
    check_environment(snapshot(python="3.7.1"))
    with pytest.raises(PythonVersionMismatchError, match=r"Python: wanted 3\.7\.1, found 3"):
        check_environment(snapshot(python="3.7.1", role="main"))


def test_the_same_environment_has_no_mismatch():
    """Nothing is reported where nothing differs."""
    from importlib.metadata import version

    assert mismatches(snapshot({"pydantic": version("pydantic")})) == ()


def test_looking_again_is_cheap():
    """A second look at the same libraries asks the disk nothing."""
    import importlib.metadata as metadata

    wanted = snapshot({"pydantic": "2.0", "click": "8.0", "pluggy": "1.0"})
    mismatches(wanted)
    asked: list[str] = []
    original, metadata.version = metadata.version, lambda name: asked.append(name) or "0"
    try:
        mismatches(wanted)
    finally:
        metadata.version = original

    assert asked == []


def interpreter(minor: str) -> list[str]:
    """Return how to run another Python that has our dependencies."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("no uv to find another Python with")
    found = subprocess.run(
        [uv, "python", "find", "--system", "--no-python-downloads", minor],
        capture_output=True,
        text=True,
    )
    python = found.stdout.strip()
    if found.returncode or not python:
        folders = sorted(Path.home().glob(f".pyenv/versions/{minor}.*/bin/python"))
        if not folders:
            pytest.skip(f"no Python {minor} here")
        python = str(folders[0])
    needs = ["pydantic>=2.9", "cloudpickle", "packaging"]
    options = [part for need in needs for part in ("--with", need)]
    command = [uv, "run", "--quiet", "--no-project", "--python", python, *options, "python"]
    tried = subprocess.run([*command, "-c", "import pydantic"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"Python {minor} cannot be equipped here: {tried.stderr.strip()[-200:]}")
    return command


SCRIPT = """
import sys
sys.path[:0] = [{source!r}, {support!r}]
from artifact_plugins.records import CodeArchive
from artifact_plugins.snapshots.restoring import restore
archive = CodeArchive.model_validate_json({archive!r})
found = restore([(archive, {members!r})])[0].find("shop.orders:Order")
import inspect, pickle
value = found("tea", 2)
assert pickle.loads(pickle.dumps(value)) == value
assert "count: int" in inspect.getsource(found)
print(sys.version_info[1], value.facts())
"""


@pytest.mark.slow
@pytest.mark.parametrize("minor", ["3.12", "3.13"])
def test_source_archived_here_runs_on_another_python(minor: str):
    """K1: an archive of this Python is restored by another minor version."""
    from drift_projects import ROWS

    command = interpreter(minor)
    drift = ROWS["data_file_changed"]()
    tree = {name: text for name, text in drift.old.items() if "materializer" not in name}
    captured = packed(tree)
    members = {name: text.encode() for name, text in tree.items()}
    script = SCRIPT.format(
        source=str(ROOT / "src"),
        support=str(ROOT / "tests/support"),
        archive=captured.archive.model_dump_json(),
        members=members,
    )

    done = subprocess.run([*command, "-W", "error", "-c", script], capture_output=True, text=True)

    assert done.stdout.strip() == f"{minor.partition('.')[2]} ['tea', 20]", done.stderr
