"""Runs steps on a Dask cluster: `Settings(runtime="dask://host:8786")`.

setting.py      Cluster: what the setting says, checked
runtime.py      DaskRuntime: connects at the first call, counts the workers
connection.py   Connection: a client, the calls in flight, a watch over both
call.py         DaskCall: one call in the cluster, and what became of it in words

Nothing here imports Dask before a step is called.
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import RuntimeOffer, hookimpl

_TARGET = "artifact_integrations.dask.runtime:DaskRuntime"


@hookimpl
def register_runtimes() -> Sequence[RuntimeOffer]:
    """Offer `dask://host:8786`, and `dask+tls://host:8786` for an encrypted cluster."""
    return [
        RuntimeOffer(scheme="dask", target=_TARGET),
        RuntimeOffer(scheme="dask+tls", target=_TARGET),
    ]
