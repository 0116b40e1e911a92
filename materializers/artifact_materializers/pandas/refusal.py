"""How the parts of this plugin say that a value cannot be kept exactly."""

from __future__ import annotations

from artifact_plugins.errors import LossyConversionError


class Refused(Exception):
    """A value would not come back equal; never leaves this plugin.

    Args:
        reason: What would be lost, as the end of a sentence about the column.
        row: 0-based row of the element, None for the column as a whole.
    """

    def __init__(self, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.row = row

    def named(self, place: str, hint: str = "") -> LossyConversionError:
        """Return the public error about `place` (`column 'a'`, `the index`)."""
        at = place if self.row is None else f"{place}, row {self.row}"
        return LossyConversionError(
            f"{at}: {self.reason}",
            hint=hint or "nothing was saved; convert or drop it first",
            place=place,
            row=self.row,
        )


def short(value: object, limit: int = 60) -> str:
    """Return a bounded `repr` that never raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a foreign __repr__ may raise anything
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."
