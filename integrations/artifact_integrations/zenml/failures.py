"""Which named error an answer of ZenML is; its five shapes become one message."""

from __future__ import annotations

import re
from typing import Any

from artifact_plugins.errors import (
    BackendContractError,
    BackendError,
    BackendRejectedError,
)
from artifact_plugins.transport import HttpAnswer

_SHOWN_CHARACTERS = 400
# A validation error repeats what was sent, which may be anything; only where and why is shown.
_PROBLEM = re.compile(r"""'loc': \(([^)]*)\), 'msg': ("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_PATHS_UNKNOWN = ("Not Found", "Method Not Allowed")
_ILLEGAL = "IllegalOperationError"


def explain(answer: HttpAnswer) -> BackendError | None:
    """Return the error that an unwanted answer is; None for the usual one of its status.

    Source:
        ZenML 0.91 to 0.98: `{"detail": [class, message]}`, `[class, message]`,
        `{"detail": text}`, `{"detail": text, "request_id": ...}` and
        `{"error": text}`.
    """
    said = said_by(answer)
    status = answer.status
    if said is None:
        return _foreign(answer) if answer.is_refusal or status < 400 else None
    kind, message = said
    if status == 405 or (status == 404 and not kind and message in _PATHS_UNKNOWN):
        return _foreign(answer)
    shown = f"{kind}: {message}" if kind else message
    # 403 of that kind is about the state of a run or step, not about who asks.
    if answer.is_refusal or kind == _ILLEGAL:
        return answer.rejected(BackendRejectedError, shown, kind=kind)
    return answer.error(shown)


def said_by(answer: HttpAnswer) -> tuple[str, str] | None:
    """Return class name and message of ZenML's error; None when it is none of its shapes."""
    found = answer.said
    if isinstance(found, dict):
        if isinstance(found.get("error"), str):
            return "", _shortened(found["error"])
        found = found.get("detail")
    if isinstance(found, str):
        return "", _shortened(found)
    if isinstance(found, list) and found and all(isinstance(part, str) for part in found):
        kind, *messages = found
        return kind[:80], _shortened(" ".join(messages))
    return None


def is_illegal(error: BackendError) -> bool:
    """Tell whether the state of a run or step forbids it."""
    kind: Any = getattr(error, "kind", "")
    return bool(kind == _ILLEGAL)


def _foreign(answer: HttpAnswer) -> BackendContractError:
    return answer.unexpected(f"{answer.status} and not as ZenML does: {answer.text[:120]!r}")


def _shortened(message: str) -> str:
    problems = [f"{_dotted(place)}: {why[1:-1]}" for place, why in _PROBLEM.findall(message)]
    text = "; ".join(problems[:4]) if problems else _unquoted(message)
    return " ".join(text.split())[:_SHOWN_CHARACTERS]


def _dotted(place: str) -> str:
    return ".".join(part.strip(" '") for part in place.split(",") if part.strip())


def _unquoted(message: str) -> str:
    """Return a message without the quotes that a KeyError of Python puts around it."""
    is_quoted = len(message) > 1 and message[0] == message[-1] and message[0] in "\"'"
    return message[1:-1] if is_quoted else message
