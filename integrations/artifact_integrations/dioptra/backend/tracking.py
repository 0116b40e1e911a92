"""MLflow over plain HTTP: experiments, runs, and the files that Dioptra's artifacts point to."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import IO, Any, BinaryIO, cast
from urllib.parse import quote

from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
)
from artifact_plugins.transport import BackendUrl, Credentials, HttpAnswer, HttpClient

from .place import Place

SYSTEM = "MLflow"
_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/artifacts/"
_PROXIED = re.compile(r"mlflow-artifacts:(?://[^/]*)?/(.+)")
_UPLOAD_SECONDS_PER_MIB = 1.0
_TAG_MAX = 5_000
TASK_TAG, JOB_TAG = "ap.task_id", "dioptra.jobId"
# Ours, and the variable of MLflow's own client.
_LOGIN = {
    "mlflow_username": "MLFLOW_TRACKING_USERNAME",
    "mlflow_password": "MLFLOW_TRACKING_PASSWORD",
    "mlflow_token": "MLFLOW_TRACKING_TOKEN",
}


class TrackingError(BackendRejectedError):
    """What MLflow does not take; `error` is its own name for it."""

    error: str = ""


class Tracking:
    """Speaks to one MLflow server. Threads share it; nothing is opened when made."""

    def __init__(self, place: Place, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._url = place.url
        self.http = HttpClient(
            place.mlflow,
            system=SYSTEM,
            timeout_seconds=timeout_seconds,
            log_in=self._log_in,
            explain=_explain,
        )

    def probe(self) -> None:
        """Look that an MLflow answers, and that it lets us in.

        Raises:
            BackendError: Nobody does, or something else, or it does not.
        """
        answer = self.http.request("GET", "/health")
        if answer.body.strip() != b"OK":
            raise answer.unexpected("no health of an MLflow server")
        self._post("experiments/search", {"max_results": 1})

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, made when there is none."""
        try:
            return str(self._post("experiments/create", {"name": name})["experiment_id"])
        except TrackingError as error:
            if error.error != "RESOURCE_ALREADY_EXISTS":
                raise
        found = self._get("experiments/get-by-name", experiment_name=name)
        return str(found["experiment"]["experiment_id"])

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return `info` of a run; None when MLflow says that there is none."""
        try:
            found: dict[str, Any] = self._get("runs/get", run_id=run_id)["run"]["info"]
        except TrackingError as error:
            if error.error == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found

    def create_run(
        self,
        experiment: str,
        *,
        name: str,
        tags: Mapping[str, str],
        started_at: datetime,
        is_first: bool,
    ) -> dict[str, Any]:
        """Return `info` of the run with our task id, made when there is none."""
        if not is_first:
            # Of this job too: the run of a job that was deleted cannot be another's.
            wanted = " AND ".join(f"tags.`{key}` = '{tags[key]}'" for key in (TASK_TAG, JOB_TAG))
            body = {"experiment_ids": [experiment], "filter": wanted, "max_results": 100}
            runs = [run["info"] for run in self._post("runs/search", body).get("runs", ())]
            if runs:
                return min(runs, key=lambda info: (int(info["start_time"]), str(info["run_id"])))
        body = {
            "experiment_id": experiment,
            "run_name": name,
            "start_time": _milliseconds(started_at),
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        made: dict[str, Any] = self._post("runs/create", body)["run"]["info"]
        return made

    def end_run(self, run_id: str, *, is_failed: bool, ended_at: datetime) -> None:
        """Give a run its end."""
        status = "FAILED" if is_failed else "FINISHED"
        self._post(
            "runs/update",
            {"run_id": run_id, "status": status, "end_time": _milliseconds(ended_at)},
        )

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run."""
        self._post("runs/set-tag", {"run_id": run_id, "key": key, "value": value[:_TAG_MAX]})

    def upload(self, artifact_uri: str, path: str, data: bytes | memoryview) -> None:
        """Write a file of a run; an equal one there is replaced.

        Raises:
            BackendError: It was not written.
        """
        body = data if isinstance(data, bytes) else cast("BinaryIO", _Bytes(data))
        self._put(artifact_uri, path, body, memoryview(data).nbytes)

    def upload_file(self, artifact_uri: str, path: str, file: IO[bytes]) -> None:
        """Write a file of a run from an open one, which is read from where it stands."""
        start = file.tell()
        size = file.seek(0, io.SEEK_END) - start
        file.seek(start)
        self._put(artifact_uri, path, cast("BinaryIO", file), size)

    def _put(self, artifact_uri: str, path: str, body: bytes | BinaryIO, size_bytes: int) -> None:
        self.http.request(
            "PUT",
            _FILES + quote(f"{proxied(artifact_uri)}/{path}"),
            data=body,
            headers={"Content-Type": "application/octet-stream"},
            timeout_seconds=self._timeout_seconds + size_bytes / 2**20 * _UPLOAD_SECONDS_PER_MIB,
        )

    def download(self, uri: str) -> bytes:
        """Return the bytes of a small file by its URI.

        Raises:
            TrackingError: There is no such file.
        """
        return self.http.request("GET", _FILES + quote(proxied(uri))).body

    def sizes(self, run_id: str, path: str) -> dict[str, int]:
        """Return the files right below a folder of a run, with their sizes in bytes."""
        found = self._get("artifacts/list", run_id=run_id, path=path)
        return {
            str(file["path"]): int(file.get("file_size") or 0)
            for file in found.get("files", ())
            if not file.get("is_dir")
        }

    def _log_in(self) -> dict[str, str]:
        """Return the headers that say who asks; none where nothing is known of a login."""
        known = _credentials(self._url)
        user, password = known.find("mlflow_username"), known.find("mlflow_password")
        if user and password:  # before the token, as in MLflow's own client
            plain = f"{user}:{password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(plain).decode()}"}
        token = known.find("mlflow_token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _get(self, call: str, **query: Any) -> dict[str, Any]:
        return self.http.request("GET", _API + call, query=query).json_object()

    def _post(self, call: str, body: Any) -> dict[str, Any]:
        return self.http.request("POST", _API + call, json_body=body).json_object()


class _Bytes(io.RawIOBase):
    """Bytes in memory, or mapped from a file, read in pieces without a copy of the whole."""

    def __init__(self, data: memoryview) -> None:
        self._data = data.cast("B") if data.nbytes else data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._data.nbytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        end = self._data.nbytes if size is None or size < 0 else self._at + size
        part = bytes(self._data[self._at : end])
        self._at += len(part)
        return part


def hexadecimal(run_id: object) -> str:
    """Return the id of a run as MLflow writes it; Dioptra writes it as a UUID at times."""
    return str(run_id).replace("-", "")


def proxied(uri: str) -> str:
    """Return the path at the MLflow server of a URI that it serves itself.

    Raises:
        BackendContractError: The server keeps files where only its clients write them.
    """
    found = _PROXIED.fullmatch(uri)
    if found is None:
        raise BackendContractError(
            f"the MLflow server keeps files at {uri.partition('?')[0][:100]!r}, not with itself",
            hint="start it with --serve-artifacts; the ledger has the record",
        )
    return found[1]


def _credentials(url: BackendUrl) -> Credentials:
    """Return where a login is looked for: as for Dioptra's, then where MLflow's client looks.

    What the URL says the place of keeps that of another MLflow out.
    """
    plain = Credentials(url)
    if plain.are_in_url(*_LOGIN):
        return plain
    elsewhere = {
        field: f"env:{variable}"
        for field, variable in _LOGIN.items()
        if os.environ.get(variable) and not os.environ.get(plain.variable(field))
    }
    return Credentials(replace(url, options={**url.options, **elsewhere}))


def _explain(answer: HttpAnswer) -> BackendError | None:
    if answer.status == 401:
        return BackendAuthError(
            f"{SYSTEM} refused {answer.request}: 401",
            hint=f"look at {', '.join(_LOGIN.values())}, or at what the URL names as "
            f"{', '.join(f'&{field}=' for field in _LOGIN)}; the ledger has the record",
            status=401,
            system=SYSTEM,
        )
    said = answer.said if answer.body else {}
    if said is None:
        return None if answer.status >= 500 else answer.unexpected(f"{answer.status} and no JSON")
    name = str(said.get("error_code", "")) if isinstance(said, dict) else ""
    if not name or answer.status >= 500 or answer.status in (401, 403, 429):
        return None
    message = f"{name} {str(said.get('message', ''))[:300]}"
    return answer.rejected(TrackingError, message, error=name)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
