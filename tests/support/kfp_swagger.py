"""Holds requests and answers against the swagger files of Kubeflow Pipelines."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

_FOLDER = Path(__file__).parent.parent / "core" / "faces" / "kfp" / "swagger"
_ERROR = {"$ref": "#/definitions/googleRpcStatus"}


@cache
def _operations() -> list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]]:
    """Return path pattern, method, operation and definitions of every operation."""
    found = []
    for name in ("artifact", "run"):
        document = json.loads((_FOLDER / f"{name}.swagger.json").read_text())
        definitions = {key: _closed(one) for key, one in document["definitions"].items()}
        for path, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(path)))
            for method, operation in methods.items():
                found.append((pattern, method.upper(), operation, definitions))
    return found


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """Allow no field that the definition does not name, since swagger itself allows any."""
    if definition.get("type") == "object" and "additionalProperties" not in definition:
        return {**definition, "additionalProperties": False}
    return definition


def operation_of(method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the operation that a request asks for, and the definitions it refers to."""
    for pattern, verb, operation, definitions in _operations():
        if verb == method and pattern.fullmatch(path):
            return operation, definitions
    return None


def every_operation() -> set[tuple[str, str]]:
    """Return method and operation id of all of them."""
    return {(method, operation["operationId"]) for _, method, operation, _ in _operations()}


def check_request(method: str, path: str, body: Any, query: list[tuple[str, str]]) -> None:
    """Fail unless the body and the query are what the swagger file describes."""
    found = operation_of(method, path)
    if found is None:
        return
    operation, definitions = found
    known = {one["name"]: one for one in operation.get("parameters", [])}
    for name, text in query:
        parameter = known[name]
        if parameter["type"] == "integer":
            assert re.fullmatch(r"-?\d+", text), (name, text)
        if "enum" in parameter:
            assert text in parameter["enum"], (name, text)
    for parameter in known.values():
        if parameter["in"] == "body" and body is not None:
            _check(body, parameter["schema"], definitions)


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Fail unless the answer is what the swagger file describes."""
    found = operation_of(method, path)
    if found is None:
        return
    operation, definitions = found
    if status == 200:
        _check(body, operation["responses"]["200"]["schema"], definitions)
    else:
        # The file allows further fields of an `Any`, and its code is the gRPC code.
        _check(body, _ERROR, {**definitions, "protobufAny": {"required": ["@type"]}})
        assert body["code"] in (3, 5, 6, 7, 8, 12, 13, 14, 16)


def _check(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    whole = {**schema, "definitions": definitions}
    if "$ref" in schema:  # draft 7 ignores what stands beside a reference
        whole = {"allOf": [schema], "definitions": definitions}
    Draft7Validator(whole, format_checker=FormatChecker()).validate(value)
    for name, text in _int64_fields(value):
        assert isinstance(text, str), f"{name} is a 64-bit integer and has to be text"


def _int64_fields(value: Any) -> list[tuple[str, Any]]:
    found = []
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("iteration", "iteration_index", "iteration_count"):
                found.append((name, one))
            elif name not in ("metadata", "value", "custom_properties"):
                found += _int64_fields(one)
    elif isinstance(value, list):
        for one in value:
            found += _int64_fields(one)
    return found
