"""What must still be delivered to backends, written with what it is about.

outbox.py      Outbox: the public door of this room
changes.py     which rows a commit or an edit leaves, and how they are written
claims.py      who delivers which stream, and until when
progress.py    begin, done, postpone, bury: what became of a row
reviving.py    replay and drop, for people
enqueueing.py  records that are to be sent again, one by one or all
listing.py     rows, pages and counts
decoding.py    rows to records; a damaged one is given up by name
externals.py   what backends call our records
backends.py    which backends there are
clock.py       the one clock of everybody's leases

No body is kept: a row names a record, and what is sent is that record as it is then.

Order of locks, for everybody: the claim of a stream first (streams sorted, then
backends), then its rows. Who changes a single row and nothing more needs no claim.
"""

from artifact_plugins.ledger.outbox.outbox import Outbox

__all__ = ["Outbox"]
