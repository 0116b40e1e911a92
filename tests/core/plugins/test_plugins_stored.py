"""Finding the materializer of something stored: by key, and by format."""

import sys
from pathlib import Path

import pytest

from artifact_plugins import Materializer
from artifact_plugins.errors import (
    AmbiguousMaterializerError,
    NoMaterializerError,
    PluginError,
)
from artifact_plugins.plugins import Resolver

HERE = __name__


class Frame:
    pass


class Table:
    pass


class Special(Frame):
    pass


class TableMaterializer(Materializer[Table]):
    format = "arrow/1"
    reads = ("parquet/1",)

    def save(self, value: Table, directory: Path) -> None: ...

    def load(self, directory: Path, data_type: type[Table]) -> Table:
        return data_type()


class Unfinished(Materializer[Table]):
    def save(self, value: Table, directory: Path) -> None: ...


FRAME, TABLE, SPECIAL = (f"{HERE}:{cls.__name__}" for cls in (Frame, Table, Special))


@pytest.fixture
def resolver(offer):
    """Two libraries that share a format, and one that does not."""
    return Resolver(
        [
            offer("pandas.frame", FRAME, format="arrow/1", reads=("parquet/1",)),
            offer("pyarrow.table", TABLE, format="arrow/1", reads=("parquet/1", "feather/1")),
            offer("old.table", TABLE, format="csv/1"),
        ],
        overrides={TABLE: "pyarrow.table"},
    )


def test_a_recorded_key_finds_its_offer(resolver):
    """A key leads to the offer that has it."""
    assert resolver.by_key("pandas.frame").offer.types == (FRAME,)


def test_an_unknown_key_is_refused(resolver):
    """A key that nobody offers is an error that names it."""
    with pytest.raises(
        NoMaterializerError, match=r"no plugin offers the materializer 'polars\.frame'"
    ):
        resolver.by_key("polars.frame")


def test_an_unknown_key_names_the_broken_plugin(installer):
    """A key whose plugin is installed but broken is answered with the reason."""
    installer.install(
        "shop", "1.0", plugins={"materializers.polars": "bad"}, modules={"bad": "1/0"}
    )

    with pytest.raises(
        NoMaterializerError, match=r"'materializers\.polars' from shop==1\.0 is broken"
    ):
        Resolver(installer.load()).by_key("polars.frame")


@pytest.mark.parametrize("key", ["antigravity:Materializer", "os:system", "wave:Wave_read"])
def test_a_stored_path_imports_nothing(resolver, key):
    """E10: a record that names an arbitrary class makes nothing run."""
    before = set(sys.modules)

    with pytest.raises(NoMaterializerError, match="a stored name alone imports nothing"):
        resolver.by_key(key)

    assert set(sys.modules) == before


def test_a_stored_path_does_not_ask_lazy_modules(resolver, monkeypatch):
    """E10: a module that loads names at first use is not made to."""
    module = type(sys)("lazy_module")
    module.__getattr__ = lambda name: pytest.fail("a stored name ran module code")
    monkeypatch.setitem(sys.modules, "lazy_module", module)

    with pytest.raises(NoMaterializerError):
        resolver.by_key("lazy_module:Thing")


def test_a_materializer_that_is_imported_already_is_found(resolver):
    """A version saved with a class of one's own loads where that class is imported."""
    choice = resolver.by_key(f"{HERE}:TableMaterializer")

    assert choice.materializer_class is TableMaterializer


def test_a_class_that_was_handed_in_is_found_by_its_key(resolver):
    """What this process saved with a local class loads again in this process."""

    class Local(TableMaterializer):
        pass

    saved = resolver.for_value(Table(), wanted=Local)

    assert resolver.by_key(saved.key).materializer_class is Local


def test_a_class_of_the_settings_is_found_by_its_key():
    """The settings are the reader's own word: their classes may be imported."""
    key = f"{HERE}:TableMaterializer"

    choice = Resolver([], overrides={TABLE: key}).by_key(key)

    assert choice.materializer_class is TableMaterializer


def test_a_stored_format_is_read_as_the_wanted_type(resolver):
    """Written by pandas, read as a table: the wanted type's reader is taken."""
    choice = resolver.reader_for(Table, stored_format="arrow/1", stored_key="pandas.frame")

    assert choice.key == "pyarrow.table"


def test_a_materializer_of_the_type_that_cannot_read_is_passed_by(offer):
    """Among the materializers of a type only the readers of the format count."""
    resolver = Resolver(
        [offer("new", TABLE, format="arrow/1"), offer("old", TABLE, format="csv/1")]
    )

    choice = resolver.reader_for(Table, stored_format="csv/1")

    assert choice.key == "old"


