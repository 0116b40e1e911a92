"""The routes of KFP's v2beta1 API that artifacts need: dicts in, dicts out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artifact_plugins.transport import Credentials, HttpAnswer, HttpClient, quoted

from . import pod
from .failures import explain
from .options import KfpOptions

SYSTEM = "Kubeflow Pipelines"
PAGE_MAX = 200
"""A larger page size is cut by the server without a word."""
_IDS_MAX = 50
_ITEMS_MAX = 200
_ROOT = "/apis/v2beta1"
_IDS = {
    "runs": "run_id",
    "experiments": "experiment_id",
    "tasks": "task_id",
    "artifacts": "artifact_id",
    "artifact_tasks": "artifact_id",
}
_USER_HEADER = "kubeflow-userid"


class KfpApi:
    """One server. Errors are those of the transport, with the server's own message.

    Args:
        options: Where it is.
        timeout_seconds: Of one request.
    """

    def __init__(self, options: KfpOptions, *, timeout_seconds: float) -> None:
        self._credentials = Credentials(options.url)
        self.client = HttpClient(
            options.url.base,
            system=SYSTEM,
            timeout_seconds=timeout_seconds,
            log_in=self._log_in,
            explain=explain,
        )

    def _log_in(self) -> Mapping[str, str]:
        """Return the bearer token and the user; none is sent where none is set."""
        token = self._credentials.find("token")
        if token is None and pod.is_of_cluster(self.client.base_url):
            token = pod.token()
        user = self._credentials.find("username")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # What a gateway would add: for callers inside the cluster, who bypass it.
        return headers | ({_USER_HEADER: user} if user else {})

    def ask(self, method: str, path: str, *, expect: Sequence[int], **query: Any) -> HttpAnswer:
        """Send a request whose status the caller looks at."""
        return self.client.request(method, _ROOT + path, query=query or None, expect=expect)

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself."""
        return self._get("/healthz")

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run, without its tasks."""
        return self._get(f"/runs/{quoted(run_id)}")

    def create_run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a run; KFP itself wants a pipeline to run."""
        return self._send("POST", "/runs", body, wants="run_id")

    def runs(self, namespace: str | None, name_part: str) -> Iterator[dict[str, Any]]:
        """Yield the runs whose name has a part."""
        wanted = predicates(("IS_SUBSTRING", "name", {"string_value": name_part}))
        yield from self._pages("/runs", "runs", namespace=namespace, filter=wanted)

    def experiments(self, namespace: str) -> Iterator[dict[str, Any]]:
        """Yield the experiments of a namespace."""
        yield from self._pages("/experiments", "experiments", namespace=namespace)

    def create_task(self, run_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a task, or return the one of the same run, parent, path, name, type and iteration."""
        return self._send("POST", f"/runs/{quoted(run_id)}/tasks", body, wants="task_id")

    def update_task(self, run_id: str, task_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is given of a task."""
        path = f"/runs/{quoted(run_id)}/tasks/{quoted(task_id)}"
        return self._send("PATCH", path, {**body, "task_id": task_id}, wants="task_id")

    def task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task with the artifacts that it read and wrote."""
        return self._get(f"/runs/{quoted(run_id)}/tasks/{quoted(task_id)}")

    def tasks(self, run_id: str, ids: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a run, or those of some ids."""
        path = f"/runs/{quoted(run_id)}/tasks"
        if ids is None:
            yield from self._pages(path, "tasks")
            return
        for some in _parts(ids, _IDS_MAX):
            wanted = predicates(("IN", "task_id", {"string_values": {"values": list(some)}}))
            yield from self._pages(path, "tasks", filter=wanted)

    def create_artifacts(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make artifacts with their output links, all or none of each part of 200."""
        made: list[dict[str, Any]] = []
        for some in _parts(items, _ITEMS_MAX):
            answer = self._post("/artifacts:batchCreate", {"artifacts": list(some)})
            found = answer.json_object().get("artifacts")
            if not isinstance(found, list) or len(found) != len(some):
                raise answer.unexpected(f"other than the {len(some)} artifacts that were sent")
            for artifact in found:
                _check_id(answer, artifact, "artifact_id")
            made += found
        return made

    def artifact(self, artifact_id: str) -> dict[str, Any]:
        """Return an artifact."""
        return self._get(f"/artifacts/{quoted(artifact_id)}")

    def artifacts_of(self, namespace: str | None, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the artifacts of some ids, in no order."""
        for some in _parts(ids, _IDS_MAX):
            wanted = predicates(("IN", "artifact_id", {"string_values": {"values": list(some)}}))
            yield from self._pages("/artifacts", "artifacts", namespace=namespace, filter=wanted)

    def artifacts_page(self, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of artifacts and the token of the next one."""
        return self._page("/artifacts", "artifacts", query)

    def create_links(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make link rows of one run, all or none of each part of 200."""
        for some in _parts(rows, _ITEMS_MAX):
            self._post("/artifact_tasks:batchCreate", {"artifact_tasks": list(some)})

    def links(
        self, *, task_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Yield the link rows of some tasks, or of some runs."""
        if run_ids:
            yield from self._pages("/artifact_tasks", "artifact_tasks", run_ids=list(run_ids))
            return
        for some in _parts(task_ids, _IDS_MAX):
            yield from self._pages("/artifact_tasks", "artifact_tasks", task_ids=list(some))

    def _pages(self, path: str, name: str, **query: Any) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            items, following = self._page(path, name, {**query, "page_token": token})
            yield from items
            if following is None:
                return
            token = following

    def _page(
        self, path: str, name: str, query: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], str | None]:
        # With a token, sort and filter are repeated as they were: the server compares them.
        answer = self.ask("GET", path, expect=(200,), **{"page_size": PAGE_MAX, **query})
        body = answer.json_object()
        items = body.get(name, [])
        if not isinstance(items, list):
            raise answer.unexpected(f"no list of {name}")
        for item in items:
            _check_id(answer, item, _IDS[name])
        following = body.get("next_page_token") or None
        if following is not None and following == query.get("page_token"):
            raise answer.unexpected("the same page a second time")
        return items, following

    def _get(self, path: str) -> dict[str, Any]:
        return self.ask("GET", path, expect=(200,)).json_object()

    def _post(self, path: str, body: Mapping[str, Any]) -> HttpAnswer:
        return self.client.request("POST", _ROOT + path, json_body=body)

    def _send(
        self, method: str, path: str, body: Mapping[str, Any], *, wants: str
    ) -> dict[str, Any]:
        answer = self.client.request(method, _ROOT + path, json_body=body)
        found = answer.json_object()
        _check_id(answer, found, wants)
        return found


def _check_id(answer: HttpAnswer, item: Any, name: str) -> None:
    if not isinstance(item, dict) or not isinstance(item.get(name), str) or not item[name]:
        raise answer.unexpected(f"something without {name}")


def predicates(*conditions: tuple[str, str, Mapping[str, Any]]) -> str:
    """Return a filter: all of (operation, key, value) must hold.

    The server percent-decodes the text a second time, so `%` and `+` in it are
    encoded once more.
    """
    found = [{"operation": name, "key": key, **value} for name, key, value in conditions]
    text = json.dumps({"predicates": found}, separators=(",", ":"))
    return text.replace("%", "%25").replace("+", "%2B")


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
