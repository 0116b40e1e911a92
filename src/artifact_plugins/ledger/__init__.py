"""Records at rest: runs, tasks, versions and links in a SQL database.

ledger.py      Ledger: the public door of this room; reading.py: its questions
summary.py     ArtifactSummary
commit.py      the one write transaction
edits.py       what may change later: description, tags, aliases, metadata, name
liveness.py    Hold, Retention: what holds a version
trash.py       delete, restore, collect, abort; deleted.py: what asking for one says
lookup.py      one record by what people call it
listing.py     pages of records; pages.py: tokens and limits
outbox/        what must still be delivered to backends, and what they call our records
filters/       the query language: from text to a page of records
check.py       looks for damage
schema.py      the tables
statements.py  what is asked of them, as SQLAlchemy says it; trash_statements.py,
               snapshot_statements.py, statement_parts.py: parts of it;
               outbox_statements.py: apart, for the outbox
compile.py     makes compiled_*.py, outbox_*.py and tables_*.py of these for each database, once;
               besides filters/ and migrations/ nothing else imports SQLAlchemy
selects.py     puts SELECTs together from its parts
rows.py        records to rows and back
database.py    what the room asks of a database, and when it asks again
opening.py     which database a URL means
sqlite/        a file, or memory
postgresql/    a server
migrations/    from the schema of an older release to this one
failures.py    errors that both databases have
"""

from artifact_plugins.ledger.ledger import Ledger
from artifact_plugins.ledger.liveness import Hold, HoldKind, Retention
from artifact_plugins.ledger.outbox import Outbox
from artifact_plugins.ledger.summary import ArtifactSummary

__all__ = ["ArtifactSummary", "Hold", "HoldKind", "Ledger", "Outbox", "Retention"]
