"""`artifact-plugins explain-load`: with which code a version would be loaded, and why."""

from __future__ import annotations

import click

from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_fields, write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("explain-load")
@click.argument("version")
def command(place: Place, version: str, as_json: bool) -> int:
    """Say with which code VERSION would be loaded here and why; none of it is run.

    Exits with 1 when it could not be loaded.
    """
    with place.open(needs_store=True) as session:
        found = session.explain_load(version)
    decision, error = found.decision, found.error
    if as_json:
        write_json(
            {
                "version_id": found.version.id,
                "artifact": found.version.artifact,
                "version": found.version.version,
                "decision": decision.model_dump(mode="json") if decision else None,
                "error": {"code": error.code, "message": str(error)} if error else None,
                "facts": list(found.facts),
            }
        )
        return FAILED if error else 0
    if decision is not None:
        write_fields(
            {
                "Version": str(found.version),
                "Loaded with": f"{decision.code} code: {decision.reason}",
                "Materializer": decision.materializer,
                "Plugin": decision.plugin,
                "Class": decision.data_type,
                "Trusted by": decision.trusted_by or "nothing has to be trusted",
            }
        )
    elif error is not None:
        write_text(f"{found.version} cannot be loaded here: {error.code}: {error}")
    for fact in found.facts:
        write_text(f"  {fact}")
    return FAILED if error else 0
