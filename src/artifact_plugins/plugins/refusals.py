"""The errors of a resolution: what was looked for, who came near, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import AmbiguousMaterializerError, NoMaterializerError
from artifact_plugins.plugins.choice import EXTRAS, Choice
from artifact_plugins.plugins.index import SWITCHED_OFF, Level, library_of
from artifact_plugins.plugins.registry import LoadedPlugin


class Refusals:
    """Words errors with what is known about the plugins that take no part."""

    def __init__(
        self,
        choices: Sequence[Choice],
        *,
        plugins: Sequence[LoadedPlugin] = (),
        disabled: Sequence[str] = (),
    ) -> None:
        self._choices = choices
        self._plugins = {plugin.name: plugin for plugin in plugins}
        self._disabled = disabled
        self._libraries = {choice.key.partition(".")[0] for choice in choices}
        for choice in choices:
            self._libraries.update(map(library_of, choice.offer.types if choice.offer else ()))

    def no_materializer(self, cls: type, levels: Sequence[Level]) -> NoMaterializerError:
        """Return the error for a type that nobody handles."""
        path = type_path(cls)
        kinds = [level.subject for level in levels if level.rule == "kind"]
        # The plugin for the standard library and for kinds is called "python".
        library = library_of(path) or "python"
        absent = self._absent(library) or (self._absent("python") if kinds else "")
        for level in levels:
            if level.rule == "base" and level.refused and isinstance(level.subject, type):
                base = type_path(level.subject)
                return self._subclass(path, base, level, absent, otherwise=_pickled(levels))
        known = f" (kind {kinds[0]!r}, which no plugin offers)" if kinds else ""
        return NoMaterializerError(
            f"no materializer handles {path}{known}",
            hint=absent
            or "pass Output(materializer=YourMaterializer), or name it in "
            f"Settings.materializers={{{path!r}: 'module:YourMaterializer'}}"
            + _pickled(levels)
            + self._broken_ones(),
            data_type=path,
        )

    def ambiguous(self, cls: type, level: Level) -> AmbiguousMaterializerError:
        """Return the error for claims of equal right."""
        path = type_path(cls)
        keys = tuple(choice.key for choice in level.taken)
        subject = level.subject if isinstance(level.subject, str) else type_path(level.subject)
        what = path if subject == path else f"{path} through {level.rule} {subject}"
        return AmbiguousMaterializerError(
            f"{len(keys)} materializers claim {what} with equal right: "
            + ", ".join(self._with_source(choice) for choice in level.taken),
            hint=f"choose in Settings.materializers={{{path!r}: {keys[0]!r}}}",
            data_type=path,
            keys=keys,
        )

    def unknown_key(self, key: str, *, source: str = "") -> NoMaterializerError:
        """Return the error for a materializer key that nobody offers; `source` named it."""
        if ":" in key:
            hint = (
                f"import {key.partition(':')[0]!r} first, or name the class in "
                "Settings.materializers; a stored name alone imports nothing"
            )
        else:
            import difflib  # costs every session a millisecond, and only an error needs it

            near = difflib.get_close_matches(key, [choice.key for choice in self._choices], n=1)
            hint = self._absent(key.partition(".")[0]) or (
                (
                    f"the nearest is {near[0]!r}"
                    if near
                    else "install the plugin that offers it; one of yours is named by the class "
                    "itself or as 'module:Class'"
                )
                + self._broken_ones()
            )
        named = f", named in {source}" if source else ""
        return NoMaterializerError(
            f"no plugin offers the materializer {key!r}{named}", hint=hint, materializer=key
        )

    def no_reader(
        self, wanted: type, stored_format: str, stored_key: str | None, levels: Sequence[Level]
    ) -> NoMaterializerError:
        """Return the error for a stored format that the wanted type has no reader for."""
        path = type_path(wanted)
        near = sorted(
            {
                choice.key
                for level in levels
                if level.rule != "any object"  # what takes anything does not come near
                for choice, why in level.refused
                if "read" in why
            }
        )
        why = f" ({', '.join(map(repr, near))} does not)" if near else ""
        writer = f", written by {stored_key!r}," if stored_key else ""
        return NoMaterializerError(
            f"no materializer reads the format {stored_format!r}{writer} as {path}{why}",
            hint=self._readers_of(stored_format) + self._broken_ones(),
            data_type=path,
            format=stored_format,
            materializer=stored_key,
        )

    def _subclass(
        self, path: str, base: str, level: Level, absent: str, *, otherwise: str
    ) -> NoMaterializerError:
        keys = ", ".join(repr(choice.key) for choice, _ in level.refused)
        return NoMaterializerError(
            f"no materializer handles {path}: it is a subclass of {base}, "
            f"and {keys} would load it back as a plain {base}",
            hint=absent
            or f"save a plain {base}, or write a materializer for {path} and name it in "
            f"Output(materializer=...) or Settings.materializers={{{path!r}: ...}}"
            + otherwise,
            data_type=path,
            base=base,
        )

    def _readers_of(self, stored_format: str) -> str:
        able = [choice for choice in self._choices if choice.reads(stored_format)]
        if not able:
            return "no installed plugin reads this format"
        return "it can be read by " + ", ".join(_with_types(choice) for choice in able)

    def _absent(self, library: str) -> str:
        """Say which plugin for a library is broken, switched off or not installed."""
        for plugin in self._plugins.values():
            if plugin.error and plugin.name.rpartition(".")[2] == library:
                return f"plugin {plugin.name!r} from {plugin.source} is broken: {plugin.error}"
        for name in self._disabled:
            if name.rpartition(".")[2] == library:
                return f"plugin {name!r} is switched off in Settings.disabled_plugins"
        if library in EXTRAS and library not in self._libraries:
            return f"install artifact-plugins[{EXTRAS[library]}]"
        return ""

    def _broken_ones(self) -> str:
        broken = [plugin.name for plugin in self._plugins.values() if plugin.error]
        return f"; broken plugins: {', '.join(map(repr, broken))}" if broken else ""

    def _with_source(self, choice: Choice) -> str:
        plugin = self._plugins.get(choice.plugin or "")
        return f"{choice} ({plugin.source})" if plugin else str(choice)


def _pickled(levels: Sequence[Level]) -> str:
    """Say that a setting keeps the value from being pickled."""
    is_off = any(why == SWITCHED_OFF for level in levels for _, why in level.refused)
    return "; Settings.allow_pickle=True would store it as a pickle" if is_off else ""


def _with_types(choice: Choice) -> str:
    offer = choice.offer
    handled = (*offer.types[:3], *offer.kinds[:3]) if offer else ()
    return f"{choice.key!r} as {' or '.join(handled)}" if handled else repr(choice.key)
