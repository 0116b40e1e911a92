"""Saves any object that can be pickled; the last resort, because loading it executes code."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from artifact_materializers.pickle.culprit import refusal_of
from artifact_materializers.pickle.equality import is_same
from artifact_materializers.pickle.facts import Facts, check_python, make_facts, read_facts
from artifact_materializers.pickle.loading import read_pickle
from artifact_materializers.pickle.saving import PROTOCOL, write_pickle
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.contracts.refs import note_modules, type_path
from artifact_plugins.errors import ArtifactPluginsError, LoadFailedError, UnsafeFormatError

DATA = "data.pickle"
FACTS = "pickle.json"
_log = logging.getLogger("artifact_plugins")
_told: set[str] = set()


class PickleMaterializer(DirectMaterializer[Any]):
    """Any object, as cloudpickle of protocol 5 with its large buffers beside it.

    Files: `data.pickle`, `buffer-0`, `buffer-1`, ..., `pickle.json`. Two files
    at least, so that a version always has a manifest that can be signed.

    Classes and functions of modules are stored by name, those of the running
    script or notebook with their code, which only the same Python reads. What
    was saved is read back once to see that it can be; see `equality`.

    A loaded array is writable when the saved one was. Equal objects may have
    different pickles (sets of text, text that is shared or not).
    """

    format = "pickle/1"
    artifact_type = "Artifact"
    media_type = "application/octet-stream"
    executes_on_load: ClassVar[bool] = True

    def __init__(self, options: BaseModel | None = None) -> None:
        super().__init__(options)
        self._saved = threading.local()

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write the pickle, its buffers and its facts.

        Raises:
            NotSerializableError: A part cannot be pickled; names its path.
        """
        buffers: list[memoryview] = []
        with files.open(DATA) as sink:
            try:
                named = write_pickle(value, sink, buffers)
            except (ArtifactPluginsError, MemoryError, OSError):
                raise  # of the store, not of the value
            except Exception as error:  # whatever a part raises
                raise refusal_of(value, error) from error
            size_bytes = sink.tell()
        for number, buffer in enumerate(buffers):
            with files.open(buffer_name(number)) as sink:
                sink.write(buffer)
        cls: type = type(value)
        facts = make_facts(
            type_path(cls),
            named.globals,
            by_value=named.by_value,
            protocol=PROTOCOL,
            size_bytes=size_bytes,
            buffers=[buffer.nbytes for buffer in buffers],
        )
        with files.open(FACTS) as sink:
            sink.write(facts.to_json())
        self._saved.facts = id(value), facts
        note_modules(named.modules())
        _tell_once(type_path(cls))

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Unpickle, which executes what the pickle says; the session asks for trust first.

        Raises:
            PythonVersionMismatchError: It holds code of another Python.
            PayloadClassNotFoundError: It names what cannot be found.
            LoadFailedError: A file is missing or has another size.
        """
        facts = read_facts(files.buffer(FACTS))
        check_python(facts)
        return read_pickle(*_pieces(files, facts))

    def load_safely(self, files: FileReader, data_type: type) -> Any:
        """Return the value if the pickle holds nothing but plain ones; executes nothing.

        Raises:
            UnsafeFormatError: It holds anything else; see `safe`.
        """
        # Late: few loads need it, and its list is long.
        from artifact_materializers.pickle.safe.reading import read_plain

        try:
            pieces = _pieces(files, read_facts(files.buffer(FACTS)))
        except LoadFailedError as error:
            raise UnsafeFormatError(error.message, hint="nothing was executed") from error
        return read_plain(*pieces)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the class of the value, and the buffers of the one saved last by this thread.

        Nothing of the value is shown or called.
        """
        cls: type = type(value)
        described: dict[str, Any] = {"class": type_path(cls)}
        number, facts = self._saved.__dict__.pop("facts", (None, None))
        if facts is not None and number == id(value) and facts.type == described["class"]:
            described["buffers"] = len(facts.buffers)
            described["buffer_bytes"] = sum(facts.buffers)
        return described

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return nothing: a `repr` may run for ever, or tell what nobody asked for."""
        return ()

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether an object came back as it was; see `equality`."""
        return is_same(left, right)


def buffer_name(number: int) -> str:
    """Return the name of a file of a buffer."""
    return f"buffer-{number}"


def _pieces(files: FileReader, facts: Facts) -> tuple[memoryview, list[memoryview]]:
    stream = _sized(files, DATA, facts.size_bytes)
    return stream, [
        _sized(files, buffer_name(number), size_bytes)
        for number, size_bytes in enumerate(facts.buffers)
    ]


def _sized(files: FileReader, name: str, size_bytes: int) -> memoryview:
    found = files.buffer(name)
    if found.nbytes != size_bytes:
        raise LoadFailedError(
            f"file {name!r} has {found.nbytes} bytes, 'pickle.json' says {size_bytes}",
            hint="nothing was executed; something else wrote the files",
            path=name,
        )
    return found


def _tell_once(path: str) -> None:
    if path not in _told:
        _told.add(path)
        _log.warning(
            "%s is saved as a pickle: loading it executes code and needs trust, "
            "which a materializer for it spares",
            path,
        )
