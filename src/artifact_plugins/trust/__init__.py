"""Who may execute what: the own key, the keys of others, pins and revocations.

trust.py        Trust: sign what is saved, judge what would execute
subject.py      Subject: what is judged; Verdict: the outcome
judging.py      the rules, and who vouches
refusals.py     why something may not execute, and the command that allows it
envelope.py     payload types, and the bytes that are signed (DSSE)
own_key.py      the own key: made once, used by every process of the user
public_keys.py  text and id of a public key; verifying
trust_file.py   `trust.json`: trusted keys, pins, revocations
digests.py      what a pin looks like
library.py      imports `cryptography` at the first use
home.py         the private folder: checked, locked for writers, replaced whole
"""

from artifact_plugins.trust.envelope import MANIFEST_TYPE, SNAPSHOT_TYPE, pre_authentication
from artifact_plugins.trust.subject import Subject, Verdict
from artifact_plugins.trust.trust import Trust

__all__ = [
    "MANIFEST_TYPE",
    "SNAPSHOT_TYPE",
    "Subject",
    "Trust",
    "Verdict",
    "pre_authentication",
]
