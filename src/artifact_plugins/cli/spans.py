"""Time spans on the command line: `30d`, `12h`, `15m`, `90s`; and seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

import click

_SPAN = re.compile(r"([0-9]{1,9})([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def as_span(text: str) -> timedelta:
    """Read a whole number and a unit; 0 needs no unit. The `type` of an option.

    Raises:
        click.BadParameter: It has another form, or is longer than time.
    """
    found = _SPAN.fullmatch("0s" if text == "0" else text)
    try:
        if found is not None:
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        pass
    raise click.BadParameter(f"{text!r} is not like 30d, 12h, 15m or 90s")


class Seconds(click.FloatRange):
    """A number of seconds within limits; nan is none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or say what is wrong with it."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds
