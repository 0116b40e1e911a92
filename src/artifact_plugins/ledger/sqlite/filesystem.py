"""Refuses filesystems on which several processes cannot share a SQLite file."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from artifact_plugins.errors import UnsupportedFilesystemError

# statfs(2), `f_type`; linux/magic.h.
_NETWORK = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB2",
    0x65735546: "FUSE",
    0x5346414F: "AFS",
    0x73757245: "Coda",
    0x564C: "NCP",
    0x00C36400: "Ceph",
    0x0BD00BD0: "Lustre",
    0x47504653: "GPFS",
    0x19830326: "BeeGFS",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
}


def filesystem_magic(folder: Path) -> int:
    """Return `f_type` of the filesystem that holds `folder`; 0 where it is unknown."""
    if not sys.platform.startswith("linux"):
        return 0
    answer = ctypes.create_string_buffer(512)
    if ctypes.CDLL(None).statfs(str(folder).encode(), answer) != 0:
        return 0
    return ctypes.c_ulong.from_buffer(answer).value & 0xFFFFFFFF


def refuse_network_filesystem(folder: Path) -> None:
    """Check that a ledger may live in `folder`.

    Raises:
        UnsupportedFilesystemError: The filesystem is on the network or FUSE;
            SQLite's write-ahead log needs memory shared by its processes.
    """
    name = _NETWORK.get(filesystem_magic(folder))
    if name is not None:
        raise UnsupportedFilesystemError(
            f"folder {str(folder)!r} is on {name}, where a SQLite ledger can be damaged",
            hint="nothing was written; set ledger_url to a file on a local disk",
            folder=str(folder),
            filesystem=name,
        )
