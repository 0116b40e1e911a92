"""What a value looks like from where it is used: rules R3 to R6 of the link types, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Producer,
    Task,
    new_id,
)

if TYPE_CHECKING:
    from artifact_plugins.session.saving import Staged
    from artifact_plugins.steps.call import Call

NOBODY = Producer()
CHANNEL = "pipelinechannel--"


class Stored:
    """One value of a run: a version, or a parameter value kept in the links.

    Attributes:
        version: None for a parameter value, and while the task that makes it
            runs. A draft, number 0, until its batch is committed.
        literal: The parameter value when there is no version.
        source: The call that makes it, while that has not ended.
        parts: The values of an output of metrics, which are versions of their own.
    """

    __slots__ = ("literal", "parts", "source", "version")

    def __init__(
        self, version: ArtifactVersion | None, literal: Any = None, source: Call | None = None
    ) -> None:
        self.version = version
        self.literal = literal
        self.source = source
        self.parts: dict[str, Stored] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _stored, (self.version, self.literal, self.parts)

    def single(self) -> tuple[Stored, ...]:
        """Return the values one by one: itself, or its parts."""
        return (self,) if self.parts is None else tuple(self.parts.values())

    @property
    def is_committed(self) -> bool:
        """Whether its versions have their numbers."""
        return all(one.version is None or one.version.version for one in self.single())


class Made(NamedTuple):
    """A value whose bytes are durable, and who wants to know its committed record."""

    staged: Staged
    stored: Stored


def _stored(
    version: ArtifactVersion | None, literal: Any, parts: dict[str, Stored] | None
) -> Stored:
    stored = Stored(version, literal)
    stored.parts = parts
    return stored


class Incoming(NamedTuple):
    """One value on its way into a task, as a link of that task will name it."""

    io_type: IOType
    producer: Producer
    stored: Stored


class Origin(NamedTuple):
    """The output link on the sibling that a value comes from, needed when it leaves (R3).

    Attributes:
        child: Name of the sibling.
        child_iteration: Of the sibling; None outside loops.
        key: Key of the link.
        io_type: Type of the link.
        is_group: Whether the sibling is a group.
        iteration: Of an element of a fan-out, picked or not: the iteration that made it.
    """

    child: str
    child_iteration: int | None
    key: str
    io_type: IOType
    is_group: bool = False
    iteration: int | None = None

    @property
    def is_fan_out(self) -> bool:
        """Whether the sibling is a group that exposes a fan-out."""
        return self.is_group and self.io_type is IOType.ITERATOR_OUTPUT

    @property
    def port(self) -> str:
        """Name of the port that the value gets on a group."""
        return self.key if self.key.startswith(CHANNEL) else f"{CHANNEL}{self.child}-{self.key}"


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A link whose value may still be in the making."""

    task: Task
    io_type: IOType
    key: str
    stored: Stored
    producer: Producer
    position: int = 0

    def links(self) -> tuple[ArtifactTaskLink, ...]:
        """Return the record, one for each part of the value, which must be there."""
        return tuple(
            [
                make_link(self.task, self.io_type, self.key, one, self.producer, position)
                for position, one in enumerate(self.stored.single(), self.position)
            ]
        )


Inputs = Callable[[Task], Iterable[LinkPlan]]


def make_link(
    task: Task,
    io_type: IOType,
    key: str,
    stored: Stored,
    producer: Producer,
    position: int = 0,
) -> ArtifactTaskLink:
    """Make the record of a link of `task`."""
    version = stored.version
    return ArtifactTaskLink(
        id=new_id(),
        run_id=task.run_id,
        task_id=task.id,
        io_type=io_type,
        key=key,
        producer=producer,
        position=position,
        version_id=version.id if version is not None else None,
        value=stored.literal if version is None else None,
    )
