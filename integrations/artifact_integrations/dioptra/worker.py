"""Which job of a Dioptra worker this process runs in: the variables that its worker has set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from artifact_integrations.dioptra import CREDENTIALS, JOB_VARIABLE, OPTIONS
from artifact_plugins.errors import SettingsError
from artifact_plugins.transport import BackendUrl, Credentials

_API, _MLFLOW = "DIOPTRA_API", "MLFLOW_TRACKING_URI"
_LOGIN = {"username": "DIOPTRA_WORKER_USERNAME", "password": "DIOPTRA_WORKER_PASSWORD"}


def locate(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the URLs that this process delivers to: in a job of a worker they say which.

    A process that shares the ledger may send what this one left, and must put
    it into the same job; so what the worker knows becomes part of the URL. A
    URL of another server stays as it is: the job is none of its own.

    Args:
        urls: Of `dioptra`, as the settings name them; in a job none need be named.
    """
    environ = os.environ
    job = environ.get(JOB_VARIABLE, "")
    api = _parsed(f"dioptra+{environ.get(_API, '')}")
    if api is None or not job.isdecimal():
        return tuple(urls)
    if not urls and (mlflow := _mlflow(environ)) is not None:
        urls = [_written(api.base, {"mlflow": mlflow})]
    return tuple(_completed(url, api.base, job) for url in urls)


def _completed(text: str, base: str, job: str) -> str:
    url = BackendUrl.parse(text, known=OPTIONS, credentials=CREDENTIALS)
    if url.base != base or "job" in url.options:
        return text
    options = {**url.options, "job": job}
    credentials = Credentials(url)
    given = [os.environ.get(credentials.variable(field)) for field in _LOGIN]
    if not credentials.are_in_url(*_LOGIN) and not any(given):
        # The server knows the worker: it is who runs this job.
        options |= {field: f"env:{name}" for field, name in _LOGIN.items() if os.environ.get(name)}
    return _written(base, options)


def _mlflow(environ: Mapping[str, str]) -> str | None:
    """Return where MLflow is; None when it is no server that speaks HTTP."""
    parts = urlsplit(environ.get(_MLFLOW, ""))
    if parts.scheme not in ("http", "https"):
        return None
    # A login in it is MLflow's own way; ours are the variables that MLflow has for it.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parsed(text: str) -> BackendUrl | None:
    try:
        return BackendUrl.parse(text, known=())
    except SettingsError:
        return None


def _written(base: str, options: Mapping[str, str]) -> str:
    return f"dioptra+{base}/?{urlencode(options)}"
