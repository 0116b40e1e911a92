"""What KFP cannot hold: long names are shortened, the rest is refused before it is sent.

Its server answers 500 or cuts it.

Source:
    The columns of kubeflow/pipelines' tables (pull request 13986): name
    varchar(128), key varchar(191), uri varchar(2048), namespace varchar(63).
"""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.transport import clipped, first_unfit

NAME_MAX = 128
KEY_MAX = 191
URI_MAX = 2048
NAMESPACE_MAX = 63
EXACT_INT_MAX = 2**53
"""Numbers of JSON values become float64 on the way: larger integers would change."""


def kfp_name(name: str) -> str:
    """Return the name of a task or artifact there: a long one ends in a digest, the record has it."""
    return clipped(name, NAME_MAX)


def kfp_key(key: str) -> str:
    """Return the key of a link there; a long one ends in a digest."""
    return clipped(key, KEY_MAX)


def check_namespace(namespace: str) -> str:
    """Return a namespace of 1 to 63 characters; refuse another one."""
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
    unfit = first_unfit(value, path)
    if unfit is not None:
        raise _refused(f"{unfit.path} {unfit.why}")
    return _exact(value)


def _exact(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > EXACT_INT_MAX:
        return str(value)
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _exact(item) for key, item in value.items()}
    return value


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
