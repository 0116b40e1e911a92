"""Place over an object store: no folders, no rename, put-if-absent instead.

bucket.py     what a provider must offer: Bucket, Upload, Entry
faults.py     Fault: what a provider answered; the named errors it becomes
retrying.py   which faults are tried again, how often and how long after
connection.py the filesystem object of this process, made again after a fork
s3.py         Bucket over s3fs
gcs.py        Bucket over gcsfs
azure.py      Bucket over adlfs
providers.py  which of the three a URL means; imports it late
lanes.py      the threads that move bytes, and how many bytes wait for them
blobs.py      BlobStore: small objects
sending.py    one file on its way: one put, or parts of bounded size
draft.py      Draft: payload objects first, the manifest last
fetching.py   one file back: ranges in parallel into private memory
removing.py   the objects of a version, and uploads that nobody finished
place.py      Place: joins them

The order of a write: every payload object under the private prefix of its
version, put-if-absent and hashed on its way; then `manifest.json`, put-if-absent.
Nobody looks there before the ledger has the version.
"""
