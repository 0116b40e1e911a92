"""A class and its materializer: the module that `make demo` renames and breaks."""

from __future__ import annotations

import json
from pathlib import Path

import artifact_plugins as ap


class WindRose:
    """How often the wind blows from where.

    Attributes:
        hours: Hours with wind from each of 16 sectors, north first.
    """

    def __init__(self, hours: list[int]) -> None:
        self.hours = hours

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WindRose) and self.hours == other.hours

    __hash__ = None  # type: ignore[assignment]  # equal by content, and the content can change

    def __repr__(self) -> str:
        return f"WindRose {self.bars()}"

    def bars(self) -> str:
        """Draw the sectors as one line of bars."""
        most = max(self.hours) or 1
        return "".join("▁▂▃▄▅▆▇█"[round(7 * hours / most)] for hours in self.hours)


class WindRoseMaterializer(ap.Materializer[WindRose]):
    """Keeps a wind rose as a JSON list."""

    format = "wind-rose/1"
    media_type = "application/json"

    def save(self, value: WindRose, directory: Path) -> None:
        """Write the sectors."""
        (directory / "rose.json").write_text(json.dumps(value.hours), encoding="utf-8")

    def load(self, directory: Path, data_type: type[WindRose]) -> WindRose:
        """Read the sectors."""
        hours = json.loads((directory / "rose.json").read_text(encoding="utf-8"))
        return data_type(hours)
