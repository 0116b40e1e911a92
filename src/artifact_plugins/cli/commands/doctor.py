"""`artifact-plugins doctor`: check the ledger, every stored byte and the plugins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.formats import size_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_table, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.progress import track
from artifact_plugins.errors import ArtifactPluginsError, LedgerError, describe

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import ArtifactVersion
    from artifact_plugins.session import Session


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        room: `ledger`, `store`, `plugins` or `loading`.
        what: The version or plugin it is about.
        code: Code of the named error, or "".
        message: What is wrong.
    """

    room: str
    what: str
    code: str
    message: str


@dataclass
class Findings:
    """What the doctor has seen.

    Attributes:
        problems: What is wrong.
        versions: Number of versions that were checked.
        size_bytes: Size of their payloads.
        ledger: Which database and schema the ledger has.
        loads: Number of versions by the code that would load them, and under
            `not at all`; None when that was not asked for.
        orphans: Ids of versions with files but without a record: saves that
            were interrupted. They take space and harm nothing.
    """

    problems: list[Problem] = field(default_factory=list)
    versions: int = 0
    size_bytes: int = 0
    ledger: str = ""
    orphans: list[str] = field(default_factory=list)
    loads: dict[str, int] | None = None

    def add(self, room: str, what: str, error: ArtifactPluginsError | str) -> None:
        """Note a problem."""
        code = error.code if isinstance(error, ArtifactPluginsError) else ""
        self.problems.append(Problem(room, what, code, str(error)))


@make_command("doctor")
@click.option(
    "--load-check",
    is_flag=True,
    help="Say of every version with which code it would load here; none of it is run.",
)
def command(place: Place, load_check: bool, as_json: bool) -> int:
    """Check the ledger, the digest of every stored file, and the plugins.

    Versions of all projects are checked. Exits with 1 when something is wrong.
    """
    found = Findings(loads={} if load_check else None)
    _check_plugins(place, found)
    emptiness = ""
    if not place.has_ledger:
        emptiness = place.emptiness
        if place.has_store:
            found.add("ledger", place.settings.ledger_url, f"{emptiness}, but there is a store")
    else:
        try:
            with place.open(needs_store=place.has_store) as session:
                _check_session(session, found, has_store=place.has_store)
        except ArtifactPluginsError as error:
            found.add(*_culprit(place, error), error)
    if as_json:
        write_json({"is_well": not found.problems, **dataclasses.asdict(found)})
    else:
        _write(found, emptiness)
    return FAILED if found.problems else 0


def _culprit(place: Place, error: ArtifactPluginsError) -> tuple[str, str]:
    """Tell which of the two cannot be used; a server and a bucket fail by the same names."""
    try:
        place.open_ledger().close()
    except ArtifactPluginsError:
        return "ledger", place.settings.ledger_url
    if isinstance(error, LedgerError):
        return "ledger", place.settings.ledger_url
    return "store", place.settings.store_url


def _check_plugins(place: Place, found: Findings) -> None:
    from artifact_plugins.contracts.refs import load_target  # late: `--help` loads no plugin
    from artifact_plugins.plugins import load_plugins
    from artifact_plugins.session.looking import is_there

    settings = place.settings
    try:
        registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    except ArtifactPluginsError as error:
        found.add("plugins", "all", error)
        return
    for plugin in registry.plugins:
        if plugin.error is not None:
            found.add("plugins", plugin.name, plugin.error)
    # Our own offers name libraries that need not be installed.
    targets = [
        (plugin, offer.target)
        for offer, plugin in registry.offers
        if not offer.target.startswith("artifact_materializers.")
    ]
    targets += [("settings", path) for path in settings.materializers.values() if ":" in path]
    for source, target in targets:
        try:
            load_target(target)
        except ArtifactPluginsError as error:
            found.add("plugins", source, error)
        except Exception as error:  # noqa: BLE001  # the module may raise anything
            found.add("plugins", source, f"target {target!r} cannot be imported: {describe(error)}")
    for path in settings.materializers:
        if ":" in path and not is_there(path):
            found.add("plugins", "settings", f"{path!r} in Settings.materializers is no class here")


def _check_session(session: Session, found: Findings, *, has_store: bool) -> None:
    found.ledger = session.ledger.kind
    for problem in session.ledger.check():
        found.add("ledger", session.settings.ledger_url, problem)
    registered: set[str] = set()
    orphaned: set[str | None] = set()
    total = _count(session.ledger)
    for version in track(_all_versions(session.ledger), total=total, description="checking"):
        registered.add(version.id)
        if version.collected_at is not None:
            continue  # its bytes were given up
        found.versions += 1
        found.size_bytes += version.size_bytes
        if not version.content_hash and not version.files:
            continue  # a client of a face registered bytes that somebody else keeps
        if not has_store and not version.uri.startswith("data:"):
            found.add("store", str(version), f"its store {session.settings.store_url!r} is gone")
            continue
        if found.loads is None:
            _check_materializer(session, version, found, orphaned)
        try:
            session.store.check(version)
        except ArtifactPluginsError as error:
            found.add("store", str(version), error)
        else:
            _check_load(session, version, found)
    if has_store:
        found.orphans = [id_ for id_ in session.store.version_ids() if id_ not in registered]


def _check_materializer(
    session: Session, version: ArtifactVersion, found: Findings, orphaned: set[str | None]
) -> None:
    """Note a materializer that no plugin offers, once; the load check knows more."""
    key = version.materializer
    if key is None or key in orphaned:
        return
    if ":" in key and version.plugin_snapshot is not None:
        return  # a class of the user's own: imported when it is needed, or archived
    try:
        session.resolver.by_key(key)
    except ArtifactPluginsError as error:
        orphaned.add(key)
        found.add("plugins", str(version), error)


def _check_load(session: Session, version: ArtifactVersion, found: Findings) -> None:
    """Note with which code a version would load, when that was asked for."""
    if found.loads is None or version.deleted_at is not None:
        return
    explained = session.explain_load(version)
    code = explained.decision.code if explained.decision is not None else "not at all"
    found.loads[code] = found.loads.get(code, 0) + 1
    if explained.error is not None:
        found.add("loading", str(version), explained.error)


def _count(ledger: Ledger) -> int:
    from artifact_plugins.records import every  # late: `--help` needs no pydantic

    return sum(found.versions for found in every(ledger.artifacts, None))


def _all_versions(ledger: Ledger) -> Iterator[ArtifactVersion]:
    from artifact_plugins.records import VersionQuery, every  # late: `--help` needs no pydantic

    return every(ledger.versions, VersionQuery(is_deleted=None), newest_first=False)


def _write(found: Findings, emptiness: str) -> None:
    if emptiness and not found.problems:
        write_text(emptiness)
    elif found.versions or not emptiness:
        write_text(f"checked {found.versions} versions, {size_text(found.size_bytes)}")
    if found.ledger:
        write_text(f"ledger: {found.ledger}")
    if found.loads:
        ways = ", ".join(f"{number} {code}" for code, number in sorted(found.loads.items()))
        write_text(f"code that would load them: {ways}")
    if found.orphans:
        write_text(
            f"{len(found.orphans)} interrupted saves left files without a record "
            "(or are still being written); they harm nothing, and "
            "`artifact-plugins gc` removes them: " + ", ".join(found.orphans[:5])
        )
    if found.problems:
        write_table(
            ("Where", "What", "Error", "Problem"),
            [(p.room, p.what, p.code, p.message) for p in found.problems],
        )
    else:
        write_text("nothing is wrong")
