"""Values that MLTE would change or choke on: found and named before anything is sent.

MLTE turns NaN and infinity into null without a word. A lone surrogate it
stores, and then fails on every listing of that MLTE version.
"""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.transport import first_unfit

_STILL_SAFE = "nothing of it was sent; the ledger has the record"


def check_carried(data: Any, what: str) -> None:
    """Refuse what MLTE cannot carry exactly.

    Args:
        data: JSON, as it would be sent.
        what: The record, for the message: `task 'train'`.

    Raises:
        BackendRejectedError: Names the field and what is wrong with it.
    """
    unfit = first_unfit(data)
    if unfit is not None:
        raise BackendRejectedError(
            f"MLTE cannot take {what}: {unfit.path or 'the record'} {unfit.why}",
            hint=_STILL_SAFE,
            field=unfit.path,
        )
