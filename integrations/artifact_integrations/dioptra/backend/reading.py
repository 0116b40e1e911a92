"""Read artifacts back as our records; what anybody may have changed there is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.errors import BackendContractError, StoreIntegrityError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page
from artifact_plugins.transport import (
    compact,
    digest_of,
    no_token,
    no_version,
    page_of,
    unless_missing,
)

from .documents import KIND, Documents
from .jobs import FOLDER, run_tag
from .lines import parted, record_of
from .server import PAGE_LENGTH, SYSTEM, DioptraApi, escaped
from .tracking import Tracking, hexadecimal
from .versions import record_path

TASKS = "tasks"
_PAGE = 100
_JOB = re.compile(r"/job/(\d+)$")
_TOKEN = re.compile(r"(\d{1,18}):(\d{1,18})")


class Reading:
    """Reads from one Dioptra and its MLflow."""

    def __init__(self, api: DioptraApi, tracking: Tracking, documents: Documents) -> None:
        self._api = api
        self._tracking = tracking
        self._documents = documents

    def version(self, external_id: str) -> RemoteVersion:
        """Return one artifact.

        Raises:
            ArtifactMissingError: There is none of that id.
        """
        return self.remote(self.artifact(external_id))

    def artifact(self, external_id: str) -> dict[str, Any]:
        """Return what the server says of an artifact.

        Raises:
            ArtifactMissingError: There is none of that id.
        """
        is_id = external_id.isascii() and external_id.isdigit() and len(external_id) < 19
        found = self._api.found(f"artifacts/{external_id}") if is_id else None
        if found is None:
            hint = "ids there are numbers; `versions` lists them"
            raise no_version(SYSTEM, external_id, hint=hint)
        return found

    def remote(self, found: Mapping[str, Any]) -> RemoteVersion:
        """Return an artifact as a version; without a record when it is not one of ours."""
        line = parted(found.get("description"))[1]
        uri = str(found.get("artifactUri", ""))
        record = self._record(line, uri) if line.get("kind") == "version" else None
        return RemoteVersion(
            external_id=str(found["id"]),
            name=record.artifact if record is not None else uri.rpartition("/")[2],
            uri=uri,
            record=record,
            raw=dict(found),
        )

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        """Return one page of artifacts, in the order in which they were registered.

        Raises:
            QueryError: The page token is not one of this listing.
        """
        return page_of(query, self._walk(query))

    def _walk(self, query: RemoteQuery) -> Iterator[tuple[RemoteVersion, str]]:
        index, last = _started(query.page_token)
        while True:
            page = self._api.page(
                "artifacts/",
                index=index,
                pageLength=max(_PAGE, query.limit),
                sortBy="id",
                descending="true" if query.newest_first else "false",
                **({"search": text} if (text := _search(query)) else {}),
            )
            for found in page["data"]:
                index, number, token = index + 1, int(found["id"]), f"{index}:{last}"
                # Rows that were added meanwhile shift the offsets.
                is_new = last is None or (number < last if query.newest_first else number > last)
                if not is_new or parted(found.get("description"))[1].get("kind") == KIND:
                    continue
                last = number
                yield self._remote_or_stranger(found), token
            if page.get("isComplete", True) or not page["data"]:
                return

    def links(self, run_id: str) -> list[ArtifactTaskLink]:
        """Return the links of a run, of its document or else of the lines of its jobs.

        Raises:
            StoreIntegrityError: What lies there is not what was sent.
        """
        whole = self._documents.links(run_id)
        if whole is not None:
            return whole
        links: dict[str, ArtifactTaskLink] = {}
        ours = set()
        for job in self._api.searched("jobs/", run_id, sort="id"):
            line = parted(job.get("description"))[1]
            ours.add(int(job["id"]))
            if line.get("kind") == "task" and line.get("run") == run_id:
                for link in self._task_links(int(job["id"]), line):
                    links.setdefault(link.id, link)
        for link in self._attached_links(run_id, ours):
            links.setdefault(link.id, link)
        return sorted(links.values(), key=lambda link: link.id)

    def _attached_links(self, run_id: str, ours: set[int]) -> Iterator[ArtifactTaskLink]:
        """Yield those of tasks that are in the job of a worker, which only the tag of the run names."""
        for tag in self._api.named("tags/", run_tag(run_id)):
            page = self._api.page(f"tags/{tag['id']}/resources/", pageLength=PAGE_LENGTH)
            for job_id in {int(found[1]) for path in page["data"] if (found := _JOB.search(path))}:
                if job_id not in ours:
                    yield from self._links_beside(job_id, run_id)

    def _links_beside(self, job_id: int, run_id: str) -> Iterator[ArtifactTaskLink]:
        found = (self._api.found(f"jobs/{job_id}/mlflowRun") or {}).get("mlflowRunId")
        info = self._tracking.run(hexadecimal(found)) if found is not None else None
        if info is None:
            return
        for path in self._tracking.sizes(info["run_id"], f"{FOLDER}-{run_id}/{TASKS}"):
            yield from _links_in(self._tracking.download(f"{info['artifact_uri']}/{path}"))

    def _task_links(self, job_id: int, line: Mapping[str, Any]) -> Iterator[ArtifactTaskLink]:
        document = line.get("document")
        if document is None:
            run_id = self._api.get(f"jobs/{job_id}/mlflowRun").get("mlflowRunId")
            info = self._tracking.run(hexadecimal(run_id)) or {}
            data = self._fetched(f"{info.get('artifact_uri', '')}/{task_path(line)}")
            if data is None or digest_of(data) != line.get("document_digest"):
                raise StoreIntegrityError(
                    f"the links of task {line.get('task')} at {SYSTEM} are not what was sent",
                    hint="the ledger has them",
                )
            document = json.loads(data)
        for link in document.get("links", ()):
            yield ArtifactTaskLink.model_validate(link)

    def _remote_or_stranger(self, found: Mapping[str, Any]) -> RemoteVersion:
        """Return an artifact; one whose description was broken by people is nobody's."""
        try:
            return self.remote(found)
        except (StoreIntegrityError, BackendContractError):
            uri = str(found.get("artifactUri", ""))
            name = uri.rpartition("/")[2]
            return RemoteVersion(external_id=str(found["id"]), name=name, uri=uri, raw=dict(found))

    def _record(self, line: Mapping[str, Any], uri: str) -> ArtifactVersion:
        document = None
        try:
            if "record_digest" in line:
                document = self._fetched(f"{uri.rpartition('/')[0]}/{record_path(line)}") or b""
            record = record_of(line, document)
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise StoreIntegrityError(
                f"the description of an artifact at {SYSTEM} does not hold the record that it "
                "was registered with",
                hint="`reconcile` writes it again; the ledger has the record",
            ) from error
        if record.id != line.get("version_id"):
            raise StoreIntegrityError(
                f"the description of an artifact at {SYSTEM} names two versions",
                hint="`reconcile` writes it again; the ledger has the record",
            )
        return record

    def _fetched(self, uri: str) -> bytes | None:
        return unless_missing(lambda: self._tracking.download(uri))


