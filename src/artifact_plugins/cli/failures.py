"""Runs a command and turns what it raises into one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from artifact_plugins.cli.escaping import escaped
from artifact_plugins.errors import ArtifactPluginsError, QueryError

FAILED, INTERRUPTED, BROKEN_PIPE = 1, 130, 141


def run(group: click.Group, arguments: Sequence[str] | None) -> int:
    """Run the group and return the exit code of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the terminal's encoding lacks is shown as \u...., not an error.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(group, arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `| head` has seen enough. Python flushes stdout once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(group: click.Group, arguments: Sequence[str] | None) -> int:
    try:
        code = group.main(
            args=None if arguments is None else list(arguments),
            prog_name="artifact-plugins",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit:  # what click makes of a broken pipe, after silencing the streams
        return BROKEN_PIPE
    except QueryError as error:
        message, *picture = str(error).split("\n")
        report(error.code, message)
        print(*map(escaped, picture), sep="\n", file=sys.stderr)
        return FAILED
    except ArtifactPluginsError as error:
        return report(error.code, str(error))
    except OSError as error:
        return report("os", str(error))
    return code if isinstance(code, int) else 0


def report(code: str, message: str) -> int:
    """Print `error[code]: message` to stderr; returns the exit code."""
    print(f"error[{code}]: {escaped(message)}", file=sys.stderr)
    return FAILED
