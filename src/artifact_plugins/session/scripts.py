"""Values with classes of the running script or notebook: pickled, with the code of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.contracts.refs import lasting_path, type_path
from artifact_plugins.errors import NotSerializableError
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.materializers import PICKLE, Materializers

if TYPE_CHECKING:
    from artifact_plugins.session.saving import SaveRequest


def recorded_type(cls: type, equipped: Equipped) -> str:
    """Return the path of the class of a value, as its version records it.

    Raises:
        NotSerializableError: No other program would find the class there.
    """
    is_passing = cls.__module__ == "__main__" or "<locals>" in cls.__qualname__
    if is_passing and equipped.instance.executes_on_load:
        return type_path(cls)  # the files bring the class with them
    return lasting_path(cls)


def pickled_instead(
    refusal: NotSerializableError,
    equipped: Equipped,
    request: SaveRequest,
    materializers: Materializers,
) -> Equipped:
    """Return what pickles a value that was refused for a class of the running script.

    Args:
        refusal: What the materializer raised that was chosen for the value.

    Raises:
        NotSerializableError: The refusal, when it has another reason, somebody chose
            the materializer, or nothing may be pickled; says which way out there is.
    """
    cls = refusal.context.get("script_class")
    is_chosen = bool(request.materializer or request.artifact_task or equipped.artifact_task)
    if cls is None or is_chosen or equipped.plugin is None or not materializers.offers(PICKLE):
        raise refusal
    move = f"move class {cls!r} to a module and import it from there"
    if equipped.counts_items:  # what it yielded is gone
        raise _with_hint(refusal, f"{move}, or hand in a list, which is pickled") from refusal
    if not materializers.allows_pickle:
        raise _with_hint(refusal, f"{move}, or pickle it with Settings.allow_pickle=True")
    return materializers.by_key(PICKLE, None)


def _with_hint(refusal: NotSerializableError, hint: str) -> NotSerializableError:
    return NotSerializableError(
        refusal.message, hint=f"nothing was registered; {hint}", **refusal.context
    )
