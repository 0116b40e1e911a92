"""What an annotation and a selection ask for, and which of them are refused."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Optional, Protocol, Union, runtime_checkable

import pandas as pd
import pytest

from artifact_plugins import errors
from artifact_plugins.session.wanted import Selection, accepts, wanted_classes


class HasLength(Protocol):
    def __len__(self) -> int: ...


@runtime_checkable
class HasShape(Protocol):
    shape: tuple[int, ...]


class Unhashable:
    __hash__ = None


@pytest.mark.parametrize(
    ("one", "other", "classes"),
    [
        (int | str, str | int, (int, str)),
        (Union[int, str], Union[str, int], (int, str)),  # noqa: UP007  # the other spelling
        (Optional[int], None | int, (int, type(None))),  # noqa: UP045  # the other spelling
        (Literal[1, "a"], Literal["a", 1], (int, str)),
    ],
    ids=["union", "typing.Union", "optional", "literal"],
)
def test_order_of_a_union_is_its_own(one, other, classes):
    """Two unions are equal in any order; each keeps the order it was written in."""
    assert wanted_classes(one) == classes
    assert wanted_classes(other) == classes[::-1]
    assert wanted_classes(one) == classes


def test_annotated_with_unhashable_metadata_is_its_type():
    """`Annotated` is looked through."""
    assert wanted_classes(Annotated[list[int], Unhashable()]) == (list,)


@pytest.mark.parametrize("annotation", [HasLength, HasShape, Any, object, Any | int], ids=str)
def test_annotation_that_cannot_be_checked_accepts_anything(annotation):
    """A protocol that is not checkable at run time asks for nothing we could check."""
    assert accepts(annotation, complex)
    assert accepts(annotation, int)


def test_protocol_of_a_step_input_loads_what_is_there(session):
    """A consumer that wants a protocol gets the stored value."""
    session.save([1, 2], "x")

    assert session.load("x", as_type=HasLength) == [1, 2]


@pytest.mark.parametrize("annotation", ["int", 5, 1.5, [int], {"a": int}, len], ids=repr)
def test_what_is_no_type_is_refused(session, annotation):
    """`as_type="int"` is a mistake, not a wish for anything."""
    session.save(1, "x")

    with pytest.raises(errors.InputError, match="no type"):
        session.load("x", as_type=annotation)


@pytest.mark.parametrize("annotation", [int, int | None, Any, Annotated[int, 5]])
def test_types_and_annotations_are_accepted(session, annotation):
    """Negative control."""
    session.save(1, "x")

    assert session.load("x", as_type=annotation) == 1


def test_one_text_as_columns_is_refused_with_the_list_to_write():
    """A text is a sequence of texts, which nobody means."""
    with pytest.raises(errors.InputError, match=r"columns=\['delay'\]"):
        Selection("delay")


@pytest.mark.parametrize("columns", [5, {"a"}, {"a": 1}, iter("a"), [["a"]], b"a"], ids=type)
def test_columns_that_are_no_list_of_names_are_refused(session, columns):
    """The mistake is named before anything is read."""
    session.save(pd.DataFrame({"a": [1]}), "frame")

    with pytest.raises(errors.InputError, match="columns"):
        session.load("frame", columns=columns)


@pytest.mark.parametrize("rows", [5, [0, 1], "0:5", slice("a", None), range(3)], ids=repr)
def test_rows_that_are_no_slice_are_refused(session, rows):
    """So are rows."""
    session.save(pd.DataFrame({"a": [1]}), "frame")

    with pytest.raises(errors.InputError, match="rows"):
        session.load("frame", rows=rows)


def test_selection_of_columns_and_rows_is_loaded(session):
    """Negative control: lists, tuples and slices are what is meant."""
    session.save(pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}), "frame")

    loaded = session.load("frame", columns=("b",), rows=slice(1, None))

    assert loaded["b"].tolist() == [5, 6]
    assert list(loaded.columns) == ["b"]


def test_columns_of_what_has_none_are_refused(session):
    """A number has no columns."""
    session.save(1, "x")

    with pytest.raises(errors.NoMaterializerError, match="columns"):
        session.load("x", columns=["a"])


def test_class_that_refuses_checks_is_a_missing_type():
    """A plain class that is no protocol is checked as ever."""
    assert not accepts(os.PathLike, int)
    assert wanted_classes(os.PathLike) == (os.PathLike,)
