"""Bytes at rest: the only room that knows filesystems and touches payloads.

store.py      ContentStore: opens a store; writers, readers, run records, checks
writer.py     VersionWriter: streams one version, then publishes it at once
sinks.py      Sink: one file being written; the hashing lane beside it
reader.py     VersionReader: verified buffers and folders of one version
pieces.py     digests of the pieces of large files, for reading parts of them
ranged.py     RangedFile: fetches and verifies the pieces that are read
archives.py   pinned code: archives, statements and signatures; never removed
collecting.py what the ledger gave up is removed; which ledgers a store has
restore.py    verified copies of files in a private folder
walk.py       files below a path, with everything that is not a file refused
manifest.py   the manifest beside the files: compose and check
names.py      which file names are kept, numbered or refused
digests.py    the allowed digest algorithms
urls.py       the allowed store URLs
place.py      what a kind of store must offer: BlobStore, Draft, Place
local.py      Place over local files (local_blobs.py, local_draft.py, staging.py, below.py)
memory.py     Place over the in-memory filesystem of fsspec, for tests and scratch work
remote/       Place over a bucket of S3, GCS or Azure
identity.py   `store.json`: the id of a store, and the probe of what it promises
failures.py   operating system errors under our names

The order of a write: files into a private staging folder, hashed on their
way; manifest beside them; one rename makes the version visible, whole. A
version folder is never reused and never changed.
"""

from artifact_plugins.content.reader import VersionReader
from artifact_plugins.content.store import ContentStore
from artifact_plugins.content.writer import Published, VersionWriter, Written

__all__ = ["ContentStore", "Published", "VersionReader", "VersionWriter", "Written"]
