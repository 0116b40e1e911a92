"""The session joins the rooms: settings, plugins, content store and ledger.

session.py         Session: save, load, register, commit
asking.py          Asking: find, explain_load, export, lineage
delivering.py      Delivering: backends hear of what is committed, and are read from
current.py         open_session, current_session: the innermost open one, else the default
saving.py          Saver: a value becomes durable bytes and a draft record
registering.py     Registrar: data that already lies somewhere becomes a draft record
curating.py        Curating: update, rename, alias, delete, restore, trash, prune, collect
pruning.py         PrunePlan: what a prune would delete, and doing it
collecting.py      Collected: the collector of bytes that nobody can load any more
references.py      `name@3` and the like, taken apart; locating.py: which version is meant
committing.py      drafts become versions, or their bytes go
finding.py         Finder: versions, links, tasks, runs by a filter
loading.py         Loader: a record becomes a value again
deciding.py        with which code; explaining.py: the same rules, and nothing is run
reading.py         one load: what may be executed; classes.py: which class a path means
drift.py           what of the pinned code differs; looking.py: which classes seem to be here
archived.py        archived code; isolating.py: a value from its recorded environment
streams.py         the first item with the load, the others while they are consumed
pinning.py         what a version is pinned to; pin_cache.py: kept between processes
artifact_tasks.py  artifact tasks, equipped like materializers
exporting.py       verified copies of the files of a version
wanted.py          what an annotation asks for when a version is loaded
materializers.py   materializer instances, one per key and options
equipped.py        Equipped: such an instance and its abilities
roundtrip.py       whether what was loaded is what was saved
comparing.py       deep, type-strict comparison of two values
own_places.py      a path that holds the store or the ledger is refused
scripts.py         values with classes of the running script are pickled
parts.py           elements of containers, saved by their own materializers
"""

from artifact_plugins.session.collecting import Collected
from artifact_plugins.session.current import current_session, open_session
from artifact_plugins.session.pruning import PruneItem, PrunePlan
from artifact_plugins.session.session import Session
from artifact_plugins.session.wanted import Selection

__all__ = [
    "Collected",
    "PruneItem",
    "PrunePlan",
    "Selection",
    "Session",
    "current_session",
    "open_session",
]
