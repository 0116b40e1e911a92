"""Which installed distributions offer plugins, found without importing any of them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError

from artifact_plugins.errors import PluginConflictError, PluginError

GROUP = "artifact_plugins"
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlugin:
    """An entry point of our group and the distribution that declares it.

    Attributes:
        entry_point: What to load; the reason when the declaration cannot be read.
    """

    name: str
    target: str
    distribution: str
    distribution_version: str
    entry_point: EntryPoint | PluginError


def find_plugins(*, disabled: Container[str] = ()) -> tuple[FoundPlugin, ...]:
    """Return the entry points of our group, sorted by name.

    A distribution that lies twice on the path counts once: the copy that
    Python's own lookup by name finds. Names in `disabled` are left out before
    anything is compared, which is how a conflict is settled.

    Raises:
        PluginConflictError: Two distributions, or two targets of one
            distribution, claim a name; all claims are named.
    """
    claims: dict[str, dict[tuple[str, str, str], FoundPlugin]] = {}
    for found in _all_plugins():
        if found.name not in disabled:
            # One entry point may be written down twice with the same meaning.
            same = (found.distribution, found.distribution_version, found.target)
            claims.setdefault(found.name, {})[same] = found
    for name in sorted(claims):
        if len(claims[name]) > 1:
            raise _conflict(name, [claims[name][same] for same in sorted(claims[name])])
    return tuple(next(iter(claims[name].values())) for name in sorted(claims))


def _all_plugins() -> Iterator[FoundPlugin]:
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        # Most distributions have no plugin for us: one file is read, and
        # neither its entry points nor the metadata are parsed.
        if GROUP not in _declarations(distribution):
            continue
        name = _name(distribution)
        if name == _UNKNOWN:  # nothing to compare: each damaged one is its own
            yield from _plugins_of(distribution, name)
            continue
        normalized = re.sub(r"[-_.]+", "-", name).lower()
        if normalized not in seen:
            seen.add(normalized)
            yield from _plugins_of(_first_copy(distribution, name), name)


def _declarations(distribution: Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):  # a damaged stranger is not our business
        return ""


def _plugins_of(distribution: Distribution, name: str) -> Iterator[FoundPlugin]:
    version = _version(distribution)
    try:
        declared = [point for point in distribution.entry_points if point.group == GROUP]
    except (TypeError, ValueError) as error:  # a line without "=", a name without section
        yield FoundPlugin(
            name=name,
            target="entry_points.txt",
            distribution=name,
            distribution_version=version,
            entry_point=PluginError(f"its entry_points.txt cannot be read: {error}"),
        )
        return
    for entry_point in declared:
        yield FoundPlugin(
            name=entry_point.name,
            target=entry_point.value,
            distribution=name,
            distribution_version=version,
            entry_point=entry_point,
        )


def _name(distribution: Distribution) -> str:
    return _header(distribution, "Name")


def _version(distribution: Distribution) -> str:
    return _header(distribution, "Version")


def _header(distribution: Distribution, name: str) -> str:
    # A damaged installation has no METADATA, which Pythons take differently;
    # its plugins are still listed.
    try:
        metadata = distribution.metadata
        return str(metadata[name]) if name in metadata else _UNKNOWN
    # FileNotFoundError: what the package importlib_metadata raises, which replaces
    # the finder of Python wherever something imports it.
    except (TypeError, PackageNotFoundError, FileNotFoundError):
        return _UNKNOWN


def _first_copy(distribution: Distribution, name: str) -> Distribution:
    try:
        return importlib.metadata.distribution(name)
    except (PackageNotFoundError, ValueError):
        return distribution


def _conflict(name: str, claims: list[FoundPlugin]) -> PluginConflictError:
    owners = [f"{claim.distribution}=={claim.distribution_version}" for claim in claims]
    if len({claim.distribution for claim in claims}) == 1:
        targets = " and ".join(repr(claim.target) for claim in claims)
        return PluginConflictError(
            f"distribution {owners[0]} claims the plugin name {name!r} for {targets}",
            hint=f"report it to its authors, or add {name!r} to Settings.disabled_plugins",
            plugin=name,
            distributions=tuple(owners[:1]),
        )
    return PluginConflictError(
        f"{len(claims)} installed distributions claim the plugin name {name!r}: "
        + ", ".join(owners),
        hint=f"uninstall one, or add {name!r} to Settings.disabled_plugins",
        plugin=name,
        distributions=tuple(owners),
    )
