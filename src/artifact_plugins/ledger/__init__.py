"""Records at rest: runs, tasks, versions and links in a SQL database.

ledger.py      Ledger: the public door of this room
summary.py     ArtifactSummary
commit.py      the one write transaction
edits.py       what may change later: description, tags, aliases, metadata, name
lookup.py      one record by what people call it
listing.py     pages of records; pages.py: tokens and limits
check.py       looks for damage
schema.py      the tables; statements.py: what is asked of them, as SQLAlchemy says it
compile.py     makes compiled_sqlite.py of these two, once; nothing else imports SQLAlchemy
selects.py     puts SELECTs together from its parts
rows.py        records to rows and back
database.py    connections per thread, transactions; gate.py: one writer at a time
opening.py     looks before it writes; place.py, filesystem.py: where it may lie
failures.py    database errors as named errors
"""

from artifact_plugins.ledger.ledger import Ledger
from artifact_plugins.ledger.summary import ArtifactSummary

__all__ = ["ArtifactSummary", "Ledger"]
