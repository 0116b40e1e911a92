"""Every version is pinned to the code that wrote it: capture, publish once, sign."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.refs import ARCHIVED, Noted, original_name
from artifact_plugins.errors import (
    ArtifactPluginsError,
    NotSerializableError,
    ResourceLimitError,
)
from artifact_plugins.plugins import TASK_PREFIX, LoadedPlugin, PluginRegistry
from artifact_plugins.records import PluginSnapshot, Signature
from artifact_plugins.session import pin_cache
from artifact_plugins.session.equipped import Writer
from artifact_plugins.session.pin_cache import Pin
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Trust

if TYPE_CHECKING:
    from artifact_plugins.snapshots import Captured

_log = logging.getLogger("artifact_plugins")
_MOST_PINS = 10_000
_left_out: set[str] = set()


class _Known(NamedTuple):
    """A pin, and the modules that its code was taken from.

    Attributes:
        pin: What was captured.
        loaded: Names of the modules of the user's own code with their specs;
            None for one that was not imported.
    """

    pin: Pin
    loaded: tuple[tuple[str, Any], ...]

    def is_current(self) -> bool:
        """Tell whether no module was imported or reloaded since: a reload makes a new spec."""
        return all(_spec(name) is spec for name, spec in self.loaded)


class Pinner:
    """Captures code once per process and publishes it once per store. Threads share it."""

    def __init__(self, store: ContentStore, trust: Trust, plugins: PluginRegistry) -> None:
        self._store = store
        self._trust = trust
        self._plugins = {plugin.name: plugin for plugin in plugins.plugins}
        self._home_of: dict[str, str | None] = {}
        self._pins: dict[tuple[Any, ...], _Known] = {}
        self._by_id: dict[str, Pin | PluginSnapshot] = {}
        self._published: set[str] = set()
        self._process = os.getpid()

    def warm(self) -> None:
        """Import what the first save needs, before its time counts."""
        from artifact_plugins.snapshots import is_first_party  # noqa: F401  # late: only for saves

        self._trust.warm()

    def pin(self, writer: Writer, noted: Noted) -> Pin:
        """Return what a version is pinned to, after its archives are in the store.

        Raises:
            SecretInSnapshotError: The code holds what looks like a secret.
            ResourceLimitError: The code is over 16 MiB or 2,000 files.
            StoreError: It could not be published.
        """
        own = _own(frozenset(noted.classes))
        homes = self._homes(noted)
        key = (writer, _code_of(own), homes, frozenset(noted.modules), frozenset(noted.writers))
        known = self._pins.get(key)
        if known is None or not known.is_current():
            # What is kept holds the folder of the writer's own plugin.
            is_plain = homes <= {writer.plugin} and not (noted.modules or noted.writers)
            kept = self._kept(writer, own) if is_plain else None
            found = kept or self._capture(writer, own, homes, noted)
            if len(self._pins) >= _MOST_PINS:
                self._pins.clear()
            known = self._pins[key] = _Known(found, _loaded(found))
        return known.pin

    def _homes(self, noted: Noted) -> frozenset[str]:
        """Return the plugins that take classes of the value with them when they are uninstalled."""
        modules = {cls.__module__ for cls in noted.classes} | noted.modules
        homes = self._home_of
        found = {homes[name] if name in homes else self._home(name) for name in modules}
        return frozenset(name for name in found if name is not None)

    def _home(self, module: str) -> str | None:
        home = next(
            (
                plugin.name
                for plugin in self._plugins.values()
                if plugin.is_working and f"{module}.".startswith(f"{plugin.module}.")
            ),
            None,
        )
        # The user's own code is captured as such.
        self._home_of[module] = None if home is None or _is_own(module) else home
        return self._home_of[module]

    def sign(self, manifest: bytes) -> Signature | None:
        """Sign the manifest of a version; None when there is no key here."""
        return self._trust.sign(MANIFEST_TYPE, manifest)

    def recorded(self, snapshot_id: str) -> PluginSnapshot:
        """Return a snapshot that was captured here or, by another process, in this store."""
        found = self._by_id.get(snapshot_id)
        if found is None:
            from artifact_plugins.snapshots import read_statement  # late: few sessions need it

            found = read_statement(self._store.get_statement(snapshot_id)[0])
            self._by_id[snapshot_id] = found
        return found.snapshot if isinstance(found, Pin) else found

    def _kept(self, writer: Writer, own: frozenset[type]) -> Pin | None:
        """Pin what one plugin wrote as a process before this one did; None if none did."""
        key, home = self._cache_key(writer, own), self._trust.home
        kept = pin_cache.read(home, key) if home is not None and key is not None else None
        if kept is not None and home is not None:
            archives = {digest: pin_cache.read_archive(home, digest) for digest in self._new(kept)}
            whole = {digest: data for digest, data in archives.items() if data is not None}
            if len(whole) == len(archives):
                self._publish(kept, whole)
                return kept
        return None

    def _capture(
        self, writer: Writer, own: frozenset[type], homes: frozenset[str], noted: Noted
    ) -> Pin:
        from artifact_plugins.snapshots import (  # late: a session that only reads needs none of it
            files_of,
            make_snapshot,
            statement_bytes,
        )

        others = [Writer(*other) for other in noted.writers if other[0] is not writer.cls]
        others.sort(key=lambda other: other.key)
        by_module: dict[str, Captured | None] = {}
        bare = {one.cls for one in (writer, *others) if one.plugin not in self._plugins}
        for one in (writer, *others):
            if one.cls not in bare:
                plugin = self._plugins[one.plugin or ""]
                module = _root_of(plugin, one.cls)
                if module not in by_module:
                    taken = _or_nothing(partial(_captured_plugin, plugin, module))
                    by_module[module] = taken
        for home in sorted(homes):
            plugin = self._plugins[home]
            if plugin.module not in by_module:
                capture = partial(_captured_plugin, plugin, plugin.module)
                by_module[plugin.module] = _or_nothing(capture, too=ResourceLimitError)
        project = _project(own | bare, noted.modules)
        plugins = [item for item in by_module.values() if item is not None]
        captured = [*plugins, *project]
        snapshot = make_snapshot(
            plugin=writer.plugin or original_name(writer.cls.__module__).partition(".")[0],
            entry_object=f"{original_name(writer.cls.__module__)}:{writer.cls.__qualname__}",
            captured=captured,
            modules=sorted(noted.modules),
        )
        statement = statement_bytes(snapshot)
        pin = Pin.of(
            snapshot,
            statement,
            signature=self._trust.sign(SNAPSHOT_TYPE, statement),
            files={path: stamp for item in project for path, stamp in files_of(item).items()},
        )
        archives = {item.archive.digest: item.data for item in captured}
        self._publish(pin, archives)
        key, place = self._cache_key(writer, own), self._trust.home
        # What was left out, or has no file to look at, is captured again each time.
        is_whole = len(plugins) == 1 and len(project) == bool(own) == bool(pin.files)
        is_plain = homes <= {writer.plugin} and not (others or noted.modules)
        if place is not None and key is not None and is_whole and is_plain:
            pin_cache.write(place, key, pin, archives)
        return pin

    def _cache_key(self, writer: Writer, own: frozenset[type]) -> str | None:
        plugin, signer = self._plugins.get(writer.plugin or ""), self._trust.key_stamp()
        modules = sorted({cls.__module__ for cls in own})
        is_kept = not any(map(is_by_class, modules))
        if plugin is None or signer is None or not is_kept:
            return None
        return pin_cache.cache_key(plugin, writer.cls, signer, modules)

    def _new(self, pin: Pin) -> list[str]:
        """Return the archives of a pin that this process has not published yet."""
        if self._process != os.getpid():
            self._published, self._process = set(), os.getpid()
        return [digest for digest in pin.archives if digest not in self._published]

    def _publish(self, pin: Pin, archives: Mapping[str, bytes]) -> None:
        self._by_id[pin.id] = pin
        new = self._new(pin)
        if pin.id in self._published:
            return
        for digest in new:
            self._store.put_archive(digest, archives[digest])
            self._published.add(digest)
        self._store.put_statement(pin.id, pin.statement, pin.signature)
        self._published.add(pin.id)


def installed_archive(plugin: LoadedPlugin, cls: type) -> str:
    """Return the digest of the installed code that offers a class."""
    return _captured_plugin(plugin, _root_of(plugin, cls)).archive.digest


def _captured_plugin(plugin: LoadedPlugin, module: str) -> Captured:
    from artifact_plugins.snapshots import (  # late: a session that only reads needs none of it
        capture_plugin,
    )

    captured = capture_plugin(
        module,
        plugin=plugin.name,
        distribution=plugin.distribution,
        distribution_version=plugin.distribution_version,
    )
    offers = {offer.key: offer.target for offer in plugin.offers}
    offers |= {f"{TASK_PREFIX}{task.name}": task.target for task in plugin.artifact_tasks}
    return replace(captured, archive=captured.archive.model_copy(update={"offers": offers}))


def _root_of(plugin: LoadedPlugin, cls: type) -> str:
    """Return the module to capture: an entry point may lie elsewhere than what it offers."""
    module = cls.__module__
    inside = module == plugin.module or module.startswith(f"{plugin.module}.")
    return plugin.module if inside else module


def _loaded(pin: Pin) -> tuple[tuple[str, Any], ...]:
    """Return the modules of code that is not installed: it may change while the process runs."""
    return tuple([(name, _spec(name)) for name in pin.modules])


def _spec(module: str) -> Any:
    return getattr(sys.modules.get(module), "__spec__", None)


@lru_cache(maxsize=1024)
def _own(classes: frozenset[type]) -> frozenset[type]:
    """Return the classes of the user's own code; whose one is does not change."""
    return frozenset([cls for cls in classes if _is_own(cls.__module__)])


