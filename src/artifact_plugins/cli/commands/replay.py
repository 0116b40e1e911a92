"""`artifact-plugins replay`: deliver again what was given up."""

from __future__ import annotations

from artifact_plugins.cli.chosen_backends import backend_option, known_backends
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.seqs import id_option, rows_of


@make_command("replay")
@id_option
@backend_option
def command(place: Place, seqs: tuple[int, ...], wanted: tuple[str, ...], as_json: bool) -> None:
    """Order the delivery of what was given up once more: all of it, or --id of `pending --dead`.

    The tries start at 0. The next session with the backend delivers it, or
    `sync` now.
    """
    with place.open_ledger() as ledger:
        backends = known_backends(ledger, wanted)
        if seqs:
            rows_of(ledger, backends, seqs)  # raises: there is none
        replayed = {
            backend.url: ledger.outbox.replay(backend.id, seqs=seqs or None) for backend in backends
        }
    if as_json:
        write_json({"replayed": replayed})
        return
    for url, count in replayed.items():
        write_text(f"{url}: {count} records wait for delivery again")
    if any(replayed.values()):
        write_text("`artifact-plugins sync` delivers them now")
    elif not replayed:
        write_text("the ledger keeps nothing for a backend")
