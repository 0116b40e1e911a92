"""A version is loaded in its recorded environment, and its value comes back as data or stays there."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.errors import (
    EnvironmentMismatchError,
    LoadFailedError,
    ManifestInvalidError,
    PayloadClassNotFoundError,
)
from artifact_plugins.isolation.environments import environment_python
from artifact_plugins.isolation.exchange import Exchange
from artifact_plugins.isolation.process import ChildEndedError, ChildProcess, failed_to_end
from artifact_plugins.isolation.requirements import requirements_of
from artifact_plugins.isolation.value import IsolatedValue
from artifact_plugins.isolation.wire import Message
from artifact_plugins.isolation.work import Work


def load_isolated(work: Work) -> Any:
    """Load a value with its archived code in its recorded environment.

    The caller has judged whether that code may run at all.

    Returns:
        The value, when it is data that installed materializers carry exactly;
        else an `IsolatedValue` that answers calls until it is closed.

    Raises:
        EnvironmentMismatchError: The environment cannot be built, the archived
            code cannot be imported in it, or the answer cannot be read.
        LoadFailedError: The archived code failed, ended its process, or took
            too long; `trace` is its traceback as text.
        StoreIntegrityError: The answer is not as announced, or too large.
    """
    python = environment_python(
        requirements_of(work.snapshot),
        cache_home=work.cache_home,
        recorded_at=work.snapshot.created_at,
        seconds=work.limits.build_seconds,
    )
    return load_with(python, work)


def load_with(python: Path, work: Work) -> Any:
    """Load a value with its archived code under the interpreter of a ready environment."""
    exchange = Exchange(work.exchange, find=work.find)
    process = _started(python, work)
    try:
        answer = _loaded(process, work, exchange)
        if answer.header.get("is") == "value":
            try:
                value = exchange.unpack(answer.header.get("part"), answer.files)
            except PayloadClassNotFoundError:
                pass  # its class is only there: the value answers from there
            else:
                process.close()
                return value
    except BaseException:
        process.close()
        raise
    data_type = str(answer.header.get("type", work.data_type))[:200]
    return IsolatedValue(process, exchange, what=work.what, data_type=data_type, limits=work.limits)


def _started(python: Path, work: Work) -> ChildProcess:
    try:
        process = ChildProcess(python)
    except OSError as error:
        raise EnvironmentMismatchError(
            f"the recorded environment of {work.what} does not start: {error}",
            hint="remove its folder to have it built again",
            python=str(python),
        ) from error
    try:
        process.ask(None, seconds=work.limits.load_seconds, most_bytes=0)
    except ChildEndedError as error:
        raise EnvironmentMismatchError(
            f"this release does not run in the recorded environment of {work.what}: {error}",
            hint="nothing archived was executed; the stored bytes are untouched",
            python=str(python),
        ) from error
    return process


def _loaded(process: ChildProcess, work: Work, exchange: Exchange) -> Message:
    code = process.folder / "code"
    _unpack(work.sources, code)
    header = {
        "code": str(code),
        "files": str(work.files.directory()),
        "entry": work.snapshot.entry_object,
        "writers": _writers(work),
        "data_type": work.data_type,
        "start": work.start,
        "parameters": json.loads(json.dumps(dict(work.parameters))),
        "offers": [asdict(offer) for offer in exchange.offers],
        "roots": _roots(exchange.offers),
        "seconds": work.limits.load_seconds,
        "file_bytes": work.limits.answer_bytes,
        "memory_bytes": work.limits.memory_bytes,
    }
    selection = process.folder / "selection"
    selection.mkdir()
    header["selection"] = exchange.pack(dict(work.selection), selection)
    try:
        answer = process.ask(
            header,
            selection,
            seconds=work.limits.load_seconds,
            most_bytes=work.limits.answer_bytes,
        )
    except ChildEndedError as error:
        raise failed_to_end(error, work.what) from error
    _check(answer, work)
    return answer


def _check(answer: Message, work: Work) -> None:
    said = answer.header
    kind = said.get("is")
    if kind in ("value", "stays"):
        return
    if kind != "failed":
        raise EnvironmentMismatchError(
            f"the isolated process of {work.what} gave no answer that is known here",
            hint="nothing of it was loaded",
        )
    text = f"{said.get('error')!s:.2000}"
    trace = str(said.get("trace"))[:20_000]
    if said.get("stage") == "environment":
        raise EnvironmentMismatchError(
            f"{work.what} cannot be loaded in its recorded environment: {text}",
            hint="the stored bytes are untouched; the traceback is the attribute `trace`",
            trace=trace,
        )
    raise LoadFailedError(
        f"the archived {work.snapshot.entry_object!r} could not load {work.what} "
        f"in its recorded environment: {text}",
        hint="the stored bytes are intact; the traceback is the attribute `trace`",
        trace=trace,
    )


def _unpack(sources: Mapping[str, Mapping[str, bytes]], folder: Path) -> None:
    """Write the members of all archives below one folder, where the child imports them."""
    folder.mkdir()
    for members in sources.values():
        for name, data in members.items():
            path = PurePosixPath(name)
            if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
                raise ManifestInvalidError(
                    f"an archive holds a member {name!r:.200}", hint="nothing was executed"
                )
            file = folder / path
            if file.exists() and file.read_bytes() != data:
                raise ManifestInvalidError(
                    f"two archives of one snapshot hold different members {name!r}",
                    hint="nothing was executed",
                )
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _writers(work: Work) -> dict[str, str]:
    found: dict[str, str] = {}
    for archive in work.snapshot.archives:
        found.update(archive.offers)
    return found


def _roots(offers: Sequence[MaterializerOffer]) -> dict[str, list[str]]:
    """Return the folders of the packages that carry values, which the child runs as they are here."""
    roots: dict[str, list[str]] = {}
    for name in {offer.target.partition(".")[0] for offer in offers}:
        spec = importlib.util.find_spec(name)
        roots[name] = list(spec.submodule_search_locations or ()) if spec else []
    return roots
