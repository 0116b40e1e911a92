"""The user's own code: modules and what they reach, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from artifact_plugins.records.snapshot import CodeArchive
from artifact_plugins.snapshots.archive import Captured, pack, sha256, write_archive
from artifact_plugins.snapshots.collected import Collected
from artifact_plugins.snapshots.kept import Stamps
from artifact_plugins.snapshots.locating import is_first_party, libraries_of, locate
from artifact_plugins.snapshots.modules import Reached, above, member_path, reach
from artifact_plugins.snapshots.running import read_file, source_of


def project_code(starts: Iterable[str]) -> tuple[Stamps, Captured | None]:
    """Return the archive and what it was read from; see `capture.capture_project`."""
    reached = reach(starts, belongs=is_first_party)
    if not reached.sources:
        return Stamps(), None
    roots = _roots(reached)
    name = ", ".join(roots)
    members = Collected(name)
    members.add_reached(reached)
    captured = pack(
        members.data,
        role="project",
        name=name,
        roots=roots,
        libraries=libraries_of(reached.others),
        extensions=reached.extensions,
    )
    return members.stamps, captured


def _roots(reached: Reached) -> list[str]:
    """Return the outermost packages and modules, sorted.

    Below a namespace package these are its parts: the others belong to others.
    """
    found = set()
    for module in reached.sources:
        packages = [name for name in above(module) if name in reached.sources]
        found.add(next(iter(packages), module))
    return sorted(found)


def project_digest(archive: CodeArchive) -> tuple[Stamps, str | None]:
    """Return the digest of the same members here; see `capture.digest_here`."""
    members: dict[str, bytes] = {}
    stamps = Stamps()
    for file in archive.files:
        if file.path.endswith(".py"):
            located = locate(_module_name(file.path))
            source = source_of(located) if located is not None else None
            if located is None or source is None or member_path(located) != file.path:
                return Stamps(), None
            members[file.path] = source.data
            stamps.files[located.file or file.path] = source.key
            stamps.modules[located.name] = located.file
        else:
            place = _data_place(file.path, archive.roots)
            if place is None:
                return Stamps(), None
            members[file.path], stamps.files[str(place)] = read_file(str(place))
    return stamps, sha256(write_archive(members))


def _module_name(path: str) -> str:
    stem = path.removesuffix(".py").removesuffix("/__init__")
    return stem.replace("/", ".")


def _data_place(path: str, roots: Iterable[str]) -> Path | None:
    """Return where a data file lies: in its package, or beside a top-level module."""
    member = PurePosixPath(path)
    for folder in member.parents[:-1]:
        package = locate(str(folder).replace("/", "."))
        if package is not None and package.folders:
            place = Path(package.folders[0], member.relative_to(folder))
            return place if place.is_file() else None
    for root in roots:
        module = locate(root)
        if module is not None and module.file and not module.folders:
            place = Path(module.file).parent / path
            if place.is_file():
                return place
    return None
