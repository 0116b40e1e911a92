"""The cache: what decides the results of a call, and earlier tasks with the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from artifact_plugins.code import CodeDigest, digest_function, explain_difference
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactVersion,
    CacheEntry,
    IOType,
    LinkQuery,
    Task,
    VersionQuery,
    every,
)
from artifact_plugins.session import Session
from artifact_plugins.steps.job import Arguments, Code
from artifact_plugins.steps.signature import InputPort, OutputPort
from artifact_plugins.steps.views import Stored

_CODE, _DATA = "code ", "data "
_OUTPUTS = tuple(io_type for io_type in IOType if io_type.is_output)
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What decides the results of one call.

    Attributes:
        key: `sha256:...` over everything.
        parts: What it was made of, by name, as short text.
    """

    key: str
    parts: dict[str, str]

    def entry(self, task: Task, replaces: str | None) -> CacheEntry:
        """Return the entry that a task leaves for later calls."""
        return CacheEntry(self.key, task.id, task.name, self.parts, replaces)


@dataclass(frozen=True, slots=True)
class Hit:
    """An earlier task whose results can be used; or only its trace, when they are gone.

    Attributes:
        task_id: The task.
        versions: Its outputs by key; None when some are gone.
    """

    task_id: str
    versions: dict[str, Stored] | None


def cache_key(session: Session, code: Code, arguments: Arguments) -> CacheKey:
    """Return the key of a call whose inputs are there."""
    digest = digest_function(code.function)
    exact: dict[str, Any] = {"project": session.settings.project, "code": digest.digest}
    parts = {f"{_CODE}{name}": value for name, value in digest.parts.items()}
    parts |= {f"{_DATA}{name}": value for name, value in digest.values.items()}
    for name, argument in arguments.items():
        port = code.signature.inputs[name]
        seen = [_seen(item.stored, port) for item in argument.items]
        exact[f"input {name}"] = [seen, argument.is_list, argument.shape]
        parts[f"input {name}"] = _short(seen if argument.is_list else seen[:1])
    for output in code.signature.outputs:
        options = _options(output)
        exact[f"output {output.key}"] = options
        parts[f"output {output.key}"] = _short(options)
    text = json.dumps(exact, sort_keys=True, ensure_ascii=True)
    return CacheKey(f"sha256:{sha256(text.encode()).hexdigest()}", parts)


def find_hit(session: Session, code: Code, key: CacheKey) -> Hit | None:
    """Return the task that has made the results before, if there is one."""
    ledger = session.committed  # an entry is never in what is not written yet
    entry = ledger.cache_entry(key.key)
    if entry is None:
        return None
    query = LinkQuery(task_ids=(entry.task_id,), io_types=_OUTPUTS)
    made: dict[str, list[str]] = {}
    for link in sorted(every(ledger.links, query), key=lambda link: link.position):
        if link.version_id and not link.key.startswith("auto/"):
            made.setdefault(link.key, []).append(link.version_id)
    ids = tuple(version_id for some in made.values() for version_id in some)
    found = {v.id: v for v in every(ledger.versions, VersionQuery(ids=ids))} if ids else {}
    wanted = [output.key for output in code.signature.outputs]
    is_whole = (
        all(name in made for name in wanted)
        and len(found) == len(set(ids))
        and all(map(session.store.has, found.values()))
    )
    if not is_whole:
        return Hit(entry.task_id, None)
    outputs = {
        port.key: _as_output(port, [found[version_id] for version_id in made[port.key]])
        for port in code.signature.outputs
    }
    return Hit(entry.task_id, outputs)


def _as_output(port: OutputPort, versions: list[ArtifactVersion]) -> Stored:
    start = f"{port.artifact}."
    if len(versions) == 1 and not versions[0].artifact.startswith(start):
        return Stored(versions[0])
    stored = Stored(None)
    stored.parts = {v.artifact.removeprefix(start): Stored(v) for v in versions}
    return stored


def explain(ledger: Ledger, task: Task) -> tuple[CacheEntry | None, tuple[str, ...]]:
    """Say what differs between the key of a task and the nearest one of an earlier task.

    Returns:
        The earlier entry, None when the step was never cached before; and a
        phrase per part that differs, none for a task that was served from it.
    """
    own = ledger.cache_entry(task.cache_key) if task.cache_key else None
    if own is None:
        return None, ()
    if own.task_id != task.id:
        return own, ()
    earlier = ledger.earlier_cache_entries(own.step, task.id)
    if not earlier:
        return None, ()
    nearest = min(earlier, key=lambda entry: len(_differing(entry.parts, own.parts)))
    return nearest, difference(nearest.parts, own.parts)


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Return a phrase for each part that differs, the code first."""
    phrases = list(explain_difference(_code_of(old), _code_of(new)))
    for name in sorted(_differing(old, new)):
        if not name.startswith((_CODE, _DATA)):
            before, after = old.get(name, "not there"), new.get(name, "not there")
            phrases.append(f"{name}: {before} -> {after}")
    return tuple(phrases)


def _code_of(parts: Mapping[str, str]) -> CodeDigest:
    def some(start: str) -> dict[str, str]:
        return {name[len(start) :]: v for name, v in parts.items() if name.startswith(start)}

    return CodeDigest(digest="", parts=some(_CODE), values=some(_DATA))


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def _seen(stored: Stored, port: InputPort) -> Any:
    """Return what a step can see of one value: its content, or the record itself."""
    version = stored.version
    if stored.parts is not None:
        return {name: _seen(part, port) for name, part in stored.parts.items()}
    if version is None:
        return {"value": stored.literal}
    if port.is_record or port.is_lazy:
        return {"version": version.id}
    return {"content": version.content_hash, "type": version.data_type, "format": version.format}


def _options(output: OutputPort) -> dict[str, Any]:
    spec = output.spec
    chosen = spec.materializer if spec else None
    task = spec.task if spec else None
    named = type_path(task) if isinstance(task, type) else task
    return {
        **({} if named is None else {"task": named}),
        "artifact": output.artifact,
        "type": spec.artifact_type if spec else None,
        "materializer": type_path(chosen) if isinstance(chosen, type) else chosen,
        "options": {k: repr(v) for k, v in (spec.options or {}).items()} if spec else {},
    }


def _short(value: Any) -> str:
    """Return a text that is short and differs when the value does."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... (sha256 {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]})"
