"""`artifact-plugins trust`: whose code and pickles may execute for this user."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.formats import time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import (
    record_json,
    write_fields,
    write_heading,
    write_json,
    write_table,
    write_text,
)
from artifact_plugins.cli.place import Place
from artifact_plugins.errors import InputError, KeyUnreadableError

if TYPE_CHECKING:
    from artifact_plugins.trust.own_key import OwnKey
    from artifact_plugins.trust.trust_file import TrustedKey, TrustFile


@click.group("trust")
def command() -> None:
    """List and change whose code and pickles may execute for this user.

    Kept in `Settings.trust_home`, by default ~/.config/artifact_plugins, and
    never in a store: nobody else decides.
    """


def _as_date(text: str) -> datetime:
    try:
        if len(text) == len("2027-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is not like 2027-01-01") from None


@make_command("list")
def list_(place: Place, as_json: bool) -> None:
    """List the own key, trusted keys, pins and revocations."""
    from artifact_plugins.trust.own_key import own_key  # late: `--help` needs no pydantic
    from artifact_plugins.trust.public_keys import public_key_text
    from artifact_plugins.trust.trust_file import read_trust_file

    home, settings = _home(place), place.settings
    own, file = own_key(home), read_trust_file(home)
    if as_json:
        known = None
        if own is not None:
            known = {"key_id": own.key_id, "public_key": public_key_text(own.public)}
        write_json(
            {
                "mode": settings.trust,
                "home": str(home),
                "own_key": known,
                **record_json(file, without=("format_version",)),
                "settings_pins": list(settings.trust_pins),
            }
        )
        return
    write_fields(
        {
            "Mode": settings.trust,
            "Folder": home,
            "Own key": own.key_id if own else "none yet; the first save makes it",
            "Public key": public_key_text(own.public) if own else None,
        }
    )
    _write_tables(file, settings.trust_pins)


@make_command("add")
@click.argument("key", metavar="PUBLIC_KEY|FILE")
@click.option("--name", default="", help="Whose it is, for people.")
@click.option(
    "--plugins",
    multiple=True,
    metavar="PATTERN",
    help="Plugins that it is trusted for, like 'acme.*'; may be repeated. All if not given.",
)
@click.option("--until", type=_as_date, metavar="DATE", help="From this day (UTC) on it is not.")
@click.option("--key-id", metavar="ID", help="Refuse the key if it has another id.")
def add(
    place: Place,
    key: str,
    name: str,
    plugins: tuple[str, ...],
    until: datetime | None,
    key_id: str | None,
    as_json: bool,
) -> None:
    """Trust what the owner of a key signs.

    The key is what `artifact-plugins trust export` printed there, or a file
    with it. Adding a key again replaces its name, plugins and date.
    """
    from artifact_plugins.records.ids import now  # late: `--help` needs no pydantic
    from artifact_plugins.records.names import check_text
    from artifact_plugins.trust.own_key import own_key
    from artifact_plugins.trust.public_keys import key_id_of, parse_public_key, public_key_text
    from artifact_plugins.trust.trust_file import TrustedKey, edit_trust_file, with_key

    raw = parse_public_key(_key_text(key))
    found = key_id_of(raw)
    if key_id is not None and key_id != found:
        raise InputError(f"the key has id {found}, not {key_id!r}", hint="nothing was changed")
    if until is not None and until <= now():
        raise InputError(f"{until.isoformat()} is over already", hint="nothing was changed")
    home = _home(place)
    own = own_key(home)
    if own is not None and own.key_id == found:
        raise InputError(f"{found} is the own key and trusted", hint="nothing was changed")
    entry = TrustedKey(
        key_id=found,
        public_key=public_key_text(raw),
        name=check_text(name, "name") if name else "",
        plugins=tuple(check_text(pattern, "pattern of plugins") for pattern in plugins or ("*",)),
        until=until,
        added_at=now(),
    )
    edit_trust_file(home, lambda file: with_key(file, entry))
    if as_json:
        write_json(record_json(entry))
        return
    ends = f" until {time_text(until)} UTC" if until else ""
    write_text(f"key {found} is trusted for plugins {', '.join(entry.plugins)}{ends}")


@make_command("pin")
@click.argument("digest")
@click.option("--note", default="", help="What it is, for people.")
def pin(place: Place, digest: str, note: str, as_json: bool) -> None:
    """Allow one digest to execute, whoever made it.

    DIGEST is of a snapshot, of an archive of one, or of a manifest.
    """
    from artifact_plugins.records.ids import now  # late: `--help` needs no pydantic
    from artifact_plugins.records.names import check_text
    from artifact_plugins.trust.digests import as_digest
    from artifact_plugins.trust.trust_file import Pin, edit_trust_file, with_pin

    entry = Pin(
        digest=as_digest(digest), note=check_text(note, "note") if note else "", added_at=now()
    )
    edit_trust_file(_home(place), lambda file: with_pin(file, entry))
    if as_json:
        write_json(record_json(entry))
    else:
        write_text(f"{entry.digest} may execute")


@make_command("revoke")
@click.argument("subject", metavar="KEY_ID|DIGEST")
@click.option("--reason", default="", help="Why, for people.")
@click.option("--undo", is_flag=True, help="Take a revocation back; this alone trusts nothing.")
def revoke(place: Place, subject: str, reason: str, undo: bool, as_json: bool) -> None:
    """Let a key or a digest count nowhere any more.

    A revoked digest executes neither signed nor pinned nor unsafe. The own
    key is put aside; the next save makes a new one.
    """
    from artifact_plugins.records.ids import now  # late: `--help` needs no pydantic
    from artifact_plugins.records.names import check_text
    from artifact_plugins.trust import trust_file
    from artifact_plugins.trust.digests import as_digest
    from artifact_plugins.trust.own_key import retire
    from artifact_plugins.trust.public_keys import KEY_ID

    home = _home(place)
    if not KEY_ID.fullmatch(subject):
        subject = as_digest(subject)
    if undo:
        trust_file.edit_trust_file(home, lambda file: trust_file.without_revocation(file, subject))
        _say(as_json, f"{subject} is no longer revoked", subject=subject, is_revoked=False)
        return
    entry = trust_file.Revocation(
        subject=subject, reason=check_text(reason, "reason") if reason else "", added_at=now()
    )
    trust_file.edit_trust_file(home, lambda file: trust_file.with_revocation(file, entry))
    aside = retire(home, subject)
    moved = f"; it was the own key and lies in {aside} now" if aside else ""
    _say(
        as_json,
        f"{subject} is revoked{moved}",
        **record_json(entry),
        is_revoked=True,
        own_key_moved_to=None if aside is None else str(aside),
    )


@make_command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def export(place: Place, file: Path | None, as_json: bool) -> None:
    """Print the own public key, for others to add.

    With FILE it is written there; the file must not exist yet.
    """
    from artifact_plugins.trust.own_key import key_path, own_key_or_new  # late: as above
    from artifact_plugins.trust.public_keys import public_key_text

    home = _home(place)
    own = own_key_or_new(home)
    if own is None:
        raise KeyUnreadableError(
            f"there is no own key, and none can be made in {str(key_path(home).parent)!r}",
            hint="choose another folder as trust_home; nothing was written",
            path=str(key_path(home)),
        )
    text = public_key_text(own.public)
    if file is not None:
        with file.open("x", encoding="ascii") as stream:
            stream.write(_exported(own, text))
    if as_json:
        write_json({"key_id": own.key_id, "public_key": text, "file": file and str(file)})
    elif file is None:
        print(text)
    else:
        write_text(f"wrote the public key {own.key_id} to {file}")


for _subcommand in (list_, add, pin, revoke, export):
    command.add_command(_subcommand)


def _home(place: Place) -> Path:
    from artifact_plugins.trust import Trust  # late: `--help` needs no pydantic

    home = Trust(home=place.settings.trust_home).home
    if home is None:
        raise KeyUnreadableError(
            "there is no home folder for this user",
            hint="name a folder as ARTIFACT_PLUGINS_TRUST_HOME; nothing was changed",
        )
    return home


def _key_text(given: str) -> str:
    """Return the public key that is given, or that the given file holds."""
    from artifact_plugins.trust.public_keys import PREFIX  # late: as above

    if given.startswith(PREFIX):
        return given
    try:
        with Path(given).open("rb") as stream:
            data = stream.read(64 * 1024)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{given!r} is neither a public key (ed25519:...) nor a file that can be read",
            hint="`artifact-plugins trust export` of its owner prints the key; nothing was changed",
        ) from error
    if b"PRIVATE KEY" in data:
        raise InputError(
            f"{given!r} holds a private key, which nobody else may see",
            hint="`artifact-plugins trust export` prints the public one; nothing was changed",
        )
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise InputError(
            f"{given!r} holds {len(keys)} lines that could be a public key, not 1",
            hint="`artifact-plugins trust export` of its owner prints it; nothing was changed",
        )
    return keys[0]


def _exported(own: OwnKey, text: str) -> str:
    return f"# artifact-plugins trust add THIS_FILE --key-id {own.key_id} --plugins ...\n{text}\n"


def _say(as_json: bool, text: str, **facts: Any) -> None:
    if as_json:
        write_json(facts)
    else:
        write_text(text)


def _ends(key: TrustedKey) -> str:
    is_over = key.until is not None and key.until <= datetime.now(UTC)
    return time_text(key.until) + (" (over)" if is_over else "")


def _write_tables(file: TrustFile, settings_pins: tuple[str, ...]) -> None:
    if file.keys:
        write_heading("Trusted keys")
        write_table(
            ("Key", "Name", "Plugins", "Until (UTC)", "Added (UTC)"),
            [
                (key.key_id, key.name, ", ".join(key.plugins), _ends(key), time_text(key.added_at))
                for key in file.keys
            ],
            whole=("Key", "Until (UTC)", "Added (UTC)"),
        )
    if file.pins or settings_pins:
        write_heading("Pinned")
        write_table(
            ("Digest", "Note", "Added (UTC)"),
            [
                *((p.digest, p.note, time_text(p.added_at)) for p in file.pins),
                *((digest, "in the settings", "") for digest in settings_pins),
            ],
            whole=("Added (UTC)",),
        )
    if file.revoked:
        write_heading("Revoked")
        write_table(
            ("Key or digest", "Reason", "Revoked (UTC)"),
            [(r.subject, r.reason, time_text(r.added_at)) for r in file.revoked],
            whole=("Revoked (UTC)",),
        )
