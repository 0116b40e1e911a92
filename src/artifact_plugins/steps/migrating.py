"""Old versions of an artifact are written anew, as versions that are linked to the old ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    LoadFailedError,
    NoMaterializerError,
    describe,
)
from artifact_plugins.records import ArtifactVersion, SaveType, VersionQuery, every
from artifact_plugins.session import Session
from artifact_plugins.steps.conversion import Conversion, Target
from artifact_plugins.steps.pipeline import start_run_here
from artifact_plugins.steps.ports import Output
from artifact_plugins.steps.step import Step, step

MIGRATED_FROM = "migrated_from"
"""Metadata key of a rewritten version: id, number, writer and format of the old one."""


@dataclass(frozen=True)
class Migration:
    """What became of one old version, or would become of it.

    Attributes:
        version: The old version; it stays as it is.
        outcome: `skipped`: it is in the form that is wanted, or was rewritten before.
        reason: One sentence for people.
        new: The new version, when there is one.
        error: Why it could not be loaded or saved.
    """

    version: ArtifactVersion
    outcome: Literal["migrated", "would migrate", "skipped", "failed"]
    reason: str
    new: ArtifactVersion | None = None
    error: ArtifactPluginsError | None = None


@dataclass(frozen=True)
class _Planned:
    """A version that is to be rewritten; `conversion` is None when only its class decides."""

    version: ArtifactVersion
    conversion: Conversion | None


def migrate(
    session: Session,
    artifact: str,
    *,
    to: str | type,
    versions: Sequence[int] = (),
    dry_run: bool = False,
) -> tuple[Migration, ...]:
    """Rewrite versions of an artifact in another form, each as a new version.

    One run named `migrate` has one task per version: the old version is its
    input, the new one its output. The new version keeps type, description,
    version name, tags and metadata, and says in its metadata what it was
    migrated from. Aliases stay where they are. The last of the new versions
    is then the newest of the artifact, whichever it was made from.

    Args:
        to: Key or import path of a materializer, a class, `artifact_task:NAME`,
            or a format like `parquet/1`.
        versions: Numbers of the versions; all of them when empty.
        dry_run: Only say what would happen: nothing archived is run, nothing written.

    Returns:
        One record per version, oldest first. One that cannot be loaded or
        saved is among them with its error, and the others go on.

    Raises:
        ArtifactMissingError: There is no such artifact or version.
        NoMaterializerError, PluginError: There is nothing that `to` names.
    """
    target = Target(session, to)
    found = list(
        every(
            session.ledger.versions,
            VersionQuery(project=session.settings.project, artifact=artifact),
            newest_first=False,
        )
    )
    wanted = _wanted(session, artifact, found, versions)
    successors = _successors(found)
    plan = [
        _plan(session, version, target, successors, wanted, dry_run=dry_run)
        for version in found
        if version.version in wanted
    ]
    if dry_run:
        return tuple(
            _explained(session, item) if isinstance(item, _Planned) else item for item in plan
        )
    return tuple(_executed(session, plan))


def _wanted(
    session: Session, artifact: str, found: Sequence[ArtifactVersion], versions: Sequence[int]
) -> set[int]:
    numbers = {version.version for version in found}
    if not numbers:
        session.find(artifact)  # names what comes near
    for number in versions:
        if number not in numbers:
            session.find(artifact, version=number)
            raise ArtifactMissingError(f"{artifact!r} has no version {number}")
    return set(versions) or numbers


def _successors(found: Sequence[ArtifactVersion]) -> dict[str, list[ArtifactVersion]]:
    """Return what was made of each version by an earlier migration."""
    successors: dict[str, list[ArtifactVersion]] = {}
    for version in found:
        origin = version.metadata.get(MIGRATED_FROM)
        if isinstance(origin, Mapping) and isinstance(origin.get("version_id"), str):
            successors.setdefault(origin["version_id"], []).append(version)
    return successors


def _plan(
    session: Session,
    version: ArtifactVersion,
    target: Target,
    successors: Mapping[str, list[ArtifactVersion]],
    wanted: set[int],
    *,
    dry_run: bool,
) -> _Planned | Migration:
    if version.save_type is SaveType.PREEXISTING:
        return Migration(version, "skipped", "its data lies where its owner put it")
    try:
        later = _descendants(version, successors)
        for new in later:
            if new.version in wanted or target.is_form_of(new):
                reason = f"version {new.version} was made of it before"
                return Migration(version, "skipped", reason, new=new)
        if target.is_form_of(version):
            return Migration(version, "skipped", "it is in this form already")
        return _Planned(version, target.conversion(version, may_import=not dry_run))
    except ArtifactPluginsError as error:
        return _failed(version, error)


def _descendants(
    version: ArtifactVersion, successors: Mapping[str, list[ArtifactVersion]]
) -> list[ArtifactVersion]:
    """Return what was made of a version, and of that; metadata may say anything, also a circle."""
    found: dict[str, ArtifactVersion] = {}
    waiting = [version.id]
    while waiting:
        for new in successors.get(waiting.pop(), ()):
            if new.id not in found and new.version > version.version:
                found[new.id] = new
                waiting.append(new.id)
    return list(found.values())


def _explained(session: Session, item: _Planned) -> Migration:
    explained = session.explain_load(item.version)
    if explained.error is not None or explained.decision is None:
        error = explained.error or NoMaterializerError(f"nothing loads {item.version}")
        return _failed(item.version, error)
    how = (
        f"as {item.conversion}"
        if item.conversion is not None
        else "its class is imported then, and decides which materializer writes it"
    )
    reason = f"loaded with {explained.decision.code} code, saved {how}"
    return Migration(item.version, "would migrate", reason)


def _executed(session: Session, plan: Sequence[_Planned | Migration]) -> Iterator[Migration]:
    results: dict[str, Migration] = {}
    work = [item for item in plan if isinstance(item, _Planned)]
    if work:
        failure: ArtifactPluginsError | None = None
        try:
            with start_run_here(session, "migrate"):
                for item in work:
                    made = results[item.version.id] = _rewritten(item)
                    failure = failure or made.error
                if failure is not None:
                    raise failure  # so that the run is recorded as FAILED
        except ArtifactPluginsError as error:
            if error is not failure:
                raise
    for planned in plan:
        yield planned if isinstance(planned, Migration) else results[planned.version.id]


def _rewritten(item: _Planned) -> Migration:
    version, conversion = item.version, item.conversion
    assert conversion is not None  # only a dry run leaves it open
    try:
        new = _step_for(version, conversion)(version).version
    except ArtifactPluginsError as error:
        return _failed(version, error)
    except Exception as error:  # noqa: BLE001  # of a stream: what its loading raises passes unchanged
        return _failed(version, _named(version, error))
    return Migration(version, "migrated", f"saved as {conversion}", new=new)


def _step_for(version: ArtifactVersion, conversion: Conversion) -> Step[Any, Any]:
    """Return the step that loads one version and gives it back as an output of the other form."""
    output = Output(
        version.artifact,
        artifact_type=version.artifact_type,
        tags=version.tags,
        metadata={**version.metadata, MIGRATED_FROM: _origin(version)},
        description=version.description,
        version_name=version.version_name,
        materializer=conversion.writer,
        options=conversion.options,
    )

    def rewrite(old: Any) -> Any:
        return old

    rewrite.__annotations__ = {"old": Any, "return": Annotated[Any, output]}
    return step(cache=False)(rewrite)


def _origin(version: ArtifactVersion) -> dict[str, Any]:
    return {
        "version_id": version.id,
        "version": version.version,
        "materializer": version.materializer,
        "artifact_task": version.artifact_task,
        "format": version.format,
    }


def _failed(version: ArtifactVersion, error: ArtifactPluginsError) -> Migration:
    return Migration(version, "failed", error.message, error=error)


def _named(version: ArtifactVersion, error: Exception) -> LoadFailedError:
    named = LoadFailedError(
        f"{version} could not be rewritten: {describe(error)}",
        hint="the old version is untouched",
        version_id=version.id,
    )
    named.__cause__ = error
    return named
