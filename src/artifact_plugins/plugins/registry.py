"""The loaded plugins: what they offer, and their hooks, each kept apart from the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pluggy

from artifact_plugins.contracts.offers import (
    ArtifactTaskOffer,
    BackendOffer,
    MaterializerOffer,
    RuntimeOffer,
)
from artifact_plugins.errors import PluginError, describe

_log = logging.getLogger("artifact_plugins")

# A message may hold an id and so differ each time; the memory of what was
# reported must not grow with the number of steps.
_MAX_REMEMBERED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugin:
    """One plugin, working or broken.

    Attributes:
        name: Entry point name, or the module name from `Settings.plugins`.
        module: What was imported: `artifact_materializers.pandas`.
        distribution: Who installed it; None for a module from the settings.
        distribution_version: Its version; None likewise.
        error: Why it takes no part; None when it works.
        offers: Its materializers.
        runtimes: Its runtimes.
        backends: Its kinds of backends.
        artifact_tasks: Its artifact tasks.
        renames: Where it says that classes went, old import path to new.
        origin: `entry point` or `settings`.
    """

    name: str
    module: str
    distribution: str | None = None
    distribution_version: str | None = None
    error: str | None = None
    offers: tuple[MaterializerOffer, ...] = ()
    runtimes: tuple[RuntimeOffer, ...] = ()
    backends: tuple[BackendOffer, ...] = ()
    artifact_tasks: tuple[ArtifactTaskOffer, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
    origin: Literal["entry point", "settings"] = "entry point"

    @property
    def is_working(self) -> bool:
        """Whether its offers and hooks take part."""
        return self.error is None

    @property
    def source(self) -> str:
        """Where it comes from, for people: `shop-tools==1.2` or `Settings.plugins`."""
        if self.distribution is None:
            return "Settings.plugins"
        return f"{self.distribution}=={self.distribution_version}"


@dataclass(frozen=True, slots=True)
class _Listener:
    """One function of one plugin that implements a hook."""

    plugin: str
    function: Callable[..., Any]
    required: tuple[str, ...]
    defaulted: tuple[str, ...]

    def __call__(self, arguments: dict[str, Any]) -> Any:
        optional = {name: arguments[name] for name in self.defaulted if name in arguments}
        return self.function(*[arguments[name] for name in self.required], **optional)


class PluginRegistry:
    """What the plugins of one session offer and observe.

    Attributes:
        plugins: All of them in the order in which they were loaded, broken ones too.
        offers: Every offer with the name of its plugin.
        hook: pluggy's relay. `call` and `call_veto` keep plugins apart; the
            relay does not.
        disabled: Names that were not loaded on request.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Sequence[LoadedPlugin],
        *,
        disabled: Sequence[str] = (),
    ) -> None:
        self.plugins: tuple[LoadedPlugin, ...] = tuple(plugins)
        self.offers: tuple[tuple[MaterializerOffer, str], ...] = tuple(
            (offer, plugin.name) for plugin in plugins for offer in plugin.offers
        )
        self.hook = manager.hook
        self.disabled: tuple[str, ...] = tuple(disabled)
        self._listeners = _listeners_by_hook(manager)
        self._reported: set[tuple[str, str, str]] = set()

    @property
    def runtimes(self) -> dict[str, RuntimeOffer]:
        """What plugins offer as runtimes, by scheme."""
        return {offer.scheme: offer for plugin in self.plugins for offer in plugin.runtimes}

    @property
    def backends(self) -> dict[str, BackendOffer]:
        """What plugins offer as backends, by scheme."""
        return {offer.scheme: offer for plugin in self.plugins for offer in plugin.backends}

    @property
    def renames(self) -> dict[str, str]:
        """Where plugins say that classes went, old import path to new."""
        return {old: new for plugin in self.plugins for old, new in plugin.renames.items()}

    def listens(self, hook_name: str) -> bool:
        """Tell whether any plugin implements a hook; costs one dictionary look-up.

        Raises:
            PluginError: There is no such hook.
        """
        return bool(self._of(hook_name))

    def call(self, hook_name: str, /, **arguments: Any) -> None:
        """Tell every observer of an `after_*` or `on_*` hook; never raises for a plugin.

        What an observer raises is logged as a warning with its traceback, once
        per plugin, hook and message; the other observers are still called.

        Raises:
            PluginError: There is no such hook.
        """
        for listener in self._of(hook_name):
            try:
                listener(arguments)
            except Exception as error:  # noqa: BLE001  # the work is committed: nothing may undo it
                self._report(listener.plugin, hook_name, error)

    def call_veto(self, hook_name: str, /, **arguments: Any) -> None:
        """Ask every plugin about a `before_*` hook; the first that raises stops it.

        Raises:
            PluginError: There is no such hook.
            Exception: Whatever a plugin raised, unchanged.
        """
        for listener in self._of(hook_name):
            listener(arguments)

    def ask(self, hook_name: str, /, **arguments: Any) -> Iterator[Any]:
        """Yield what each plugin answers to a hook, as far as it answers anything.

        Raises:
            PluginError: There is no such hook.
            Exception: Whatever a plugin raised, unchanged.
        """
        for listener in self._of(hook_name):
            answer = listener(arguments)
            if answer is not None:
                yield answer

    def _of(self, hook_name: str) -> tuple[_Listener, ...]:
        try:
            return self._listeners[hook_name]
        except KeyError:
            raise PluginError(
                f"there is no hook {hook_name!r}", hint=f"the hooks are {sorted(self._listeners)}"
            ) from None

    def _report(self, plugin: str, hook_name: str, error: Exception) -> None:
        problem = (plugin, hook_name, text_of(error))
        if problem in self._reported:
            return
        if len(self._reported) >= _MAX_REMEMBERED:
            self._reported.clear()
        self._reported.add(problem)
        _log.warning(
            "plugin %r failed in %s: %s; nothing else is affected", *problem, exc_info=error
        )


def text_of(error: BaseException) -> str:
    """Return type and message of an exception on one line, even when its `__str__` is broken."""
    return " ".join(describe(error).split())


def _listeners_by_hook(manager: pluggy.PluginManager) -> dict[str, tuple[_Listener, ...]]:
    return {
        name: tuple(
            _Listener(impl.plugin_name, impl.function, impl.argnames, impl.kwargnames)
            # pluggy keeps implementations in reverse calling order.
            for impl in reversed(caller.get_hookimpls())
        )
        for name, caller in vars(manager.hook).items()
        if isinstance(caller, pluggy.HookCaller) and caller.has_spec()
    }
