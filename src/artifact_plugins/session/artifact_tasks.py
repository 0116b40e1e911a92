"""An artifact task as what the saver and the loader use: a materializer that asks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.contracts.task_parameters import TaskParameters, task_parameters
from artifact_plugins.errors import (
    ArtifactPluginsError,
    InputError,
    LoadFailedError,
    NotSerializableError,
    PluginError,
    SettingsError,
    describe,
)
from artifact_plugins.plugins import MATERIALIZER_PREFIX, TASK_PREFIX, TaskChoice, TaskIndex
from artifact_plugins.plugins.index import names_class
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.session.equipped import Equipped


class ArtifactTasks:
    """Turns a choice of the index into a ready instance, one per class and parameters.

    Attributes:
        index: Chooses.
    """

    def __init__(self, index: TaskIndex) -> None:
        self.index = index
        self._parameters: dict[tuple[type, str], TaskParameters] = {}
        self._made: dict[tuple[type, str, str], Equipped] = {}

    def chosen(
        self,
        cls: type,
        wanted: str | type | None,
        task: str | type | None,
        *,
        is_key: Callable[[str], bool],
    ) -> TaskChoice | str | type | None:
        """Return the artifact task to save values of `cls` with, or what materializer is wanted.

        `artifact_task:NAME` is an artifact task wherever a materializer is
        named, `materializer:KEY` a materializer wherever an artifact task is.
        The prefix may be left out of a name that only the other kind has.

        Args:
            wanted: The materializer that an output names.
            task: The artifact task that an output names.
            is_key: Whether a plugin offers a materializer under a key.

        Raises:
            InputError: Both are named.
            NoMaterializerError, PluginError: There is no such artifact task.
        """
        if task is not None and wanted is not None:
            raise InputError(
                f"both the materializer {wanted!r} and the artifact task {task!r} are named",
                hint="name one of them; nothing was saved",
            )
        if task is not None:
            if isinstance(task, type) and issubclass(task, Materializer):
                return task
            if isinstance(task, str):
                if task.startswith(MATERIALIZER_PREFIX):
                    return task.removeprefix(MATERIALIZER_PREFIX)
                if is_key(task) and not self.index.knows(task):
                    return task
            return self.index.named(task)
        if isinstance(wanted, type) and issubclass(wanted, ArtifactTask):
            return self.index.of_class(wanted)
        if isinstance(wanted, str) and (
            wanted.startswith(TASK_PREFIX) or (self.index.knows(wanted) and not is_key(wanted))
        ):
            return self.index.named(wanted, source="materializer=")
        return wanted if wanted is not None else self.index.for_type(cls)

    def equip(self, choice: TaskChoice, options: Mapping[str, Any] | None) -> Equipped:
        """Return an artifact task with checked parameters, for a save.

        Raises:
            SettingsError: A parameter is unknown or has the wrong type.
            PluginError: The class cannot be used; names it and why.
        """
        taken = self._parameters_of(choice.task_class, choice.name)
        return self._equipped(choice, taken.stored({} if options is None else options), taken)

    def stored(self, choice: TaskChoice, parameters: Mapping[str, Any]) -> Equipped:
        """Return an artifact task with the parameters that a version was saved with.

        Raises:
            LoadFailedError: The class does not take them any more.
        """
        try:
            taken = self._parameters_of(choice.task_class, choice.name)
            return self._equipped(choice, dict(parameters), taken)
        except SettingsError as error:
            raise LoadFailedError(
                f"the recorded parameters do not fit artifact task {choice}: {error.message}",
                hint="the stored bytes are untouched; the class differs from what wrote them",
                artifact_task=choice.name,
            ) from error

    def of_class(self, task: type, name: str, parameters: Mapping[str, Any]) -> Equipped:
        """Return a class, such as an archived one, as the artifact task that a version names."""
        return self.stored(self.index.alone(task, name), parameters)

    def _parameters_of(self, task: type[ArtifactTask[Any]], name: str) -> TaskParameters:
        found = self._parameters.get((task, name))
        if found is None:
            found = self._parameters[task, name] = task_parameters(task, name)
        return found

    def _equipped(
        self, choice: TaskChoice, stored: dict[str, Any], taken: TaskParameters
    ) -> Equipped:
        try:
            key = (choice.task_class, choice.name, json.dumps(stored, sort_keys=True))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"parameters cannot be read: {describe(error)}", hint="nothing was saved"
            ) from error
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(choice, stored, taken)
        return found

    def _make(self, choice: TaskChoice, stored: dict[str, Any], taken: TaskParameters) -> Equipped:
        try:
            task = choice.task_class()
        except ArtifactPluginsError:
            raise
        except Exception as error:
            raise PluginError(
                f"artifact task {choice} cannot be made: {describe(error)}",
                hint="its __init__ takes no arguments; nothing was saved",
                artifact_task=choice.name,
            ) from error
        instance = TaskMaterializer(
            task,
            choice.name,
            taken.arguments(stored),
            executes_on_load=choice.executes_on_load,
        )
        return Equipped(
            key=choice.key,
            instance=instance,
            parameters=stored,
            is_direct=False,
            is_partial=False,
            is_stream=False,
            counts_items=False,
            plugin=choice.plugin,
            artifact_task=choice.name,
        )


def writer_key(version: ArtifactVersion) -> str | None:
    """Return the key of what wrote a version: of a materializer or an artifact task."""
    task = version.artifact_task
    return version.materializer if task is None else f"{TASK_PREFIX}{task}"


class TaskMaterializer(Materializer[Any]):
    """Asks an artifact task, and checks what it was given, left and returned.

    Attributes:
        task: The artifact task.
        writer: The class whose code a version is pinned to.
        has_default_equal: Whether values without equality are compared by
            what is written of them.
    """

    format: str

    def __init__(
        self,
        task: ArtifactTask[Any],
        name: str,
        parameters: Mapping[str, Any],
        *,
        executes_on_load: bool,
    ) -> None:
        super().__init__()
        self.task = task
        self.writer: type = task.adapted or type(task)
        self._name = name
        self._parameters = dict(parameters)
        self._is_lossy = self._parameters.get("lossy") is True
        self.has_default_equal = type(task).equal is ArtifactTask.equal and not self._is_lossy
        self.format = task.format
        self.artifact_type = task.artifact_type
        self.media_type = task.media_type_of(**self._parameters)
        # What a materializer's class says, an artifact task says for each instance.
        vars(self).update(
            executes_on_load=executes_on_load,
            exact=task.exact and not self._is_lossy,
            keeps_directory=task.keeps_directory,
        )

    def save(self, value: Any, directory: Path) -> None:
        """Serialize a value into the empty folder `directory`.

        Raises:
            NotSerializableError: The value has another type than the artifact
                task takes, or what it returned or left is not one file or folder.
        """
        if not self._takes(value):
            raise NotSerializableError(
                f"artifact task {self._name!r} takes {self._types()}, not {type_path(type(value))}",
                hint="nothing was registered",
                artifact_task=self._name,
            )
        returned = self.task.serialize(value, directory, **self._parameters)
        self._check_left(returned, directory)

    def load(self, directory: Path, data_type: type) -> Any:
        """Deserialize what `save` left from a private copy.

        Raises:
            LoadFailedError: It gave another type than the version holds.
        """
        path = directory
        if not self.task.takes_folder:
            entries = list(directory.iterdir())
            if len(entries) != 1:
                raise LoadFailedError(
                    f"artifact task {self._name!r} reads one file or folder, and there are "
                    f"{len(entries)}",
                    hint="the stored bytes are untouched",
                    artifact_task=self._name,
                )
            path = entries[0]
        value = self.task.deserialize(path, **self._parameters)
        if not self._takes(value) or not isinstance(value, data_type):
            wanted = self._types() if not self._takes(value) else type_path(data_type)
            raise LoadFailedError(
                f"artifact task {self._name!r} gave {type_path(type(value))}, not {wanted}",
                hint="the stored bytes are untouched; it differs from what wrote the version",
                artifact_task=self._name,
            )
        return value

    def equal(self, left: Any, right: Any) -> bool:
        """Compare as the artifact task does; only the types when it may be lossy."""
        return type(left) is type(right) and (self._is_lossy or bool(self.task.equal(left, right)))

    def _takes(self, value: Any) -> bool:
        return not self.task.types or any(
            names_class(path, base) for base in type(value).__mro__ for path in self.task.types
        )

    def _types(self) -> str:
        return " or ".join(self.task.types)

    def _check_left(self, returned: Any, directory: Path) -> None:
        if returned is not None and not isinstance(returned, Path):
            raise self._refused(
                f"returned a {type(returned).__qualname__}, not a pathlib.Path", directory
            )
        for path in directory.rglob("*"):
            if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
                name = path.relative_to(directory).as_posix()
                raise self._refused(f"left the empty folder {name!r}, which is not kept", directory)
        if self.task.takes_folder:
            if returned is not None and returned.resolve() != directory.resolve():
                raise self._refused("returned another path than its folder", directory)
            return
        entries = list(directory.iterdir())
        if returned is None:
            if len(entries) != 1:
                raise self._refused("did not leave one file or folder", directory)
        elif not returned.exists():
            raise self._refused(
                f"returned the path {returned.name!r}, which is not there", directory
            )
        elif [entry.resolve() for entry in entries] != [returned.resolve()]:
            raise self._refused(f"left more or other files than {returned.name!r}", directory)

    def _refused(self, why: str, directory: Path) -> NotSerializableError:
        left = sorted(path.name for path in directory.iterdir())
        return NotSerializableError(
            f"artifact task {self._name!r} ({self.writer.__qualname__}) {why}; "
            f"in its folder lies {left or 'nothing'}",
            hint="nothing was registered; serialize writes one file or folder into "
            "the directory and returns its path, or sets takes_folder",
            artifact_task=self._name,
        )
