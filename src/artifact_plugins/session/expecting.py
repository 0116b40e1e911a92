"""What declared outputs need is found before the function that makes them runs, not hours later."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from artifact_plugins.contracts.refs import Noted
from artifact_plugins.errors import StoreError
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.pinning import Pinner, is_by_class
from artifact_plugins.session.wanted import wanted_classes

_MOST_READY = 1_000


class Expecting:
    """Chooses what will save each declared output, and pins the code of both; once each."""

    def __init__(self, materializers: Materializers, pinner: Pinner) -> None:
        self._materializers = materializers
        self._pinner = pinner
        self._ready: set[tuple[Any, ...]] = set()

    def expect(
        self,
        annotation: Any,
        wanted: str | type | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        task: str | type | None = None,
    ) -> None:
        """Refuse now what a save of the output would refuse, whatever its value but None or empty.

        Saving chooses again: a value may be of a subclass of what is declared.

        Args:
            annotation: What the output is declared to be.
            wanted, options, task: What the output names; see `Output`.

        Raises:
            NoMaterializerError, PluginError, InputError, SettingsError,
            UnsafeFormatError: What the output names is not there, is not
                allowed or does not take the options.
            SecretInSnapshotError: The code of a declared class holds what
                looks like a secret.
            ResourceLimitError: That code is over 16 MiB or 2,000 files.
        """
        is_named = wanted is not None or task is not None
        try:
            output = (annotation, wanted, task, repr(options) if options else None)
            if output in self._ready:
                return
        except Exception:  # noqa: BLE001  # no hash, no text: what it lacks is told when it is saved
            return
        cls = _only_class(annotation)
        if is_named or cls is not None:
            try:
                equipped = self._materializers.for_class(cls or object, wanted, options, task=task)
            except Exception:  # a class that is looked at may raise anything
                if is_named:
                    raise
            else:
                # Whether elements are recorded, only the materializer of their container tells.
                self._pin(equipped, (cls,) if is_named else _classes(annotation))
        if len(self._ready) >= _MOST_READY:
            self._ready.clear()
        self._ready.add(output)

    def _pin(self, equipped: Equipped, declared: Iterable[type | None]) -> None:
        # A store may be back when there is something to save; of a class without a hash or a
        # module nothing is saved.
        with suppress(StoreError, TypeError, AttributeError):
            classes = {cls for cls in declared if cls is not None}
            # What a pickle brings, and the code of a script, only a value tells.
            if not equipped.instance.executes_on_load and not any(
                is_by_class(cls.__module__) for cls in classes
            ):
                self._pinner.pin(equipped.writer, Noted(classes=classes))


def _only_class(annotation: Any) -> type | None:
    """Return the class that values of an annotation have, but for None and subclasses."""
    classes = [cls for cls in wanted_classes(annotation) if cls is not NoneType]
    return classes[0] if len(classes) == 1 and not inspect.isabstract(classes[0]) else None


def _classes(annotation: Any) -> Iterator[type]:
    """Return the class of an annotation and those of its elements, as far as there is no choice."""
    cls = _only_class(annotation)
    if cls is not None:
        yield cls
        arguments = get_args(annotation)
        for argument in arguments[:1] if get_origin(annotation) is Annotated else arguments:
            yield from _classes(argument)
