"""A class with Dioptra's three methods as an artifact task, refused when a worker would fail."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from artifact_plugins import ArtifactTask
from artifact_plugins.contracts.task_parameters import check_signature, schema_parameters
from artifact_plugins.errors import PluginError, describe

_METHODS = ("serialize", "deserialize", "validation")
_INTERFACE = ("dioptra.sdk.api.artifact", "ArtifactTaskInterface")
# A value has the same bytes whatever its artifact is called, so the name that
# a worker takes from the artifact graph is always this one here.
NAME = "artifact"


def is_dioptra_task(found: Any) -> bool:
    """Tell whether a class subclasses Dioptra's interface, or has its three methods."""
    if not isinstance(found, type) or issubclass(found, ArtifactTask):
        return False
    bases = {(base.__module__, base.__name__) for base in found.__mro__[1:]}
    return _INTERFACE in bases or all(callable(getattr(found, name, None)) for name in _METHODS)


def adapt(found: type) -> type[ArtifactTask[Any]]:
    """Return a Dioptra class, unchanged inside, as an artifact task.

    Loading is taken to execute code unless the class says
    `executes_on_load = False`, or the offer of a plugin does.

    Raises:
        PluginError: It lacks a method, cannot be called as a worker calls it,
            or its `validation` contradicts `serialize`. Names class and method.
    """
    label = f"{found.__module__}:{found.__qualname__}"
    serialize, deserialize, validation = (_method(found, name, label) for name in _METHODS)
    _check_call(validation, label)
    _check_call(deserialize, label, working_dir=None, path="")
    schema = _schema(serialize, validation, label)
    parameters = schema_parameters(schema, label)
    check_signature(serialize, ("working_dir", "name", "contents"), parameters, label)
    members = {
        "__module__": found.__module__,
        "__doc__": found.__doc__,
        "name": label,
        "format": f"dioptra.{label.replace(':', '.')}/1".lower(),
        "parameter_schema": schema,
        "adapted": found,
        "executes_on_load": getattr(found, "executes_on_load", True),
    }
    return type(found.__name__, (DioptraTask,), members)


class DioptraTask(ArtifactTask[Any]):
    """Calls a Dioptra class as a worker does."""

    keeps_directory: ClassVar[bool] = True

    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        """Serialize in a working folder, and keep only what was returned, as a worker does."""
        with TemporaryDirectory(dir=directory, prefix=".working-") as working:
            returned = _call(self, "serialize")(Path(working), NAME, value, **parameters)
            if not isinstance(returned, Path):
                return returned  # refused by who asked, with the name of the class
            made = Path(working) / returned  # a relative path is meant from there
            if not made.exists():
                return directory / made.name
            is_whole = made.resolve() == Path(working).resolve()
            kept = directory / (NAME if is_whole else made.name)
            if Path(working).resolve() in made.resolve().parents:
                made.rename(kept)
            elif made.is_dir():
                shutil.copytree(made, kept)
            else:
                shutil.copyfile(made, kept)
        return kept

    def deserialize(self, path: Path, **parameters: Any) -> Any:
        """Deserialize by keyword; a worker passes no parameters."""
        return _call(self, "deserialize")(working_dir=path.parent, path=path.name)

    def equal(self, left: Any, right: Any) -> bool:
        """Compare by `==` or what stands for it; paths by what lies there."""
        if type(left) is not type(right):
            return False
        if isinstance(left, Path):
            return _content(left) == _content(right)
        if callable(getattr(left, "equals", None)):
            return bool(left.equals(right))
        same = left == right
        return bool(same.all()) if hasattr(same, "all") else bool(same)


def _call(task: DioptraTask, method: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(task.adapted, method)
    return found


def _method(found: type, name: str, label: str) -> Callable[..., Any]:
    method = getattr(found, name, None)
    if not callable(method) or getattr(method, "__isabstractmethod__", False):
        raise PluginError(
            f"Dioptra artifact task {label!r} does not define {name}",
            hint="a worker would fail with NotImplementedError; define all three methods",
            artifact_task=label,
            method=name,
        )
    called: Callable[..., Any] = method
    return called


def _check_call(method: Callable[..., Any], label: str, **arguments: Any) -> None:
    try:
        inspect.signature(method).bind(**arguments)
    except (TypeError, ValueError) as error:
        called = f"{method.__name__}({', '.join(f'{name}=...' for name in arguments)})"
        raise PluginError(
            f"Dioptra artifact task {label!r} cannot be called as {called}: {error}",
            hint="a worker calls it so, on the class itself; write a static method",
            artifact_task=label,
            method=method.__name__,
        ) from error


def _schema(
    serialize: Callable[..., Any], validation: Callable[..., Any], label: str
) -> dict[str, Any]:
    try:
        said = validation()
    except Exception as error:
        raise _bad_validation(label, f"raised {describe(error)}") from error
    if said is None:
        return {"properties": {}}
    if not isinstance(said, dict) or not all(
        isinstance(name, str) and isinstance(schema, dict | bool) for name, schema in said.items()
    ):
        raise _bad_validation(label, f"returned {said!r:.200}")
    extra = list(inspect.signature(serialize).parameters.values())[3:]
    named = [p for p in extra if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    # What `serialize` names and `validation` does not is taken as it comes.
    properties = {**{parameter.name: {} for parameter in named}, **said}
    required = [p.name for p in named if p.default is inspect.Parameter.empty]
    return {"properties": properties, "required": required}


def _bad_validation(label: str, why: str) -> PluginError:
    return PluginError(
        f"validation of Dioptra artifact task {label!r} {why}",
        hint="it returns None, or JSON Schemas by the name of an argument of serialize",
        artifact_task=label,
        method="validation",
    )


def _content(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    files = (inner for inner in path.rglob("*") if inner.is_file())
    return {inner.relative_to(path).as_posix(): inner.read_bytes() for inner in files}
