"""What other processes do in the tests of the outbox; run as a script."""

from __future__ import annotations

import json
import sys
import time

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import Batch, Run, now


def claim_until_none(url: str, owner: str, backend_id: int) -> None:
    """Take streams, deliver nothing, remove their rows; say who had which when."""
    with Ledger.open(url, durable=False) as ledger:
        outbox = ledger.outbox
        while outbox.next_due(backend_id) is not None:
            for stream in outbox.claim(backend_id, owner=owner, lease_seconds=60, limit=3):
                started = time.monotonic_ns()
                rows = outbox.rows(backend_id, stream)
                outbox.begin(rows)
                for row in rows:
                    assert outbox.done(row)
                ended = time.monotonic_ns()
                outbox.release(backend_id, stream, owner=owner)
                print(json.dumps([stream, started, ended, [row.record_id for row in rows]]))


def commit_one(url: str, backend_id: int) -> None:
    """Commit one run that must be delivered; failpoints may end the process."""
    with Ledger.open(url, durable=True) as ledger:
        ledger.deliver_to([backend_id])
        run = Run(id="the-run", project="p", pipeline="x", name="x", started_at=now())
        ledger.write(Batch(runs=(run,)))


def commit_apart(url: str, backend_id: int) -> None:
    """The same in two transactions, which is what must not be."""
    with Ledger.open(url, durable=True) as ledger:
        run = Run(id="the-run", project="p", pipeline="x", name="x", started_at=now())
        ledger.write(Batch(runs=(run,)))
        ledger.outbox.enqueue(backend_id, [(run.id, "run", run.id)])


if __name__ == "__main__":
    how, ledger_url, *rest = sys.argv[1:]
    if how == "claim":
        claim_until_none(ledger_url, rest[0], int(rest[1]))
    elif how == "commit_apart":
        commit_apart(ledger_url, int(rest[0]))
    else:
        commit_one(ledger_url, int(rest[0]))
