"""The tests that every artifact task passes; plugin authors inherit them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.contracts.task_parameters import task_parameters
from artifact_plugins.errors import ArtifactPluginsError, InputError
from artifact_plugins.plugins import TaskIndex
from artifact_plugins.records import VersionQuery
from artifact_plugins.session import Session
from artifact_plugins.session.artifact_tasks import ArtifactTasks, TaskMaterializer
from artifact_plugins.session.comparing import first_difference
from artifact_plugins.testing.files import FolderFiles
from artifact_plugins.testing.sessions import memory_session

_FORMAT = re.compile(r"[a-z0-9_.\-]+/\d+")
_NO_NAME = "no_parameter_has_this_name"


class ArtifactTaskContract:
    """Inherit it, name the artifact task, list values; pytest runs the tests below.

    ```python
    class TestSensorText(ArtifactTaskContract):
        task = SensorText
        parameters = {"unit": "K"}

        def values(self):
            return [Sensor("north", 3.5), Sensor("", float("nan"))]
    ```

    Attributes:
        task: The class under test, at module level.
        parameters: What it is used with.
    """

    task: ClassVar[type[ArtifactTask[Any]]]
    parameters: ClassVar[Mapping[str, Any]] = {}

    def values(self) -> Sequence[Any]:
        """Return example values: new objects at every call, equal ones in the same order."""
        raise NotImplementedError(f"{type(self).__name__}.values() returns example values")

    def refused(self) -> Sequence[Any]:
        """Return values that a save must refuse; none by default."""
        return ()

    def wrong_parameters(self) -> Sequence[Mapping[str, Any]]:
        """Return parameters that must be refused, besides unknown names; none by default."""
        return ()

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether two values are the same: by the task's own `equal`, or at every level."""
        if self.task.equal is not ArtifactTask.equal:
            return bool(self.task().equal(left, right))
        return first_difference(left, right) is None

    def made(self) -> TaskMaterializer:
        """Return the artifact task with its parameters, checked as a session checks it."""
        tasks = ArtifactTasks(TaskIndex())
        equipped = tasks.equip(tasks.index.of_class(self.task), self.parameters)
        return cast(TaskMaterializer, equipped.instance)

    # -- the claims --------------------------------------------------------

    def test_values_come_fresh_and_equal(self) -> None:
        """`values()` gives at least one value, and equal values at every call."""
        first, second = self.values(), self.values()

        _claim(len(first) > 0, "values() returns no value, so nothing is tested")
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            _claim(self.equal(one, other), f"value {number} is not equal to itself made again")

    def test_name_and_format_are_names(self) -> None:
        """The name has no colon; the format is lower-case text and a number: `csv/1`."""
        name, format_ = self.task.name, self.task().format

        _claim(":" not in name and bool(name), f"name {name!r} holds ':' or nothing")
        _claim(_FORMAT.fullmatch(str(format_)) is not None, f"format {format_!r} is not 'name/1'")

    def test_parameters_come_back_from_json(self) -> None:
        """The parameters as stored are the same when they are stored again."""
        taken = task_parameters(self.task, self.task.name)
        stored = taken.stored(self.parameters)

        _claim(taken.stored(stored) == stored, f"{stored!r} is stored as something else")

    def test_round_trip_is_equal(self, tmp_path: Path) -> None:
        """What is deserialized equals what was serialized, and has its very type."""
        for name, value, twin in self._named():
            folder = _saved(self.made(), value, tmp_path / name)
            loaded = self.made().load(_copied(folder), type(twin))

            _claim(self.equal(loaded, twin), f"{name} comes back different")
            _claim(type(loaded) is type(twin), f"{name} comes back as {type_path(type(loaded))}")

    def test_serializing_leaves_the_value_alone(self, tmp_path: Path) -> None:
        """Serializing does not change the value."""
        for name, value, twin in self._named():
            _saved(self.made(), value, tmp_path / name)

            _claim(self.equal(value, twin), f"{name} was changed by serialize")

    def test_deserializing_leaves_the_files_alone(self, tmp_path: Path) -> None:
        """Deserializing changes none of the files it was given."""
        for name, value, twin in self._named():
            folder = _copied(_saved(self.made(), value, tmp_path / name))
            before = FolderFiles(folder).digests()
            self.made().load(folder, type(twin))

            _claim(FolderFiles(folder).digests() == before, f"{name}: files were changed")

    def test_equal_values_have_equal_bytes(self, tmp_path: Path) -> None:
        """Two saves of equal values write the same files with the same bytes."""
        for name, one, other in self._named():
            first = FolderFiles(_saved(self.made(), one, tmp_path / f"{name}-1")).digests()
            second = FolderFiles(_saved(self.made(), other, tmp_path / f"{name}-2")).digests()

            _claim(first == second, f"{name} has other bytes when it is saved again")

    def test_session_gives_an_equal_value_and_the_parameters(self) -> None:
        """A version loads as an equal value, and names the task, its format and parameters."""
        stored = task_parameters(self.task, self.task.name).stored(self.parameters)
        with memory_session() as session:
            for name, value, twin in self._named():
                version = self._save(session, value, name, self.parameters)
                loaded = session.load(version)

                _claim(version.artifact_task is not None, f"{name} names no artifact task")
                _claim(version.materializer is None, f"{name} names a materializer too")
                _claim(version.parameters == stored, f"{name} has {version.parameters!r}")
                _claim(version.format == self.task().format, f"{name}: {version.format!r}")
                _claim(self.equal(loaded, twin), f"{name} comes back different from a session")

    def test_wrong_parameters_leave_nothing(self) -> None:
        """An unknown parameter and those of `wrong_parameters()` are refused, and nothing is kept."""
        unknown = {**self.parameters, _NO_NAME: 1}
        cases = list(self.wrong_parameters())
        if not task_parameters(self.task, self.task.name).is_open:
            cases.append(unknown)
        for parameters in cases:
            with memory_session() as session:
                error = self._error(session, self.values()[0], parameters)

                _claim(isinstance(error, InputError), f"{parameters!r} gave {error!r}")
                _claim(_is_empty(session), f"{parameters!r} were refused, but something was kept")

    def test_refused_values_leave_nothing(self) -> None:
        """Saving a value of `refused()` raises a named error and registers nothing."""
        for number, value in enumerate(self.refused()):
            with memory_session() as session:
                error = self._error(session, value, self.parameters)

                named = isinstance(error, ArtifactPluginsError)
                _claim(named, f"refused value {number} gave {error!r}, not a named error")
                _claim(_is_empty(session), f"refused value {number} left something behind")

    def test_truncated_file_is_noticed(self, tmp_path: Path) -> None:
        """Half of the largest file does not load as an equal value."""
        for name, value, twin in self._named():
            folder = _saved(self.made(), value, tmp_path / name)
            files = [path for path in folder.rglob("*") if path.is_file()]
            main = max(files, key=lambda path: path.stat().st_size, default=None)
            if main is None or main.stat().st_size == 0:
                continue  # nothing to lose
            with main.open("r+b") as file:
                file.truncate(main.stat().st_size // 2)

            _claim(not self._loads(folder, twin), f"{name} loads as equal from half of {main.name}")

    # -- how ---------------------------------------------------------------

    def _named(self) -> Iterator[tuple[str, Any, Any]]:
        pairs = zip(self.values(), self.values(), strict=True)
        for number, (one, other) in enumerate(pairs):
            yield f"value-{number}-{type(one).__name__}", one, other

    def _save(self, session: Session, value: Any, name: str, parameters: Mapping[str, Any]) -> Any:
        return session.save(value, name, task=self.task, options=parameters)

    def _error(
        self, session: Session, value: Any, parameters: Mapping[str, Any]
    ) -> Exception | None:
        try:
            self._save(session, value, "refused", parameters)
        except Exception as error:  # noqa: BLE001  # the test looks at whatever it is
            return error
        return None

    def _loads(self, folder: Path, wanted: Any) -> bool:
        try:
            return self.equal(self.made().load(folder, type(wanted)), wanted)
        except Exception:  # noqa: BLE001  # any error is an answer to damaged bytes
            return False


def _saved(task: TaskMaterializer, value: Any, folder: Path) -> Path:
    folder.mkdir()
    task.save(value, folder)
    return folder


def _copied(folder: Path) -> Path:
    private = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, private)
    return private


def _is_empty(session: Session) -> bool:
    return not session.ledger.versions(VersionQuery()).items and not list(
        session.store.version_ids()
    )


def _claim(holds: bool, otherwise: str) -> None:
    # Not the assert statement: the claims hold under `python -O` too.
    if not holds:
        raise AssertionError(otherwise)
