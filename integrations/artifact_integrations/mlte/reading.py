"""What an MLTE server has: every document that matches, in our order, page by page.

MLTE has no listing across its versions, no filter on what a document holds and
no cursor, so that each page reads everything that the query does not rule out
by its run. Only one page of it is kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from artifact_integrations.mlte import ids
from artifact_integrations.mlte.connection import SYSTEM, Connection
from artifact_integrations.mlte.documents import links_of, remote_version, written_at
from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.records import ArtifactTaskLink, Page
from artifact_plugins.transport import no_token, page_of, place_of, token_of

_Key = tuple[float, str]


def page_of_versions(connection: Connection, query: RemoteQuery) -> Page[RemoteVersion]:
    """Return one page of the versions that a query accepts."""
    after = None if query.page_token is None else _key_of_token(query.page_token)
    found = (
        (_key(version), version)
        for version in _versions(connection, query.run_id)
        if query.accepts(version)
    )
    wanted = (
        (key, version)
        for key, version in found
        if after is None or ((key < after) if query.newest_first else (key > after))
    )
    pick = heapq.nlargest if query.newest_first else heapq.nsmallest
    best = pick(query.limit + 1, wanted, key=lambda pair: pair[0])
    # A page begins behind the last one of the page before.
    walk = ((version, token_of(*best[place - 1][0])) for place, (_, version) in enumerate(best))
    return page_of(query, walk)


def links_of_run(connection: Connection, run_id: str) -> tuple[ArtifactTaskLink, ...]:
    """Return the links of a run, in the order in which they were written."""
    links = [
        link
        for model, version in _groups(connection, run_id)
        for artifact in _documents(connection, model, version).values()
        for link in links_of(artifact)
    ]
    return tuple(sorted(links, key=lambda link: link.id))


def _versions(connection: Connection, run_id: str | None) -> Iterator[RemoteVersion]:
    for model, version in _groups(connection, run_id):
        for identifier, artifact in _documents(connection, model, version).items():
            found = remote_version(f"{model}/{version}/{identifier}", artifact)
            if found is not None:
                yield found


def _documents(connection: Connection, model: str, version: str) -> dict[str, dict[str, Any]]:
    """Return the evidence of an MLTE version by id, each once: a SQL store may have it twice."""
    found: dict[str, dict[str, Any]] = {}
    for artifact in connection.documents(model, version):
        header = artifact.get("header")
        if isinstance(header, dict) and header.get("type") == "evidence":
            found.setdefault(str(header.get("identifier")), artifact)
    return found


def _groups(connection: Connection, run_id: str | None) -> Iterator[tuple[str, str]]:
    """Yield the models and MLTE versions to look into, as far as a URL can name them."""
    for model in filter(ids.is_reachable, connection.models()):
        if run_id is not None:
            group = ids.safe_id(run_id)
            if connection.has_version(model, group):
                yield model, group
            continue
        for version in filter(ids.is_reachable, connection.versions(model)):
            yield model, version


def _key(version: RemoteVersion) -> _Key:
    return written_at(version).timestamp(), version.external_id


def _key_of_token(token: str) -> _Key:
    try:
        seconds, external_id = place_of(token, SYSTEM)
        return float(seconds), str(external_id)
    except (TypeError, ValueError) as error:
        raise no_token(token, SYSTEM) from error
