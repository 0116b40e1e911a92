"""Choice: the materializer taken for a type; its class is imported at first use."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.errors import PluginError

# Libraries that one of our extras brings, by the top-level module they install.
EXTRAS = {"numpy": "numpy", "pandas": "pandas", "pyarrow": "pyarrow", "attr": "attrs"}


@dataclass(frozen=True)
class Choice:
    """A materializer, named but not yet imported.

    Attributes:
        key: What is recorded with a version: the offer's key, or
            `module:Qualname` of a class that no plugin offers.
        target: Import path of the class.
        plugin: Name of the plugin that offers it; None for a bare class.
        offer: What the plugin said about it; None for a bare class.
    """

    key: str
    target: str
    plugin: str | None = None
    offer: MaterializerOffer | None = None
    _given: type | None = field(default=None, repr=False)

    @classmethod
    def of_offer(cls, offer: MaterializerOffer, plugin: str | None) -> Choice:
        """Return the choice of an offered materializer."""
        return cls(offer.key, offer.target, plugin, offer)

    @classmethod
    def of_class(cls, given: type) -> Choice:
        """Return the choice of a class that was handed in.

        Raises:
            PluginError: It is no materializer, or an abstract one.
        """
        path = f"{given.__module__}:{given.__qualname__}"
        return cls(path, path, _given=_checked(given, path))

    @classmethod
    def of_stored(cls, given: type, key: str, plugin: str | None) -> Choice:
        """Return the choice of a class for the key that a version records."""
        return cls(key, f"{given.__module__}:{given.__qualname__}", plugin, _given=given)

    @cached_property
    def materializer_class(self) -> type[Materializer[Any]]:
        """The class; imported at first use, then at hand.

        Raises:
            PluginError: It cannot be imported, or is no materializer; names
                the key, the plugin and, when a library is missing, the extra.
        """
        if self._given is not None:
            return self._given
        try:
            found = load_target(self.target)
        except Exception as error:
            raise self._not_importable(error) from error
        return _checked(found, self.key)

    def reads(self, format: str) -> bool:  # noqa: A002  # the word of the contract
        """Tell whether it loads files of a format; a bare class is imported to know."""
        source = self.offer or self.materializer_class
        return format in (getattr(source, "format", None), *source.reads)

    def __str__(self) -> str:
        return f"{self.key!r} of plugin {self.plugin!r}" if self.plugin else repr(self.key)

    def _not_importable(self, error: Exception) -> PluginError:
        # load_target wraps an ImportError and lets everything else through.
        cause = error.__cause__ if isinstance(error, PluginError) else error
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        extra = EXTRAS.get((missing or "").partition(".")[0])
        return PluginError(
            f"materializer {self} cannot be imported from {self.target!r}: "
            f"{type(cause).__name__}: {cause}",
            hint=f"install artifact-plugins[{extra}]"
            if extra
            else f"correct {self.target!r} where it is named",
            key=self.key,
            plugin=self.plugin,
            target=self.target,
        )


def _checked(found: Any, key: str) -> type[Materializer[Any]]:
    if not isinstance(found, type) or not issubclass(found, Materializer):
        raise PluginError(
            f"materializer {key!r} is {found!r}, which is no subclass of Materializer",
            hint="derive the class from artifact_plugins.Materializer",
            key=key,
        )
    missing = sorted(found.__abstractmethods__)
    missing += [] if isinstance(getattr(found, "format", None), str) else ["format"]
    if missing:
        raise PluginError(
            f"materializer {key!r} does not define {', '.join(missing)}",
            hint="save, load and format are what every materializer has",
            key=key,
        )
    return found
