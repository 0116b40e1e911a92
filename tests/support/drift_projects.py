"""Little projects that change after they wrote an artifact: one function for each kind of drift.

Each returns the tree that wrote a value and the tree that is there when the
value is loaded. Every old tree has a materializer at `Drift.writer`, a function
at `Drift.sample` that makes the value, and values that answer `facts()` with
plain data which depends on their code.
"""

from __future__ import annotations

import drift_classes  # noqa: F401  # adds its rows to the table
import drift_imports  # noqa: F401  # the same
from drift_trees import ROWS, Drift

__all__ = ["ROWS", "Drift"]
