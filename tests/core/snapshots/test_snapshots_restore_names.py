from __future__ import annotations

import os
import sys
import threading

import pytest
from archived_projects import opened, packed, restored

from artifact_plugins.snapshots import archived_origin, captured_again, restore
from artifact_plugins.snapshots.finder import ArchiveFinder, install


def test_digests_that_begin_alike_have_names_of_their_own():
    """Two archives whose digests share 16 digits are two packages."""
    archive, _ = opened(packed({"shop.py": "WHO = 1\n"}))
    start = "c0ffee" * 3
    digests = [f"sha256:{start[:16]}{end * 48}" for end in "ab"]

    found = [
        restore(
            [
                (
                    archive.model_copy(update={"digest": digest}),
                    {"shop.py": f"WHO = '{digest}'\n".encode()},
                )
            ]
        )[0]
        for digest in digests
    ]

    assert [each.find("shop:WHO") for each in found] == digests
    assert found[0].key == start[:16] and found[1].key.startswith(f"{start[:16]}_")
    assert found[0].label != found[1].label
    assert [archived_origin(each.module("shop").__name__) for each in found] == [
        ("shop", digest) for digest in digests
    ]


def test_the_same_bytes_under_other_roots_are_another_archive():
    """What an archive answers for is a part of what it is."""
    archive, members = opened(packed({"shop/__init__.py": "W = 2\n", "shop/a.py": "import shop\n"}))

    whole = restore([(archive, members)])[0]
    part = restore([(archive.model_copy(update={"roots": ("shop.a",)}), members)])[0]

    assert whole.answers_for("shop") and not part.answers_for("shop")
    assert part.answers_for("shop.a") and part.module("shop.a") is not whole.module("shop.a")
    assert captured_again(archive.digest).archive == archive


def test_a_module_that_leaves_the_program_leaves_nothing_behind():
    """`sys.exit` at the top of an archived module passes, and the module can be tried again."""
    source = "import os, sys\nif 'LEAVE' in os.environ:\n    sys.exit(3)\nDONE = True\n"
    archive = restored({"leaving.py": source})
    os.environ["LEAVE"] = "1"
    try:
        with pytest.raises(SystemExit):
            archive.module("leaving")
    finally:
        del os.environ["LEAVE"]

    assert f"{archive.prefix}leaving" not in sys.modules
    assert archive.find("leaving:DONE")


def test_a_syntax_error_names_the_archived_file():
    """Source that this Python does not understand is shown with its place in the archive."""
    archive = restored({"shop/__init__.py": "", "shop/old.py": "print 'tea'\n"})

    with pytest.raises(SyntaxError) as caught:
        archive.module("shop.old")

    assert caught.value.filename == f"<snapshot {archive.digest[7:15]}>/shop/old.py"
    assert caught.value.text == "print 'tea'\n"


def test_the_finder_comes_back_after_somebody_replaced_the_list(monkeypatch: pytest.MonkeyPatch):
    """A program that resets `sys.meta_path` gets the finder back with the next restore."""
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if f is not ArchiveFinder])

    archive = restored({"back.py": "HERE = True\n"})
    install()

    assert archive.find("back:HERE")
    assert sys.meta_path.count(ArchiveFinder) == 1


def test_what_the_program_adds_to_the_builtins_is_seen():
    """A name put into the built-ins, as `gettext` does, is known to archived code as well."""
    import builtins

    archive = restored({"words.py": "def say():\n    return _('tea')\n", "late.py": ""})
    say = archive.find("words:say")
    builtins._ = str.upper
    try:
        archive.module("late")

        assert say() == "TEA"
    finally:
        del builtins._


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have():
    """A child forked while another thread imports archived code imports without waiting."""
    archive = restored(
        {
            "slow.py": "import _archived_test_events as e\ne.started.set()\ne.go.wait(20)\n",
            "quick.py": "DONE = True\n",
        }
    )
    events = type(sys)("_archived_test_events")
    events.started, events.go = threading.Event(), threading.Event()
    sys.modules["_archived_test_events"] = events
    thread = threading.Thread(target=lambda: archive.module("slow"))
    thread.start()
    try:
        assert events.started.wait(10)
        child = os.fork()
        if child == 0:
            done = threading.Timer(15, lambda: os._exit(2))
            done.start()
            os._exit(0 if archive.find("quick:DONE") else 1)
        _, status = os.waitpid(child, 0)
    finally:
        events.go.set()
        thread.join()
        del sys.modules["_archived_test_events"]

    assert os.waitstatus_to_exitcode(status) == 0


def test_three_archives_that_import_in_a_row_belong_together():
    """A change at the end of a chain of archives reaches its beginning."""

    def world(rate: int):
        return restore(
            [
                opened(packed({"chain_a.py": "import chain_b\nR = chain_b.R\n"})),
                opened(packed({"chain_b.py": "import chain_c\nR = chain_c.R\n"})),
                opened(packed({"chain_c.py": f"R = {rate}\n"})),
            ]
        )

    one, other = world(1), world(2)

    assert [part.archive.digest for part in one[:2]] == [part.archive.digest for part in other[:2]]
    assert one[0].find("chain_a:R") == 1 and other[0].find("chain_a:R") == 2
    assert world(1)[0] is one[0]
