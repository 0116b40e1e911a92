"""The description of a job or artifact there: text for people, and one line of JSON for us.

Identity is in the line of the creating request, so that a record whose answer
was lost is found again by searching descriptions for our id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Run, Task
from artifact_plugins.transport import compact, digest_of

LINE_MAX_BYTES = 8 * 1024
_TEXT_MAX = 2_000
_START = '{"ap":'
_FORM = 1


def line_of(kind: str, **facts: Any) -> dict[str, Any]:
    """Return the facts of a line; those that are None are left out."""
    return {"ap": _FORM, "kind": kind} | {k: v for k, v in facts.items() if v is not None}


def described(text: str, line: Mapping[str, Any]) -> str:
    """Return a description: text for people, then the line."""
    return f"{shown(text)}\n{compact(line)}"


def shown(text: str) -> str:
    """Return a text as a description can hold it."""
    return text.encode("utf-8", "replace").decode()[:_TEXT_MAX].replace("\x00", " ")


def parted(description: str | None) -> tuple[str, dict[str, Any]]:
    """Return the text above our line and the line; an empty one when there is none.

    Only the last line that looks like ours counts: people write above it.
    """
    text = description or ""
    lines = text.split("\n")
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith(_START):
            try:
                found = json.loads(lines[number])
            except (ValueError, RecursionError):
                break
            if isinstance(found, dict) and found.get("ap") == _FORM:
                return "\n".join(lines[:number]), found
            break
    return text, {}


def fits(line: Mapping[str, Any]) -> bool:
    """Tell whether a line is short enough for a description."""
    return len(compact(line)) <= LINE_MAX_BYTES


def run_line(run: Run, root: Task | None) -> dict[str, Any]:
    """Return the line of the job of a run; jobs cannot be changed, so only what stays."""
    line = line_of(
        "run",
        run=run.id,
        task=root.id if root is not None else None,
        project=run.project,
        pipeline=run.pipeline,
        name=run.name,
        started_at=run.started_at.isoformat(),
        parameters=run.parameters,
    )
    return line if fits(line) else {k: v for k, v in line.items() if k != "parameters"}


def task_line(
    task: Task, run: Run, links: Sequence[ArtifactTaskLink]
) -> tuple[dict[str, Any], bytes]:
    """Return the line of the job of a task, and the document with the task and its links.

    The line holds the document when it is short enough, else its digest.
    """
    document = {
        "task": task.model_dump(mode="json", exclude_defaults=True),
        "links": [link.model_dump(mode="json", exclude_defaults=True) for link in links],
    }
    data = compact(document).encode()
    line = line_of(
        "task",
        task=task.id,
        run=task.run_id,
        project=run.project,
        pipeline=run.pipeline,
        step=task.name,
        state=str(task.state),
        type=str(task.type),
        scope=task.scope_path,
        iteration=task.iteration_index,
    )
    whole = {**line, "document": document}
    if fits(whole):
        return whole, data
    return {**line, "document_digest": digest_of(data)}, data


def saved_line(saved_id: str, project: str, artifact: str) -> dict[str, Any]:
    """Return the line of the job that holds what was saved by hand under a name."""
    return line_of("saved", saved=saved_id, project=project, artifact=artifact)


def text_of(version: ArtifactVersion) -> str:
    """Return what people read above the line of a version."""
    return version.description or f"{version} ({version.artifact_type}, {version.data_type})"


def text_mark(text: str) -> str:
    """Return by what a text of ours is told from one that people wrote over it."""
    return digest_of(shown(text).encode())[7:19]


def version_line(
    version: ArtifactVersion, *, manifest: str | None
) -> tuple[dict[str, Any], bytes | None]:
    """Return the line of an artifact, and the whole record when the line cannot hold it.

    Args:
        manifest: `sha256:hex` of the manifest that lies beside its files there.

    Returns:
        The line; `record_digest` in it names the document when there is one.
    """
    record = version.model_dump(mode="json", exclude_defaults=True)
    line = line_of(
        "version",
        version_id=version.id,
        artifact=version.artifact,
        artifact_type=version.artifact_type,
        version=version.version,
        project=version.project,
        run=version.run_id,
        task=version.task_id,
        digest=version.content_hash or None,
        snapshot=version.plugin_snapshot,
        created_at=version.created_at.isoformat(),
        tags=[f"tag:{tag}" for tag in version.tags],
        manifest=manifest,
        text=text_mark(text_of(version)),
        deleted=True if version.deleted_at is not None else None,
    )
    whole = {**line, "record": record}
    if fits(whole):
        return whole, None
    document = compact(record).encode()
    line["record_digest"] = digest_of(document)
    # A search by tag still finds it when the tags fit; the record has them all.
    return (line if fits(line) else {k: v for k, v in line.items() if k != "tags"}), document


def record_of(line: Mapping[str, Any], document: bytes | None = None) -> ArtifactVersion:
    """Return the record that a line, or the document beside it, carries.

    Raises:
        ValueError: It carries none, or another one than its digest says.
    """
    if document is not None:
        if digest_of(document) != line.get("record_digest"):
            raise ValueError("the record document is not the one that the description names")
        return ArtifactVersion.model_validate(json.loads(document))
    return ArtifactVersion.model_validate(line["record"])
