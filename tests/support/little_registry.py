"""A little registry over real HTTP, and the backend for it: the core is tested without any system.

The server is strict and forgets nothing: it has no idempotency keys, so the
same POST twice makes two records; a task whose run it does not know is 404.
What goes wrong is chosen by a test: `registry.faults` is asked for each request.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import artifact_plugins as ap
from artifact_plugins.contracts.backend import (
    Ability,
    Backend,
    BackendInfo,
    BackendOperation,
    Delivery,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.contracts.offers import BackendOffer
from artifact_plugins.errors import (
    BackendContractError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page, Run, Task
from artifact_plugins.transport import (
    BackendUrl,
    Credentials,
    HttpClient,
    check_release,
    is_noted,
    no_version,
    noted_id,
    page_of,
    place_of,
    quoted,
    token_of,
    unless_missing,
)

TOKEN_VARIABLE = "ARTIFACT_PLUGINS_LITTLE_TOKEN"  # a name
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    Attributes:
        status: Answered instead of working on it; None: it is worked on.
        headers: Of that answer.
        body: Of that answer.
        delay_seconds: Before anything.
        until: What is waited for before anything, half a minute at most.
        cut: `request`: closed before it is worked on; `answer`: after.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"detail": "a fault"}'
    delay_seconds: float = 0.0
    until: threading.Event | None = None
    cut: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request that came: when, what, and what was in it."""

    at: float
    method: str
    path: str
    body: Mapping[str, Any]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


