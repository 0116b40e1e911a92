"""Runs programs in pickles for real, in a process of its own: the negative control.

Reads a pickled list of (loader, data, buffers) from the file it is given.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
import zipfile
from typing import Any


def _run(loader: str, data: bytes, buffers: tuple[bytes, ...]) -> None:
    if loader == "npy":
        import numpy as np

        np.load(io.BytesIO(data), allow_pickle=True)
    elif loader == "zip":
        pickle.loads(zipfile.ZipFile(io.BytesIO(data)).read("archive/data.pkl"))
    elif loader == "twice":
        file = io.BytesIO(data)
        pickle.load(file)
        pickle.load(file)
    else:
        pickle.loads(data, buffers=buffers)


def _main() -> None:
    with open(sys.argv[1], "rb") as file:
        cases: list[Any] = pickle.load(file)
    for case in cases:
        with contextlib.suppress(BaseException):
            _run(*case)


if __name__ == "__main__":
    _main()
