"""The KFP-compatible server as a process, and an old server that has none of its routes.

with KfpServer(folder) as server:
    run = server.open_run("nightly")
    requests_to(server.url)
    server.restart()            # the ledger keeps everything
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kfp_swagger import check_answer, check_request
from server_environments import ServerProcess

API = "/apis/v2beta1"


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        body: The JSON; None when it is none.
    """

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """The whole chain of an error."""
        return str(self.body["message"])

    @property
    def detail(self) -> str:
        """What an error says to people."""
        return str(self.body["details"][0]["message"])


@dataclass(frozen=True)
class OpenedRun:
    """A run that was just opened, with its ROOT task."""

    run_id: str
    root_id: str


class KfpServer:
    """`artifact-plugins serve-kfp` as a process; several may share a ledger.

    Args:
        folder: Where its ledger and its log are.
        ledger_url: Another ledger than `<folder>/ledger.sqlite`.
        options: Further options of the command.
        env: Further variables of the process.
        headers: Sent by `call`, beside what it is given.
        port: A port of your own; else a free one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ledger_url: str | None = None,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dialect = dict(itertools.pairwise(options)).get("--dialect", "M")
        self.ledger_url = ledger_url or f"sqlite:///{folder / 'ledger.sqlite'}"
        self._headers = dict(headers or {})
        self._process = ServerProcess(
            [
                *(sys.executable, "-m", "artifact_plugins", "serve-kfp"),
                *("--ledger", self.ledger_url, "--port", "{port}"),
                *options,
            ],
            cwd=folder,
            ready=f"{API}/healthz",
            port=port,
            env={"ARTIFACT_PLUGINS_DURABILITY": "process", **(env or {})},
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without the prefix of the API."""
        return self._process.url

    @property
    def port(self) -> int:
        return self._process.port

    @property
    def log(self) -> str:
        """What the server printed so far."""
        return self._process.log.read_text()

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def restart(self, *, hard: bool = False) -> None:
        """Stop it, with SIGKILL when `hard`, and start it on the same port and ledger."""
        self.kill() if hard else self.stop()
        self.start()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request below `/apis/v2beta1` and return the JSON of its answer.

        Raises:
            urllib.error.HTTPError: The answer is an error.
        """
        request = urllib.request.Request(
            self.url + API + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={**self._headers, **(headers or {})},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        is_loose: bool = False,
    ) -> Answer:
        """Send one request below `/apis/v2beta1`, hold it against the swagger file, return all.

        Args:
            body: JSON, or bytes that are sent as they are.
            query: Names and values, not yet encoded.
            is_loose: Whether the server is known to take more than the file says.
        """
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        encoded = urllib.parse.urlencode(list(query))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection):
            sent = {"Content-Type": "application/json", **self._headers, **(headers or {})}
            target = API + path + ("?" + encoded if encoded else "")
            connection.request(method, target, body=data, headers=sent)
            response = connection.getresponse()
            text = response.read()
        answer = json.loads(text) if text else None
        check_answer(method, API + path, response.status, answer)
        if response.status == 200 and not is_loose and not isinstance(body, bytes):
            check_request(method, API + path, body, list(query))
        return Answer(response.status, answer, dict(response.getheaders()))

    def open_run(self, name: str = "run", **fields: Any) -> OpenedRun:
        """Open a run without a pipeline; it has a ROOT task, as a real one has."""
        run_id = self.call("POST", "/runs", {"display_name": name, **fields})["run_id"]
        run = self.call("GET", f"/runs/{run_id}?view=FULL")
        return OpenedRun(run_id, run["tasks"][0]["task_id"])

    def new_task(self, run: OpenedRun, name: str = "make", **fields: Any) -> str:
        """Create a RUNNING task under the ROOT of a run and return its id."""
        body = {"name": name, "type": "RUNTIME", "state": "RUNNING", **fields}
        path = f"/runs/{run.run_id}/tasks" if self.dialect == "M" else "/tasks"
        answer = self.ask("POST", path, {**body, "run_id": run.run_id})
        assert answer.status == 200, answer.body
        return str(answer.body["task_id"])

    def new_artifact(
        self, run: OpenedRun, task_id: str, *, key: str = "o", **fields: Any
    ) -> dict[str, Any]:
        """Create an artifact, by default a Model called `model`, and return it."""
        request = artifact_request(run, task_id, key=key, **fields)
        answer = self.ask("POST", "/artifacts", request)
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def links(self, **ids: str) -> list[dict[str, Any]]:
        """Return all links of `task_ids`, `run_ids` or `artifact_ids`, at most 200."""
        query = [*ids.items(), ("page_size", "200")]
        answer = self.ask("GET", "/artifact_tasks", query=query)
        assert answer.status == 200, answer.body
        return list(answer.body.get("artifact_tasks", []))

    def __enter__(self) -> KfpServer:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def artifact_request(
    run: OpenedRun, task_id: str, *, key: str = "o", iteration: int | None = None, **fields: Any
) -> dict[str, Any]:
    """Return the body of a create, by default of a Model called `model`."""
    artifact = {"name": "model", "type": "Model", "namespace": "team", **fields}
    request = {
        "artifact": artifact,
        "run_id": run.run_id,
        "task_id": task_id,
        "producer_key": key,
    }
    return request if iteration is None else {**request, "iteration_index": str(iteration)}


def link_request(
    run: OpenedRun, task_id: str, artifact_id: str, *, key: str = "i", **fields: Any
) -> dict[str, Any]:
    """Return the body of a create of a link, by default a TASK_OUTPUT_INPUT of `make`."""
    link = {
        "artifact_id": artifact_id,
        "run_id": run.run_id,
        "task_id": task_id,
        "type": "TASK_OUTPUT_INPUT",
        "producer": {"task_name": "make"},
        "key": key,
        **fields,
    }
    return {"artifact_task": link}


@contextmanager
def old_kfp_server() -> Iterator[str]:
    """Run a server that is alive and answers every new route as KFP 2.17 does; yields its URL."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_alive = self.path.startswith(f"{API}/healthz")
            content = {"tag_name": "2.17.3"} if is_alive else {"code": 5, "message": "Not Found"}
            body = json.dumps(content).encode()
            self.send_response(200 if is_alive else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_GET

        def log_message(self, *values: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
