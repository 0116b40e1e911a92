"""Elements of other types: embedded when small, beside the document when not."""

from __future__ import annotations

import python_samples as samples

from artifact_materializers.python.attachments import SmallFiles


def test_small_elements_are_embedded(document, files):
    """200 small objects of a third party are one file."""
    value = [samples.Foreign(bytes([i])) for i in range(200)]

    document.save_files(value, files)

    assert files.names() == ("value.json",)
    assert document.load_files(files, list) == value


def test_large_elements_are_files(document, files):
    """An element over 4 KiB is written by its materializer as files below `parts/`."""
    value = {"big": samples.Foreign(b"x" * 5000), "small": [samples.Frame(b"y")]}

    document.save_files(value, files)

    assert files.names() == ("parts/0/payload.bin", "value.json")
    assert document.load_files(files, dict) == value


def test_elements_survive_in_every_place(round_trip):
    """Elements come back as keys, in sets, in fields, and beside values that JSON lacks."""
    foreign = samples.Foreign(b"f")
    value = [
        {foreign: 1}, {foreign, 2}, samples.Node(foreign), samples.Pair((foreign,)),
        samples.Loose(a=foreign), [float("inf"), 2**99, "\ud800", foreign], b"z" * 70_000,
    ]  # fmt: skip

    loaded = round_trip(value)

    assert loaded == value


def test_small_files_move_when_they_grow(new_files):
    """What was kept in memory is written in order, open and closed files alike."""
    files = new_files()
    small = SmallFiles(files.sub("p"), limit_bytes=10)
    with small.open("a") as first:
        first.write(b"12345")
    second = small.sub("deep").open("b")
    second.write(b"12345")
    kept = dict(files.content)

    second.write(b"!")
    second.close()
    small.open("c").close()

    assert kept == {}
    assert files.content == {"p/a": b"12345", "p/deep/b": b"12345!", "p/c": b""}
    assert small.is_spilled


def test_small_files_stay_in_memory(new_files):
    """At the limit nothing is written, and the files come sorted by name."""
    files = new_files()
    small = SmallFiles(files, limit_bytes=4)
    with small.open("b") as sink:
        sink.write(b"1234")
        size = sink.tell()
    small.open("a").close()

    embedded = small.embedded()

    assert (size, files.content, small.is_spilled) == (4, {}, False)
    assert list(embedded.items()) == [("a", ""), ("b", "MTIzNA==")]
