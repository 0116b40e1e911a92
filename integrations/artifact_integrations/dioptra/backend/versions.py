"""Versions as artifacts: files uploaded, pinned, described; found again after a lost answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendContractError, UnsupportedByBackendError
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import compact, digest_of, is_noted, once_more

from .jobs import Job
from .lines import described, parted, text_mark, text_of, version_line
from .payload import folder_of, opened
from .previews import previews_of
from .publishing import Publishing
from .server import SLOW_SECONDS, SYSTEM, ApiError, DioptraApi, existing_id, says
from .skeleton import Skeleton
from .tracking import Tracking

RECORDS = "records"
# Of a pin whose plugin, snapshot or task is not there any more.
_is_stale_pin = says(
    "PluginTaskDoesNotExistError",
    "EntityRelationshipDoesNotExistError",
    "EntityDoesNotExistError",
    "EntityDeletedError",
)


class Versions:
    """Registers versions in jobs, and keeps their descriptions and pins right."""

    def __init__(
        self, api: DioptraApi, tracking: Tracking, skeleton: Skeleton, publishing: Publishing
    ) -> None:
        self._api = api
        self._tracking = tracking
        self._skeleton = skeleton
        self._publishing = publishing

    def bring(
        self, version: ArtifactVersion, job: Job, delivery: Delivery, *, is_first: bool
    ) -> None:
        """Make the artifact of a version in a job, or bring it up to date; notes it."""
        noted = delivery.external("version", version.id)
        if is_noted(noted):
            if noted.get("described") == _mark(version, noted.get("manifest")):
                return
            found = self._api.found(f"artifacts/{noted['external_id']}")
            if found is not None and is_of(found, version.id):
                self._update(version, found, delivery, also=noted.get("also", []))
                return
            is_first = False
        if not is_first:
            known = self.find(version.id)
            if known:
                also = [int(item["id"]) for item in known[1:]]
                self._update(version, known[0], delivery, also=also)
                return
        made = once_more(
            lambda anew: self._create(version, job, delivery, anew=anew), is_stale=_is_stale_pin
        )
        also = []
        if not is_first:
            # Nothing is unique there when two ask at once: the lowest id counts.
            known = self.find(version.id) or [made]
            made, also = known[0], [int(item["id"]) for item in known[1:]]
        self._note(version, made, delivery, also=also)

    def find(self, version_id: str) -> list[dict[str, Any]]:
        """Return the artifacts whose line names a version of ours, lowest id first."""
        found = [
            item
            for item in self._api.searched("artifacts/", version_id, sort="id")
            if is_of(item, version_id)
        ]
        return sorted(found, key=lambda item: int(item["id"]))

    def mark_deleted(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Write into the line that a version is deleted here.

        Raises:
            UnsupportedByBackendError: Always: the artifact itself stays.
        """
        known = self._known(version, delivery)
        if known is not None:
            self._update(version, known[0], delivery, also=known[1])
        raise UnsupportedByBackendError(
            f"{SYSTEM} cannot delete an artifact; {version} is marked in its description",
            hint="the ledger is unchanged by this",
            system=SYSTEM,
        )

    def rewrite(self, found: Mapping[str, Any], version: ArtifactVersion) -> dict[str, Any]:
        """Write the description of an artifact anew, with the pin it has; all three fields."""
        text, line = parted(found.get("description"))
        wanted = self._described(
            version,
            _base(str(found["artifactUri"])),
            manifest=line.get("manifest"),
            text=_kept(text, line),
        )
        return self._put(found, wanted, pair_of(found))

    def _known(
        self, version: ArtifactVersion, delivery: Delivery
    ) -> tuple[dict[str, Any], list[int]] | None:
        noted = delivery.external("version", version.id)
        if is_noted(noted):
            found = self._api.found(f"artifacts/{noted['external_id']}")
            if found is not None and is_of(found, version.id):
                return found, noted.get("also", [])
        same = self.find(version.id)
        return (same[0], [int(item["id"]) for item in same[1:]]) if same else None

    def _create(
        self, version: ArtifactVersion, job: Job, delivery: Delivery, *, anew: bool
    ) -> dict[str, Any]:
        pair, task = self._publishing.pin(version, delivery, anew=anew)
        code = ""
        if version.plugin_snapshot is not None:
            code = self._publishing.files(version, delivery).code_digest
        folder = folder_of(version)
        with opened(version, delivery, task=task, code_digest=code) as payload:
            for path, data in payload.files():
                self._tracking.upload(job.artifact_uri, f"{folder}/{path}", data)
            manifest = payload.digest
        for path, content in previews_of(version, folder):
            self._tracking.upload(job.artifact_uri, path, content)
        uri = f"{job.artifact_uri}/{folder}"
        body = {
            "group": self._skeleton.group(),
            "job": job.id,
            "artifactUri": uri,
            "description": self._described(version, job.artifact_uri, manifest=manifest),
            **pair,
        }
        try:
            made: dict[str, Any] = self._api.post("artifacts/", body, seconds=SLOW_SECONDS)
        except ApiError as error:
            # Ours by its place; somebody took the line out of its description.
            found = self._api.get(f"artifacts/{existing_id(error)}")
            return self._put(found, str(body["description"]), pair)
        return self._checked(made, uri, pair)

    def _update(
        self,
        version: ArtifactVersion,
        found: Mapping[str, Any],
        delivery: Delivery,
        *,
        also: list[int],
    ) -> None:
        text, line = parted(found.get("description"))
        manifest = line.get("manifest")
        wanted = self._described(
            version, _base(str(found["artifactUri"])), manifest=manifest, text=_kept(text, line)
        )
        pair = pair_of(found)
        if pair is None or self._api.found(f"plugins/{found['task']['pluginResourceId']}") is None:
            # Unpinned by somebody, or the plugin was deleted: a worker could load nothing.
            pair = self._publishing.pin(version, delivery, anew=pair is not None)[0]
        elif wanted == found.get("description"):
            self._note(version, found, delivery, also=also)
            return
        made = once_more(
            lambda anew: self._put(
                found,
                wanted,
                self._publishing.pin(version, delivery, anew=True)[0] if anew else pair,
            ),
            is_stale=_is_stale_pin,
        )
        self._note(version, made, delivery, also=also)

    def _put(
        self, found: Mapping[str, Any], description: str, pair: Mapping[str, int] | None
    ) -> dict[str, Any]:
        # What is left out is erased, the pin too.
        body = {"description": description, **(pair or {})}
        made: dict[str, Any] = self._api.put(f"artifacts/{found['id']}", body)
        return self._checked(made, str(found["artifactUri"]), pair)

    def _checked(
        self, made: dict[str, Any], uri: str, pair: Mapping[str, int] | None
    ) -> dict[str, Any]:
        if made.get("artifactUri") != uri or pair_of(made) != (dict(pair) if pair else None):
            raise BackendContractError(
                f"{SYSTEM} answered with an artifact of another place or pin than was sent",
                hint="the ledger has the record",
            )
        return made

    def _described(
        self,
        version: ArtifactVersion,
        artifact_uri: str,
        *,
        manifest: str | None,
        text: str | None = None,
    ) -> str:
        """Return the description; a record that is too long for it is uploaded first."""
        line, document = version_line(version, manifest=manifest)
        if document is not None:
            self._tracking.upload(artifact_uri, record_path(line), document)
        return described(text_of(version) if text is None else text, line)

    def _note(
        self,
        version: ArtifactVersion,
        made: Mapping[str, Any],
        delivery: Delivery,
        *,
        also: list[int],
    ) -> None:
        manifest = parted(made.get("description"))[1].get("manifest")
        noted: dict[str, Any] = {
            "external_id": str(made["id"]),
            "snapshot": int(made["snapshot"]),
            "job": int(made["job"]),
            "uri": made["artifactUri"],
            "manifest": manifest,
            "described": _mark(version, manifest),
            **(pair_of(made) or {}),
        }
        if also:
            noted["also"] = also
        delivery.note("version", version.id, noted)


