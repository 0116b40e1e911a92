from __future__ import annotations

import os
import pickle

import pytest
from hostile_archives import GOOD, A, B, C, Hostile, hostile_archives, record
from zip_fields import zipped

from artifact_plugins.errors import DigestMismatchError, StoreIntegrityError
from artifact_plugins.snapshots.archive import sha256, write_archive
from artifact_plugins.snapshots.opening import open_archive

HOSTILE = hostile_archives()


def test_there_are_many():
    """At least 120 archives are tried, each with a name of its own."""
    assert len({each.name for each in HOSTILE}) == len(HOSTILE) >= 120


def test_a_good_archive_opens():
    """The archive that the hostile ones are made from opens, written by either writer."""
    data = write_archive(GOOD)

    assert zipped([A, B, C]) == data
    assert open_archive(data, record(data)) == GOOD


@pytest.mark.parametrize("hostile", HOSTILE, ids=[each.name for each in HOSTILE])
def test_hostile_archives_are_refused_by_name(hostile: Hostile):
    """Each is refused with the named error that says what is wrong, although its record agrees."""
    before = sorted(os.listdir("."))

    with pytest.raises(hostile.error, match=hostile.told) as caught:
        open_archive(hostile.data, hostile.archive)

    assert isinstance(caught.value, StoreIntegrityError)
    assert "nothing was" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert sorted(os.listdir(".")) == before


def test_every_flipped_byte_is_detected():
    """Whichever byte of an archive is changed, its digest says so."""
    data = write_archive(GOOD)
    archive = record(data)

    for place in range(len(data)):
        changed = bytes([*data[:place], data[place] ^ 0x01, *data[place + 1 :]])
        with pytest.raises(DigestMismatchError):
            open_archive(changed, archive)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_flipped_byte_is_detected_under_its_own_digest(mask: int):
    """Even when the record names the digest of the changed bytes, no change passes."""
    data = write_archive(GOOD)

    for place in range(len(data)):
        changed = bytes([*data[:place], data[place] ^ mask, *data[place + 1 :]])
        with pytest.raises(StoreIntegrityError):
            open_archive(changed, record(data).model_copy(update={"digest": sha256(changed)}))


def test_every_cut_is_detected():
    """No beginning of an archive is an archive, and no end of one."""
    data = write_archive(GOOD)

    for place in range(len(data)):
        for part in (data[:place], data[place + 1 :]):
            with pytest.raises(StoreIntegrityError):
                open_archive(part, record(part))
