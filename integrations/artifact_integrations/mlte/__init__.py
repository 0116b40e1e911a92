"""Delivers runs to MLTE as evidence: `Settings(backends=["mlte+http://host:8080"])`.

abilities.py    what MLTE can do with our records, and why not the rest
ids.py          names of any script as ids that every MLTE store keeps apart
documents.py    a run, task or version as one evidence document, and back
guarding.py     values that MLTE would change or choke on, named before anything is sent
connection.py   Connection: log in, create, read, list, delete; one error for each refusal
reading.py      what a server has, page by page
backend.py      MlteBackend

A project is an MLTE model, a run an MLTE version of it, whatever is recorded
an `evidence` document with an opaque value. Documents are created and never
overwritten; a task's is sent after those of its versions, so that where it is,
all of them are. A run and a task are sent once they have ended.

Needs MLTE 2.3 or later; nothing of MLTE is installed here. User and password
come from `ARTIFACT_PLUGINS_MLTE_USERNAME` and `ARTIFACT_PLUGINS_MLTE_PASSWORD`.
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import hookimpl
from artifact_plugins.contracts.offers import BackendOffer

OPTIONS = ()
CREDENTIALS = ("username", "password")


@hookimpl
def register_backends() -> Sequence[BackendOffer]:
    """Offer `mlte+http://host:port` and `mlte+https://host:port`."""
    target = "artifact_integrations.mlte.backend:MlteBackend"
    return [BackendOffer(scheme="mlte", target=target, options=OPTIONS, credentials=CREDENTIALS)]
