"""Delivery: what the ledger committed reaches every backend, in order, exactly once, whatever fails.

deliverer.py     Deliverer: wake, flush, sync, settle, close; the one door
overview.py      its part for people: status, rows, reconcile, replay, drop
courier.py       one backend: claims streams while it may be spoken to
streams.py       the streams that are claimed, and the few threads that send them
sending.py       one row is sent
needing.py       what its record needs goes first, or is waited for
failing.py       it failed: tried later, given up, or the backend is left alone
outcomes.py      what became of it
judging.py       whether a failure is the record's own, or everybody's
resting.py       which rows of a stream go now; what still runs is not sent for each member
source.py        LedgerDelivery: what a backend reads and notes meanwhile
rendering.py     runs in another system's form, read once and kept while they are sent
notes.py         what a backend calls our records, in the ledger or in memory
signals.py       what leaves a backend's `deliver_*` without being an error
notices.py       how a backend stands, told once and to everybody
policy.py        the numbers: pauses, tries, leases
breaker.py       whether a backend is spoken to at all
opening.py       from the URLs of the settings to backends, made at first use
reconciling.py   what a backend has lost is sent again
redacting.py     no credential in what is kept about a failure
status.py        BackendStatus, Reconciled: how it stands, for people
"""

from artifact_plugins.delivery.deliverer import Deliverer
from artifact_plugins.delivery.opening import Backends, open_backends, registered_ids
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.status import BackendStatus, Reconciled

__all__ = [
    "BackendStatus",
    "Backends",
    "Deliverer",
    "Policy",
    "Reconciled",
    "open_backends",
    "registered_ids",
]
