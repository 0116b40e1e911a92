"""In the child: archived code loads a value under its real names, sends it back, answers calls."""

from __future__ import annotations

import importlib
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from artifact_plugins.contracts.abilities import (
    ChunkWriter,
    DirectIO,
    PartialIO,
    PartRecord,
    StreamIO,
    UsesParts,
)
from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.contracts.refs import import_type, type_path
from artifact_plugins.contracts.task_parameters import task_parameters
from artifact_plugins.errors import (
    EnvironmentMismatchError,
    NoMaterializerError,
    NotSerializableError,
    PayloadClassNotFoundError,
    describe,
)
from artifact_plugins.isolation import running
from artifact_plugins.isolation.exchange import Exchange
from artifact_plugins.isolation.limits import limit_next_seconds, limit_process
from artifact_plugins.isolation.wire import Message, receive, send

_TRACE_LINES = 30
_REQUEST_BYTES = 1 << 62
"""The parent is who it is; what it sends is limited there."""
_END = object()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer the parent until it closes the channel."""
    send(answers, {"is": "ready", "python": sys.version.split()[0]})
    server = _Server(receive(requests, most_bytes=_REQUEST_BYTES))
    server.answer(answers, server.load, stage="load")
    while True:
        try:
            request = receive(requests, most_bytes=_REQUEST_BYTES)
        except EOFError:
            return
        limit_next_seconds(request.header["seconds"])
        server.answer(answers, lambda request=request: server.ask(request), stage="call")


class _Server:
    def __init__(self, message: Message) -> None:
        work = self._work = message.header
        self._value: Any = None
        self._items: Iterator[Any] = iter(())
        limit_process(file_bytes=work["file_bytes"], memory_bytes=work["memory_bytes"])
        limit_next_seconds(work["seconds"])
        sys.path.insert(0, work["code"])
        running.install(work["roots"])
        self._exchange = Exchange(
            [MaterializerOffer(**_with_tuples(offer)) for offer in work["offers"]],
            import_target=running.import_running,
            find=import_type,
        )
        self._selection = self._exchange.unpack(work["selection"], message.files)

    def answer(self, answers: BinaryIO, work: Any, *, stage: str) -> None:
        """Do one piece of work and send its value, or why there is none."""
        with tempfile.TemporaryDirectory() as folder:
            part: PartRecord | None = None
            try:
                value = work()
                if value is _END:
                    header: dict[str, Any] = {"is": "end"}
                elif stage == "call" and callable(value):
                    header = {"is": "callable"}
                else:
                    header, part = self._packed(value, Path(folder))
            except BaseException as error:  # noqa: BLE001  # archived code may raise anything, an exit too
                header = _failure(error, stage)
            send(answers, header, Path(folder) if part is not None else None)

    def _packed(self, value: Any, folder: Path) -> tuple[dict[str, Any], PartRecord | None]:
        try:
            part = self._exchange.pack(value, folder)
        except EnvironmentMismatchError as error:
            return {"is": "stays", "type": type_path(type(value)), "why": str(error)[:2000]}, None
        return {"is": "value", "part": part}, part

    def load(self) -> Any:
        """Load the value as the work says."""
        work = self._work
        _define_main(Path(work["code"]))
        entry = _imported(work["entry"])
        files = FolderFiles(Path(work["files"]))
        if isinstance(entry, type) and issubclass(entry, ArtifactTask):
            if self._selection:
                raise _no_selection(entry)
            self._value = _deserialize(entry, files.directory(), work["parameters"])
        elif isinstance(entry, type) and issubclass(entry, Materializer):
            self._value = self._load(
                entry, work["parameters"], files, work["data_type"], self._selection
            )
        else:
            raise EnvironmentMismatchError(
                f"{work['entry']!r} is neither a materializer nor an artifact task"
            )
        return self._value

    def _load(
        self,
        cls: type[Materializer[Any]],
        parameters: Mapping[str, Any],
        files: FileReader,
        data_type: str,
        selection: Mapping[str, Any] = MappingProxyType({}),
    ) -> Any:
        materializer = cls(cls.Options(**parameters))
        if isinstance(materializer, UsesParts) or "parts" in getattr(cls, "__annotations__", {}):
            materializer.parts = _Parts(self)  # type: ignore[attr-defined]  # ability UsesParts
        if selection:
            if not (
                isinstance(materializer, PartialIO) and set(selection) <= materializer.selections
            ):
                raise _no_selection(cls)
            return materializer.load_part(files, _type_or_object(data_type), **selection)
        if isinstance(materializer, DirectIO):
            return materializer.load_files(files, _type_or_object(data_type))
        return materializer.load(files.directory(), import_type(data_type))

    def load_part(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element of a container with the archived class that wrote it, if there is one."""
        path = self._work["writers"].get(part["materializer"])
        if path is None:
            return self._exchange.load(part, files)
        return self._load(_imported(path), part["options"], files, part["data_type"])

    def iterate_part(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream with the archived class that wrote them, if there is one."""
        path = self._work["writers"].get(part["materializer"])
        cls = None if path is None else _imported(path)
        if cls is None:
            return self._exchange.iterate(part, files)
        found = cast(StreamIO, cls(cls.Options(**part["options"])))
        return found.iterate(files, import_type(part["data_type"]))

    def ask(self, request: Message) -> Any:
        """Return an attribute of the value, what calling it gives, or its next item."""
        header = request.header
        if header["do"] == "iterate":
            self._items = islice(iter(self._value), self._work["start"], None)
            return None
        if header["do"] == "next":
            return next(self._items, _END)
        name = header["name"]
        found = self._value if name == "__call__" else getattr(self._value, name)
        if header["do"] == "attribute":
            return found
        given = self._exchange.unpack(header["part"], request.files)
        return found(*given["args"], **given["kwargs"])


class _Parts:
    """The elements of an archived container: read, never written."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    def claims(self, cls: type, key: str) -> bool:
        """Claim nothing."""
        return False

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Refuse."""
        raise NotSerializableError("nothing is saved in an isolated process")

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element."""
        return self._server.load_part(part, files)

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Offer no stream."""
        return None

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream."""
        return self._server.iterate_part(part, files)


def _no_selection(cls: type) -> NoMaterializerError:
    return NoMaterializerError(
        f"the archived {type_path(cls)} cannot load this selection",
        hint="load the whole value and select from it",
    )


def _deserialize(cls: type[ArtifactTask[Any]], folder: Path, stored: Mapping[str, Any]) -> Any:
    arguments = task_parameters(cls, cls.name).arguments(stored)
    path = folder if cls.takes_folder else next(iter(sorted(folder.iterdir())), folder)
    return cls().deserialize(path, **arguments)


def _define_main(code: Path) -> None:
    """Put the classes of an archived script or notebook where pickles look for them."""
    file = code / "__main__.pickle"
    if not file.is_file():
        return
    import cloudpickle  # late: only for classes that were archived by value

    main = sys.modules["__main__"]
    for name, cls in cloudpickle.loads(file.read_bytes()).items():
        setattr(main, name, cls)


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise EnvironmentMismatchError(
            f"{path!r} cannot be imported there: {describe(error)}"
        ) from error
    return found


def _type_or_object(path: str) -> type:
    try:
        return import_type(path)
    except PayloadClassNotFoundError:  # a materializer that finds its classes itself
        return object


def _with_tuples(offer: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in offer.items()}


def _failure(error: BaseException, stage: str) -> dict[str, Any]:
    if stage == "load" and isinstance(error, EnvironmentMismatchError | ImportError):
        stage = "environment"
    lines = traceback.format_exception(error)
    trace = "".join(lines).splitlines()[-_TRACE_LINES:]
    return {
        "is": "failed",
        "stage": stage,
        "error": describe(error),
        "name": type(error).__name__,
        "trace": "\n".join(trace)[:20_000],
    }
