"""A run with a loop and a failing step, and a server that takes events on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import pytest

import artifact_plugins as ap

# Without the extra there is nothing to test.
collect_ignore_glob = [] if find_spec("openlineage") else ["test_*.py"]


class Collector(ThreadingHTTPServer):
    """Keeps what is posted.

    Attributes:
        posted: Path, headers and JSON body of every request.
        refuse_after: Answer 400 from this request on.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[tuple[str, dict[str, str], Any]] = []
        self.refuse_after: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refuse_after = self.server.refuse_after
        if refuse_after is not None and len(self.server.posted) >= refuse_after:
            self.send_response(400)
        else:
            self.server.posted.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield collector
    collector.shutdown()
    thread.join()
    collector.server_close()


COLUMNS = {"columns": {"carrier": {"dtype": "str"}, "delay": {"dtype": "float64"}}}


@ap.step
def make(x: int) -> Annotated[int, "number"]:
    return x


@ap.step
def total(numbers: list[int], rate: float = 1.5) -> Annotated[float, "total"]:
    return sum(numbers) * rate


@ap.step
def frame(rows: int) -> Annotated[dict[str, int], ap.Output("frame", metadata=COLUMNS)]:
    return {"rows": rows}


@ap.step
def broken(number: int) -> int:
    raise ValueError(f"no {number}")


@ap.pipeline
def bill(months: list[int], note: dict[str, Any] | None = None):
    numbers = make.map(x=months)
    frame(rows=2)
    return total(numbers)


@ap.pipeline
def fails():
    broken(make(7))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ap.Session]:
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        durability="process",
        project="shop",
    )
    with ap.open_session(settings) as opened:
        yield opened


@pytest.fixture
def run(session: ap.Session) -> Any:
    """A run of a loop over two months and a step that collects."""
    return bill([1, 2], note={"a": None, "b": {}, "c": [None]})


@pytest.fixture
def failed(session: ap.Session) -> Any:
    """The record of a run whose second step failed."""
    with pytest.raises(ValueError, match="no 7"):
        fails()
    from artifact_plugins.records import RunQuery

    return session.ledger.runs(RunQuery(pipeline="fails"), limit=1)[0]
