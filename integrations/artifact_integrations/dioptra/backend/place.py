"""Where a Dioptra is: its API, its MLflow, and what of it we use; from the URL of the backend."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from artifact_integrations.dioptra import CREDENTIALS, OPTIONS
from artifact_plugins.errors import SettingsError
from artifact_plugins.transport import BackendUrl

QUEUE = "artifact-plugins-recorded"


@dataclass(frozen=True, slots=True)
class Place:
    """One Dioptra.

    Attributes:
        url: Of its API, `dioptra+http://host:port/?mlflow=...`, taken apart.
        mlflow: Base URL of the MLflow server that it keeps files in: its API
            does not tell.
        queue: Of recorded jobs, by name or id. No worker may listen on it.
        group: Whose things are used; there is only `public` so far.
        experiment: Name or id of an existing one that all jobs go to; None for
            one of our own for each pipeline.
        entrypoint: Name or id of an existing one that the jobs of runs are of;
            None for one of our own for each pipeline.
        job: Id of a job that a worker runs, which gets everything; None for
            jobs of our own.
    """

    url: BackendUrl
    mlflow: str
    queue: str
    group: str
    experiment: str | None = None
    entrypoint: str | None = None
    job: int | None = None

    @classmethod
    def parse(cls, text: str) -> Place:
        """Take the URL of a backend apart.

        Raises:
            SettingsError: It lacks `mlflow`, or something in it cannot be meant.
        """
        url = BackendUrl.parse(text, known=OPTIONS, credentials=CREDENTIALS)
        mlflow = url.options.get("mlflow", "").rstrip("/")
        parts = urlsplit(mlflow)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise SettingsError(
                f"the URL of backend dioptra has the MLflow server {mlflow.rpartition('@')[2]!r}",
                hint="Dioptra does not tell where its files are; write "
                "'dioptra+http://host:5000/?mlflow=http://host:35000'; nothing was opened",
            )
        queue, group = url.options.get("queue", QUEUE), url.options.get("group", "public")
        if not queue.strip() or not group.strip():
            raise SettingsError(
                "the URL of backend dioptra names an empty queue or group",
                hint="leave the option out; nothing was opened",
            )
        job = url.options.get("job")
        if job is not None and not (job.isascii() and job.isdecimal() and len(job) < 19):
            raise SettingsError(
                f"the URL of backend dioptra has the job {job[:40]!r}",
                hint="jobs have numbers: &job=12; nothing was opened",
            )
        return cls(
            url,
            mlflow,
            queue,
            group,
            experiment=url.options.get("experiment"),
            entrypoint=url.options.get("entrypoint"),
            job=None if job is None else int(job),
        )
