"""Artifact versions as datasets: one per artifact that a task read or wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    schema_dataset,
)

from artifact_integrations.openlineage.facets import (
    LINKS,
    LinkOfVersion,
    LinksInputFacet,
    LinksOutputFacet,
    link_of_version,
    producer,
)
from artifact_plugins.errors import InputError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion


class Datasets:
    """Makes datasets of links.

    Args:
        versions: Every version that the links name.
        namespace: Of the datasets; None: the project of each version.
    """

    def __init__(self, versions: Iterable[ArtifactVersion], namespace: str | None) -> None:
        self._versions = {version.id: version for version in versions}
        self._namespace = namespace

    def version(self, link: ArtifactTaskLink) -> ArtifactVersion:
        """Return the version of a link.

        Raises:
            InputError: It was not handed over.
        """
        found = self._versions.get(link.version_id or "")
        if found is None:
            raise InputError(
                f"link {link.id} of task {link.task_id} names version {link.version_id!r}, "
                "which was not handed over",
                hint="give the versions that were read too, not only those that the run made; "
                "no event was made",
            )
        return found

    def inputs(self, links: Iterable[ArtifactTaskLink]) -> list[InputDataset]:
        """Return the datasets that a task read, each with its links."""
        return [
            InputDataset(**named, inputFacets={LINKS: LinksInputFacet(own, producer=producer())})
            for named, own in self._grouped(links)
        ]

    def outputs(self, links: Iterable[ArtifactTaskLink]) -> list[OutputDataset]:
        """Return the datasets that a task wrote, each with its links."""
        return [
            OutputDataset(**named, outputFacets={LINKS: LinksOutputFacet(own, producer=producer())})
            for named, own in self._grouped(links)
        ]

    def _grouped(
        self, links: Iterable[ArtifactTaskLink]
    ) -> Iterator[tuple[dict[str, Any], list[LinkOfVersion]]]:
        # An event names a dataset once; the elements of a fan-in are links of it.
        found: dict[tuple[str, str], list[ArtifactTaskLink]] = defaultdict(list)
        for link in links:
            version = self.version(link)
            found[self._namespace or version.project, version.artifact].append(link)
        for (namespace, name), own in found.items():
            versions = list(map(self.version, own))
            named = {"namespace": namespace, "name": name, "facets": _facets(versions)}
            yield named, list(map(link_of_version, own, versions))


def _facets(versions: list[ArtifactVersion]) -> dict[str, DatasetFacet]:
    """Return what is known of a dataset; of several versions, what they share."""
    facets: dict[str, DatasetFacet] = {}
    newest = max(versions, key=lambda version: version.version)
    if len({version.id for version in versions}) == 1:
        number = str(newest.version)
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
            number, producer=producer()
        )
        if not newest.uri.startswith("data:"):
            source = datasource_dataset.DatasourceDatasetFacet(
                name=newest.id, uri=newest.uri, producer=producer()
            )
            facets["dataSource"] = source
    if newest.description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            newest.description, producer=producer()
        )
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
        for name, kind in columns_of(newest.metadata)
    ]
    if fields:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields, producer=producer())
    return facets


def columns_of(metadata: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Return name and type of the columns that the metadata of a version describe.

    Metadata can be anything: what does not look like columns is none.
    """
    columns = metadata.get("columns")
    if isinstance(columns, list):
        return [(name, None) for name in columns if isinstance(name, str)]
    if not isinstance(columns, dict):
        return []
    found = []
    for name, said in columns.items():
        kind = said.get("dtype", said.get("type")) if isinstance(said, dict) else said
        found.append((name, kind if isinstance(kind, str) else None))
    return found
