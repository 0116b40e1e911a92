"""The tests that every materializer passes; plugin authors inherit them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import MaterializerError, MetadataValueError
from artifact_plugins.records import Preview, VersionQuery, check_metadata
from artifact_plugins.session.comparing import first_difference
from artifact_plugins.testing.driver import load_from, loaded_type, make_options, save_into
from artifact_plugins.testing.files import FolderFiles
from artifact_plugins.testing.fresh_process import Case, reload_in_fresh_process
from artifact_plugins.testing.parts import make_materializer
from artifact_plugins.testing.purity import watch_writes
from artifact_plugins.testing.sessions import memory_session

PREVIEW_MAX_BYTES = 64 * 1024
_FORMAT = re.compile(r"[a-z0-9_.\-]+/\d+")


class MaterializerContract:
    """Inherit it, name the materializer, list values; pytest runs the tests below.

    ```python
    class TestSensor(MaterializerContract):
        materializer = SensorMaterializer

        def values(self):
            return [Sensor("north", 3.5), Sensor("", float("nan"))]
    ```

    The values a test prepares with fixtures come from an autouse fixture of
    the subclass, which runs before `values`.

    Attributes:
        materializer: The class under test, at module level.
        options: Its options, as its model or as a dict; None for the defaults.
    """

    materializer: ClassVar[type[Materializer[Any]]]
    options: ClassVar[BaseModel | dict[str, Any] | None] = None

    def values(self) -> Sequence[Any]:
        """Return example values: new objects at every call, equal ones in the same order."""
        raise NotImplementedError(f"{type(self).__name__}.values() returns example values")

    def refused(self) -> Sequence[Any]:
        """Return values that a save must refuse; none by default."""
        return ()

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether two values are the same.

        The materializer's own `equal` when it has one; otherwise types and
        contents are compared at every level, NaN equal to NaN, iterators by
        what they yield.
        """
        if self.materializer.equal is not Materializer.equal:
            return self.make().equal(left, right)
        if isinstance(left, Iterator) and isinstance(right, Iterator):
            return first_difference(list(left), list(right)) is None
        return first_difference(left, right) is None

    def make(self) -> Materializer[Any]:
        """Return a materializer with the options under test."""
        return make_materializer(self.materializer, make_options(self.materializer, self.options))

    # -- the claims --------------------------------------------------------

    def test_values_come_fresh_and_equal(self) -> None:
        """`values()` gives at least one value, and equal values at every call."""
        first, second = self.values(), self.values()

        _claim(len(first) > 0, "values() returns no value, so nothing is tested")
        _claim(len(first) == len(second), "values() returns another number of values each time")
        for name, one, other in _named(first, second):
            _claim(
                self.equal(one, other),
                f"{name} is not equal to itself when made again; "
                "make it the same each time, or override equal()",
            )

    def test_format_has_a_name_and_a_version(self) -> None:
        """The format is lower-case text and a number: `parquet/1`."""
        format_ = self.make().format

        _claim(
            _FORMAT.fullmatch(str(format_)) is not None,
            f"format {format_!r} is not like 'name/1'",
        )

    def test_options_round_trip_as_json(self) -> None:
        """The options are a model that comes back equal from JSON, and has defaults."""
        options = make_options(self.materializer, self.options)

        again = self.materializer.Options.model_validate_json(options.model_dump_json())

        _claim(again == options, f"options {options!r} come back from JSON as {again!r}")
        self.materializer.Options()

    def test_round_trip_is_equal(self, tmp_path: Path) -> None:
        """What is loaded equals what was saved."""
        for name, loaded, twin in self._round_trips(tmp_path):
            _claim(self.equal(loaded, twin), f"{name} comes back different{_hint(loaded, twin)}")

    def test_round_trip_keeps_the_type(self, tmp_path: Path) -> None:
        """What is loaded has the very type of what was saved."""
        for name, loaded, twin in self._round_trips(tmp_path):
            wanted = loaded_type(twin)
            fits = isinstance(loaded, Iterator) if wanted is Iterator else type(loaded) is wanted
            found: type = type(loaded)
            _claim(fits, f"{name} comes back as {type_path(found)}")

    def test_save_leaves_the_value_alone(self, tmp_path: Path) -> None:
        """Saving does not change the value."""
        materializer = self.make()
        for name, value, twin in _named(self.values(), self.values()):
            if isinstance(value, Iterator):
                continue  # can be read only once
            before = _difference(value, twin)
            save_into(materializer, value, tmp_path / name)
            after = _difference(value, twin)

            _claim(
                self.equal(value, twin) and before == after,
                f"{name} was changed by save{_hint(value, twin)}",
            )

    def test_save_touches_only_its_folder(self, tmp_path: Path) -> None:
        """Saving writes nothing but files inside the folder it is given."""
        materializer = self.make()
        for name, warm, value in _named(self.values(), self.values()):
            save_into(materializer, warm, tmp_path / "first" / name)  # caches of libraries
            folder = tmp_path / name
            with watch_writes(folder) as touched:
                save_into(materializer, value, folder)

            _claim(not touched, f"saving {name} touched {touched}, outside its folder")
            _claim(_has_no_links(folder), f"saving {name} left symlinks or devices in its folder")

    def test_equal_values_have_equal_bytes(self, tmp_path: Path) -> None:
        """Two saves of equal values write the same files with the same bytes."""
        for name, one, other in _named(self.values(), self.values()):
            first = save_into(self.make(), one, tmp_path / f"{name}-1").digests()
            second = save_into(self.make(), other, tmp_path / f"{name}-2").digests()

            _claim(
                first == second,
                f"{name} has other bytes in {_changed(first, second)} when "
                "it is saved again; look for times, random numbers and unordered sets",
            )

    def test_description_is_small_json(self) -> None:
        """`describe` gives JSON metadata and does not change the value."""
        materializer = self.make()
        for name, value, twin in _named(self.values(), self.values()):
            if isinstance(value, Iterator):
                continue
            check_metadata(materializer.describe(value))

            _claim(self.equal(value, twin), f"{name} was changed by describe{_hint(value, twin)}")

    def test_preview_is_bounded(self) -> None:
        """`preview` gives at most 64 KiB in all and does not change the value."""
        materializer = self.make()
        for name, value, twin in _named(self.values(), self.values()):
            if isinstance(value, Iterator):
                continue
            previews = tuple(materializer.preview(value))
            size_bytes = sum(len(preview.content.encode()) for preview in previews)

            _claim(all(isinstance(p, Preview) for p in previews), f"{name}: not all are Preview")
            _claim(
                size_bytes <= PREVIEW_MAX_BYTES,
                f"the previews of {name} have {size_bytes} bytes, over {PREVIEW_MAX_BYTES}",
            )
            _claim(self.equal(value, twin), f"{name} was changed by preview{_hint(value, twin)}")

    def test_loads_in_a_fresh_process(self, tmp_path: Path) -> None:
        """A new process loads the files, and saving the value there gives the same bytes."""
        values = list(self.values())
        classes = [loaded_type(value) for value in values]
        needed: list[type] = [self.materializer, *classes]
        for cls in needed:
            _claim(
                "<locals>" not in cls.__qualname__,
                f"{type_path(cls)} is defined inside a "
                "function, where no other process finds it; move it to the module",
            )
        saved, cases = self._saved_cases(values, tmp_path)
        options = make_options(self.materializer, self.options).model_dump_json()

        errors = reload_in_fresh_process(self.materializer, options, cases, classes)

        for (name, digests), case, error in zip(saved, cases, errors, strict=True):
            _claim(not error, f"{name} does not load in a new process:\n{error}")
            again = FolderFiles(Path(case["again"])).digests()
            _claim(
                again == digests,
                f"{name}, loaded in a new process and saved there, has other "
                f"bytes in {_changed(digests, again)}",
            )

    def test_session_gives_an_equal_value(self) -> None:
        """A version saved by a session loads as an equal value, and names the format."""
        materializer = self.make()
        options = make_options(self.materializer, self.options).model_dump(mode="json")
        with memory_session() as session:
            for name, value, twin in _named(self.values(), self.values()):
                version = session.save(value, name, materializer=self.materializer, options=options)
                loaded = session.load(version)

                _claim(version.format == materializer.format, f"{name}: {version.format!r}")
                _claim(
                    self.equal(loaded, twin),
                    f"{name} comes back different from a session{_hint(loaded, twin)}",
                )

    def test_refused_values_leave_nothing(self) -> None:
        """Saving a value of `refused()` raises a named error and registers nothing."""
        options = make_options(self.materializer, self.options).model_dump(mode="json")
        for number, value in enumerate(self.refused()):
            name = f"refused-{number}"
            with memory_session() as session:
                error = _error_of_save(session, value, name, self.materializer, options)

                _claim(
                    isinstance(error, MaterializerError | MetadataValueError)
                    and type(error) is not MaterializerError,
                    f"saving {name} gave {error!r}, not a named MaterializerError",
                )
                _claim(
                    not session.ledger.versions(VersionQuery()).items
                    and not list(session.store.version_ids()),
                    f"{name} was refused, but something of it was kept",
                )

    def test_truncated_file_is_noticed(self, tmp_path: Path) -> None:
        """Half of the largest file does not load as an equal value."""
        materializer = self.make()
        for name, value, twin in _named(self.values(), self.values()):
            folder, data_type = tmp_path / name, loaded_type(value)
            files = save_into(materializer, value, folder)
            sizes = {path: (folder / path).stat().st_size for path in files.names()}
            main = max(sizes, key=lambda path: sizes[path], default=None)
            if main is None or sizes[main] == 0:
                continue  # nothing to lose
            with (folder / main).open("r+b") as file:
                file.truncate(sizes[main] // 2)

            _claim(
                not self._loads_as(twin, materializer, folder, data_type),
                f"{name} loads as equal from half of its file {main!r}",
            )

    # -- how ---------------------------------------------------------------

    def _round_trips(self, folder: Path) -> Iterator[tuple[str, Any, Any]]:
        for name, value, twin in _named(self.values(), self.values()):
            data_type = loaded_type(value)
            save_into(self.make(), value, folder / name)
            yield name, load_from(self.make(), folder / name, data_type), twin

    def _loads_as(
        self, wanted: Any, materializer: Materializer[Any], folder: Path, data_type: type
    ) -> bool:
        try:
            return self.equal(load_from(materializer, folder, data_type), wanted)
        except Exception:  # noqa: BLE001  # any error is an answer to damaged bytes
            return False

    def _saved_cases(
        self, values: list[Any], folder: Path
    ) -> tuple[list[tuple[str, dict[str, str]]], list[Case]]:
        saved, cases = [], []
        for name, value, _ in _named(values, values):
            data_type = type_path(loaded_type(value))
            digests = save_into(self.make(), value, folder / name).digests()
            saved.append((name, digests))
            cases.append(
                Case(
                    directory=str(folder / name),
                    data_type=data_type,
                    again=str(folder / f"{name}-again"),
                )
            )
        return saved, cases


def _claim(holds: bool, otherwise: str) -> None:
    # Not the assert statement: the claims hold under `python -O` too.
    if not holds:
        raise AssertionError(otherwise)


def _named(left: Sequence[Any], right: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        yield f"value-{number}-{type(one).__name__}", one, other


def _hint(found: Any, wanted: Any) -> str:
    difference = None if isinstance(found, Iterator) else _difference(found, wanted)
    return f": {difference}" if difference else ""


def _difference(left: Any, right: Any) -> str | None:
    try:
        return first_difference(left, right)
    except Exception:  # noqa: BLE001  # a value's own `==` may raise anything
        return None  # cannot be compared piece by piece; `equal` answers


def _has_no_links(folder: Path) -> bool:
    return all((p.is_file() or p.is_dir()) and not p.is_symlink() for p in folder.rglob("*"))


def _changed(left: dict[str, str], right: dict[str, str]) -> list[str]:
    return sorted(name for name in {*left, *right} if left.get(name) != right.get(name))


def _error_of_save(
    session: Any, value: Any, name: str, materializer: type, options: dict[str, Any]
) -> Exception | None:
    try:
        session.save(value, name, materializer=materializer, options=options)
    except Exception as error:  # noqa: BLE001  # the test looks at whatever it is
        return error
    return None