def test_the_settings_do_not_hide_a_reader(resolver):
    """An override that cannot read the format leaves it to who can."""
    choice = resolver.reader_for(Table, stored_format="csv/1", stored_key="old.table")

    assert choice.key == "old.table"


def test_the_writer_settles_a_tie(offer):
    """Of two readers of one type the one that wrote the version is taken, else none."""
    resolver = Resolver([offer("a", TABLE, format="x/1"), offer("b", TABLE, format="x/1")])

    choice = resolver.reader_for(Table, stored_format="x/1", stored_key="b")

    assert choice.key == "b"
    with pytest.raises(AmbiguousMaterializerError):
        resolver.reader_for(Table, stored_format="x/1", stored_key="c")


def test_no_reader_names_type_format_and_who_could(resolver):
    """The error says what was wanted, what is stored, and who reads it as what."""
    with pytest.raises(NoMaterializerError) as caught:
        resolver.reader_for(Frame, stored_format="feather/1", stored_key="pyarrow.table")

    assert str(caught.value) == (
        f"no materializer reads the format 'feather/1', written by 'pyarrow.table', as {FRAME} "
        f"('pandas.frame' does not); it can be read by 'pyarrow.table' as {TABLE}"
    )


def test_a_format_of_nobody_says_so(resolver):
    """A format that no installed plugin reads is named as such."""
    with pytest.raises(NoMaterializerError, match="no installed plugin reads this format"):
        resolver.reader_for(Frame, stored_format="polars/9")


def test_a_subclass_is_not_read_by_its_bases_materializer(resolver):
    """Wanting a subclass that nobody keeps is refused."""
    with pytest.raises(NoMaterializerError, match=r"as .*:Special"):
        resolver.reader_for(Special, stored_format="arrow/1", stored_key="pandas.frame")


def test_a_class_of_the_settings_reads_what_it_says(offer):
    """A bare class is imported to know its formats."""
    resolver = Resolver(
        [offer("old", TABLE, format="csv/1")], overrides={TABLE: f"{HERE}:TableMaterializer"}
    )

    parquet = resolver.reader_for(Table, stored_format="parquet/1")
    csv = resolver.reader_for(Table, stored_format="csv/1")

    assert parquet.materializer_class is TableMaterializer
    assert csv.key == "old"


# the class of a choice


def test_the_class_is_imported_at_first_use(offer, installer):
    """Choosing imports nothing; the class does."""
    installer.write(
        {
            "late_mod": "from artifact_plugins import Materializer\n"
            "class M(Materializer):\n"
            "    format = 'x/1'\n"
            "    def save(self, value, directory): ...\n"
            "    def load(self, directory, data_type): ...\n"
        }
    )
    choice = Resolver([offer("a", TABLE, target="late_mod:M")]).for_type(Table)
    assert "late_mod" not in sys.modules

    first, second = choice.materializer_class, choice.materializer_class

    assert first is second
    assert issubclass(first, Materializer)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import pandas_is_gone", "No module named 'pandas_is_gone'"),
        ("1 / 0", "ZeroDivisionError"),
        ("", "has no attribute 'M'"),
        ("M = 3", "is 3, which is no subclass of Materializer"),
        ("class M: ...", "which is no subclass of Materializer"),
    ],
)
def test_a_class_that_cannot_be_used_is_named(offer, installer, source, reason):
    """A target that is missing, broken or something else is an error with key and reason."""
    installer.write({"late_mod": source})
    choice = Resolver([offer("shop.table", TABLE, target="late_mod:M")]).for_type(Table)

    with pytest.raises(PluginError) as caught:
        _ = choice.materializer_class

    assert reason in str(caught.value)
    assert "'shop.table'" in str(caught.value)


def test_a_missing_library_names_the_extra(offer, installer, monkeypatch):
    """A materializer whose library is not installed says which extra brings it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    installer.write({"late_mod": "import pyarrow.parquet"})
    choice = Resolver([offer("a", TABLE, target="late_mod:M")]).for_type(Table)

    with pytest.raises(PluginError, match=r"install artifact-plugins\[pyarrow\]"):
        _ = choice.materializer_class


def test_an_unfinished_class_is_named_with_what_it_lacks():
    """A materializer without load and format is refused before it is used."""
    with pytest.raises(PluginError, match="does not define load, format"):
        Resolver([]).for_value(Table(), wanted=Unfinished)