def task_path(line: Mapping[str, Any]) -> str:
    """Return where in the MLflow run the links of a task lie that are too many for its line."""
    return f"{TASKS}/{line['task']}.json"


def _links_in(data: bytes) -> list[ArtifactTaskLink]:
    try:
        return [ArtifactTaskLink.model_validate(link) for link in json.loads(data)["links"]]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreIntegrityError(
            f"a file of links at {SYSTEM} is not what was sent", hint="the ledger has them"
        ) from error


def _started(token: str | None) -> tuple[int, int | None]:
    if token is None:
        return 0, None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise no_token(token, SYSTEM)
    return int(match[1]), int(match[2])


def _search(query: RemoteQuery) -> str:
    """Return what the server is asked for: texts that must all be in the description.

    Tags are asked for only here: a line that had no room for them is not found.
    """
    parts = []
    if query.artifact_type is not None:
        parts.append(_member("artifact_type", query.artifact_type))
    if query.run_id is not None:
        parts.append(_member("run", query.run_id))
    if len(query.version_ids) == 1:
        parts.append(_member("version_id", query.version_ids[0]))
    parts += [compact(f"tag:{tag}") for tag in query.tags]
    if query.artifact is not None:
        parts.append(_member("artifact", query.artifact))
    return ",".join(f'description:"*{escaped(part)}*"' for part in parts)


def _member(name: str, value: str) -> str:
    return compact({name: value})[1:-1]
