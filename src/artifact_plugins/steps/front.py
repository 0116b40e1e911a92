"""The functions of the front door: by hand, inside a step and outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import HandleUsageError, InputError, RunUsageError
from artifact_plugins.lineage_graph import Lineage
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    LinkQuery,
    Page,
    Producer,
    Run,
    SaveType,
    Task,
    TaskQuery,
    TaskType,
    check_metadata,
    check_name,
)
from artifact_plugins.session import Selection, Session, current_session
from artifact_plugins.session.saving import SaveRequest
from artifact_plugins.session.wanted import check_annotation
from artifact_plugins.steps.active import active_run
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles
from artifact_plugins.steps.inside import ActiveTask, active_task
from artifact_plugins.steps.loop import for_each_body
from artifact_plugins.steps.scopes import leaf_type, own_producer
from artifact_plugins.steps.views import NOBODY, LinkPlan, Stored

if TYPE_CHECKING:
    from artifact_plugins.steps.migrating import Migration


def save(value: Any, name: str, **how: Any) -> ArtifactVersion:
    """Save a value as the next version of an artifact; see `Session.save`.

    Raises:
        HandleUsageError: `value` is a handle: the run has saved it already.
    """
    if isinstance(value, Handle | FanOut | OutputHandles):
        raise HandleUsageError(
            f"{value!r} is saved already", hint="use its .version, or ap.value(handle)"
        )
    return _session().save(value, name, **how)


def load(artifact: str | ArtifactVersion | Handle, **how: Any) -> Any:
    """Load a version, the newest of a name when nothing else is said; see `Session.load`."""
    session, found = _where(artifact)
    return session.load(found, **how)


def register(uri: str | Path, name: str, **how: Any) -> ArtifactVersion:
    """Register data that already lies somewhere; see `Session.register`."""
    return _session().register(uri, name, **how)


def lineage(artifact: str | ArtifactVersion | Handle) -> Lineage:
    """Return where a version comes from and what came from it; see `Lineage`."""
    session, found = _where(artifact)
    return session.lineage(found)


def migrate(
    artifact: str, *, to: str | type, versions: Sequence[int] = (), dry_run: bool = False
) -> tuple[Migration, ...]:
    """Rewrite old versions in another form, as new versions; see `steps.migrating.migrate`."""
    from artifact_plugins.steps.migrating import migrate  # late: few runs need it

    return migrate(_session(), artifact, to=to, versions=versions, dry_run=dry_run)


def versions(where: str | Sequence[str] = "", **how: Any) -> Page[ArtifactVersion]:
    """Find versions by a filter; see `Session.versions`."""
    return _session().versions(where, **how)


def links(where: str | Sequence[str] = "", **how: Any) -> Page[ArtifactTaskLink]:
    """Find artifact-task links by a filter; see `Session.links`."""
    return _session().links(where, **how)


def tasks(where: str | Sequence[str] = "", **how: Any) -> Page[Task]:
    """Find tasks by a filter; see `Session.tasks`."""
    return _session().tasks(where, **how)


def runs(where: str | Sequence[str] = "", **how: Any) -> Page[Run]:
    """Find runs by a filter; see `Session.runs`."""
    return _session().runs(where, **how)


def _session() -> Session:
    """Return the session of the task or run in progress, else the current one."""
    active = active_task.get()
    if active is not None:
        return active.session
    run = active_run.get()
    return run.session if run is not None else current_session()


def _where(artifact: str | ArtifactVersion | Handle) -> tuple[Session, str | ArtifactVersion]:
    if isinstance(artifact, Handle):
        return artifact._run.session, artifact.version
    return _session(), artifact


def for_each(body: Callable[..., Any], /, **lists: Any) -> Any:
    """Run a body of step calls once per item; several lists are zipped.

    The steps that the body calls are tasks of one loop:
    `ap.for_each(lambda month: mean(load(month)), month=[1, 2])`.

    Args:
        body: Gets one handle per list, by name; returns handles, or None.
        lists: Lists, handles of lists, or mapped results.

    Returns:
        What the iterations return, as a fan-out (several by name), without the
        iterations that returned None.

    Raises:
        HandleUsageError: As `Step.map`.
    """
    run = active_run.get()
    if run is None or active_task.get() is not None:
        lengths = {name: len(items) for name, items in lists.items()}
        if len(set(lengths.values())) != 1:
            raise HandleUsageError(
                f"a body is mapped over lists of different lengths: {lengths}",
                hint="nothing was called",
            )
        rows = zip(*lists.values(), strict=True)
        return [body(**dict(zip(lists, row, strict=True))) for row in rows]
    name = str(getattr(body, "name", None) or getattr(body, "__name__", "body")).strip("<>")
    return for_each_body(run, body, lists, name=name)


def current_task() -> Task:
    """Return the record of the task that is being run.

    Raises:
        RunUsageError: No step of a run is being called here.
    """
    return _inside("current_task").record


def log_artifact(
    name: str,
    value: Any,
    *,
    artifact_type: str | None = None,
    materializer: str | type | None = None,
    task: str | type | None = None,
    options: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> ArtifactVersion:
    """Save an extra value inside a step, at once, with an output link of its task.

    It stays, with its link, even when the step fails later.

    Args:
        task: Name, import path or class of an artifact task.
        options: Options of the materializer, parameters of the artifact task.

    Raises:
        RunUsageError: No step of a run is being called here; use `ap.save`.
    """
    active = _inside("log_artifact")
    record, key = active.record, f"auto/{check_name(name)}"
    position = active.position(key)
    request = SaveRequest(
        artifact=name,
        artifact_type=artifact_type,
        materializer=materializer,
        artifact_task=task,
        options=options,
        tags=tags,
        metadata=metadata,
        description=description,
        save_type=SaveType.STEP_OUTPUT,
        idempotency_key=f"{record.id}/{key}/{position}/{record.attempt}",
        task=record,
    )
    staged = active.session.saver.stage(value, request)
    stored = Stored(staged.draft.version)
    plan = LinkPlan(record, leaf_type(record), key, stored, own_producer(record), position)
    return active.log(staged, plan)


def load_artifact(
    name: str,
    *,
    version: int | None = None,
    alias: str | None = None,
    as_type: Any = Any,
    columns: Sequence[str] | None = None,
) -> Any:
    """Load a version inside a step, with an input link of its task.

    Raises:
        RunUsageError: No step of a run is being called here; use `ap.load`.
    """
    active = _inside("load_artifact")
    check_annotation(as_type)
    session = active.session
    found = session.find(name, version=version, alias=alias)
    value = session.loader.load(found, as_type, Selection(columns))
    io_type, producer = _origin(active, found)
    key = f"auto/{found.artifact}"
    position = active.position(f"{io_type} {key}", is_read=True)
    active.read.append(LinkPlan(active.record, io_type, key, Stored(found), producer, position))
    return value


def log_metadata(metadata: Mapping[str, Any], *, output: str | None = None) -> None:
    """Attach metadata to the versions that the current step makes.

    Args:
        output: Key of the output; every output when not given.

    Raises:
        RunUsageError: No step of a run is being called here.
        MetadataValueError: A value is not JSON that comes back exactly.
    """
    active = _inside("log_metadata")
    if output is not None and output not in active.outputs:
        raise InputError(
            f"task {active.record.name!r} has no output {output!r}",
            hint=f"it has {list(active.outputs)}",
        )
    active.metadata.setdefault(output, {}).update(check_metadata(metadata))


def _inside(function: str) -> ActiveTask:
    active = active_task.get()
    if active is None:
        where = "in the body of a run, not in a step" if active_run.get() else "outside a run"
        raise RunUsageError(
            f"ap.{function} was called {where}",
            hint="call it inside a step function that runs as a task",
        )
    return active


def _origin(active: ActiveTask, version: ArtifactVersion) -> tuple[IOType, Producer]:
    """Return the link type and producer of a version loaded by hand (R14)."""
    if version.run_id != active.record.run_id:
        return IOType.RUNTIME_VALUE_INPUT, NOBODY
    ledger = active.session.ledger
    links = ledger.links(LinkQuery(run_id=version.run_id, version_ids=(version.id,)), limit=1000)
    for link in links:
        if link.io_type.is_output:
            (task,) = ledger.tasks(TaskQuery(ids=(link.task_id,)), limit=1)
            if task.type in (TaskType.RUNTIME, TaskType.IMPORTER):
                return IOType.TASK_OUTPUT_INPUT, link.producer
    return IOType.RUNTIME_VALUE_INPUT, NOBODY
