"""What a generator yields is one version, in bounded memory both ways."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from types import GeneratorType

import pytest
import python_samples as samples

from artifact_plugins.errors import LoadFailedError, LossyConversionError, NotSerializableError

ITEMS = [
    {"a": 1}, samples.Frozen(1), samples.Frozen(2), None, math.inf, 2**80, "\ud800", "line\nbreak",
    samples.Color.RED, (1, {2}), samples.Foreign(b"f"), b"x" * 70_000, samples.Foreign(b"y" * 5000),
]  # fmt: skip


def test_items_come_back_in_order(stream, files):
    """Records of any kind come back equal and in order, through a fresh lazy iterator."""
    stream.save_files(iter(ITEMS), files)

    loaded = stream.load_files(files, Iterator)

    assert type(loaded) is GeneratorType
    assert stream.equal(loaded, ITEMS)
    assert stream.equal(stream.load_files(files, object), ITEMS)


def test_plain_records_are_plain_lines(stream, files):
    """Records that JSON can hold are JSON lines anybody can read."""
    stream.save_files(({"n": n} for n in range(2)), files)

    assert files.content == {
        "stream.jsonl": b'{"n":0}\n{"n":1}\n',
        "stream.json": b'{"stored":"lines","count":2}',
    }


def test_class_is_declared_once_before_its_first_object(stream, files):
    """Lines share one table of classes."""
    stream.save_files(iter([1, samples.Single(1), samples.Single(2)]), files)

    lines = files.content["stream.jsonl"].splitlines()

    assert [json.loads(line) for line in lines] == [
        1,
        {"$": "class", "kind": "dataclass", "name": "python_samples:Single", "fields": ["only"]},
        {"$": 0, "v": [1]},
        {"$": 0, "v": [2]},
    ]


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [(list, list), (tuple, tuple), (Sequence, list), (Iterable, GeneratorType)],
)
def test_consumer_chooses_the_form(stream, files, data_type, expected):
    """A list or tuple of all items is made only for whom wants one."""
    stream.save_files(iter([1, 2]), files)

    loaded = stream.load_files(files, data_type)

    assert type(loaded) is expected
    assert list(loaded) == [1, 2]


def test_form_that_cannot_be_made_is_refused(stream, files):
    """Records are no dict and no deque, and the error says what they can be."""
    stream.save_files(iter([1]), files)

    for data_type in (dict, deque):
        with pytest.raises(LoadFailedError, match=r"stream of 1 items .* as an Iterator"):
            stream.load_files(files, data_type)


def test_empty_iterator_is_kept(stream, files):
    """No items at all are a version too."""
    stream.save_files(iter(()), files)

    assert files.names() == ("stream.json",)
    assert stream.load_files(files, list) == []
    assert list(stream.load_files(files, Iterator)) == []


def test_frames_go_through_the_stream_of_their_materializer(stream, files):
    """Chunks whose materializer streams are written by it, not as parts of lines."""
    frames = [samples.Frame(bytes([i])) for i in range(3)]

    stream.save_files(iter(frames), files)

    assert files.names() == ("chunks/000000", "chunks/000001", "chunks/000002", "stream.json")
    assert list(stream.load_files(files, Iterator)) == frames
    assert stream.load_files(files, samples.Frame) == samples.Frame(b"\0\1\2")


def test_mixed_chunks_name_the_item(stream, files):
    """A record among frames is refused with its number; nothing is guessed."""
    items = iter([samples.Frame(b"a"), samples.Frame(b"b"), {"a": 1}])

    with pytest.raises(NotSerializableError, match=r"item 2 is a builtins.dict.*python_samples"):
        stream.save_files(items, files)
    assert "stream.json" not in files.content


def test_item_that_cannot_be_stored_is_named(stream, new_files):
    """The path of an error starts with the number of the item."""
    for items, error, words in [
        ([0, {"a": [object()]}], NotSerializableError, r"item 1\['a'\]\[0\] is a builtins.object"),
        ([object()], NotSerializableError, "item 0 is a builtins.object"),
        ([1, iter([])], NotSerializableError, "item 1 is a builtins.list_iterator"),
        ([iter([])], NotSerializableError, "item 0 is a builtins.list_iterator"),
        ([1, samples.Foreign(b"lossy")], LossyConversionError, "item 1: column 'a'"),
        ([samples.Frame(b"lossy")], LossyConversionError, "item 0: column 'a'"),
    ]:
        with pytest.raises(error, match=words):
            stream.save_files(iter(items), new_files())


def test_open_file_is_no_stream(stream, files, tmp_path):
    """An open file is an iterator, but its lines are not what was meant."""
    (tmp_path / "file").write_text("line")

    with (
        (tmp_path / "file").open() as file,
        pytest.raises(NotSerializableError, match="open file"),
    ):
        stream.save_files(file, files)


@pytest.mark.parametrize("first", [1, samples.Frame(b"")])
def test_exception_of_the_generator_passes_unchanged(stream, new_files, first):
    """What the generator raises, at the first or a later item, is what the caller sees."""
    error = ValueError("of the user")

    def fails(count):
        yield from [first] * count
        raise error

    for count in (0, 3):
        with pytest.raises(ValueError, match="of the user") as caught:
            stream.save_files(fails(count), files := new_files())
        assert caught.value is error
        assert "stream.json" not in files.content


def test_missing_lines_are_an_error(stream, files):
    """A stream that is shorter than recorded does not end quietly."""
    stream.save_files(iter(range(5)), files)
    files.content["stream.jsonl"] = b"0\n1\n"

    loaded = stream.load_files(files, Iterator)

    assert [next(loaded), next(loaded)] == [0, 1]
    with pytest.raises(LoadFailedError, match="2 items, recorded are 5"):
        next(loaded)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"stored":"x","count":1}', b'{"count":1}'])
def test_header_that_says_nothing_is_an_error(stream, files, text):
    """A damaged header is named."""
    files.content["stream.json"] = text

    with pytest.raises(LoadFailedError, match="stream.json"):
        stream.load_files(files, list)


def test_memory_is_bounded_both_ways(stream, tmp_path):
    """20 MB of records pass with under 3 MB in memory, written and read."""
    text = "x" * 1000
    tracemalloc.start()

    stream.save(({"n": n, "text": text} for n in range(20_000)), tmp_path)
    count = sum(1 for _ in stream.load(tmp_path, Iterator))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 20_000
    assert (tmp_path / "stream.jsonl").stat().st_size > 20_000_000
    assert peak < 3_000_000


def test_lines_across_blocks_are_whole(stream, tmp_path):
    """Lines longer than a block, and lines that end at its edge, come back."""
    items = ["a" * (256 * 1024 - 3), "b", "c" * 600_000, "", "d" * (256 * 1024 - 2)]

    stream.save(iter(items), tmp_path)

    assert stream.load(tmp_path, list) == items


def test_instance_keeps_nothing(stream, new_files):
    """Two streams through one instance, interleaved, do not see each other."""
    first, second = new_files(), new_files()

    def outer():
        yield samples.Single(1)
        stream.save_files(iter([samples.Pair(1)]), second)
        yield samples.Pair(2)

    stream.save_files(outer(), first)

    assert stream.load_files(first, list) == [samples.Single(1), samples.Pair(2)]
    assert stream.load_files(second, list) == [samples.Pair(1)]
    assert set(vars(stream)) == {"options", "parts"}


def test_stream_loads_in_a_fresh_process(stream, tmp_path, samples_folder):
    """A folder written here is read by a process that has seen nothing."""
    stream.save(iter([samples.Single(1), samples.Color.RED]), tmp_path)
    code = (
        "from pathlib import Path\n"
        "from artifact_materializers.python.stream import StreamMaterializer\n"
        f"print(StreamMaterializer().load(Path({str(tmp_path)!r}), list))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(samples_folder)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[Single(only=1), <Color.RED: 1>]"