@lru_cache(maxsize=1024)
def _code_of(own: frozenset[type]) -> frozenset[type | str]:
    """Return what tells the code of own classes apart: of a script, of archives, or by module."""
    return frozenset([cls if is_by_class(cls.__module__) else cls.__module__ for cls in own])


def is_by_class(module: str) -> bool:
    """Tell whether code is told apart by its classes: that of a script or of an archive."""
    return module == "__main__" or module.startswith(ARCHIVED)


def _is_own(module: str) -> bool:
    if module == "builtins":
        return False
    from artifact_plugins.snapshots import is_first_party  # late: plain values need none of it

    return module.startswith(ARCHIVED) or is_first_party(module)


def _project(classes: frozenset[type], modules: set[str]) -> list[Captured]:
    """Capture the user's own code: of data types, and of what no plugin offers."""
    from artifact_plugins.snapshots import (  # late: a session that only reads needs none of it
        archived_origin,
        capture_main,
        capture_project,
        captured_again,
    )

    captured: list[Captured | None] = []
    archived = {cls for cls in classes if cls.__module__.startswith(ARCHIVED)}
    origins = [archived_origin(cls) for cls in archived]
    digests = sorted({origin[1] for origin in origins if origin is not None})
    captured.extend(captured_again(digest) for digest in digests)
    main = {cls for cls in classes if cls.__module__ == "__main__"}
    if main:
        ordered = sorted(main, key=lambda cls: cls.__qualname__)
        # A pickle holds this code itself, with all the data that it refers to.
        captured.append(_or_nothing(partial(capture_main, ordered), too=ResourceLimitError))
    named = {cls.__module__ for cls in classes - archived - main}
    named |= {module for module in modules if module != "__main__" and _is_own(module)}
    if named:
        captured.append(_or_nothing(partial(capture_project, sorted(named))))
    return [item for item in captured if item is not None]


def _or_nothing(
    capture: Callable[[], Captured | None],
    *,
    too: type[ArtifactPluginsError] = NotSerializableError,
) -> Captured | None:
    """Capture code, or say why it is left out: a result is worth more than its pin.

    Args:
        too: An error for which it is also left out.
    """
    try:
        return capture()
    except (NotSerializableError, too) as error:
        # Once: the same code fails at every save.
        if error.message not in _left_out:
            _left_out.add(error.message)
            _log.warning("%s; what it saves is pinned without it", error.message)
        return None
