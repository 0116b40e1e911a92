"""What goes wrong with a plugin."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class PluginError(ArtifactPluginsError):
    """A plugin could not be loaded or used."""


class PluginConflictError(PluginError):
    """Two plugins claim one name."""
