"""The run document: everything of a run as one file, an unpinned artifact of its job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import StoreIntegrityError
from artifact_plugins.records import ArtifactTaskLink, Run
from artifact_plugins.transport import compact, digest_of

from .jobs import Job
from .lines import described, line_of, parted
from .server import SLOW_SECONDS, SYSTEM, ApiError, DioptraApi, existing_id
from .skeleton import Skeleton
from .tracking import Tracking

FILE = "run.json"
KIND = "run_document"
_IN_MEMORY_BYTES = 4 * 2**20


class Documents:
    """Writes and reads run documents."""

    def __init__(self, api: DioptraApi, tracking: Tracking, skeleton: Skeleton) -> None:
        self._api = api
        self._tracking = tracking
        self._skeleton = skeleton

    def is_known(self, run: Run, delivery: Delivery) -> bool:
        """Tell whether the document that a run has now was registered."""
        sha256 = hashlib.sha256()
        for part in _parts(run, delivery):
            sha256.update(part.encode())
        noted = delivery.external(KIND, run.id) or {}
        return noted.get("digest") == f"sha256:{sha256.hexdigest()}"

    def bring(self, run: Run, job: Job, delivery: Delivery) -> None:
        """Upload the document of a run and register it, or bring it up to date."""
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            sha256 = hashlib.sha256()
            for part in _parts(run, delivery):
                data = part.encode()
                sha256.update(data)
                file.write(data)
            file.seek(0)
            self._tracking.upload_file(job.artifact_uri, FILE, cast("IO[bytes]", file))
        digest = f"sha256:{sha256.hexdigest()}"
        line = line_of(
            KIND,
            run=run.id,
            project=run.project,
            pipeline=run.pipeline,
            state=str(run.state),
            error=(run.error or "")[:500] or None,
            digest=digest,
        )
        text = f"Run {run.name} of {run.pipeline}: {run.state}. Tasks, versions and links."
        made = self._registered(job, described(text, line))
        delivery.note(KIND, run.id, {"external_id": str(made["id"]), "digest": digest})

    def links(self, run_id: str) -> list[ArtifactTaskLink] | None:
        """Return the links of a run from its document; None when there is no document.

        Raises:
            StoreIntegrityError: The file is not the one that was registered.
        """
        for found in self._api.searched("artifacts/", run_id, sort="id"):
            line = parted(found.get("description"))[1]
            if line.get("kind") == KIND and line.get("run") == run_id:
                data = self._tracking.download(str(found["artifactUri"]))
                if digest_of(data) != line.get("digest"):
                    raise StoreIntegrityError(
                        f"the document of run {run_id} at {SYSTEM} is not the one that was sent",
                        hint="the ledger has the run",
                        run_id=run_id,
                    )
                links = json.loads(data)["links"]
                return [ArtifactTaskLink.model_validate(link) for link in links]
        return None

    def _registered(self, job: Job, description: str) -> dict[str, Any]:
        uri = f"{job.artifact_uri}/{FILE}"
        body = {
            "group": self._skeleton.group(),
            "job": job.id,
            "artifactUri": uri,
            "description": description,
        }
        made: dict[str, Any]
        try:
            made = self._api.post("artifacts/", body, seconds=SLOW_SECONDS)
        except ApiError as error:
            place = f"artifacts/{existing_id(error)}"
            made = self._api.put(place, {"description": description})
        return made


def _parts(run: Run, delivery: Delivery) -> Iterator[str]:
    """Yield the document piece by piece: a run may have more than memory holds."""
    yield f'{{"format_version":1,"run":{compact(run.model_dump(mode="json"))}'
    lists = {
        "tasks": delivery.tasks(run.id),
        "versions": delivery.versions(run_id=run.id),
        "links": delivery.links(run_id=run.id),
    }
    for name, records in lists.items():
        separator = f',"{name}":['
        for record in records:
            yield separator + compact(record.model_dump(mode="json"))
            separator = ",\n"
        yield "]" if separator == ",\n" else f"{separator}]"
    yield "}\n"
