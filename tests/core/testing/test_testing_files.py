"""Files in memory and in a folder behave as a content store's do."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from artifact_plugins.errors import ArtifactMissingError, InvalidNameError
from artifact_plugins.testing import FolderFiles, MemoryFiles

Make = Callable[[], "MemoryFiles | FolderFiles"]


@pytest.fixture(params=["memory", "folder"])
def make_files(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return MemoryFiles if request.param == "memory" else lambda: FolderFiles(tmp_path)


def test_bytes_come_back(make_files: Make) -> None:
    """What is written in several pieces is read back as one."""
    files = make_files()

    with files.open("data/a.bin") as sink:
        sink.write(b"one")
        sink.write(memoryview(b"two"))
        position = sink.tell()

    assert (position, bytes(files.buffer("data/a.bin")), files.names()) == (
        6,
        b"onetwo",
        ("data/a.bin",),
    )


def test_empty_file_has_an_empty_buffer(make_files: Make) -> None:
    """A file of no bytes reads as an empty buffer."""
    files = make_files()

    files.open("empty").close()

    assert files.buffer("empty").nbytes == 0


def test_writing_to_a_buffer_changes_nothing(make_files: Make) -> None:
    """A buffer is writable and private: the file keeps its bytes."""
    files = make_files()
    with files.open("a") as sink:
        sink.write(b"abc")

    files.buffer("a")[0] = ord("X")

    assert bytes(files.buffer("a")) == b"abc"


def test_sub_shortens_names(make_files: Make) -> None:
    """Files below a prefix have shorter names there."""
    files = make_files()
    with files.sub("parts/0").open("x") as sink:
        sink.write(b"x")

    assert (files.names(), files.sub("parts").sub("0").names()) == (("parts/0/x",), ("x",))


def test_directory_is_a_private_copy(make_files: Make) -> None:
    """Changing the files of `directory()` does not change the originals."""
    files = make_files()
    with files.open("sub/a") as sink:
        sink.write(b"abc")

    (files.directory() / "sub" / "a").write_bytes(b"other")

    assert bytes(files.buffer("sub/a")) == b"abc"


def test_kept_directory_outlives_its_files(make_files: Make) -> None:
    """A folder asked for with `keep` stays when the files object is gone, another does not."""
    files = make_files()
    files.open("a").close()
    kept, brief = files.directory(keep=True), files.directory()

    del files
    gc.collect()

    assert (kept / "a").is_file()
    assert not brief.exists()


def test_digests_agree() -> None:
    """Equal bytes have equal digests, other bytes have others."""
    left, right = MemoryFiles(), MemoryFiles()
    for files, content in ((left, b"1"), (right, b"2")):
        with files.open("same") as sink:
            sink.write(b"")
        with files.open("other") as sink:
            sink.write(content)

    assert left.digests()["same"] == right.digests()["same"]
    assert left.digests()["other"] != right.digests()["other"]


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../../b", "a\\b", "a\0b"])
def test_name_outside_the_folder_is_refused(make_files: Make, name: str) -> None:
    """A name that is not a relative path below the folder is refused by name."""
    with pytest.raises(InvalidNameError, match="not a relative POSIX path"):
        make_files().open(name)


def test_second_open_of_a_name_is_refused(make_files: Make) -> None:
    """A file is written once."""
    files = make_files()
    files.open("a").close()

    with pytest.raises(InvalidNameError, match="opened twice"):
        files.open("a")


def test_missing_file_names_the_others(make_files: Make) -> None:
    """Reading a file that is not there says which are."""
    files = make_files()
    files.open("there").close()

    with pytest.raises(ArtifactMissingError, match=r"'gone'.*'there'"):
        files.buffer("gone")


def test_reused_buffer_is_found_out() -> None:
    """Memory that changes before the sink closes shows in the bytes, as in the store."""
    files, memory = MemoryFiles(), bytearray(b"first")

    with files.open("a") as sink:
        sink.write(memory)
        memory[:] = b"other"

    assert files.content("a") == b"other"


def test_unclosed_sink_is_named() -> None:
    """A file that nobody finished is no file yet, and `unfinished` names it."""
    files = MemoryFiles()

    files.open("a")

    assert (files.names(), files.unfinished()) == ((), ("a",))
