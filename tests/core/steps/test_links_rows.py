"""Every row of the table of link types is one test's claim."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
# Numbers of the rows, with the letters of those that have several parts.
PARTS = {
    11: "ab",
    23: "ab",
    24: "abc",
    40: "ab",
    43: "ab",
    48: "abc",
    59: "ab",
    60: "abc",
    61: "abc",
    62: "ab",
}
ROWS = [f"{row}{letter}" for row in range(1, 88) for letter in PARTS.get(row, [""])]
ELSEWHERE = {
    # Pipelines of ours cannot come to these; no integration that could is here yet.
    "85": "Metaflow hands unchanged values on",
    "86": "Flyte encodes one value twice; see test_one_link_told_twice_is_one_row of the ledger",
}


def claims() -> Counter[str]:
    """Count the rows that the docstrings of tests of links open with: `Row 36: ...`."""
    found: Counter[str] = Counter()
    for file in sorted(HERE.glob("test_links_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                row = re.match(r"Row (\d+[a-c]?): ", ast.get_docstring(node) or "")
                found.update(row.groups() if row else ())
    return found


def test_every_row_has_one_test():
    """Each row is claimed once, none twice, and there is no claim on a row that is not there."""
    assert claims() == Counter(set(ROWS) - set(ELSEWHERE))


def test_rows_of_the_table():
    """There are 87 numbers; ten of them have parts."""
    assert len(ROWS) == 87 - len(PARTS) + sum(map(len, PARTS.values()))
    assert set(ELSEWHERE) <= set(ROWS)
