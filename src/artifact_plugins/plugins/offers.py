"""What a plugin answered to a `register_*` hook, checked before anybody relies on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, get_args

from artifact_plugins.contracts.offers import (
    ArtifactTaskOffer,
    BackendOffer,
    Kind,
    MaterializerOffer,
    RuntimeOffer,
)
from artifact_plugins.errors import PluginConflictError, PluginError

Offer = TypeVar("Offer", MaterializerOffer, RuntimeOffer, BackendOffer, ArtifactTaskOffer)
_KINDS = frozenset(get_args(Kind))
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986 section 3.1, in lower case
_BACKEND_SCHEME = re.compile(r"[a-z][a-z0-9]*")  # what stands before "+http"
_TASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
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


def checked_backends(answer: Any) -> tuple[BackendOffer, ...]:
    """Return the backends in a plugin's answer.

    Raises:
        PluginError: The answer holds something else than offers, or an offer
            whose fields cannot be meant; names the offer and the field.
    """
    offers = _listed(answer, "register_backends", BackendOffer)
    for offer in offers:
        _check_texts(offer, "scheme", "target")
        if not _BACKEND_SCHEME.fullmatch(offer.scheme):
            raise PluginError(
                f"an offer has the scheme {offer.scheme!r}",
                hint="write it as in 'zenml' for 'zenml+http://host'",
            )
        for path in (offer.target, offer.locate):
            if path is not None:
                _check_path(path, offer.scheme)
    return offers


def checked_tasks(answer: Any) -> tuple[ArtifactTaskOffer, ...]:
    """Return the artifact tasks in a plugin's answer, with lists made tuples.

    Raises:
        PluginError: The answer holds something else than offers, or an offer
            whose fields cannot be meant; names the offer and the field.
    """
    return tuple(map(_checked_task, _listed(answer, "register_artifact_tasks", ArtifactTaskOffer)))


def checked_renames(answer: Any) -> dict[str, str]:
    """Return where a plugin says that classes went.

    Raises:
        PluginError: The answer is no mapping of import paths; names the entry.
    """
    if answer is None:
        return {}
    if not isinstance(answer, Mapping):
        raise PluginError(f"register_renames answered {type(answer).__name__}, not a mapping")
    for old, new in answer.items():
        for path in (old, new):
            if not isinstance(path, str):
                raise PluginError(f"register_renames names {path!r}", hint="it is a text")
            _check_path(path, "register_renames")
    return dict(answer)


def _checked_task(offer: ArtifactTaskOffer) -> ArtifactTaskOffer:
    _check_texts(offer, "name", "target")
    if not _TASK_NAME.fullmatch(offer.name):
        raise PluginError(
            f"an offer has the artifact task name {offer.name!r}",
            hint="use letters, digits, '_', '-' and '.', as in 'csv_frame'",
        )
    checked = replace(offer, types=_texts(offer, offer.name, "types"))
    for path in checked.types:
        _check_path(path, offer.name)
    # An adapting plugin may understand more than import paths.
    if ":" not in offer.target:
        _check_path(offer.target, offer.name)
    if offer.executes_on_load not in (None, True, False):
        raise PluginError(
            f"offer {offer.name!r} has executes_on_load={offer.executes_on_load!r}",
            hint="it is True, False or None",
        )
    return checked


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


def _check_texts(
    offer: MaterializerOffer | RuntimeOffer | BackendOffer | ArtifactTaskOffer, *names: str
) -> None:
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
        types=_texts(offer, offer.key, "types"),
        kinds=_texts(offer, offer.key, "kinds"),
        reads=_texts(offer, offer.key, "reads"),
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


def _texts(offer: MaterializerOffer | ArtifactTaskOffer, called: str, name: str) -> tuple[Any, ...]:
    value = getattr(offer, name)
    if not isinstance(value, tuple | list) or not all(isinstance(item, str) for item in value):
        raise PluginError(
            f"offer {called!r} has {name}={value!r}", hint=f"{name} is a tuple of texts"
        )
    return tuple(value)


def refuse_second_claims(claims: Iterable[tuple[MaterializerOffer, str | None]]) -> None:
    """Check that every offer key is claimed once.

    Raises:
        PluginConflictError: Two offers have one key; both plugins are named.
    """
    _refuse(((offer.key, plugin) for offer, plugin in claims), "materializer key", "key")


def refuse_second_schemes(
    claims: Iterable[tuple[RuntimeOffer | BackendOffer, str]], kind: str = "runtime"
) -> None:
    """Check that every scheme of a runtime or backend is claimed once.

    Raises:
        PluginConflictError: Two offers have one scheme; both plugins are named.
    """
    _refuse(((offer.scheme, plugin) for offer, plugin in claims), f"{kind} scheme", "scheme")


def refuse_second_tasks(claims: Iterable[tuple[ArtifactTaskOffer, str]]) -> None:
    """Check that every name of an artifact task is claimed once.

    Raises:
        PluginConflictError: Two offers have one name; both plugins are named.
    """
    _refuse(((offer.name, plugin) for offer, plugin in claims), "artifact task", "artifact_task")


def refuse_second_renames(claims: Iterable[tuple[Mapping[str, str], str]]) -> None:
    """Check that no class is said to be at two places.

    Raises:
        PluginConflictError: Two plugins send one class to two places; both are named.
    """
    went: dict[str, tuple[str, str]] = {}
    for renames, plugin in claims:
        for old, new in renames.items():
            first, where = went.setdefault(old, (plugin, new))
            if where != new:
                raise PluginConflictError(
                    f"plugin {first!r} says that {old!r} is {where!r} now, and plugin "
                    f"{plugin!r} that it is {new!r}",
                    hint="say where it is in Settings.renames, and name one of the plugins in "
                    "Settings.disabled_plugins",
                    plugins=(first, plugin),
                    renamed=old,
                )


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
