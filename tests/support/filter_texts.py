"""Filters as text: the tree that one becomes, the error of another, and what its carets mark."""

from __future__ import annotations

import pytest

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.filters.fields import VERSIONS
from artifact_plugins.ledger.filters.parse import parse_filter


def parse(text, values=None, kind=VERSIONS):
    return parse_filter(text, kind, values)


def refused(text, values=None, kind=VERSIONS):
    with pytest.raises(QueryError) as caught:
        parse(text, values, kind)
    return caught.value


def below(error):
    """Return the part of the expression that the carets stand under."""
    expression, carets = error.picture.split("\n")
    start = carets.index("^")
    return expression[start : start + carets.count("^")]
