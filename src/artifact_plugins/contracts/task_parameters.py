"""The parameters of an artifact task: refused or kept before anything is written."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.errors import ArtifactPluginsError, PluginError, SettingsError, describe
from artifact_plugins.records.metadata import check_metadata


class TaskParameters(Protocol):
    """What one artifact task takes.

    Attributes:
        names: Sorted.
        is_open: Whether other names are taken too.
    """

    names: tuple[str, ...]
    is_open: bool

    def stored(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON, as they are kept with a version.

        Raises:
            SettingsError: A name is unknown, a value has the wrong type, or
                it does not come back from JSON; says what there is.
        """
        ...

    def arguments(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `serialize` and `deserialize` get."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the parameters as the JSON Schema of an object."""
        ...

    def missing_defaults(self) -> Iterable[str]:
        """Return names that may be left out and then are not given at all."""
        ...

    def check_default(self, name: str, default: Any) -> None:
        """Check a default that the signature gives for what may be left out."""
        ...


def task_parameters(task: type[ArtifactTask[Any]], name: str) -> TaskParameters:
    """Return what an artifact task takes, after comparing it with its signatures.

    Raises:
        PluginError: A schema is none; `serialize` or `deserialize` cannot
            take a parameter, asks for another one, or has a default that the
            schema refuses. Names the artifact task, method and parameter.
    """
    found: TaskParameters
    if task.parameter_schema is not None:
        found = _BySchema(task.parameter_schema, name)
    else:
        found = _ByModel(task.Parameters, name)
    bare = object.__new__(task)  # for methods of every kind without their `self`
    check_signature(bare.serialize, ("value", "directory"), found, name)
    check_signature(bare.deserialize, ("path",), found, name)
    return found


def schema_parameters(schema: Mapping[str, Any], name: str) -> TaskParameters:
    """Return what a JSON Schema of an object says that an artifact task takes.

    Raises:
        PluginError: It is no JSON Schema.
    """
    return _BySchema(schema, name)


def check_signature(
    function: Callable[..., Any], first: tuple[str, ...], parameters: TaskParameters, name: str
) -> None:
    """Check that a method can be called with its first arguments and the parameters.

    Raises:
        PluginError: It cannot; names the method and the parameter.
    """
    method = function.__name__
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"artifact task {name!r}: {method} cannot be called: {describe(error)}",
            hint="write it as a method",
            artifact_task=name,
        ) from error
    positional = [None] * len(first)
    for known in parameters.names:
        try:
            signature.bind_partial(*positional, **{known: None})
        except TypeError as error:
            raise PluginError(
                f"artifact task {name!r}: {method}{signature} cannot take the parameter "
                f"{known!r}, which its schema names",
                hint="let the method take it, or take it out of the schema",
                artifact_task=name,
            ) from error
    optional = set(parameters.missing_defaults())
    always = {known: None for known in parameters.names if known not in optional}
    try:
        signature.bind(*positional, **always)
    except TypeError as error:
        called = ", ".join((*first, *(f"{known}=..." for known in always)))
        raise PluginError(
            f"artifact task {name!r}: {method}{signature} cannot be called as "
            f"{method}({called}): {error}",
            hint="give the argument a default, or name and require it in the schema",
            artifact_task=name,
        ) from error
    for known in sorted(optional & signature.parameters.keys()):
        parameters.check_default(known, signature.parameters[known].default)


