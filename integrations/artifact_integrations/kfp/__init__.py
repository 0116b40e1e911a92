"""Kubeflow Pipelines as a backend: `kfp+https://host/?namespace=...&run_id=...`.

backend.py     KfpBackend: what the session asks for
abilities.py   every operation: how it is done there, or what KFP lacks
options.py     KfpOptions: the URL, completed by the pod that this process runs in
pod.py         Pod: run, task, namespace, server and token of a KFP component; locate
api.py         KfpApi: the routes, the token, pages
failures.py    which error an unwanted answer is
probing.py     which dialect a server speaks, or that it is no such server
limits.py      what KFP cannot hold, refused before it is sent
artifacts.py   an artifact version as an Artifact, and back
links.py       links as ArtifactTask rows and as parameters, and back
tasks.py       a task as a PipelineTask, and back
runs.py        Scope: the run and task there that a run of ours is below
sending.py     delivers a task with its versions and links
bringing.py    delivers a version that no task of its own carries
missing.py     what was delivered and is there no more
reading.py     versions and links, read back

Links are sent in our own form: KFP's API takes every link type. What it cannot
hold (positions, exact numbers) travels as text beside what it can, so that
records come back equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import hookimpl
from artifact_plugins.contracts.offers import BackendOffer


@hookimpl
def register_backends() -> Sequence[BackendOffer]:
    """Offer `kfp+http://host` and `kfp+https://host`, and the server of the pod."""
    return [
        BackendOffer(
            scheme="kfp",
            target="artifact_integrations.kfp.backend:KfpBackend",
            locate="artifact_integrations.kfp.pod:locate",
        )
    ]
