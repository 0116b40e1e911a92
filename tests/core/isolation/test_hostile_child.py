"""Archived code that crashes, hangs or lies, in a real child of the running interpreter."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from recorded_environments import work_of

from artifact_plugins.errors import (
    DigestMismatchError,
    EnvironmentMismatchError,
    LoadFailedError,
    ResourceLimitError,
)
from artifact_plugins.isolation import IsolatedValue, Limits
from artifact_plugins.isolation.loading import load_with

HERE = Path(sys.executable)
CANARY = "canary.txt"

MODULE = """
import os, sys, time
from artifact_plugins import Materializer

class Staying:
    def crash(self): os._exit(7)
    def hang(self): time.sleep(600)
    def fine(self, *args, **kwargs): return [args, kwargs]
    def raising(self): raise ValueError("as asked")
    label = "text"
    unsafe = object()

class Reader(Materializer):
    format = "odd/1"
    def save(self, value, directory): ...
    def load(self, directory, data_type):
{body}
"""

# Finds the channel that the child put aside and answers in its place.
LIE = """
import json
from hashlib import sha256
def lie(says, files=(), *, magic=b"APX1", digest=None, header=None):
    text = header if header is not None else json.dumps(
        {"says": says, "files": [(name, size) for name, size, _ in files]}).encode()
    data = magic + len(text).to_bytes(4, "big") + text
    for _, _, content in files:
        data += content + (digest or sha256(content).digest())
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
    os._exit(0)
PART = {"materializer": "python.document", "format": "document/2",
        "data_type": "builtins:dict", "options": {}}
