"""What the annotations of a step may say about its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.errors import InputError
from artifact_plugins.records import (
    ArtifactVersion,
    check_label,
    check_lines,
    check_metadata,
    check_name,
    check_tags,
    check_text,
)
from artifact_plugins.session import Selection, Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """How one output of a step is stored: `Annotated[pd.DataFrame, Output("ranking")]`.

    A plain string, `Annotated[pd.DataFrame, "ranking"]`, is `Output("ranking")`.

    Args:
        name: Key of the output and name of its artifact.
        artifact_type: The kind shown to people; the materializer's when None.
        materializer: Key, `module:Class` or class that saves this output.
        tags: Labels of every version.
        metadata: JSON metadata of every version.
        description: Text of every version.
        options: Options of the materializer, parameters of the artifact task.
        version_name: Name of the version besides its number.
        task: Name, `module:Class` or class of the artifact task that saves
            this output; not together with `materializer`.

    Raises:
        InvalidNameError, MetadataValueError: At once, where it is written.
    """

    name: str
    artifact_type: str | None = None
    materializer: str | type | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    options: Mapping[str, Any] | None = None
    version_name: str | None = None
    task: str | type | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "output name"))
        object.__setattr__(self, "tags", check_tags(self.tags))
        if self.description is not None:
            check_lines(self.description, "description")
        if self.artifact_type is not None:
            check_text(self.artifact_type, "artifact type")
        chosen = self.materializer
        is_class = isinstance(chosen, type) and issubclass(chosen, Materializer | ArtifactTask)
        if chosen is not None and not isinstance(chosen, str) and not is_class:
            raise InputError(
                f"materializer of output {self.name!r} is {chosen!r:.200}",
                hint="give a Materializer class, without parentheses, a key or an import path",
            )
        if self.task is not None:
            if chosen is not None:
                raise InputError(
                    f"output {self.name!r} names a materializer and an artifact task",
                    hint="name one of them",
                )
            if not isinstance(self.task, str | type):
                raise InputError(
                    f"artifact task of output {self.name!r} is {self.task!r:.200}",
                    hint="give a class, without parentheses, a name or an import path",
                )
        if self.version_name is not None:
            check_label(self.version_name, "version name")
        check_metadata(self.metadata)


@dataclass(frozen=True, slots=True)
class Input:
    """Which part of an input is loaded: `Annotated[pd.DataFrame, Input(columns=["delay"])]`.

    Args:
        columns: Only these columns of a table, in this order.
        rows: Only these rows of a table or array.
    """

    columns: Sequence[str] | None = None
    rows: slice | None = None

    def __post_init__(self) -> None:
        self.selection()  # refuses what is no selection, where it is written
        if self.columns is not None:  # annotations are hashed
            object.__setattr__(self, "columns", tuple(self.columns))

    def selection(self) -> Selection:
        """Return what to ask a materializer for."""
        return Selection(self.columns, self.rows)


class Lazy(Generic[T]):
    """An input that is loaded when the step asks for it: `flights: Lazy[pd.DataFrame]`.

    Attributes:
        version: The record of the version; nothing was loaded for it.
    """

    __slots__ = ("_annotation", "_session", "version")

    def __init__(self, session: Session, version: ArtifactVersion, annotation: Any) -> None:
        self._session = session
        self._annotation = annotation
        self.version = version

    def load(self, *, columns: Sequence[str] | None = None, rows: slice | None = None) -> T:
        """Load the value, or only some columns or rows of it."""
        loaded: T = self._session.loader.load(
            self.version, self._annotation, Selection(columns, rows)
        )
        return loaded

    def __repr__(self) -> str:
        return f"Lazy({self.version})"
