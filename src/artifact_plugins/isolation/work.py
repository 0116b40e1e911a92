"""What is to be loaded in another process, and what that process may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.records.snapshot import PluginSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much building, loading and answering may take.

    Attributes:
        build_seconds: For uv, downloads included.
        load_seconds: From the start of the child to the whole value.
        call_seconds: For each call of a value that stays in the child.
        answer_bytes: Of one value that comes back, and of any file that the
            child writes.
        memory_bytes: Address space of the child; None for no limit. Data
            libraries reserve much more of it than they use.
    """

    build_seconds: float = 1800.0
    load_seconds: float = 600.0
    call_seconds: float = 600.0
    answer_bytes: int = 8 * 1024**3
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One value to load with archived code in its recorded environment.

    Attributes:
        what: For messages: `artifact 'flights' version 3`.
        snapshot: Judged by the reader's trust already: its code will run.
        sources: Archive digest to the verified members of that archive.
        files: The verified files of the value; open until the value is there.
        data_type: Import path of the class of the value.
        parameters: Options of the materializer or parameters of the artifact
            task, as recorded.
        selection: Which part of the value is wanted (`columns=[...]`,
            `rows=slice(...)`); empty for all of it.
        exchange: Offers of the installed plugins; those that write data-only
            formats carry values between the processes.
        find: Finds a class that the answer names; by default only classes of
            the libraries that `exchange` handles are found.
        start: Number of items of a stream to pass over.
        cache_home: Where environments are kept; by default
            `~/.cache/artifact_plugins`.
    """

    what: str
    snapshot: PluginSnapshot
    sources: Mapping[str, Mapping[str, bytes]]
    files: FileReader
    data_type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)
    exchange: Sequence[MaterializerOffer]
    find: Callable[[str], Any] | None = None
    start: int = 0
    cache_home: Path | None = None
    limits: Limits = Limits()
