"""What KFP cannot hold, refused before it is sent: its server answers 500 or cuts it.

Source:
    The columns of kubeflow/pipelines' tables (pull request 13986): name
    varchar(128), key varchar(191), uri varchar(2048), namespace varchar(63).
"""

from __future__ import annotations

import math
from typing import Any

from artifact_plugins.errors import BackendRejectedError

NAME_MAX = 128
KEY_MAX = 191
URI_MAX = 2048
NAMESPACE_MAX = 63
EXACT_INT_MAX = 2**53
"""Numbers of JSON values become float64 on the way: larger integers would change."""


def check_name(name: str, what: str) -> str:
    """Return a name of at most 128 characters.

    Raises:
        BackendRejectedError: It is longer, or empty.
    """
    return _checked(name, what, NAME_MAX)


def check_key(key: str) -> str:
    """Return the key of a link: at most 191 characters.

    Raises:
        BackendRejectedError: It is longer, or empty.
    """
    return _checked(key, "key", KEY_MAX)


def check_namespace(namespace: str) -> str:
    """Return a namespace of at most 63 characters.

    Raises:
        BackendRejectedError: It is longer, or empty.
    """
    return _checked(namespace, "namespace", NAMESPACE_MAX)


def fitting_uri(uri: str) -> str | None:
    """Return a URI that KFP can hold; None for a longer `data:` URI, which the record carries.

    Raises:
        BackendRejectedError: A URI of a store has over 2,048 characters.
    """
    if len(uri) <= URI_MAX:
        return uri
    if uri.startswith("data:"):
        return None
    _checked(uri, "uri", URI_MAX)
    return uri


def json_value(value: Any, path: str) -> Any:
    """Return a JSON value as KFP can hold it: integers beyond 2**53 become text.

    Raises:
        BackendRejectedError: NaN, infinity, half characters or no JSON in it; names where.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise _refused(f"{path} holds a half of a surrogate pair")
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT_INT_MAX else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refused(f"{path} is {value!r}, which JSON cannot hold")
        return value
    if isinstance(value, list | tuple):
        return [json_value(item, f"{path}[{n}]") for n, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            json_value(str(key), path): json_value(item, f"{path}.{key}")
            for key, item in value.items()
        }
    raise _refused(f"{path} is a {type(value).__name__}, which JSON cannot hold")


def _checked(text: str, what: str, limit: int) -> str:
    if not text:
        raise _refused(f"a {what} is empty")
    if len(text) > limit:
        raise _refused(f"{what} {text[:60]!r}... has {len(text)} characters; {limit} are allowed")
    return text


def _refused(what: str) -> BackendRejectedError:
    return BackendRejectedError(
        f"Kubeflow Pipelines cannot hold the record: {what}",
        hint="nothing was sent; the ledger has the record",
    )
