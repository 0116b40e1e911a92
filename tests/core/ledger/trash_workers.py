"""What the processes of `test_ledger_trash` do: change one label until ten changes were theirs."""

from __future__ import annotations

import sys

from artifact_plugins.errors import LineageConflictError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import VersionQuery


def add_tags(ledger: Ledger, worker: str, version_id: str) -> None:
    for number in range(10):
        while True:
            read = ledger.version(version_id)
            tag = f"w{worker}-{number}"
            try:
                ledger.update_version(version_id, tags=[*read.tags, tag], expected=read)
                print(tag)
                break
            except LineageConflictError:
                print("lost")


def move_alias(ledger: Ledger, worker: str, ids: list[str]) -> None:
    own = ids[int(worker)]
    won = 0
    while won < 10:
        holder = [one.id for one in ledger.versions(VersionQuery(alias="prod"))]
        try:
            ledger.set_alias(own, "prod", expected_version_id=holder[0] if holder else None)
            won += 1
            print("won")
        except LineageConflictError:
            print("lost")


if __name__ == "__main__":
    how, url, worker, *ids = sys.argv[1:]
    with Ledger.open(url, durable=False) as ledger:
        if how == "tags":
            add_tags(ledger, worker, ids[0])
        else:
            move_alias(ledger, worker, ids)