"""


def load(body: str, folder: Path, **more: Any) -> Any:
    """Load with a materializer whose `load` is `body`."""
    text = MODULE.format(body=indent(dedent(body), " " * 8))
    limits = more.pop("limits", Limits(load_seconds=60, call_seconds=60))
    return load_with(HERE, work_of(folder, {"odd.py": text}, "odd:Reader", limits=limits, **more))


def lying(body: str, folder: Path, **more: Any) -> Any:
    return load(LIE + dedent(body), folder, **more)


def test_honest_code_is_loaded(tmp_path: Path):
    """The control: the same materializer without a trick gives its value."""
    (tmp_path / "n.txt").write_text("41")

    assert load("return {'n': int((directory / 'n.txt').read_text()) + 1}", tmp_path) == {"n": 42}


def test_an_honest_answer_by_hand_is_read(tmp_path: Path):
    """The control of the lies: an answer written that way is taken when it is right."""
    loaded = lying(
        """
        from artifact_plugins.contracts.folder import FolderFiles
        import pathlib, tempfile
        from _running.artifact_materializers.python.document import DocumentMaterializer
        folder = pathlib.Path(tempfile.mkdtemp())
        DocumentMaterializer().save({"a": 1}, folder)
        files = [(p.name, p.stat().st_size, p.read_bytes()) for p in folder.iterdir()]
        lie({"is": "value", "part": PART}, files)
        """,
        tmp_path,
    )

    assert loaded == {"a": 1}


def test_an_exception_comes_as_text(tmp_path: Path):
    """What archived code raises is named with its traceback; the exception itself stays there."""
    with pytest.raises(LoadFailedError, match="KeyError: 'gone'") as failed:
        load("return {}['gone']", tmp_path)

    assert failed.value.__cause__ is None
    assert "odd.py" in failed.value.trace
    assert pickle.loads(pickle.dumps(failed.value)).trace == failed.value.trace


def test_an_exit_is_a_failed_load(tmp_path: Path):
    """Archived code that exits ends its load, not this process."""
    with pytest.raises(LoadFailedError, match="SystemExit"):
        load("sys.exit('enough')", tmp_path)


def test_a_missing_library_is_a_mismatch(tmp_path: Path):
    """An import that fails there means that the record lacks a library."""
    with pytest.raises(EnvironmentMismatchError, match="no_such_library"):
        load("import no_such_library", tmp_path)


def test_a_crash_is_named(tmp_path: Path):
    """A child that is gone is named with its signal and its last words."""
    with pytest.raises(LoadFailedError, match="SIGSEGV") as failed:
        load("print('last words', flush=True); os.kill(os.getpid(), 11)", tmp_path)

    assert "last words" in str(failed.value)


def test_a_silent_end_is_named(tmp_path: Path):
    """A child that ends without an answer is named with its exit code."""
    with pytest.raises(LoadFailedError, match="exit code 3"):
        load("os._exit(3)", tmp_path)


def test_a_hang_is_ended_with_all_it_started(tmp_path: Path):
    """A child that does not answer in time is killed, with its own children."""
    code = f"""
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        time.sleep(600)
    """
    with pytest.raises(LoadFailedError, match="no answer within 5 seconds"):
        load(code, tmp_path, limits=Limits(load_seconds=5))

    assert not is_running(int((tmp_path / "pid").read_text()))


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that nobody waits for yet does not."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.05)
    return True


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "executed"))


@pytest.mark.parametrize("place", ["instead of a message", "as a header", "as a document"])
def test_a_pickle_is_never_unpickled(tmp_path: Path, place: str):
    """Pickle bytes in place of an answer are refused; the canary does not sing."""
    canary = tmp_path / CANARY
    data = pickle.dumps(Trap(canary))
    lie = {
        "instead of a message": f"lie(None, header=b'', magic={data!r})",
        "as a header": f"lie(None, header={data!r})",
        "as a document": (
            f"lie({{'is': 'value', 'part': PART}}, [('value.json', {len(data)}, {data!r})])"
        ),
    }[place]

    with pytest.raises(EnvironmentMismatchError):
        lying(lie, tmp_path)

    assert not canary.exists()
    pickle.loads(data)
    assert canary.exists()  # the control: it sings when somebody unpickles it


def test_a_wrong_digest_is_refused(tmp_path: Path):
    """A file that is not what was announced is not parsed."""
    with pytest.raises(DigestMismatchError, match="another digest"):
        lying(
            "lie({'is': 'value', 'part': PART}, [('value.json', 2, b'{}')], digest=bytes(32))",
            tmp_path,
        )


def test_a_huge_answer_is_refused_before_it_is_read(tmp_path: Path):
    """An announced size over the limit is refused at once."""
    with pytest.raises(ResourceLimitError, match="announces 1099511627776 bytes"):
        lying("lie({'is': 'value', 'part': PART}, [('value.json', 1 << 40, b'')])", tmp_path)


def test_an_announced_size_costs_nothing_until_it_comes(tmp_path: Path):
    """A size within the limit whose bytes never come is a child that ended."""
    with pytest.raises(LoadFailedError, match="ended without an answer"):
        lying(
            "lie({'is': 'value', 'part': PART}, [('value.json', 1 << 32, b'')])",
            tmp_path,
        )


@pytest.mark.slow  # a process for each
@pytest.mark.parametrize(
    ("says", "files"),
    [
        ("{'is': 'value'}", "()"),
        ("{'is': 'value', 'part': {**PART, 'materializer': 'pickle.object'}}", "()"),
        ("{'is': 'value', 'part': {**PART, 'format': 'pickle/1'}}", "()"),
        ("{'is': 'value', 'part': {**PART, 'options': {'a': 1}}}", "()"),
        ("{'is': 'value', 'part': {**PART, 'data_type': 7}}", "()"),
        ("{'is': 'value', 'part': []}", "()"),
        ("{'is': 'value', 'part': PART}", "()"),
        ("{'is': 'value', 'part': PART}", "[('value.json', 3, b'abc')]"),
        ("{'is': 'value', 'part': PART}", "[('../value.json', 2, b'{}')]"),
        ("{'is': 'value', 'part': PART}", "[('/value.json', 2, b'{}')]"),
        ("{'is': 'value', 'part': PART}", "[('a', 2, b'{}'), ('a', 2, b'{}')]"),
        ("{'is': 'value', 'part': PART}", "[('a', -1, b'')]"),
        ("{'is': 'value', 'part': PART}", "[('a', 2.0, b'{}')]"),
        ("{'is': 'something'}", "()"),
        ("{}", "()"),
        ("[]", "()"),
        ("7", "()"),
    ],
)
def test_an_answer_that_is_none_is_refused(tmp_path: Path, says: str, files: str):
    """An answer that is not as agreed is a named error, whatever it is."""
    with pytest.raises(EnvironmentMismatchError):
        lying(f"lie({says}, {files})", tmp_path)


@pytest.mark.slow  # a process for each
@pytest.mark.parametrize("header", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"{}"])
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: bytes):
    """A header that is no JSON of ours is a named error, however deep it is."""
    with pytest.raises(EnvironmentMismatchError, match="no message"):
        lying(f"lie(None, header={header!r})", tmp_path)


def test_a_header_that_is_too_long_is_refused(tmp_path: Path):
    """A header over a mebibyte is refused before it is read."""
    with pytest.raises(ResourceLimitError, match="announces a header"):
        lying("lie(None, header=b' ' * (1 << 20) + b'{}')", tmp_path)


def test_a_class_that_an_answer_names_is_not_imported(tmp_path: Path):
    """An answer cannot make this process import a module."""
    module = "this"  # prints a poem when it is imported
    sys.modules.pop(module, None)

    value = lying(
        f"lie({{'is': 'value', 'part': {{**PART, 'data_type': '{module}:Poem'}}}})", tmp_path
    )

    assert isinstance(value, IsolatedValue)
    assert module not in sys.modules
    value.close()


def test_printing_is_no_answer(tmp_path: Path):
    """What archived code prints cannot be taken for an answer."""
    assert load("print('APX1', flush=True); os.system('echo APX1'); return 1", tmp_path) == 1


def test_the_child_sees_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither variables nor the working folder nor open files reach the child."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_LEDGER_URL", "sqlite:///secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (tmp_path / "shadow.py").write_text("")
    code = """
        found = [text for text in os.environ.values() if "secret" in text]
        try:
            import shadow
        except ImportError:
            shadow = None
        return [found, shadow, os.getcwd() == os.environ["HOME"], sys.flags.isolated]
    """

    assert load(code, tmp_path) == [[], None, True, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_the_child_is_limited(tmp_path: Path):
    """Open files, file sizes, processor time and memory of the child are limited; no core dumps."""
    code = """
        import resource
        names = ("CORE", "NOFILE", "FSIZE", "CPU", "AS")
        return [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in names]
    """
    limits = Limits(load_seconds=60, answer_bytes=1 << 30, memory_bytes=1 << 40)

    core, files, size, cpu, memory = load(code, tmp_path, limits=limits)

    assert (core, files <= 1024, size, memory) == (0, True, 1 << 30, 1 << 40)
    assert 0 < cpu <= 60 * (os.cpu_count() or 1) + 60


def test_nothing_of_the_child_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its folder is gone after a load, a failure, and a value nobody holds any more."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    load("return 1", tmp_path)
    with pytest.raises(LoadFailedError):
        load("os._exit(1)", tmp_path)
    staying = load("return Staying()", tmp_path)
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    del staying
    gc.collect()
    # The child is ended by whoever collects, which need not be this thread.
    ended = time.monotonic() + 20
    while list((tmp_path / "temporary").iterdir()) and time.monotonic() < ended:
        time.sleep(0.05)
        gc.collect()

    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_value_that_stays_answers_and_fails_by_name(tmp_path: Path):
    """Calls, data attributes and their failures each say what they are; the value survives them."""
    with load("return Staying()", tmp_path) as value:
        assert value.fine(1, (2.5, b"x"), key={"a": None}) == [
            (1, (2.5, b"x")),
            {"key": {"a": None}},
        ]
        assert value.label == "text"
        with pytest.raises(LoadFailedError, match="ValueError: as asked"):
            value.raising()
        with pytest.raises(EnvironmentMismatchError, match="'unsafe'.*cannot come back as data"):
            _ = value.unsafe
        with pytest.raises(AttributeError, match="'nothing'"):
            _ = value.nothing
        with pytest.raises(EnvironmentMismatchError, match="cannot come back as data|be sent"):
            value.fine(object())
        with pytest.raises(LoadFailedError, match="TypeError"):
            value()
        assert not hasattr(value, "_private")
        assert value.fine() == [(), {}]
    assert "closed" in repr(value)


@pytest.mark.parametrize(
    ("call", "words"), [("crash", "exit code 7"), ("hang", "within 2 seconds")]
)
def test_a_call_that_ends_the_child_is_named(tmp_path: Path, call: str, words: str):
    """A crash or a hang inside a call is named, and the value is closed afterwards."""
    value = load("return Staying()", tmp_path, limits=Limits(load_seconds=60, call_seconds=2))

    with pytest.raises(LoadFailedError, match=words):
        getattr(value, call)()
    with pytest.raises(LoadFailedError, match="it was closed"):
        value.fine()
