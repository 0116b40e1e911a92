"""An exception as one short text, whatever its author made of it."""

from __future__ import annotations

_DESCRIBED_MAX = 2_000


def describe(error: BaseException) -> str:
    """Return `Type: message`, at most 2,000 characters of Unicode text.

    Works for exceptions whose own `__str__` raises: those are named by type.
    """
    name = type(error).__name__
    try:
        text = str(error)
        text = f"{name}: {text}" if text else name
    except Exception:  # noqa: BLE001  # an author's __str__ may raise anything
        text = f"{name} (its message cannot be shown)"
    return text[:_DESCRIBED_MAX].encode("utf-8", "replace").decode()