class LittleRegistry:
    """The server; `url` is what `Settings.backends` takes.

    Attributes:
        tables: `runs`, `tasks`, `versions`: every record ever posted, in order.
        asked: Every request that came.
        faults: Asked for each request; returns what goes wrong, or None.
        token: That requests must carry; None for any.
    """

    def __init__(self, port: int = 0) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {"runs": [], "tasks": [], "versions": []}
        self.asked: list[Asked] = []
        self.faults: Callable[[Asked], Fault | None] = lambda asked: None
        self.token: str | None = None
        self.active = 0
        self.most_active = 0
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.registry = self
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"little+http://127.0.0.1:{self.port}/"

    def ours(self, table: str) -> list[str]:
        """Return our ids of a table in the order in which they were posted, with duplicates."""
        return [row["ours"] for row in self.tables[table]]

    def duplicates(self) -> dict[str, list[str]]:
        """Return the ids that were posted more than once, by table."""
        found = {}
        for table in self.tables:
            ids = self.ours(table)
            found[table] = sorted({one for one in ids if ids.count(one) > 1})
        return {table: ids for table, ids in found.items() if ids}

    def forget(self, table: str, ours: str) -> None:
        """Lose a record, as a backup from before does."""
        with self.lock:
            self.tables[table] = [row for row in self.tables[table] if row["ours"] != ours]

    def writes(self) -> list[Asked]:
        """Return the requests that changed something."""
        return [asked for asked in list(self.asked) if asked.is_write]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def little_registry(port: int = 0) -> Iterator[LittleRegistry]:
    """Run a registry for the time of a block."""
    registry = LittleRegistry(port)
    try:
        yield registry
    finally:
        registry.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: LittleRegistry

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was killed is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base
        """Say nothing."""

    def _serve(self) -> None:
        registry = self.server.registry
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        if len(data) < length:  # a part of a request is none
            self.close_connection = True
            return
        body = json.loads(data or b"{}")
        asked = Asked(time.monotonic(), self.command, self.path, body)
        with registry.lock:
            registry.asked.append(asked)
            registry.active += 1
            registry.most_active = max(registry.most_active, registry.active)
        try:
            self._work(registry, asked)
        finally:
            with registry.lock:
                registry.active -= 1

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _work(self, registry: LittleRegistry, asked: Asked) -> None:
        fault = registry.faults(asked)
        if fault is not None:
            time.sleep(fault.delay_seconds)
            if fault.until is not None:
                fault.until.wait(30)
            if fault.cut == "request":
                self._cut()
                return
            if fault.status is not None:
                self._answer(fault.status, fault.body, fault.headers)
                return
        said = self.headers.get("Authorization")
        if registry.token is not None and said != f"Bearer {registry.token}":
            self._answer(401, b'{"detail": "who are you"}')
            return
        with registry.lock:
            status, answer = _act(registry, asked)
        if fault is not None and fault.cut == "answer":
            self._cut()
            return
        self._answer(status, json.dumps(answer).encode())

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] = _JSON) -> None:
        self.send_response(status)
        for name, value in {**_JSON, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _act(registry: LittleRegistry, asked: Asked) -> tuple[int, Any]:
    parts = urlsplit(asked.path)
    _, table, *rest = parts.path.split("/")
    if table == "info":
        return 200, {"version": "1.2", "system": "little"}
    rows = registry.tables[table]
    if asked.method == "POST":
        if "ours" not in asked.body:  # of a head that was cut before its length
            return 400, {"detail": "no body"}
        if table == "tasks" and not _with(registry.tables["runs"], "id", asked.body["run"]):
            return 404, {"detail": f"run {asked.body['run']} not found"}
        if "\u2603" in json.dumps(asked.body, ensure_ascii=False):
            return 422, {"detail": "a snowman is not accepted"}
        row = {"id": 1000 * len(table) + next(registry.numbers), **asked.body}
        rows.append(row)
        return 201, row
    if not rest:
        found = rows
        for name, values in parse_qs(parts.query).items():
            found = _with(found, name, values[0])
        return 200, found
    found = _with(rows, "id", int(rest[0]) if rest[0].isdigit() else None)
    if not found:
        return 404, {"detail": f"{table} {rest[0]} not found"}
    if asked.method == "PUT":
        found[0].update(asked.body)
    if asked.method == "DELETE":
        rows.remove(found[0])
    return 200, found[0]


def _with(rows: list[dict[str, Any]], name: str, value: Any) -> list[dict[str, Any]]:
    """Return the rows that have a value under a name; thousands of them in a moment."""
    return [row for row in rows if row.get(name) == value]


class LittleBackend(Backend):
    """The backend of the little registry, written as a real one must be.

    Attributes:
        looks_up: False for a backend that never looks whether a record is there
            already: the negative control.
    """

    looks_up: ClassVar[bool] = True

    scheme: ClassVar[str] = "little"
    system: ClassVar[str] = "Little"
    abilities: ClassVar[Mapping[BackendOperation, Ability]] = {
        operation: Ability(True, "on the server") for operation in BackendOperation
    } | {
        operation: Ability(False, "it has no such request")
        for operation in BackendOperation
        if operation.startswith("update") or operation is BackendOperation.PRUNE
    }

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        super().__init__(url, timeout_seconds=timeout_seconds)
        parsed = BackendUrl.parse(url)
        self._credentials = Credentials(parsed)
        self._http = HttpClient(
            parsed.base,
            system=self.system,
            timeout_seconds=timeout_seconds,
            max_body_bytes=4 * 2**20,
            log_in=self._log_in,
        )

    def _log_in(self) -> Mapping[str, str]:
        token = self._credentials.find("token")
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def probe(self) -> BackendInfo:
        info = self._http.request("GET", "/info").json_object()
        if info.get("system") != "little":
            raise BackendContractError("Little is something else", hint="look at the URL")
        version = str(info.get("version"))
        check_release(version, "1", "1", where=self.system)
        return BackendInfo(system=self.system, version=version)

    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        body = {"ours": run.id, "state": run.state.value, "name": run.name}
        self._bring("run", run.id, body, delivery)

    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        body: dict[str, Any] = {
            "ours": task.id,
            "run": int(delivery.need("run", task.run_id)["external_id"]),
            "name": task.name,
            "state": task.state.value,
        }
        made = list(delivery.versions(task_id=task.id))
        links = list(delivery.links(task_id=task.id))
        own = {version.id for version in made}
        for link in links:
            if link.version_id is not None and link.version_id not in own:
                delivery.wish("version", link.version_id)
        for version in made:
            self._bring_version(version, delivery)
        body["links"] = [link.model_dump_json() for link in links]
        self._bring("task", task.id, body, delivery)

    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        if version.artifact.startswith("unsupported"):
            raise UnsupportedByBackendError(
                "Little cannot keep it: the name is not for it", system=self.system
            )
        if version.artifact.startswith("bug"):
            raise KeyError("a bug of the backend")
        if version.artifact.startswith("needs-"):
            delivery.need("version", version.artifact.removeprefix("needs-").partition(" ")[0])
        if version.deleted_at is not None:
            theirs = noted_id(delivery, "version", version.id)
            if theirs is not None:
                self._http.request("DELETE", f"/versions/{theirs}", expect=(200, 404))
                delivery.note("version", version.id, {"deleted": True})
            return
        self._bring_version(version, delivery)

    def _bring_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        body = {
            "ours": version.id,
            "name": version.artifact,
            "tags": list(version.tags),
            "description": version.description,
            "record": version.model_dump_json(),
        }
        self._bring("version", version.id, body, delivery)

    def _bring(
        self, kind: RecordKind, key: str, body: Mapping[str, Any], delivery: Delivery
    ) -> None:
        theirs, table = noted_id(delivery, kind, key), f"/{kind}s"
        if theirs is None and self.looks_up and not delivery.is_first:
            found = self._http.request("GET", table, query={"ours": key}).json_list()
            theirs = str(found[0]["id"]) if found else None
        if theirs is None:
            made = self._http.request("POST", table, json_body=body, expect=(201,)).json_object()
            theirs = str(made["id"])
        else:
            self._http.request("PUT", f"{table}/{theirs}", json_body=body)
        delivery.note(kind, key, {"external_id": theirs})

    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
        there = {row["ours"] for row in self._http.request("GET", f"/{kind}s").json()}
        return [key for key, value in noted.items() if is_noted(value) and key not in there]

    def version(self, external_id: str) -> RemoteVersion:
        path = f"/versions/{quoted(external_id)}"
        answer = unless_missing(lambda: self._http.request("GET", path))
        if answer is None:
            raise no_version(self.system, external_id, hint="ids there are numbers")
        return self._remote(answer.json_object())

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        asked = {"name": query.artifact}
        rows = self._http.request("GET", "/versions", query=asked).json_list()
        (start,) = place_of(query.page_token, self.system) if query.page_token else (0,)
        found = ((self._remote(row), token_of(n)) for n, row in enumerate(rows[start:], start))
        return page_of(query, found)

    def delete_version(self, external_id: str) -> None:
        self._http.request("DELETE", f"/versions/{quoted(external_id)}")

    def _remote(self, row: Mapping[str, Any]) -> RemoteVersion:
        text = row.get("record")
        record = None if text is None else ArtifactVersion.model_validate_json(text)
        return RemoteVersion(external_id=str(row["id"]), name=row["name"], record=record)

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        rows = self._http.request("GET", "/tasks").json()
        links = [
            ArtifactTaskLink.model_validate_json(text) for row in rows for text in row["links"]
        ]
        return [link for link in links if link.run_id == run_id]

    def close(self) -> None:
        self._http.close()


@ap.hookimpl
def register_backends() -> list[BackendOffer]:
    """Offer the backend."""
    return [BackendOffer(scheme="little", target="little_registry:LittleBackend")]
