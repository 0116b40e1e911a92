"""`artifact-plugins serve-kfp`: the ledger as a Kubeflow Pipelines server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.errors import SettingsError

TOKEN_VARIABLE = "ARTIFACT_PLUGINS_KFP_FACE_TOKEN"  # noqa: S105  # a name
_SHORTEST_TOKEN = 32


@make_command("serve-kfp")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8888,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option(
    "--dialect",
    type=click.Choice(["M", "S"]),
    default="M",
    show_default=True,
    help="M: the merged API with run-scoped tasks; S: the older feature branch.",
)
@click.option(
    "--namespace-mode",
    type=click.Choice(["single", "multi"]),
    default="single",
    show_default=True,
    help="multi: a namespace is a project, and a header names the user.",
)
@click.option(
    "--grant",
    "grants",
    multiple=True,
    metavar="USER=NAMESPACE[:read]",
    help="In multi mode: what a user may do; may be repeated. Nothing is allowed without.",
)
@click.option(
    "--user-header",
    default="kubeflow-userid",
    show_default=True,
    help="In multi mode: the header that names the user.",
)
@click.option("--user-prefix", default="", help="What stands before the user in that header.")
@click.option(
    "--link-form",
    type=click.Choice(["kfp", "clean"]),
    default="kfp",
    show_default=True,
    help="Links of our own runs: as KFP would have written them, or as they are.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Callers must show this token; also taken from {TOKEN_VARIABLE}.",
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A further own name.")
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="PEM file.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file.")
@click.option("--behind-proxy", is_flag=True, help="A proxy encrypts what reaches this address.")
def command(
    place: Place,
    host: str,
    port: int,
    dialect: str,
    namespace_mode: str,
    grants: tuple[str, ...],
    user_header: str,
    user_prefix: str,
    link_form: str,
    token_file: Path | None,
    hosts: tuple[str, ...],
    tls_certificate: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
    as_json: bool,
) -> None:
    """Serve the ledger over the ArtifactService and run tasks of Kubeflow Pipelines v2beta1.

    Clients open runs without a pipeline (POST /apis/v2beta1/runs with a
    display_name), since nothing is executed here, and fill them. Listens on
    this machine only, unless there is a token. Ctrl-C ends it.

    In multi mode whoever reaches the server names the user in a header: put a
    proxy before it that sets the header, and give both the token.
    """
    try:
        from artifact_plugins.faces.kfp.serving import serve  # late: `--help` needs no web server
    except ImportError as error:
        raise SettingsError(
            f"serving needs {error.name}, which is not installed",
            hint="nothing was started; install artifact-plugins[serve]",
        ) from error
    from artifact_plugins.faces.kfp import Access, Face
    from artifact_plugins.ledger import Ledger

    access = Access(
        is_multi_user=namespace_mode == "multi", grants=_granted(grants), token=_token(token_file)
    )
    settings = place.settings

    def announce(url: str) -> None:
        if as_json:
            write_json({"url": url, "dialect": dialect, "namespace_mode": namespace_mode})
        else:
            write_text(f"serving {settings.ledger_url} to KFP clients at {url}")
        sys.stdout.flush()  # whoever started this process waits for the line

    with Ledger.open(
        settings.ledger_url,
        durable=settings.is_durable,
        busy_timeout_seconds=settings.busy_timeout_seconds,
    ) as ledger:
        face = Face(
            ledger,
            access,
            dialect="S" if dialect == "S" else "M",
            project=settings.project,
            link_form="clean" if link_form == "clean" else "kfp",
        )
        serve(
            face,
            host=host,
            port=port,
            hosts=hosts,
            user_header=user_header,
            user_prefix=user_prefix,
            certificate=tls_certificate,
            key=tls_key,
            behind_proxy=behind_proxy,
            announce=announce,
        )


def _granted(grants: tuple[str, ...]) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for grant in grants:
        user, _, place = grant.rpartition("=")
        namespace, _, right = place.partition(":")
        if not user or not namespace or right not in ("", "read"):
            raise SettingsError(
                f"grant {grant!r} is not of the form USER=NAMESPACE or USER=NAMESPACE:read",
                hint="nothing was started",
            )
        found.setdefault(user, {})[namespace] = not right
    return found


def _token(token_file: Path | None) -> str | None:
    kept = token_file.read_bytes() if token_file else os.environ.get(TOKEN_VARIABLE, "").encode()
    token = kept.decode(errors="replace").strip()
    if not token and token_file is None:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingsError(
            "the token holds other characters than letters, digits and signs of ASCII",
            hint="nothing was started; make one with `openssl rand -hex 32`",
        )
    if len(token) < _SHORTEST_TOKEN:
        raise SettingsError(
            f"the token has {len(token)} characters, and {_SHORTEST_TOKEN} are needed",
            hint="nothing was started; make one with `openssl rand -hex 32`",
        )
    return token
