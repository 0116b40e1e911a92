"""Values are read back once before anybody sees them; previews cost nobody a result."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, ClassVar

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.records import VersionQuery


class Leaf:
    """A class without equality."""

    def __init__(self, n: int) -> None:
        self.n = n


class LeafMaterializer(ap.Materializer[Leaf]):
    format = "leaf/1"
    loads: ClassVar[list[Path]] = []

    def save(self, value: Leaf, directory: Path) -> None:
        (directory / "n.txt").write_text(str(value.n))

    def load(self, directory: Path, data_type: type[Leaf]) -> Leaf:
        self.loads.append(directory)
        return data_type(int((directory / "n.txt").read_text()))


class Lossy(LeafMaterializer):
    def load(self, directory: Path, data_type: type[Leaf]) -> Leaf:
        self.loads.append(directory)
        return data_type(7)


class OtherType(LeafMaterializer):
    def load(self, directory: Path, data_type: type[Leaf]) -> Any:
        return "leaf"


class Forgetful(LeafMaterializer):
    """Saves `n`, and nothing else that a leaf may have."""


class Trusting(Forgetful):
    def equal(self, left: Leaf, right: Leaf) -> bool:
        return left.n == right.n


class Unstable(LeafMaterializer):
    def save(self, value: Leaf, directory: Path) -> None:
        (directory / "n.txt").write_text(str(random.getrandbits(60)))


class Keeping(LeafMaterializer):
    """The loaded value uses its folder: comparing reads from it."""

    keeps_directory = True

    def load(self, directory: Path, data_type: type[Leaf]) -> Leaf:
        leaf = super().load(directory, data_type)
        leaf.folder = directory
        return leaf

    def equal(self, left: Leaf, right: Leaf) -> bool:
        return int((right.folder / "n.txt").read_text()) == left.n


class _Previewing(LeafMaterializer):
    exact = True
    answer: ClassVar[Any] = ()

    def preview(self, value: Leaf) -> Any:
        return self.answer


class PreviewsText(_Previewing):
    answer = ("hello", ap.Preview(kind="text", content="leaf"), 5)


class PreviewsNothing(_Previewing):
    answer = None


class PreviewsOneText(_Previewing):
    answer = "hello"


def open_with(places: dict[str, str], materializer: type, **settings: Any) -> Any:
    overrides = {type_path(Leaf): type_path(materializer)}
    return ap.open_session(ap.Settings(**places, materializers=overrides, **settings))


@pytest.mark.parametrize(
    ("materializer", "error"),
    [
        (Lossy, errors.RoundTripError),
        (OtherType, errors.LossyConversionError),
        (Unstable, errors.RoundTripError),
    ],
)
@pytest.mark.parametrize("value", [Leaf(1), [Leaf(1)]], ids=["value", "element"])
def test_value_that_does_not_load_back_is_refused(places, materializer, error, value):
    """A value and an element of a list are looked at alike; nothing is registered."""
    with open_with(places, materializer) as session:
        with pytest.raises(error, match=materializer.__name__):
            session.save(value, "leaf")

        assert len(session.ledger.versions(VersionQuery())) == 0
        assert list(Path(places["store_url"]).glob("versions/*/*")) == []


@pytest.mark.parametrize("value", [Leaf(1), [Leaf(1)]], ids=["value", "element"])
def test_value_that_loads_back_is_saved(places, value):
    """Negative control: the same class with a materializer that keeps it."""
    with open_with(places, LeafMaterializer) as session:
        session.save(value, "leaf")

        loaded = session.load("leaf")
    assert (loaded[0] if isinstance(loaded, list) else loaded).n == 1


def tagged_leaf() -> Leaf:
    leaf = Leaf(1)
    leaf.tags = ["a"]
    return leaf


@pytest.mark.parametrize("is_element", [False, True], ids=["value", "element"])
def test_attribute_that_a_save_forgets_is_found(places, is_element):
    """A second save forgets the same: what a class without `__eq__` keeps is compared too."""
    value = [tagged_leaf()] if is_element else tagged_leaf()
    with open_with(places, Forgetful) as session:
        with pytest.raises(errors.RoundTripError, match="the keys of vars.*`__eq__`"):
            session.save(value, "leaf")

        assert len(session.ledger.versions(VersionQuery())) == 0


def test_materializer_says_which_attributes_count(places):
    """Negative control: its own `equal` is asked, and may leave an attribute out."""
    with open_with(places, Trusting) as session:
        session.save(tagged_leaf(), "leaf")

        assert session.load("leaf").n == 1


@pytest.mark.parametrize("value", [Leaf(1), [Leaf(1)]], ids=["value", "element"])
def test_setting_says_whether_saves_are_read_back(places, value):
    """`verify_save="none"` is heeded for elements too."""
    Lossy.loads.clear()
    with open_with(places, Lossy, verify_save="none") as session:
        session.save(value, "leaf")

    assert Lossy.loads == []


@pytest.mark.parametrize("value", [Leaf(1), [Leaf(1)]], ids=["value", "element"])
def test_reading_back_keeps_no_folder(places, value):
    """A materializer whose values keep their folder leaves none behind at a save."""
    Keeping.loads.clear()
    with open_with(places, Keeping, inline_max_bytes=0) as session:
        session.save(value, "leaf")
        left = [folder for folder in Keeping.loads if folder.exists()]

        assert len(Keeping.loads) == 1
        assert left == []


def test_loaded_value_keeps_its_folder(places):
    """Negative control: what a caller gets goes on using its folder."""
    with open_with(places, Keeping, inline_max_bytes=0) as session:
        session.save(Leaf(3), "leaf")

        leaf = session.load("leaf")

        assert (leaf.folder / "n.txt").read_text() == "3"
    assert not leaf.folder.exists()


@pytest.mark.parametrize(
    ("materializer", "kept"), [(PreviewsText, 1), (PreviewsNothing, 0), (PreviewsOneText, 0)]
)
def test_bad_preview_never_fails_a_save(session, materializer, kept):
    """What is no Preview is left out; the value is saved."""
    version = session.save(Leaf(1), "leaf", materializer=materializer)

    assert len(version.previews) == kept
    assert session.load("leaf").n == 1
