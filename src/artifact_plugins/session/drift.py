"""What of the code that a version is pinned to is not the same here."""

from __future__ import annotations

from collections.abc import Mapping

from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.plugins import TASK_PREFIX, LoadedPlugin
from artifact_plugins.records import CodeArchive, PluginSnapshot
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.pinning import installed_archive

BY_VALUE = "its script or notebook classes bring their code with them; running it needs trust"


def differences(
    snapshot: PluginSnapshot, plugins: Mapping[str, LoadedPlugin], materializers: Materializers
) -> list[str]:
    """Return what of the pinned code is not the same here, in words.

    Args:
        plugins: The installed ones by name.
    """
    from artifact_plugins.snapshots import digest_here  # late: most loads need none of it

    found = []
    for archive in snapshot.archives:
        if archive.role == "main":
            found.append(BY_VALUE)
            continue
        try:
            if archive.role == "plugin":
                digest = _installed_digest(archive, plugins.get(archive.name), materializers)
            else:
                digest = digest_here(archive)
        except ArtifactPluginsError as error:
            found.append(f"{archive.name}: {error.message}")
            continue
        if digest is None:
            found.append(f"{archive.name} is not here")
        elif digest != archive.digest:
            found.append(f"{archive.name} differs: {digest[7:15]} here, {archive.digest[7:15]}")
    return list(dict.fromkeys(found))


def _installed_digest(
    archive: CodeArchive, plugin: LoadedPlugin | None, materializers: Materializers
) -> str | None:
    if plugin is None or not plugin.is_working:
        return None
    for offer in plugin.offers:
        if offer.key in archive.offers:
            cls = materializers.resolver.by_key(offer.key).materializer_class
            return installed_archive(plugin, cls)
    for task in plugin.artifact_tasks:
        if f"{TASK_PREFIX}{task.name}" in archive.offers:
            choice = materializers.tasks.index.by_name(task.name)
            return installed_archive(plugin, choice.task_class)
    return None
