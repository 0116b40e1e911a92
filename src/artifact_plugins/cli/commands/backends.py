"""`artifact-plugins backends`: who gets the records, and how that goes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.chosen_backends import backend_option, identity, is_meant, urls_to_open
from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_heading, write_json, write_table, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.spans import Seconds
from artifact_plugins.errors import InputError

if TYPE_CHECKING:
    from artifact_plugins.contracts.backend import BackendInfo
    from artifact_plugins.contracts.offers import BackendOffer
    from artifact_plugins.delivery.opening import Configured

_AT_ONCE = 8


@dataclass(frozen=True)
class _Kept:
    """What the ledger knows of a backend.

    Attributes:
        standing: As the process that delivered last left it: `paused`, `waiting`.
        reason: Why; else why the first record that waits was not delivered.
    """

    pending: int = 0
    dead: int = 0
    standing: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Answer:
    """What a backend said: who it is, or why not."""

    info: BackendInfo | None = None
    failure: str | None = None


@make_command("backends")
@backend_option
@click.option("--offline", is_flag=True, help="Ask no server: what the ledger knows.")
@click.option(
    "--timeout",
    type=Seconds(0.1, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one request to a server may take.",
)
@click.option("--abilities", metavar="SYSTEM", help="What a system can do with records, and how.")
def command(
    place: Place,
    wanted: tuple[str, ...],
    offline: bool,
    timeout: float,
    abilities: str | None,
    as_json: bool,
) -> int:
    """List the backends: what answers there, what waits for each, and what is wrong.

    They are those of the settings, and those that the ledger still keeps
    records for. Exits with 1 when one of the settings, or a --backend, does
    not answer as it should.
    """
    if abilities is not None:
        _show_abilities(place, abilities, as_json)
        return 0
    kept = _kept(place)
    urls = urls_to_open(place.settings, list(kept), wanted)
    answers = {} if offline else _asked(place, urls, timeout)
    shown = [url for url in kept if not wanted or any(is_meant(text, url) for text in wanted)]
    shown = list(dict.fromkeys([*map(identity, urls), *shown]))
    rows = [(url, kept.get(url, _Kept()), answers.get(url, _Answer())) for url in shown]
    configured = {identity(url) for url in place.settings.backends}
    if as_json:
        documents = [_document(*row, is_configured=row[0] in configured) for row in rows]
        write_json({"backends": documents})
    elif rows:
        _write(rows)
    else:
        write_text("there is no backend; Settings.backends or ARTIFACT_PLUGINS_BACKENDS names them")
    return FAILED if any(answer.failure for answer in answers.values()) else 0


def _kept(place: Place) -> dict[str, _Kept]:
    """Return what the ledger knows of each backend, by URL."""
    if not place.has_ledger:
        return {}
    from artifact_plugins.delivery.notices import STANDING  # late: `--help` needs none of it
    from artifact_plugins.delivery.opening import spelled
    from artifact_plugins.records import OutboxState

    found = {}
    with place.open_ledger() as ledger:
        outbox = ledger.outbox
        counts = {count.backend_id: count for count in outbox.counts()}
        known = ledger.registered_backends()
        urls = {one.url for one in known}
        for one in known:
            count = counts.get(one.id)
            noted = outbox.external(one.id, *STANDING) or {}
            first = outbox.page(one.id, state=OutboxState.PENDING, limit=1)
            # Sessions that spell it as it is spelled now deliver what waits under an older URL.
            url = one.url if spelled(one.url) in urls else spelled(one.url)
            found[url] = _Kept(
                pending=count.pending if count else 0,
                dead=count.dead if count else 0,
                standing=noted.get("standing"),
                reason=noted.get("reason") or (first[0].error if first else None),
            )
    return found


def _offers(place: Place) -> dict[str, BackendOffer]:
    from artifact_plugins.plugins import load_plugins  # late: `--help` loads no plugin

    settings = place.settings
    return load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins).backends


def _asked(place: Place, urls: Sequence[str], timeout: float) -> dict[str, _Answer]:
    """Ask the backends all at once who they are; by URL."""
    if not urls:
        return {}
    from artifact_plugins.delivery import open_backends  # late: `--help` needs none of it

    backends = open_backends(urls, _offers(place), timeout_seconds=timeout).each()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(_ask, backends))
    return {one.url: answer for one, answer in zip(backends, answers, strict=True)}


def _ask(line: Configured) -> _Answer:
    try:
        return _Answer(info=line.backend.probe())
    except Exception as error:  # noqa: BLE001  # a bug of one backend does not hide the others
        from artifact_plugins.delivery.redacting import described  # late, as above

        return _Answer(failure=described(error))
    finally:
        line.close()


def _document(url: str, kept: _Kept, answer: _Answer, *, is_configured: bool) -> dict[str, Any]:
    info = answer.info
    return {
        "url": url,
        "is_configured": is_configured,
        "pending": kept.pending,
        "dead": kept.dead,
        "standing": kept.standing,
        "reason": kept.reason,
        "server": {
            "system": info.system,
            "version": info.version,
            "user": info.user,
            "facts": dict(info.facts),
        }
        if info
        else None,
        "error": answer.failure,
    }


def _write(rows: Sequence[tuple[str, _Kept, _Answer]]) -> None:
    write_table(
        ("Backend", "Server", "Pending", "Dead", "Trouble"),
        [
            (url, _server(answer), kept.pending, kept.dead, _trouble(kept, answer))
            for url, kept, answer in rows
        ],
        right=("Pending", "Dead"),
    )
    for url, kept, _ in rows:
        if kept.dead:
            write_text(f"{kept.dead} records were given up for {url}: `pending --dead` tells why")


def _server(answer: _Answer) -> str | None:
    info = answer.info
    if info is None:
        return "does not answer as it should" if answer.failure else None
    facts = "".join(f", {name} {value}" for name, value in info.facts.items())
    return f"{info.system} {info.version}{f' as {info.user}' if info.user else ''}{facts}"


def _trouble(kept: _Kept, answer: _Answer) -> str | None:
    if answer.failure:
        return answer.failure
    if kept.standing in ("paused", "waiting"):
        return f"{kept.standing}: {kept.reason}"
    return kept.reason


def _show_abilities(place: Place, system: str, as_json: bool) -> None:
    offers = _offers(place)
    offer = offers.get(system.lower())
    if offer is None:
        raise InputError(
            f"no plugin offers a backend {system!r}", hint=f"there are {', '.join(sorted(offers))}"
        )
    from artifact_plugins.contracts.refs import load_target  # late: `--help` needs none of it

    cls = load_target(offer.target)
    rows = [(op.value, one.is_supported, one.how) for op, one in cls.abilities.items()]
    if as_json:
        names = ("operation", "is_supported", "how")
        write_json(
            {
                "scheme": offer.scheme,
                "system": cls.system,
                "abilities": [dict(zip(names, row, strict=True)) for row in rows],
            }
        )
        return
    write_heading(f"{cls.system}: {offer.scheme}+http://host or {offer.scheme}+https://host")
    write_table(
        ("Operation", "Can", "How, or why not"),
        [(operation, "yes" if can else "no", how) for operation, can, how in rows],
        whole=("Operation",),
    )
