"""What goes wrong between a value and its files."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class MaterializerError(ArtifactPluginsError):
    """A value could not be turned into files or back."""


class NoMaterializerError(MaterializerError, TypeError):
    """No materializer handles the type."""


class AmbiguousMaterializerError(MaterializerError, TypeError):
    """Several materializers claim the type with equal right."""


class NotSerializableError(MaterializerError, TypeError):
    """The value holds something that cannot be stored; names its path."""


class LossyConversionError(MaterializerError, ValueError):
    """Storing would change the value; names where and how."""


class RoundTripError(MaterializerError):
    """What was written does not load back as an equal value."""


class LoadFailedError(MaterializerError):
    """The stored bytes are intact, but the materializer could not load them."""


class PayloadClassNotFoundError(MaterializerError, LookupError):
    """The class of a stored value cannot be found."""


class EnvironmentMismatchError(MaterializerError):
    """Loading needs other library versions than the installed ones."""


class PythonVersionMismatchError(EnvironmentMismatchError):
    """Loading needs another Python version than the running one."""
