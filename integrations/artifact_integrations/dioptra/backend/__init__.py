"""Dioptra as a backend: jobs, plugins and artifacts over its REST API, files through MLflow.

backend.py       DioptraBackend: what is delivered, read back, updated, found missing
abilities.py     every operation, and how Dioptra does it or why not

place.py         the two URLs, the queue and the group, and what is attached to
attaching.py     Attaching: experiment, queue, entrypoint, job of somebody else
server.py        DioptraApi: login, pages, look-ups, what its errors really mean
tracking.py      Tracking: experiments, runs and files of MLflow
naming.py        names that both take; lines.py: the line of JSON in a description

skeleton.py      queue, placeholder plugin, entrypoints, experiments, tags
inputs.py        inputs of a task as those of a job; jobs.py: jobs with their MLflow runs
metrics.py       numbers of a task as metrics of its job; previews.py: pictures for MLflow's page
plugin_files.py  a plugin snapshot as files; publishing.py: published and verified
payload.py       the folder that is uploaded; versions.py: artifacts; documents.py: run.json
reading.py       artifacts and links back into our records
"""

from __future__ import annotations

from .backend import DioptraBackend

__all__ = ["DioptraBackend"]
