"""What a plugin answered to a `register_*` hook, checked before anybody relies on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar, get_args

from artifact_plugins.contracts.offers import Kind, MaterializerOffer, RuntimeOffer
from artifact_plugins.errors import PluginConflictError, PluginError

Offer = TypeVar("Offer", MaterializerOffer, RuntimeOffer)
_KINDS = frozenset(get_args(Kind))
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986 section 3.1, in lower case
_OWN_RUNTIMES = frozenset({"inline", "threads", "processes"})


def checked_offers(answer: Any) -> tuple[MaterializerOffer, ...]:
    """Return the offers in a plugin's answer, with lists made tuples.

    Raises:
        PluginError: The answer holds something else than offers, or an offer
            whose fields cannot be meant; names the offer and the field.
    """
    offers = _listed(answer, "register_materializers", MaterializerOffer)
    return tuple([_checked(offer) for offer in offers])


def checked_runtimes(answer: Any) -> tuple[RuntimeOffer, ...]:
    """Return the runtimes in a plugin's answer.

    Raises:
        PluginError: The answer holds something else than offers, or an offer
            whose fields cannot be meant; names the offer and the field.
    """
    offers = _listed(answer, "register_runtimes", RuntimeOffer)
    for offer in offers:
        _check_texts(offer, "scheme", "target")
        if not _SCHEME.fullmatch(offer.scheme) or offer.scheme in _OWN_RUNTIMES:
            raise PluginError(
                f"an offer has the scheme {offer.scheme!r}",
                hint="write it as in 'dask' for 'dask://host'; inline, threads and processes "
                "are ours",
            )
        _check_path(offer.target, offer.scheme)
    return offers


def _listed(answer: Any, hook: str, kind: type[Offer]) -> tuple[Offer, ...]:
    if answer is None:
        return ()
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise PluginError(f"{hook} answered {type(answer).__name__}, not a list")
    offers = tuple(answer)
    for offer in offers:
        if not isinstance(offer, kind):
            raise PluginError(
                f"{hook} answered a {type(offer).__name__}",
                hint=f"answer a list of {kind.__name__}",
            )
    return offers


def _check_texts(offer: MaterializerOffer | RuntimeOffer, *names: str) -> None:
    for name in names:
        value = getattr(offer, name)
        if not isinstance(value, str) or not value:
            raise PluginError(f"an offer has {name}={value!r}", hint=f"{name} is a text")


def _check_path(path: str, offer: str) -> None:
    module, _, name = path.partition(":")
    if not module or not name:
        raise PluginError(f"offer {offer!r} names {path!r}", hint="write it as 'module:Class'")


def _checked(offer: MaterializerOffer) -> MaterializerOffer:
    _check_texts(offer, "key", "target", "format")
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
        _check_path(path, offer.key)
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
    _refuse(((offer.key, plugin) for offer, plugin in claims), "materializer key", "key")


def refuse_second_schemes(claims: Iterable[tuple[RuntimeOffer, str]]) -> None:
    """Check that every scheme of a runtime is claimed once.

    Raises:
        PluginConflictError: Two offers have one scheme; both plugins are named.
    """
    _refuse(((offer.scheme, plugin) for offer, plugin in claims), "runtime scheme", "scheme")


def _refuse(claims: Iterable[tuple[str, str | None]], what: str, fact: str) -> None:
    owners: dict[str, str | None] = {}
    for claimed, plugin in claims:
        if claimed in owners:
            first = owners[claimed]
            text = (
                f"plugin {first!r} offers the {what} {claimed!r} twice"
                if first == plugin
                else f"plugins {first!r} and {plugin!r} both offer the {what} {claimed!r}"
            )
            raise PluginConflictError(
                text,
                hint="uninstall one or name it in Settings.disabled_plugins",
                plugins=(first, plugin),
                **{fact: claimed},
            )
        owners[claimed] = plugin
