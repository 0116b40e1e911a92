"""What a plugin answered to `register_materializers`, checked before anybody relies on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

from artifact_plugins.contracts.offers import Kind, MaterializerOffer
from artifact_plugins.errors import PluginConflictError, PluginError

_KINDS = frozenset(get_args(Kind))


def checked_offers(answer: Any) -> tuple[MaterializerOffer, ...]:
    """Return the offers in a plugin's answer, with lists made tuples.

    Raises:
        PluginError: The answer holds something else than offers, or an offer
            whose fields cannot be meant; names the offer and the field.
    """
    if answer is None:
        return ()
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise PluginError(f"register_materializers answered {type(answer).__name__}, not a list")
    return tuple(_checked(offer) for offer in answer)


def _checked(offer: Any) -> MaterializerOffer:
    if not isinstance(offer, MaterializerOffer):
        raise PluginError(
            f"register_materializers answered a {type(offer).__name__}",
            hint="answer a list of MaterializerOffer",
        )
    for name in ("key", "target", "format"):
        value = getattr(offer, name)
        if not isinstance(value, str) or not value:
            raise PluginError(f"an offer has {name}={value!r}", hint=f"{name} is a text")
    checked: MaterializerOffer = replace(
        offer,
        types=_texts(offer, "types"),
        kinds=_texts(offer, "kinds"),
        reads=_texts(offer, "reads"),
    )
    if ":" in offer.key:
        raise PluginError(
            f"offer key {offer.key!r} holds ':'",
            hint="choose a name like 'pandas.frame'; 'module:Class' is the key of a bare class",
        )
    for path in (checked.target, *checked.types):
        module, _, name = path.partition(":")
        if not module or not name:
            raise PluginError(
                f"offer {offer.key!r} names {path!r}", hint="write it as 'module:Class'"
            )
    if unknown := sorted(set(checked.kinds) - _KINDS):
        raise PluginError(
            f"offer {offer.key!r} names unknown kinds {unknown}",
            hint=f"there are {sorted(_KINDS)}",
        )
    return checked


def _texts(offer: MaterializerOffer, name: str) -> tuple[Any, ...]:
    value = getattr(offer, name)
    if not isinstance(value, tuple | list) or not all(isinstance(item, str) for item in value):
        raise PluginError(
            f"offer {offer.key!r} has {name}={value!r}", hint=f"{name} is a tuple of texts"
        )
    return tuple(value)


def refuse_second_claims(claims: Iterable[tuple[MaterializerOffer, str | None]]) -> None:
    """Check that every offer key is claimed once.

    Raises:
        PluginConflictError: Two offers have one key; both plugins are named.
    """
    owners: dict[str, str | None] = {}
    for offer, plugin in claims:
        if offer.key in owners:
            first = owners[offer.key]
            text = (
                f"plugin {first!r} offers the materializer key {offer.key!r} twice"
                if first == plugin
                else f"plugins {first!r} and {plugin!r} both offer the materializer "
                f"key {offer.key!r}"
            )
            raise PluginConflictError(
                text,
                hint="uninstall one or name it in Settings.disabled_plugins",
                key=offer.key,
                plugins=(first, plugin),
            )
        owners[offer.key] = plugin
