"""`processes.lock`: one process a state, however the last one ended."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import environment

from facewatchd.errors import RunningError, StoreError
from facewatchd.processes.lock import LOCK, is_running, single_instance

_HOLDER = """
import sys
from pathlib import Path
from facewatchd.processes.lock import single_instance
with single_instance(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the state."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, state],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_folder_is_made(tmp_path: Path) -> None:
    """For its owner only."""
    with single_instance(tmp_path / "a" / "state"):
        assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700
        assert is_running(tmp_path / "a" / "state")
    assert not is_running(tmp_path / "a" / "state")


def test_nobody_runs_where_there_is_nothing(tmp_path: Path) -> None:
    """To ask leaves no trace."""
    assert not is_running(tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """The error names the process that is in the way, and the folder."""
    with holder(tmp_path) as other:
        assert is_running(tmp_path)
        with (
            pytest.raises(RunningError, match=rf"process {other.pid}; stop it first") as caught,
            single_instance(tmp_path),
        ):
            pass
        assert caught.value.path == tmp_path


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """The kernel lets go of the lock; the file that is left does not matter."""
    with holder(tmp_path) as other:
        other.kill()
        other.wait()
    assert (tmp_path / LOCK).exists()
    assert not is_running(tmp_path)
    with single_instance(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def test_whoever_only_asks_is_not_in_the_way(tmp_path: Path) -> None:
    """`status` holds the lock for a moment to see whether it is free; a start in that moment waits for it."""
    with single_instance(tmp_path):
        pass
    asking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    done = threading.Timer(0.1, os.close, [asking])
    done.start()
    with single_instance(tmp_path):
        assert is_running(tmp_path)
    done.join()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """It is a file: the error says so and what to do."""
    (tmp_path / "state").touch()
    with (
        pytest.raises(StoreError, match="hoose another folder with --state"),
        single_instance(tmp_path / "state"),
    ):
        pass
