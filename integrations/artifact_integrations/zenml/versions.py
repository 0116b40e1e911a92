"""Artifact versions in ZenML: looked up by our id, made, brought up to date, deleted."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import (
    BackendRejectedError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion
from artifact_plugins.transport import is_missing, is_taken, sha256_of, unless_missing

from . import fields
from .previews import remove_previews, write_previews
from .server import Server
from .stores import KIND, Home, Stores, root_of
from .version_body import metadata_of, version_body

VERSION = "artifact_version"
_NAMES = uuid.UUID("5c1b8f0e-6f0b-5b39-9d53-0a2ad1f7f6a4")
# A longer line than this is no URL for the server.
_QUERY_CHARACTERS = 4_000


class Versions:
    """Sends versions of the ledger to one server."""

    def __init__(self, server: Server, stores: Stores) -> None:
        self._server = server
        self._stores = stores

    def deliver(
        self,
        version: ArtifactVersion,
        delivery: Delivery,
        *,
        link: ArtifactTaskLink | None = None,
        is_new: bool = False,
    ) -> dict[str, Any]:
        """Bring one version to the server, as it is now, and return what is noted about it.

        Args:
            version: Perhaps deleted: then it is deleted there.
            delivery: Keeps its id there.
            link: Of the task that wrote it.
            is_new: Whether nobody can have sent it before.

        Raises:
            UnsupportedByBackendError: A step of ZenML keeps it from being
                deleted, or its artifact was renamed; everything else is done.
        """
        noted = delivery.external("version", version.id)
        external_id = (noted or {}).get("external_id")
        if external_id is None and not (is_new and noted is None):
            found = self.find(version.id)
            external_id = None if found is None else found["id"]
            # Whoever made it may have been cut off before its tags were all there.
            noted = {"tags": []} if found is not None else noted
        if version.deleted_at is not None:
            return self._gone(version, external_id, noted or {}, delivery)
        if external_id is not None:
            try:
                return self._refreshed(version, external_id, noted or {}, delivery, link)
            except BackendRejectedError as error:
                if not is_missing(error):
                    raise
            # It was deleted there behind our back: made again.
        return self._made(version, delivery, link, is_new=is_new and noted is None)

    def find(self, version_id: str) -> dict[str, Any] | None:
        """Return what the server has under our id; None when it has nothing."""
        query = {
            "project": self._server.project,
            "run_metadata": f"{fields.VERSION_ID}:{version_id}",
            "hydrate": True,
        }
        for item in self._server.items("/artifact_versions", query):
            # An unknown filter would be ignored, and the first of all versions found.
            if run_metadata(item).get(fields.VERSION_ID) == version_id:
                return item
        return None

    def delete(self, external_id: str) -> bool:
        """Delete one version that no step reads or wrote; False when it is not there.

        Raises:
            UnsupportedByBackendError: A step does.
        """
        path = f"/artifact_versions/{external_id}"
        if self.is_used(external_id):
            if unless_missing(lambda: self._server.get(path, {"hydrate": False})) is None:
                return False
            raise UnsupportedByBackendError(
                f"ZenML keeps artifact version {external_id}: a step reads or wrote it, "
                "and its lineage would lose it",
                hint="delete the runs that use it there first; the ledger is unchanged by this",
                system="ZenML",
                external_id=external_id,
            )
        return self._server.delete(path)

    def is_used(self, external_id: str) -> bool:
        """Tell whether a version is not there, or a step uses it; 0.91 would delete it even so."""
        query = {"project": self._server.project, "id": external_id, "only_unused": True}
        return self._server.first("/artifact_versions", query) is None

    def write_tags(self, external_id: str, *, add: list[str], remove: list[str]) -> None:
        """Add and remove tags of a version."""
        if add or remove:
            body = {"add_tags": add, "remove_tags": remove}
            self._server.put(f"/artifact_versions/{external_id}", body)

    def _made(
        self,
        version: ArtifactVersion,
        delivery: Delivery,
        link: ArtifactTaskLink | None,
        *,
        is_new: bool,
    ) -> dict[str, Any]:
        home = self._stores.home(version, delivery)
        try:
            made = self._posted(version, home, link, is_new=is_new)
        except BackendRejectedError as error:
            if home.component_id is None or not is_missing(error):
                raise
            # The component was deleted there: it gets a new one.
            home = self._stores.home(version, delivery, renewed=True)
            made = self._posted(version, home, link, is_new=False)
        return self._noted(version, made["id"], delivery)

    def _posted(
        self, version: ArtifactVersion, home: Home, link: ArtifactTaskLink | None, *, is_new: bool
    ) -> dict[str, Any]:
        place = self._server.place()
        files: list[dict[str, str]] = []
        if home.readable is not None:
            with contextlib.suppress(OSError):  # a preview is no reason to lose the record
                files = write_previews(home.readable, version)
        number = version.version if version.version > 0 else None
        body = version_body(
            version, place=place, home=home, visualizations=files, link=link, number=number
        )
        key = uuid.uuid5(_NAMES, f"{place.project_id}/{version.id}")
        try:
            made = self._created(body, key)
            if not is_new and not self._is_there(made["id"]):
                # The answer of an earlier request to the same key; its version was deleted since.
                made = self._created(body, uuid.uuid4())
        except BackendRejectedError as error:
            if is_taken(error):
                return self._renumbered(version, body)
            self._tidy(version, home)
            raise
        return made

    def _created(self, body: Mapping[str, Any], key: uuid.UUID) -> dict[str, Any]:
        made: dict[str, Any] = self._server.post("/artifact_versions", body, key=key)
        return made

    def _renumbered(self, version: ArtifactVersion, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a version whose number somebody else has under this name; ZenML counts then."""
        found = self.find(version.id)
        if found is not None:
            return found
        return self._created({**body, "version": None}, uuid.uuid4())

    def _is_there(self, external_id: str) -> bool:
        path = f"/artifact_versions/{external_id}"
        return unless_missing(lambda: self._server.get(path)) is not None

    def _tidy(self, version: ArtifactVersion, home: Home) -> None:
        """Delete the row that a refused request left behind; only this version has the URI."""
        if version.id not in home.uri or len(home.uri) > _QUERY_CHARACTERS:
            return
        query = {
            "project": self._server.project,
            "artifact": version.artifact,
            "uri": f"equals:{home.uri}",
            "hydrate": True,
        }
        for item in self._server.items("/artifact_versions", query):
            is_ours = item["body"]["uri"] == home.uri
            if is_ours and fields.VERSION_ID not in run_metadata(item):
                with contextlib.suppress(BackendRejectedError):
                    self._server.delete(f"/artifact_versions/{item['id']}")

    def _refreshed(
        self,
        version: ArtifactVersion,
        external_id: str,
        noted: Mapping[str, Any],
        delivery: Delivery,
        link: ArtifactTaskLink | None,
    ) -> dict[str, Any]:
        """Send what changed since it was noted."""
        digest = sha256_of(fields.text_of(version))
        if noted.get("digest") == digest:
            return dict(noted)
        wanted, before = fields.shown_tags(version.tags), list(noted.get("tags", []))
        self.write_tags(
            external_id,
            add=[tag for tag in wanted if tag not in before],
            remove=[tag for tag in before if tag not in wanted],
        )
        self._server.write_metadata(VERSION, external_id, metadata_of(version, link=link))
        artifact = noted.get("artifact", version.artifact)
        found = self._noted(version, external_id, delivery, artifact=artifact)
        if artifact != version.artifact:
            raise UnsupportedByBackendError(
                f"ZenML keeps version {external_id} under {artifact!r}: a version cannot go "
                f"to another artifact there",
                hint="rename the artifact itself in ZenML; the record there has the new name",
                system="ZenML",
                external_id=external_id,
            )
        return found

    def _gone(
        self,
        version: ArtifactVersion,
        external_id: str | None,
        noted: Mapping[str, Any],
        delivery: Delivery,
    ) -> dict[str, Any]:
        """Delete a version; one that a step uses gets its record told that it is deleted."""
        if external_id is not None:
            try:
                self.delete(external_id)
            except UnsupportedByBackendError:
                self._server.write_metadata(VERSION, external_id, metadata_of(version, link=None))
                self._noted(version, external_id, delivery, artifact=noted.get("artifact"))
                raise
        self._remove_files(version, delivery)
        note = {"is_deleted": True}
        delivery.note("version", version.id, note)
        return dict(note)

    def _remove_files(self, version: ArtifactVersion, delivery: Delivery) -> None:
        found = root_of(version)
        noted = None if found is None else delivery.external(KIND, found[0])
        if found is not None and noted is not None and noted.get("is_readable"):
            remove_previews(Path(found[0]), version.id)

    def _noted(
        self,
        version: ArtifactVersion,
        external_id: str,
        delivery: Delivery,
        *,
        artifact: str | None = None,
    ) -> dict[str, Any]:
        note = {
            "external_id": external_id,
            "artifact": artifact or version.artifact,
            "digest": sha256_of(fields.text_of(version)),
            "tags": fields.shown_tags(version.tags),
            "save_type": version.save_type.value,
        }
        delivery.note("version", version.id, note)
        return note


def run_metadata(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of an answer; empty when it was not asked for."""
    metadata = item.get("metadata")
    found = metadata.get("run_metadata") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}
