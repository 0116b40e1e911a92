"""Delivers to a ZenML server: `Settings(backends=["zenml+http://host:8080/?project=default"])`.

backend.py       ZenMLBackend: what the contract asks for, each room called in its order
abilities.py     every operation, and how it is done there or why not
server.py        Server: login, version, project and stack; requests with their errors
failures.py      which named error an answer is, in any of ZenML's five shapes
runs.py          pipelines, their one dynamic snapshot, runs
steps.py         tasks that are steps in ZenML: inputs, outputs, how they ended
step_bodies.py   the request that makes a step, from a task and its links
groups.py        tasks that are none (loops, branches, pipelines): metadata of their run
versions.py      artifact versions: looked up, made, brought up to date, deleted
version_body.py  the request that makes an artifact version, from a record
fields.py        metadata within ZenML's limits, and long texts in parts
sources.py       import paths, artifact types and names as ZenML writes them
stores.py        artifact store components, and whether the server reads them
previews.py      previews as files that the dashboard shows
updating.py      a change of one version on the server alone
missing.py       what the server no longer has of what was noted
listing.py       a query as the server's own filters, page by page
reading.py       our records from what the server answers
materializer.py  loads our versions in ZenML's client; imports zenml

Plain HTTP: nothing here but the materializer imports zenml.
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import hookimpl
from artifact_plugins.contracts.offers import BackendOffer

OPTIONS = ("project", "stack")
CREDENTIALS = ("api_key", "username", "password")


@hookimpl
def register_backends() -> Sequence[BackendOffer]:
    """Offer `zenml+http://` and `zenml+https://`."""
    target = "artifact_integrations.zenml.backend:ZenMLBackend"
    return [BackendOffer(scheme="zenml", target=target, options=OPTIONS, credentials=CREDENTIALS)]
