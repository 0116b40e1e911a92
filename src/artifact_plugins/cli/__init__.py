"""The command line, `artifact-plugins`: a reader of what sessions keep.

app.py        the command group; a command's module is imported when it is called
failures.py   errors as one line on stderr, and exit codes
options.py    options that every command takes, and the Place they name
place.py      Place: settings, and the session of what is already there; creates nothing
output.py     JSON or tables on stdout
escaping.py   stored text, safe to show on a terminal
formats.py    sizes, times and durations for people
chosen_backends.py  --backend: which backends a command is about
delivering.py  the session of a command that delivers
seqs.py       --id: rows of the outbox
externals.py  what backends call our records
progress.py   a progress bar on stderr, for long work on a terminal
commands/     one module for each command

Exit codes: 0 done, 1 a named error or a problem found, 2 wrong usage,
130 interrupted, 141 the reader of a pipe has gone.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: `sys.argv[1:]` when not given.
    """
    # Imports make many objects and no garbage: searching for it takes a sixth of `list`.
    gc.set_threshold(100_000, 20, 20)
    from artifact_plugins.cli.app import group  # late: a program may import us for nothing
    from artifact_plugins.cli.failures import run

    # Classes and plugins of the user's own modules are found as by `python -m`;
    # last on the path, so that no file here stands in for an installed module.
    sys.path.append(os.getcwd())
    sys.exit(run(group, arguments))
