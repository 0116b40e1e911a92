"""Which error an unwanted answer of KFP is: `google.rpc.Status` with two messages."""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import BackendContractError, BackendError
from artifact_plugins.transport import HttpAnswer

_CONSTANT = "Internal Server Error"
_DUPLICATES = ("Duplicate entry", "UNIQUE constraint", "duplicate key value")


def explain(answer: HttpAnswer) -> BackendError | None:
    """Return the error of an answer, with the server's own message in it.

    A 404 without details is a route that the server does not have; one with
    details is a record that it does not have.
    """
    status = answer.said
    if not isinstance(status, dict) or not isinstance(status.get("message"), str):
        return None
    details = status.get("details")
    if answer.status == 404 and not details:
        return BackendContractError(
            f"{answer.system} has no {answer.request}: {status.get('message', '')!s}",
            hint="the artifact API came after release 2.17, and the server has to be of a "
            "version with it; the ledger has the record",
            status=404,
        )
    return answer.error(_message(status, details))


def is_duplicate(error: BackendError) -> bool:
    """Tell whether a server's error says that the row is there already: KFP answers 500."""
    return any(text in str(error) for text in _DUPLICATES)


def _message(status: dict[str, Any], details: Any) -> str:
    """Return the clean message; of an internal error the whole chain, which alone says why."""
    first = details[0] if isinstance(details, list) and details else {}
    clean = first.get("message") if isinstance(first, dict) else None
    whole = " ".join(str(status["message"]).split())
    return str(clean if clean and clean != _CONSTANT else whole)[:1000]
