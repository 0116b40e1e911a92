import subprocess
import sys
import threading

import pytest

from artifact_plugins.file_lock import locked_file

HOLDER = """
import pathlib, sys, time
from artifact_plugins.file_lock import locked_file
with locked_file(pathlib.Path(sys.argv[1]), seconds=0) as is_held:
    print(is_held, flush=True)
    time.sleep(60)
"""


def test_a_lock_has_one_holder(tmp_path):
    """Whoever comes second does not get a lock, and gets it once the first lets go."""
    path = tmp_path / "lock"

    with locked_file(path, seconds=0) as first, locked_file(path, seconds=0.02) as second:
        assert (first, second) == (True, False)

    with locked_file(path, seconds=0) as third:
        assert third
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_is_waited_for(tmp_path):
    """A lock that is let go of in time is had."""
    found = []

    def wait():
        with locked_file(tmp_path / "lock", seconds=30) as is_held:
            found.append(is_held)

    with locked_file(tmp_path / "lock", seconds=0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(30)

    assert found == [True]


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    """The system drops the lock of a process that was killed; as long as it lives nobody has it."""
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout.readline() == b"True\n"
        with locked_file(path, seconds=0.02) as while_it_lives:
            assert not while_it_lives
        holder.kill()

    with locked_file(path, seconds=0) as is_held:
        assert is_held


def test_a_link_is_no_lock_file(tmp_path):
    """A symbolic link in the place of a lock file is refused, and what it names stays away."""
    (tmp_path / "lock").symlink_to(tmp_path / "target")

    with pytest.raises(OSError, match="lock"), locked_file(tmp_path / "lock", seconds=0):
        pass

    assert not (tmp_path / "target").exists()
