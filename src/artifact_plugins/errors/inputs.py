"""What is wrong with what the caller handed in."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class InputError(ArtifactPluginsError):
    """What the caller handed in cannot be used."""


class InvalidNameError(InputError, ValueError):
    """A name has characters, a length or a form that is not allowed."""


class InvalidKeyError(InputError, ValueError):
    """A store key or URL has a form that is not allowed."""


class MetadataValueError(InputError, ValueError):
    """A metadata value cannot be kept exactly."""


class QueryError(InputError, ValueError):
    """A filter or an order cannot be used; `picture` points at `column` of `expression`."""

    def __str__(self) -> str:
        picture = self.context.get("picture")
        return f"{super().__str__()}\n{picture}" if picture else super().__str__()


class SettingsError(InputError, ValueError):
    """A setting has a value that cannot be used."""


class HandleUsageError(InputError, TypeError):
    """A handle was used as if it were the value."""


class StepDefinitionError(InputError, TypeError):
    """A step or pipeline is declared in a way that cannot work."""


class StepOutputError(InputError, TypeError):
    """A step returned something other than it declares."""


class RunUsageError(InputError, RuntimeError):
    """A run, task or session was used where it cannot be."""
