"""Which session is current: in threads, in other contexts, by default, while it is opened."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.session import current_session


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what a new thread returns, or raise what it raises."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(function())
        except BaseException as error:
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    (answer,) = answers
    if isinstance(answer, BaseException):
        raise answer
    return answer


def child(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder of its own; a deadlock ends after 30 seconds."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "ARTIFACT_PLUGINS_DURABILITY": "process", **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def other_places(tmp_path: Path) -> dict[str, str]:
    """Return places of a second session."""
    return {
        "store_url": str(tmp_path / "other"),
        "ledger_url": f"sqlite:///{tmp_path / 'other.sqlite'}",
        "durability": "process",
    }


def test_thread_uses_the_session_of_the_main_thread(session):
    """A thread started inside the block saves where its starter saves."""
    assert in_thread(current_session) is session


def test_session_of_another_thread_is_its_own(session, places, other_places):
    """Neither the main thread nor a third one uses a session that a thread opened."""
    opened, done = threading.Event(), threading.Event()

    def hold() -> None:
        with ap.open_session(ap.Settings(**other_places)):
            opened.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    opened.wait(30)
    try:
        assert current_session() is session
        assert contextvars.Context().run(lambda: in_thread(current_session)) is session
    finally:
        done.set()
        holder.join(30)


def test_main_thread_without_a_session_uses_its_default(tmp_path, monkeypatch, other_places):
    """A session open in a thread does not become everybody's."""
    monkeypatch.chdir(tmp_path)
    opened, done = threading.Event(), threading.Event()
    found: list[ap.Session] = []

    def hold() -> None:
        with ap.open_session(ap.Settings(**other_places)) as session:
            found.append(session)
            opened.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    opened.wait(30)
    try:
        default = contextvars.Context().run(current_session)
        assert default is not found[0]
        assert str(tmp_path) in default.store.url
    finally:
        done.set()
        holder.join(30)


def test_inner_session_of_a_thread_ends_with_its_block(session, other_places):
    """A thread that opens a session uses it inside the block only."""

    def nested() -> tuple[bool, bool]:
        with ap.open_session(ap.Settings(**other_places)) as inner:
            inside = current_session() is inner
        return inside, current_session() is session

    assert in_thread(nested) == (True, True)


def test_block_may_end_in_another_context(places):
    """A fixture that is finished in another context closes its session all the same."""
    before = current_session_or_none()
    block = ap.open_session(ap.Settings(**places))
    contextvars.copy_context().run(block.__enter__)

    block.__exit__(None, None, None)

    assert current_session_or_none() is before
    assert in_thread(current_session_or_none) is before


def current_session_or_none() -> ap.Session | None:
    """Return the session of this context, without opening a default."""
    from artifact_plugins.session import current

    shared = current._shared[-1] if current._shared else None
    return current._innermost.get() or shared


def test_threads_open_one_default(tmp_path, monkeypatch):
    """Whoever comes second waits and gets the same session."""
    monkeypatch.chdir(tmp_path)
    found: list[ap.Session] = []
    threads = [threading.Thread(target=lambda: found.append(current_session())) for _ in range(6)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(found) == 6
    assert len(set(map(id, found))) == 1


def test_plugin_that_saves_at_import_is_named(tmp_path):
    """The default session that is being opened cannot be used; nothing hangs."""
    (tmp_path / "eager.py").write_text("import artifact_plugins as ap\nap.save(1, 'boot')\n")
    code = "import sys; sys.path.insert(0, '.')\nimport artifact_plugins as ap\nap.save(2, 'x')"

    done = child(code, tmp_path, ARTIFACT_PLUGINS_PLUGINS='["eager"]')

    assert done.returncode == 1
    assert "PluginError: plugin module 'eager' cannot be used: RunUsageError" in done.stderr


def test_plugin_that_saves_nothing_at_import_works(tmp_path):
    """Negative control: the same script with a quiet plugin."""
    (tmp_path / "quiet.py").write_text("import artifact_plugins as ap\n")
    code = "import sys; sys.path.insert(0, '.')\nimport artifact_plugins as ap\nap.save(2, 'x')"

    done = child(code, tmp_path, ARTIFACT_PLUGINS_PLUGINS='["quiet"]')

    assert done.returncode == 0, done.stderr


GONE = """
import os, tempfile
import artifact_plugins as ap
folder = tempfile.mkdtemp()
os.chdir(folder)
os.rmdir(folder)
"""


def test_removed_working_folder_is_named(tmp_path):
    """There is no default session there, and the error says what to do."""
    done = child(f"{GONE}ap.save(1, 'x')", tmp_path)

    assert "RunUsageError: the working folder was removed" in done.stderr


def test_absolute_places_work_in_a_removed_working_folder(tmp_path, places):
    """Settings do not need pyproject.toml, and absolute places need no working folder."""
    code = f"{GONE}with ap.open_session(ap.Settings(**{places!r})): print(ap.save(1, 'x'))"

    done = child(code, tmp_path)

    assert done.stdout == "x@1\n", done.stderr


def test_relative_store_in_a_removed_working_folder_is_named(tmp_path):
    """A store that is relative to nothing is an error of ours."""
    code = f"{GONE}ap.Session(ap.Settings(store_url='store'))"

    done = child(code, tmp_path)

    assert "InvalidKeyError: path 'store' is relative" in done.stderr


@pytest.mark.parametrize("toml", [b"[tool.artifact_plugins\n", b"\xff\xfe", b"[tool]\nx = =\n"])
def test_pyproject_that_is_no_toml_is_a_settings_error(tmp_path, monkeypatch, toml):
    """The error says where to look."""
    (tmp_path / "pyproject.toml").write_bytes(toml)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.SettingsError, match=r"pyproject\.toml"):
        ap.Settings()


def test_variable_that_is_no_json_is_a_settings_error(monkeypatch):
    """A list of plugins that is no JSON list is named, not a traceback of pydantic."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_PLUGINS", "shop.hooks")

    with pytest.raises(errors.SettingsError, match="ARTIFACT_PLUGINS_"):
        ap.Settings()
