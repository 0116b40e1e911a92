"""Facets for what OpenLineage has no field for.

Values are kept as JSON text: the client drops None and empty objects inside of
what it sends, and a parameter must come out as it went in.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version as version_of
from typing import Any

import attr
from openlineage.client.facet_v2 import InputDatasetFacet, OutputDatasetFacet, RunFacet

from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion

LINKS = "artifactPlugins_links"
PARAMETERS = "artifactPlugins_parameters"
TASK = "artifactPlugins_task"


@attr.define(kw_only=True)
class LinkOfVersion:
    """One artifact-task link.

    Attributes:
        producerIteration: Left out when the producer is in no iteration.
        pluginSnapshot: Digest of the plugin code that wrote the version, if captured.
    """

    dataset: str
    version: int
    versionId: str  # noqa: N815  # OpenLineage's spelling
    ioType: str  # noqa: N815
    key: str
    position: int
    producerTask: str  # noqa: N815
    producerIteration: int | None  # noqa: N815
    pluginSnapshot: str | None  # noqa: N815


@attr.define(kw_only=True)
class LinkOfValue:
    """One parameter value; `value` is JSON text."""

    value: str
    ioType: str  # noqa: N815
    key: str
    position: int
    producerTask: str  # noqa: N815
    producerIteration: int | None  # noqa: N815


@attr.define
class LinksInputFacet(InputDatasetFacet):
    """How a task came to read versions of a dataset."""

    links: list[LinkOfVersion] = attr.field(factory=list)


@attr.define
class LinksOutputFacet(OutputDatasetFacet):
    """How a task came to write versions of a dataset."""

    links: list[LinkOfVersion] = attr.field(factory=list)


@attr.define
class ParametersRunFacet(RunFacet):
    """The parameter values that a task read and wrote."""

    parameters: list[LinkOfValue] = attr.field(factory=list)


@attr.define
class TaskRunFacet(RunFacet):
    """What a task is.

    Attributes:
        state: SUCCEEDED, FAILED, SKIPPED, CACHED or RUNNING; the event type
            alone tells fewer.
        links: Of a group (loop, branch, pipeline): the versions that it was
            given and exposes. They are no datasets of it, because its steps
            read and write the very same versions.
    """

    taskType: str = attr.field(kw_only=True)  # noqa: N815
    state: str = attr.field(kw_only=True)
    scopePath: str = attr.field(kw_only=True)  # noqa: N815
    iterationIndex: int | None = attr.field(default=None, kw_only=True)  # noqa: N815
    iterationCount: int | None = attr.field(default=None, kw_only=True)  # noqa: N815
    attempt: int = attr.field(default=1, kw_only=True)
    links: list[LinkOfVersion] = attr.field(factory=list, kw_only=True)


@cache
def producer() -> str:
    """Return who made the metadata: a package URL, since OpenLineage asks for a URI."""
    return f"pkg:pypi/artifact-plugins@{version_of('artifact-plugins')}"


def link_of_version(link: ArtifactTaskLink, version: ArtifactVersion) -> LinkOfVersion:
    """Return a link to a version for a facet."""
    return LinkOfVersion(
        dataset=version.artifact,
        version=version.version,
        versionId=version.id,
        pluginSnapshot=version.plugin_snapshot,
        **_said(link),
    )


def link_of_value(link: ArtifactTaskLink) -> LinkOfValue:
    """Return a parameter for a facet."""
    return LinkOfValue(value=json.dumps(link.value, ensure_ascii=False), **_said(link))


def _said(link: ArtifactTaskLink) -> dict[str, Any]:
    return {
        "ioType": link.io_type.value,
        "key": link.key,
        "position": link.position,
        "producerTask": link.producer.task_name,
        "producerIteration": link.producer.iteration,
    }
