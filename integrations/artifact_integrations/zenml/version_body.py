"""The request that makes an artifact version, and the metadata that carries our record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion

from . import fields
from .server import Place
from .sources import MATERIALIZER, kind_of, type_source
from .stores import Home

_HASH_CHARACTERS = 255


def version_body(
    version: ArtifactVersion,
    *,
    place: Place,
    home: Home,
    visualizations: Sequence[Mapping[str, str]],
    link: ArtifactTaskLink | None,
    number: int | None,
) -> dict[str, Any]:
    """Return the body of `POST /artifact_versions`.

    Args:
        version: What it is made of.
        place: Project and version of the server.
        home: Artifact store and URI.
        visualizations: Files that the server can show.
        link: Of the task that wrote it, if it is known.
        number: Of the version; None lets ZenML count.
    """
    body = {
        "project": place.project_id,
        "artifact_name": version.artifact,
        "has_custom_name": True,
        "version": number,
        "type": kind_of(version.artifact_type),
        "artifact_store_id": home.component_id,
        "uri": home.uri,
        "materializer": MATERIALIZER,
        "data_type": type_source(version.data_type),
        "save_type": version.save_type.value,
        "content_hash": version.content_hash[:_HASH_CHARACTERS] or None,
        "tags": fields.shown_tags(version.tags),
        "visualizations": [dict(one) for one in visualizations],
        "metadata": metadata_of(version, link=link),
    }
    if version.item_count is not None:
        body["item_count"] = version.item_count
    return body


def metadata_of(version: ArtifactVersion, *, link: ArtifactTaskLink | None) -> dict[str, Any]:
    """Return ZenML's metadata of a version: what people look for, and the whole record."""
    found = fields.shown(version.metadata)
    found[fields.VERSION_ID] = version.id
    found[fields.TYPE] = version.artifact_type
    if type_source(version.data_type)["attribute"] == "object":
        found[fields.DATA_TYPE] = version.data_type
    if version.run_id is not None:
        found[fields.RUN_ID] = version.run_id
    if version.description:
        found[fields.DESCRIPTION] = version.description[:10_000]
    if version.aliases:
        found[fields.ALIASES] = list(version.aliases)
    if link is not None:
        found[fields.LINK] = {
            "io_type": link.io_type.value,
            "key": link.key,
            "producer": link.producer.task_name,
            "iteration": -1 if link.producer.iteration is None else link.producer.iteration,
        }
    return found | fields.carried(fields.RECORD, fields.text_of(version))
