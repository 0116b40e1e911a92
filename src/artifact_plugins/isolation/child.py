"""The script that the child runs: the channel is put aside, the running core is found, work begins.

Started as `python -I child.py <folder of artifact_plugins>` in the recorded
environment; imports nothing of that environment before the channel is safe.
"""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def main(core: str) -> None:
    """Serve one process.

    Args:
        core: Folder of the running artifact_plugins package.
    """
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What archived code prints goes to standard error and cannot be taken for an answer.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Not by path: the folder around the package may hold newer libraries.
    spec = spec_from_file_location(
        "artifact_plugins", Path(core, "__init__.py"), submodule_search_locations=[core]
    )
    assert spec is not None
    assert spec.loader is not None
    package = module_from_spec(spec)
    sys.modules["artifact_plugins"] = package
    spec.loader.exec_module(package)
    from artifact_plugins.isolation.serving import serve  # late: found by the lines above

    serve(requests, answers)


if __name__ == "__main__":
    main(sys.argv[1])
