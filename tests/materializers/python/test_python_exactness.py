"""What used to change without a word: refused by name, or the same bytes every time."""

from __future__ import annotations

from collections import Counter, OrderedDict
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import python_samples as samples

from artifact_materializers.python.pretty import pretty
from artifact_plugins.errors import NotSerializableError


def _with_attribute(value):
    value.note = "lost"
    return value


def _zone_of_a_file():
    """Return the rules of UTC under the name of another zone."""
    folder = next(Path(each) for each in _zone_folders() if (Path(each) / "UTC").is_file())
    return ZoneInfo.from_file(BytesIO((folder / "UTC").read_bytes()), key="Europe/Berlin")


def _zone_folders():
    import zoneinfo

    return zoneinfo.TZPATH


REFUSED = {
    "member made by _missing_": (lambda: samples.Guessed(7), "_missing_"),
    "field in a descriptor": (lambda: samples.Described(7), "amount"),
    "attribute of an OrderedDict": (lambda: _with_attribute(OrderedDict(a=1)), "note"),
    "attribute of a Counter": (lambda: _with_attribute(Counter("ab")), "note"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": (v,)}])
def test_what_would_be_lost_is_refused(name, wrap, round_trip):
    """State that a document has no place for fails the save, at any depth."""
    make, why = REFUSED[name]

    with pytest.raises(NotSerializableError, match=why):
        round_trip(wrap(make()))


@pytest.mark.parametrize(
    "value",
    [samples.Guessed.KNOWN, samples.Right(7), OrderedDict(a=1), Counter("ab"), ZoneInfo("UTC")],
)
def test_the_usual_kind_is_kept(value, round_trip):
    """Members, flags, plain dicts and named zones still come back (negative control)."""
    assert round_trip([value]) == [value]


@pytest.mark.skipif(
    not any((Path(each) / "UTC").is_file() for each in _zone_folders()), reason="no zone files"
)
@pytest.mark.parametrize("wrap", [lambda z: z, lambda z: datetime(2020, 7, 1, tzinfo=z)])
def test_zone_read_from_a_file_is_refused(wrap, round_trip):
    """A zone with rules of its own is not replaced by the zone whose name it bears."""
    with pytest.raises(NotSerializableError, match="read from a file"):
        round_trip(wrap(_zone_of_a_file()))


SETS = {
    "numbers of numpy": [np.float64(0), np.float64(8), np.float64(16), np.float64(24)],
    "inside tuples": [(np.int64(n), "x") for n in range(40)],
    "inside frozensets": [frozenset({np.float64(n), np.float64(n + 8)}) for n in range(8)],
    "long bytes": [bytes([n]) * 70_000 for n in range(4)] + ["text"],
}


@pytest.mark.parametrize("name", SETS)
def test_equal_sets_have_equal_bytes(name, artifact_session):
    """Elements of other materializers are stored in an order of content, not of hashes."""
    items = SETS[name]

    hashes = {
        artifact_session.save(set(order), "set").content_hash for order in (items, items[::-1])
    }
    other = artifact_session.save(set(items[1:]), "set").content_hash

    assert len(hashes) == 1
    assert other not in hashes
    assert artifact_session.load("set", version=1) == set(items)


def test_cached_property_of_a_model_changes_no_bytes(artifact_session):
    """A model is stored alike before and after a cached property was asked for."""
    model = samples.Cached(a=1)

    before = artifact_session.save(model, "model").content_hash
    assert model.total == 3
    after = artifact_session.save(model, "model").content_hash

    assert before == after
    assert artifact_session.load("model") == model


@pytest.mark.parametrize(
    "value",
    [
        samples.Login("ann", "hunter2"),
        samples.Token("ann", "hunter2"),
        samples.Account(name="ann", pin="hunter2"),
    ],
)
def test_fields_without_repr_are_not_shown(value):
    """A preview keeps to itself what the class keeps out of its repr."""
    text = pretty([value])

    assert "ann" in text
    assert "hunter2" not in pretty(value) + text