class _ByModel:
    """Parameters of a pydantic model."""

    is_open: bool

    def __init__(self, model: type[BaseModel], task: str) -> None:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError(
                f"artifact task {task!r} has Parameters={model!r:.200}",
                hint="derive the class from pydantic.BaseModel",
                artifact_task=task,
            )
        self._model = model
        self._task = task
        self.names = tuple(sorted(model.model_fields))
        self.is_open = model.model_config.get("extra") == "allow"

    def stored(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the validated parameters as JSON, defaults too."""
        aliases = {field.alias for field in self._model.model_fields.values()} - {None}
        _refuse_unknown(given, self, self._task, also=aliases)
        model = self._validated(given)
        try:
            stored = model.model_dump(mode="json")
            again = self._model.model_validate_json(json.dumps(stored, allow_nan=False))
        except (ValueError, TypeError, RecursionError) as error:
            raise _unkept(self._task, describe(error)) from error
        if again != model:
            raise _unkept(self._task, f"{model!r} comes back as {again!r}")
        return _checked(stored, self._task)

    def arguments(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as the model makes them of JSON."""
        try:
            model = self._model.model_validate_json(json.dumps(dict(stored)))
        except ValidationError as error:
            raise self._refused(error) from error
        values = {name: getattr(model, name) for name in self._model.model_fields}
        return {**values, **(model.model_extra or {})}

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the model."""
        return self._model.model_json_schema()

    def missing_defaults(self) -> Iterable[str]:
        """A model always gives every parameter."""
        return ()

    def check_default(self, name: str, default: Any) -> None:
        """The defaults are the model's."""

    def _validated(self, given: Mapping[str, Any]) -> BaseModel:
        # Strict: "yes" is no True and "5" is no 5. What JSON cannot say
        # otherwise (a list for a tuple, text for a date) is taken from JSON.
        try:
            return self._model.model_validate(dict(given), strict=True)
        except ValidationError as error:
            try:
                text = json.dumps(dict(given), allow_nan=False)
                return self._model.model_validate_json(text, strict=True)
            except (ValueError, TypeError, RecursionError):  # a ValidationError is a ValueError
                raise self._refused(error) from error

    def _refused(self, error: ValidationError) -> SettingsError:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _refusal(self._task, where, first["msg"], self.names)


class _BySchema:
    """Parameters of a JSON Schema."""

    def __init__(self, schema: Mapping[str, Any], task: str) -> None:
        self._task = task
        try:
            self._schema = json.loads(json.dumps(dict(schema), allow_nan=False))
        except (ValueError, TypeError, RecursionError) as error:
            raise self._no_schema(describe(error)) from error
        properties = self._schema.get("properties", {})
        if not isinstance(properties, dict):
            raise self._no_schema("'properties' is no object")
        self._properties: dict[str, Any] = properties
        self.names = tuple(sorted(properties))
        self.is_open = self._schema.get("additionalProperties", False) is not False
        self._validator_of(self._schema)  # refuses what is no schema

    @cached_property
    def _validator(self) -> Any:
        return self._validator_of(self._schema)

    def stored(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON, with the defaults of the schema."""
        _refuse_unknown(given, self, self._task)
        try:
            stored = json.loads(json.dumps(dict(given), allow_nan=False))
        except (ValueError, TypeError, RecursionError) as error:
            raise _unkept(self._task, describe(error)) from error
        for name, schema in self._properties.items():
            if isinstance(schema, dict) and "default" in schema:
                stored.setdefault(name, schema["default"])
        self._check(stored, self._validator)
        return _checked(stored, self._task)

    def arguments(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as they were stored, after checking them again."""
        self._check(dict(stored), self._validator)
        return dict(stored)

    def schema(self) -> dict[str, Any]:
        """Return the schema itself."""
        return {"type": "object", **self._schema}

    def missing_defaults(self) -> Iterable[str]:
        """Return what is neither required nor has a default in the schema."""
        required = self._schema.get("required", ())
        return [
            name
            for name, schema in self._properties.items()
            if name not in required and not (isinstance(schema, dict) and "default" in schema)
        ]

    def check_default(self, name: str, default: Any) -> None:
        """Check that the schema of a property takes the default of the signature."""
        if default is None:  # Python's way to say "nothing was chosen"
            return
        schema = {**self._schema, "required": [], "properties": {name: self._properties[name]}}
        try:
            self._check({name: default}, self._validator_of(schema))
        except SettingsError as error:
            raise PluginError(
                f"artifact task {self._task!r}: its own default {name}={default!r} is refused by "
                f"its schema ({error.message})",
                hint="make the two agree",
                artifact_task=self._task,
            ) from error

    def _check(self, parameters: dict[str, Any], validator: Any) -> None:
        try:
            errors = sorted(validator.iter_errors(parameters), key=lambda error: list(error.path))
        except Exception as error:  # a reference that leads nowhere, a broken pattern
            raise self._no_schema(describe(error)) from error
        if errors:
            where = ".".join(str(part) for part in errors[0].absolute_path)
            raise _refusal(self._task, where, errors[0].message, self.names)

    def _validator_of(self, schema: dict[str, Any]) -> Any:
        try:
            # Late: only artifact tasks with a JSON Schema need it.
            import jsonschema
            import referencing
        except ImportError as error:
            raise PluginError(
                f"artifact task {self._task!r} has a JSON Schema, which needs {error.name!r}",
                hint="install artifact-plugins[jsonschema]",
                artifact_task=self._task,
            ) from error
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise self._no_schema(error.message) from error
        # A registry of its own: a schema fetches nothing from the network.
        return jsonschema.Draft202012Validator(schema, registry=referencing.Registry())

    def _no_schema(self, why: str) -> PluginError:
        return PluginError(
            f"artifact task {self._task!r} has parameters that are no JSON Schema: {why}",
            hint="write it as in {'properties': {'sep': {'type': 'string'}}}",
            artifact_task=self._task,
        )


def _refuse_unknown(
    given: Mapping[str, Any], known: TaskParameters, task: str, also: Iterable[Any] = ()
) -> None:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise SettingsError(
            f"parameters {given!r:.200} of artifact task {task!r} are no mapping with text as keys",
            hint="write options={'sep': ';'}; nothing was saved",
            artifact_task=task,
        )
    unknown = sorted(set(given) - set(known.names) - set(also))
    if unknown and not known.is_open:
        raise _refusal(task, unknown[0], "there is no such parameter", known.names)


def _refusal(task: str, where: str, why: str, names: tuple[str, ...]) -> SettingsError:
    return SettingsError(
        f"parameter {where!r} of artifact task {task!r}: {why}",
        hint=f"it takes {list(names)}; nothing was saved",
        artifact_task=task,
        parameter=where,
    )


def _unkept(task: str, why: str) -> SettingsError:
    return SettingsError(
        f"the parameters of artifact task {task!r} cannot be kept as JSON: {why}",
        hint="nothing was saved; use text, numbers, lists and such",
        artifact_task=task,
    )


def _checked(stored: dict[str, Any], task: str) -> dict[str, Any]:
    try:
        return check_metadata(stored)
    except ArtifactPluginsError as error:
        raise _unkept(task, error.message) from error
