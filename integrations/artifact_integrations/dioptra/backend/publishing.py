"""Publish a plugin snapshot on the server in one act, and verify every byte of it before use."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import made_once

from .naming import resource_name
from .plugin_files import CLASSES, PluginFiles, files_digest, key_of, plugin_files
from .server import BASE, SLOW_SECONDS, ApiError, DioptraApi, existing_id
from .skeleton import Skeleton

_NAMES_MAX = 5
_BUNDLE_MAX_BYTES = 64 * 1024 * 1024
_MOST_KEPT = 16
_BOUNDARY = "artifact-plugins-6f1ae9cb12ab4f0d"


class Publishing:
    """Publishes the code of versions, each digest once."""

    def __init__(self, api: DioptraApi, skeleton: Skeleton) -> None:
        self._api = api
        self._skeleton = skeleton
        self._made: dict[tuple[str, str], PluginFiles] = {}

    def pin(
        self, version: ArtifactVersion, delivery: Delivery, *, anew: bool = False
    ) -> tuple[dict[str, int], str]:
        """Return the pair that an artifact is pinned to, and its class name.

        A version that no code of ours wrote is pinned to `RecordedElsewhere`,
        so that it can be the input of a job.

        Args:
            anew: The noted plugin is not there any more.

        Returns:
            `pluginSnapshotId` and `taskId`; the name of the artifact task.
        """
        if version.plugin_snapshot is None:
            found = self._skeleton.recorded(delivery, anew=anew)
            pair = {"pluginSnapshotId": int(found["snapshot"]), "taskId": int(found["task"])}
            return pair, "RecordedElsewhere"
        files = self.files(version, delivery)
        noted = self._published(files, delivery, anew=anew)
        name = files.task_of(version)
        return {
            "pluginSnapshotId": int(noted["snapshot"]),
            "taskId": int(noted["tasks"][name]),
        }, name

    def files(self, version: ArtifactVersion, delivery: Delivery) -> PluginFiles:
        """Return the plugin that stands for the snapshot of a version."""
        assert version.plugin_snapshot is not None
        key = (version.plugin_snapshot, key_of(version))
        found = self._made.get(key)
        if found is None:
            snapshot = delivery.snapshot(version.plugin_snapshot)
            while len(self._made) >= _MOST_KEPT:
                self._made.pop(next(iter(self._made)))
            found = self._made[key] = plugin_files(snapshot, key[1], delivery.archive)
        return found

    def _published(self, files: PluginFiles, delivery: Delivery, *, anew: bool) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            made = self._find_or_publish(files)
            name = resource_name(f"plugin-{files.name.rpartition('_')[0]}")
            self._skeleton.mark(f"plugins/{made['plugin']}", name, delivery)
            return made

        return made_once(delivery, "plugin", files.digest, make, anew=anew)

    def _find_or_publish(self, files: PluginFiles) -> dict[str, Any]:
        """Return a snapshot whose files are ours, byte for byte; published when there is none.

        A name alone proves nothing: people edit plugins, and concurrent writers
        drop files from snapshots that were answered with success.
        """
        for number in range(_NAMES_MAX):
            name = files.name if number == 0 else f"{files.name}_{number + 1}"
            if not self._api.named("plugins/", name):
                self._import(files, name)
            for plugin in self._api.named("plugins/", name):
                found = self._verified(plugin, files)
                if found is not None:
                    return found
        raise BackendRejectedError(
            f"Dioptra has {_NAMES_MAX} plugins named like {files.name!r}, none with the files "
            "that were published",
            hint="look who edits them; the ledger has the record",
            status=None,
        )

    def _verified(self, plugin: Mapping[str, Any], files: PluginFiles) -> dict[str, Any] | None:
        path = f"plugins/{plugin['id']}/snapshots"
        snapshots = sorted(self._api.all(path, sort="createdOn"), key=lambda s: int(s["snapshot"]))
        newest_first = snapshots[::-1]
        for snapshot in newest_first:
            listed = {file["filename"] for file in snapshot.get("files", ())}
            if listed != set(files.files):
                continue
            bundle = f"{path}/{snapshot['snapshot']}/files/bundle"
            found = _unpacked(self._api.download(bundle, fileType="tar_gz"))
            if files_digest(found) == files.digest:
                return self._noted(plugin, snapshot, files)
        return None

    def _noted(
        self, plugin: Mapping[str, Any], snapshot: Mapping[str, Any], files: PluginFiles
    ) -> dict[str, Any] | None:
        found = {
            task["name"]: int(task["id"])
            for file in snapshot["files"]
            if file["filename"] == CLASSES
            for task in file["tasks"]["artifacts"]
        }
        if not set(files.tasks.values()) <= set(found):
            return None
        return {
            "external_id": str(plugin["id"]),
            "name": plugin["name"],
            "plugin": int(plugin["id"]),
            "snapshot": int(snapshot["snapshot"]),
            "tasks": found,
        }

    def _import(self, files: PluginFiles, name: str) -> None:
        """Publish in one transaction of the server; files sent one by one can be lost."""
        config = _config(files, name)
        fields = {
            "group": str(self._skeleton.group()),
            "sourceType": "upload_archive",
            "configPath": "dioptra.toml",
            "resolveNameConflictsStrategy": "fail",
        }
        archive = _packed({f"{name}/{k}": data for k, data in files.files.items()}, config)
        try:
            answer = self._api.http.request(
                "POST",
                f"{BASE}workflows/resourceImport",
                data=_multipart(fields, archive),
                headers={"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
                timeout_seconds=SLOW_SECONDS,
            )
            answer.json_object()
        except ApiError as error:
            existing_id(error)  # somebody was faster: what is there is verified next


def _config(files: PluginFiles, name: str) -> bytes:
    tasks = "".join(
        f"  [[plugins.tasks.artifacts]]\n  filename = {json.dumps(CLASSES)}\n"
        f"  name = {json.dumps(task)}\n"
        '  output_params = [ { name = "value", type = "any" } ]\n'
        for task in sorted(set(files.tasks.values()))
    )
    head = f"path = {json.dumps(name)}\ndescription = {json.dumps(files.description)}\n"
    return f"[[plugins]]\n{head}{tasks}".encode()


def _packed(files: Mapping[str, bytes], config: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, data in sorted({**files, "dioptra.toml": config}.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _unpacked(bundle: bytes) -> dict[str, bytes]:
    """Return the files of a bundle without its folder; its own manifest is always empty."""
    found: dict[str, bytes] = {}
    left = _BUNDLE_MAX_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
            for member in archive:
                _, _, name = member.name.removeprefix("./").partition("/")
                content = archive.extractfile(member) if member.isfile() and name else None
                left -= member.size
                if left < 0:
                    return {}
                if content is not None:
                    found[name] = content.read()
    except (tarfile.TarError, EOFError, OSError):
        return {}
    return found


def _multipart(fields: Mapping[str, str], archive: bytes) -> bytes:
    """Return a form with one file (RFC 7578); its bytes cannot hold the boundary by chance."""
    lines = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    lines.append(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="archiveFile"; '
        'filename="plugin.tar.gz"\r\nContent-Type: application/gzip\r\n\r\n'.encode()
    )
    return b"".join((*lines, archive, f"\r\n--{_BOUNDARY}--\r\n".encode()))