def is_of(found: Mapping[str, Any], version_id: str) -> bool:
    """Tell whether the line of an artifact names a version of ours."""
    line = parted(found.get("description"))[1]
    return line.get("kind") == "version" and line.get("version_id") == version_id


def pair_of(found: Mapping[str, Any]) -> dict[str, int] | None:
    """Return what an artifact is pinned to; None when it is not."""
    task = found.get("task") or {}
    if "id" not in task:
        return None
    return {"pluginSnapshotId": int(task["pluginResourceSnapshotId"]), "taskId": int(task["id"])}


def record_path(line: Mapping[str, Any]) -> str:
    """Return where in the MLflow run a record lies that is too long for its line."""
    return f"{RECORDS}/{line['version_id']}-{str(line['record_digest'])[7:19]}.json"


def _mark(version: ArtifactVersion, manifest: str | None) -> str:
    """Return what changes when the description must."""
    line, document = version_line(version, manifest=manifest)
    return digest_of(compact([text_of(version), line]).encode() + (document or b""))


def _kept(text: str, line: Mapping[str, Any]) -> str | None:
    """Return the text above a line when people wrote it; None when it was ours."""
    return None if line.get("text") in (None, text_mark(text)) else text


def _base(uri: str) -> str:
    return uri.rpartition("/")[0]
