"""A server that speaks the ArtifactService and the run tasks of Kubeflow Pipelines v2beta1.

It is strict and keeps everything in our own ledger: an artifact is an artifact
version, a link an artifact-task link, a task a task, a run a run. What KFP keeps
besides is in the version's metadata and in the ledger's external values
(`notes.py`). Runs that our own steps recorded are served too, read-only, in
KFP's shape.

serving.py       serve: listens on an address, until it is told to stop
application.py   from the bytes of a request to the bytes of an answer
doors.py         which addresses, hosts and origins are let in
routes.py        which function answers which request
refusals.py      every error as KFP words it
access.py        who calls and what they may do: Access, run_token
messages.py      the messages of the API; protojson.py: their JSON, strictly
pages.py         sort, page, tokens; predicates.py: the filter language
keyset.py        pages that the ledger makes
face.py          Face: the ledger as the services see it
notes.py         what KFP keeps and our records have no field for

artifacts.py     create, batch create, get, list; versions.py: to and from versions
links.py         create, batch create, list; linking.py: their uniqueness and rows
tasks.py         the tasks of a run; task_rows.py: to and from our tasks
task_listing.py  pages of them
hydration.py     the artifacts of a task's inputs and outputs
runs.py          open, list, delete, retry runs; following.py: how they end
experiments.py   names for runs, and their namespaces
native.py        runs of our own steps
health.py        whether the server lives

Where it is stricter than KFP, because the ledger is: an iteration is 0 to
2^31 - 1, text holds no NUL, metadata keeps the limits of our metadata, and runs
that our own steps recorded cannot be written to. Where it is kinder: a page
sorted by a column with gaps does not loop.

Writers of one process wait for each other. Several processes may serve one
ledger; then two creates of one link at the same moment are one link, and both
may be told that they made it; two creates of one task may be two tasks, and of
two updates of a task the later stays.
"""

from artifact_plugins.faces.kfp.access import Access, run_token
from artifact_plugins.faces.kfp.face import Face

__all__ = ["Access", "Face", "run_token"]
