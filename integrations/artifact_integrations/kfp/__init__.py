"""Kubeflow Pipelines as a backend: `kfp+https://host/?namespace=...&run_id=...`.

backend.py     KfpBackend: what the session asks for
abilities.py   every operation: how it is done there, or what KFP lacks
options.py     KfpOptions: the URL, completed by the pod that this process runs in
dialects.py    what the two dialects of the API have each for itself
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
hold (positions, exact numbers; in dialect S further keys of one version) travels
as text beside what it can, so that records come back equal. With `?links=kfp` they
are sent as KFP itself would have recorded them, and come back so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from artifact_plugins import hookimpl
from artifact_plugins.contracts.offers import BackendOffer

OPTIONS = ("namespace", "run_id", "task_id", "dialect", "links")
CREDENTIALS = ("token", "username")
POD_VARIABLE = "KFP_POD_NAME"
"""Set by KFP in every pod that runs a component."""


@hookimpl
def register_backends() -> Sequence[BackendOffer]:
    """Offer `kfp+http://host` and `kfp+https://host`, and inside a pod the server of the pod."""
    # Outside of a pod there is nothing to locate, and nothing is imported to find that out.
    is_in_pod = bool(os.environ.get(POD_VARIABLE))
    return [
        BackendOffer(
            scheme="kfp",
            target="artifact_integrations.kfp.backend:KfpBackend",
            options=OPTIONS,
            credentials=CREDENTIALS,
            locate="artifact_integrations.kfp.pod:locate" if is_in_pod else None,
        )
    ]
