"""A plugin snapshot of ours as the files of a Dioptra plugin: the pinned code, embedded."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from artifact_integrations.dioptra.exporting import camel, classes_source, snapshot_source, zipped
from artifact_integrations.dioptra.sources import archived_sources
from artifact_plugins.records import ArtifactVersion, CodeArchive, PluginSnapshot
from artifact_plugins.transport import digest_of, sha256_of

from .lines import described, line_of

CLASSES, SNAPSHOT = "artifacts.py", "_snapshot.py"
_TASK_PREFIX = "artifact_task:"
_SCRIPT = "it is pinned to classes of a script or notebook, which are kept as a pickle"


@dataclass(frozen=True)
class PluginFiles:
    """A Dioptra plugin to be published; equal code gives equal files.

    Attributes:
        name: With the beginning of the digest: another digest, another plugin.
        digest: `sha256:hex` over the files.
        code_digest: `sha256:hex` of the embedded archive.
        files: File name to bytes.
        tasks: Key of a materializer or artifact task to its class name.
    """

    name: str
    description: str
    digest: str
    code_digest: str
    files: Mapping[str, bytes]
    tasks: Mapping[str, str]

    def task_of(self, version: ArtifactVersion) -> str:
        """Return the class that stands for what wrote a version."""
        return self.tasks[key_of(version)]


def key_of(version: ArtifactVersion) -> str:
    """Return under which key the code of a version was offered."""
    if version.artifact_task is not None:
        return f"{_TASK_PREFIX}{version.artifact_task}"
    return version.materializer or ""


def plugin_files(
    snapshot: PluginSnapshot, key: str, archive: Callable[[str], bytes]
) -> PluginFiles:
    """Return the files of a plugin with one artifact task per offer of the code.

    The code is not imported: each class says in the worker what it is.

    Args:
        key: Of the version that is to be pinned.
        archive: Returns the zip file of a digest.
    """
    members: dict[str, bytes] = {}
    for part in snapshot.archives:
        if part.role != "main":
            members.update(_members(archive(part.digest)))
    sources = archived_sources(members)
    code = zipped(sources)
    code_digest = sha256_of(code)
    targets = _targets(snapshot, key)
    names = {key: _class_name(key, code_digest) for key in sorted(targets)}
    scripted = any(part.role == "main" for part in snapshot.archives)
    tasks = {
        names[key]: {"reason": _SCRIPT}
        if scripted and not _is_in(members, targets[key])
        else {"target": targets[key]}
        for key in names
    }
    about = {
        "plugin": snapshot.plugin,
        "archives": [part.digest for part in snapshot.archives],
        "distributions": [_distribution(part) for part in snapshot.archives],
        "python": snapshot.python_version,
        "libraries": dict(sorted(snapshot.libraries.items())),
    }
    classes = classes_source({names[key]: (key, f"{targets[key]}.") for key in names}, code_digest)
    running = snapshot_source(code, code_digest, sources, tasks=tasks, described=about)
    files = {CLASSES: classes.encode(), SNAPSHOT: running.encode()}
    digest = files_digest(files)
    text = f"{snapshot.plugin} as it wrote artifacts, published by artifact_plugins."
    line = line_of(
        "snapshot", digest=digest, plugin=snapshot.plugin, python=snapshot.python_version
    )
    stem = re.sub(r"[^A-Za-z0-9]+", "_", snapshot.plugin).strip("_")[:80]
    return PluginFiles(
        name=f"{stem if stem[:1].isalpha() else f'p{stem}'}_{digest[7:19]}",
        description=described(text, line),
        digest=digest,
        code_digest=f"sha256:{code_digest}",
        files=files,
        tasks=names,
    )


def files_digest(files: Mapping[str, bytes]) -> str:
    """Return `sha256:hex` over the names and bytes of files, in the order of their names."""
    return digest_of("".join(f"{sha256_of(files[name])}  {name}\n" for name in sorted(files)))


def _targets(snapshot: PluginSnapshot, key: str) -> dict[str, str]:
    targets = dict(snapshot.archives[0].offers) if snapshot.archives else {}
    targets.setdefault(key, snapshot.entry_object)
    return targets


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _is_in(members: Mapping[str, bytes], target: str) -> bool:
    place = target.partition(":")[0].replace(".", "/")
    return f"{place}.py" in members or f"{place}/__init__.py" in members


def _distribution(part: CodeArchive) -> str:
    return f"{part.name}: {part.distribution or '-'} {part.distribution_version or ''}".strip()


def _class_name(key: str, code_digest: str) -> str:
    # Dioptra looks classes up by their bare name over all plugins of a job.
    name = camel(key.removeprefix(_TASK_PREFIX)) or "Task"
    return f"{name if name[0].isalpha() else f'T{name}'}_{code_digest[:8]}"
