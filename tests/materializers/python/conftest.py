"""Files in memory, and the materializer of a third party that knows two types."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent / "samples"
sys.path.insert(0, str(SAMPLES))


class MemoryFiles:
    """FileWriter and FileReader over one dict; refuses a name used twice."""

    def __init__(self, content: dict[str, bytes] | None = None, prefix: str = "") -> None:
        self.content = {} if content is None else content
        self.prefix = prefix

    def open(self, name: str) -> _Sink:
        name = self.prefix + name
        assert name not in self.content, name
        self.content[name] = b""
        return _Sink(self.content, name)

    def sub(self, prefix: str) -> MemoryFiles:
        return MemoryFiles(self.content, f"{self.prefix}{prefix}/")

    def names(self) -> tuple[str, ...]:
        return tuple(
            sorted(
                name.removeprefix(self.prefix)
                for name in self.content
                if name.startswith(self.prefix)
            )
        )

    def buffer(self, name: str) -> memoryview:
        return memoryview(bytearray(self.content[self.prefix + name]))

    def directory(self) -> Path:
        raise AssertionError("nobody asked for a folder")


class _Sink:
    def __init__(self, content: dict[str, bytes], name: str) -> None:
        self.content = content
        self.name = name

    def write(self, data: Any) -> int:
        self.content[self.name] += bytes(data)
        return len(data)

    def tell(self) -> int:
        return len(self.content[self.name])

    def close(self) -> None:
        pass

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class FakeParts:
    """Stores `Foreign` and `Frame`, streams `Frame`, refuses everything else."""

    def claims(self, cls: type, key: str) -> bool:
        return cls.__name__ == "Claimed"

    def save(self, value: Any, files: Any) -> dict[str, Any]:
        self._check(value)
        with files.open("payload.bin") as sink:
            sink.write(value.payload)
        return self._record(value)

    def load(self, part: Any, files: Any) -> Any:
        from python_samples import Foreign, Frame

        cls = {"Foreign": Foreign, "Frame": Frame}[part["data_type"]]
        return cls(b"".join(bytes(files.buffer(name)) for name in files.names()))

    def stream(self, first: Any, files: Any) -> Any:
        self._check(first)
        if type(first).__name__ != "Frame":
            return None
        return _Chunks(files), self._record(first)

    def iterate(self, part: Any, files: Any) -> Iterator[Any]:
        from python_samples import Frame

        return (Frame(bytes(files.buffer(name))) for name in files.names())

    def _record(self, value: Any) -> dict[str, Any]:
        return {
            "materializer": "fake",
            "format": "fake/1",
            "data_type": type(value).__name__,
            "options": {},
        }

    def _check(self, value: Any) -> None:
        from python_samples import Foreign

        from artifact_plugins.errors import LossyConversionError, NoMaterializerError

        if not isinstance(value, Foreign):
            raise NoMaterializerError(f"no materializer handles {type(value).__name__}")
        if value.payload == b"lossy":
            raise LossyConversionError("column 'a' would lose its name", hint="rename it")


class _Chunks:
    def __init__(self, files: Any) -> None:
        self.files = files
        self.count = 0

    def write(self, chunk: Any) -> None:
        with self.files.open(f"{self.count:06}") as sink:
            sink.write(chunk.payload)
        self.count += 1

    def close(self) -> None:
        pass


@pytest.fixture
def files() -> MemoryFiles:
    """Return empty files in memory."""
    return MemoryFiles()


@pytest.fixture
def new_files() -> Callable[[], MemoryFiles]:
    """Return what makes empty files in memory."""
    return MemoryFiles


@pytest.fixture
def document() -> Any:
    """Return a document materializer with the parts of a third party."""
    from artifact_materializers.python.document import DocumentMaterializer

    materializer = DocumentMaterializer()
    materializer.parts = FakeParts()
    return materializer


@pytest.fixture
def stream() -> Any:
    """Return a stream materializer with the parts of a third party."""
    from artifact_materializers.python.stream import StreamMaterializer

    materializer = StreamMaterializer()
    materializer.parts = FakeParts()
    return materializer


@pytest.fixture
def samples_folder() -> Path:
    """Return the folder of `python_samples`, for other processes."""
    return SAMPLES


@pytest.fixture
def round_trip(document: Any) -> Callable[[Any], Any]:
    """Return what saves a value into memory and loads it."""

    def run(value: Any) -> Any:
        files = MemoryFiles()
        document.save_files(value, files)
        return document.load_files(files, type(value))

    return run
