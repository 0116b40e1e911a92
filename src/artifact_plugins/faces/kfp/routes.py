"""Which request is answered by which function, as the gateway of KFP finds it.

A pattern's `{name}` is one segment of the path; a verb stands behind a colon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from artifact_plugins.faces.kfp import artifacts, experiments, links, runs, task_listing, tasks
from artifact_plugins.faces.kfp.face import Call, Face
from artifact_plugins.faces.kfp.health import healthz
from artifact_plugins.faces.kfp.messages import (
    ARTIFACT,
    ARTIFACT_PAGE,
    ARTIFACT_TASK,
    ARTIFACT_TASK_PAGE,
    ARTIFACT_TASKS,
    ARTIFACTS,
    CREATE_ARTIFACT,
    CREATE_ARTIFACT_TASK,
    CREATE_ARTIFACTS,
    EMPTY,
    EXPERIMENT,
    EXPERIMENT_PAGE,
    FIND_CACHED,
    FOUND_CACHED,
    HEALTH,
    INT32,
    IO_TYPE,
    RUN,
    RUN_PAGE,
    STRING,
    TASK,
    TASK_MAP,
    TASK_PAGE,
    Dialect,
    Field,
    Message,
    one_of,
)
from artifact_plugins.faces.kfp.refusals import Refusal, gateway

Service = Callable[[Face, Call], dict[str, Any]]
PREFIX = "/apis/v2beta1"
_STRINGS = Field("string", is_list=True)
_PAGE = {"page_token": STRING, "page_size": INT32, "filter": STRING}
_SORTED = {**_PAGE, "sort_by": STRING}
_NAMESPACE = {"namespace": STRING}
_EXPERIMENT = {"experiment_id": STRING}
_VIEW = {"view": one_of(("DEFAULT", "FULL"))}
_TASK_QUERY = {**_PAGE, "parent_id": STRING, "order_by": STRING}
_LINK_QUERY = {
    **_SORTED,
    "task_ids": _STRINGS,
    "run_ids": _STRINGS,
    "artifact_ids": _STRINGS,
    "type": IO_TYPE,
}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        body: The message in the request, if it has one.
        answer: The message in the answer.
        query: The query parameters that mean something; others are ignored.
    """

    method: str
    pattern: str
    service: Service
    answer: Message
    body: Message | None = None
    query: Mapping[str, Field] = field(default_factory=dict)


def routes(dialect: Dialect) -> tuple[Route, ...]:
    """Return the routes of a dialect."""
    return (
        Route("POST", "/artifacts", artifacts.create, ARTIFACT, body=CREATE_ARTIFACT[dialect]),
        Route("GET", "/artifacts", artifacts.listing, ARTIFACT_PAGE, query=_SORTED | _NAMESPACE),
        Route(
            "POST",
            "/artifacts:batchCreate",
            artifacts.batch_create,
            ARTIFACTS,
            body=CREATE_ARTIFACTS[dialect],
        ),
        Route("GET", "/artifacts/{artifact_id}", artifacts.get, ARTIFACT),
        Route("POST", "/artifact_tasks", links.create, ARTIFACT_TASK, body=CREATE_ARTIFACT_TASK),
        Route("GET", "/artifact_tasks", links.listing, ARTIFACT_TASK_PAGE, query=_LINK_QUERY),
        Route(
            "POST",
            "/artifact_tasks:batchCreate",
            links.batch_create,
            ARTIFACT_TASKS,
            body=ARTIFACT_TASKS,
        ),
        *_task_routes(dialect),
        Route("POST", "/tasks:findCached", tasks.find_cached, FOUND_CACHED, body=FIND_CACHED),
        Route("POST", "/runs", runs.create, RUN, body=RUN, query=_EXPERIMENT),
        Route(
            "GET",
            "/runs",
            runs.listing,
            RUN_PAGE,
            query=_SORTED | _NAMESPACE | _EXPERIMENT | _VIEW,
        ),
        Route("GET", "/runs/{run_id}", runs.get, RUN, query=_VIEW | _EXPERIMENT),
        Route("DELETE", "/runs/{run_id}", runs.delete, EMPTY),
        Route("POST", "/runs/{run_id}:retry", runs.retry, EMPTY),
        Route("POST", "/runs/{run_id}:terminate", runs.terminate, EMPTY),
        Route("POST", "/runs/{run_id}:archive", runs.archive, EMPTY),
        Route("POST", "/runs/{run_id}:unarchive", runs.unarchive, EMPTY),
        Route("POST", "/experiments", experiments.create, EXPERIMENT, body=EXPERIMENT),
        Route(
            "GET", "/experiments", experiments.listing, EXPERIMENT_PAGE, query=_SORTED | _NAMESPACE
        ),
        Route("GET", "/experiments/{experiment_id}", experiments.get, EXPERIMENT),
        Route("GET", "/healthz", healthz, HEALTH),
    )


def _task_routes(dialect: Dialect) -> tuple[Route, ...]:
    base = "/runs/{run_id}/tasks" if dialect == "M" else "/tasks"
    query = _TASK_QUERY if dialect == "M" else {**_TASK_QUERY, "run_id": STRING}
    return (
        Route("POST", base, tasks.create, TASK, body=TASK),
        Route("GET", base, task_listing.listing, TASK_PAGE, query=query),
        Route("POST", f"{base}:batchUpdate", tasks.batch_update, TASK_MAP, body=TASK_MAP),
        Route("PATCH", f"{base}/{{task_id}}", tasks.update, TASK, body=TASK),
        Route("GET", f"{base}/{{task_id}}", tasks.get, TASK),
    )


class Router:
    """Finds the route of a request."""

    def __init__(self, dialect: Dialect) -> None:
        self._routes = [(_compiled(one.pattern), one) for one in routes(dialect)]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and what its pattern captured.

        Raises:
            Refusal: 404 for an unknown path, 405 for another method of a known one.
        """
        allowed = []
        for pattern, route in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return route, match.groupdict()
            allowed.append(route.method)
        if allowed:
            raise gateway(12, "Method Not Allowed", 405, allow=", ".join(sorted(allowed)))
        raise gateway(5, "Not Found", 404)


def read_query(route: Route, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the known query parameters of a request; unknown ones are ignored.

    Raises:
        Refusal: One that is no list is given twice, or is no number or enum where it has to be.
    """
    spelled = Message("query", route.query).spelled
    found: dict[str, Any] = {}
    for spelling, text in pairs:
        name = spelled.get(spelling)
        if name is None:
            continue
        kind = route.query[name]
        if kind.is_list:
            found.setdefault(name, []).append(text)
        elif name in found:
            raise gateway(3, f'too many values for field "{name}"', 400)
        else:
            found[name] = _parsed(kind, name, text)
    return found


def _parsed(kind: Field, name: str, text: str) -> Any:
    if kind.kind == "string":
        return text
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII) else None
    if kind.kind == "enum":
        if text in kind.names:
            return text
        if number is not None and 0 <= number < len(kind.names):
            return kind.names[number]
    elif number is not None and -(2**31) <= number < 2**31:
        return number
    raise _unparsed(name, text)


def _unparsed(name: str, text: str) -> Refusal:
    return gateway(3, f'parsing field "{name}": {text[:100]!a} is not a valid value', 400)


def _compiled(pattern: str) -> re.Pattern[str]:
    # A verb binds tighter than a segment: `runs/x:retry` is no run called `x:retry`.
    parts = re.split(r"\{(\w+)\}", pattern)
    named = [
        f"(?P<{part}>[^/:]+)" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    ]
    return re.compile(PREFIX + "".join(named))
