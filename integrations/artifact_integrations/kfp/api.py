"""The routes of KFP's v2beta1 API that artifacts need: dicts in, dicts out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artifact_plugins.errors import BackendContractError
from artifact_plugins.transport import Credentials, HttpAnswer, HttpClient, parts_of, quoted

from . import pod
from .dialects import Dialect
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
_NOWHERE = "00000000-0000-4000-8000-000000000000"


class KfpApi:
    """One server. Errors are those of the transport, with the server's own message.

    Args:
        options: Where it is.
        timeout_seconds: Of one request.
    """

    def __init__(self, options: KfpOptions, *, timeout_seconds: float) -> None:
        self._credentials = Credentials(options.url)
        self._options = options
        self._dialect: Dialect | None = None
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

    @property
    def dialect(self) -> Dialect:
        """Which dialect the server speaks: asked once, by the routes of its tasks.

        Raises:
            BackendContractError: Neither, or not the one that the URL wants.
        """
        if self._dialect is None:
            self._dialect = self._told_dialect()
        return self._dialect

    def _told_dialect(self) -> Dialect:
        forced = self._options.dialect
        # The token of a pod may ask for its own run only.
        run_id = self._options.run_id or _NOWHERE
        for one in Dialect if forced is None else (forced,):
            path, query = one.tasks_path(run_id), one.tasks_query(run_id)
            answer = self.ask("GET", path, expect=(200, 404), page_size=1, **query)
            # Without details it is the route that is not there, not the run.
            if answer.status == 200 or answer.json_object().get("details"):
                return one
        wanted = " and ".join(Dialect) if forced is None else forced.value
        raise BackendContractError(
            f"{SYSTEM} at {self._options.url.host} has the artifact API and no tasks in "
            f"dialect {wanted} of it",
            hint="M came in August 2026, S is the branch of November 2025; ?dialect= in the "
            "URL forces one; the ledger has the records",
            status=404,
        )

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

    def create_task(
        self, run_id: str, body: Mapping[str, Any], *, is_first: bool = False
    ) -> dict[str, Any]:
        """Make a task, or return the one of the same run, parent, path, name, type and iteration.

        Args:
            is_first: Whether nobody can have made it before. A ROOT may always
                be there: it may come with its run.
        """
        if not self.dialect.knows_places and not (is_first and body.get("type") != "ROOT"):
            named = self.tasks_named(run_id, str(body["name"]))
            there = next((one for one in named if _place(one) == _place(body)), None)
            if there is not None:
                return there
        return self._send("POST", self.dialect.tasks_path(run_id), body, wants="task_id")

    def update_task(self, run_id: str, task_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is given of a task."""
        path = self.dialect.tasks_path(run_id, task_id)
        return self._send("PATCH", path, {**body, "task_id": task_id}, wants="task_id")

    def task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task with the artifacts that it read and wrote."""
        return self._get(self.dialect.tasks_path(run_id, task_id))

    def tasks(self, run_id: str, ids: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a run, or those of some ids."""
        if ids is None:
            yield from self._tasks(run_id, None)
            return
        for some in parts_of(ids, _IDS_MAX):
            values = {"string_values": {"values": list(some)}}
            yield from self._tasks(run_id, predicates(("IN", "task_id", values)))

    def tasks_named(self, run_id: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a run that have a name."""
        wanted = predicates(("EQUALS", "name", {"string_value": name}))
        return self._tasks(run_id, wanted)

    def _tasks(self, run_id: str, wanted: str | None) -> Iterator[dict[str, Any]]:
        path, query = self.dialect.tasks_path(run_id), self.dialect.tasks_query(run_id)
        return self._pages(path, "tasks", **query, filter=wanted)

    def create_artifacts(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make artifacts with their output links; in dialect M all or none of each part of 200."""
        made: list[dict[str, Any]] = []
        for some in parts_of(items, _ITEMS_MAX):
            said = [self.dialect.artifact_item(item) for item in some]
            answer = self._post("/artifacts:batchCreate", {"artifacts": said})
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
        for some in parts_of(ids, _IDS_MAX):
            wanted = predicates(("IN", "artifact_id", {"string_values": {"values": list(some)}}))
            yield from self._pages("/artifacts", "artifacts", namespace=namespace, filter=wanted)

    def artifacts_page(self, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of artifacts and the token of the next one."""
        return self._page("/artifacts", "artifacts", query)

    def create_links(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make link rows of one run, all or none of each part of 200."""
        for some in parts_of(rows, _ITEMS_MAX):
            self._post("/artifact_tasks:batchCreate", {"artifact_tasks": list(some)})

    def links(
        self, *, task_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Yield the link rows of some tasks, or of some runs."""
        if run_ids:
            yield from self._pages("/artifact_tasks", "artifact_tasks", run_ids=list(run_ids))
            return
        for some in parts_of(task_ids, _IDS_MAX):
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


def _place(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells two tasks of one name apart."""
    attributes = task.get("type_attributes") or {}
    said = (task.get("parent_task_id"), task.get("scope_path"), task.get("type"))
    return (*(str(one or "") for one in said), str(attributes.get("iteration_index", "")))


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
