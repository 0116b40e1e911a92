"""One flight of the team."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Leg:
    """One flight: `delay` in minutes."""

    carrier: str
    day: date
    delay: float
