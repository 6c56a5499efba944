"""`processes.isolate`: a computation in a process of its own, with real processes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running import environment, is_alive, wait_until

from facewatchd.errors import FacewatchError
from facewatchd.processes.isolate import Isolated, run_isolated


def double(number: int) -> tuple[int, int]:
    """What is computed, and by which process."""
    return 2 * number, os.getpid()


def fail(why: str) -> None:
    raise ValueError(why)


def linger(note: str) -> None:
    """Say in a file who is at work, then go on for ever."""
    Path(note).write_text(str(os.getpid()))
    threading.Event().wait()


def start(
    function: Callable[[str], None], note: Path
) -> tuple[Isolated[str, None], queue.Queue[FacewatchError | None]]:
    """A computation that says in `note` that it began, and the queue that its end is put into."""
    ends: queue.Queue[FacewatchError | None] = queue.Queue()
    return Isolated("test", function, str(note), ends.put), ends


def began(note: Path) -> int:
    """The process that is at work, 0 until it is."""
    return int(note.read_text() or 0) if note.exists() else 0


def test_the_result_comes_from_another_process() -> None:
    """It is computed elsewhere and handed back."""
    result, pid = run_isolated("test", double, 21)
    assert result == 42
    assert pid != os.getpid()
    assert not is_alive(pid)


def test_an_exception_is_an_error_of_ours() -> None:
    """It says what went wrong there."""
    with pytest.raises(FacewatchError, match="The computation failed: ValueError: no such luck"):
        run_isolated("test", fail, "no such luck")


def test_killed_from_outside(tmp_path: Path) -> None:
    """As the kernel does where memory runs out: an error that says so, once."""
    _, ends = start(linger, tmp_path / "note")
    os.kill(wait_until(lambda: began(tmp_path / "note"), 20), signal.SIGKILL)
    outcome = ends.get(timeout=10)
    assert isinstance(outcome, FacewatchError)
    assert "was ended by the system" in str(outcome)
    assert "signal 9" in str(outcome)
    assert ends.empty()


def test_stop_ends_it_at_once(tmp_path: Path) -> None:
    """And nobody is called back."""
    isolated, ends = start(linger, tmp_path / "note")
    pid = wait_until(lambda: began(tmp_path / "note"), 20)
    started = time.monotonic()
    isolated.stop()
    assert time.monotonic() - started < 1
    assert not is_alive(pid)
    assert ends.empty()


def test_stop_before_it_begins(tmp_path: Path) -> None:
    """A process that is still starting is ended as well."""
    isolated, ends = start(linger, tmp_path / "note")
    isolated.stop()
    assert ends.empty()
    assert not (tmp_path / "note").exists()


def test_stop_after_the_end() -> None:
    """It is no error."""
    ends: queue.Queue[tuple[int, int] | FacewatchError] = queue.Queue()
    isolated = Isolated("test", double, 1, ends.put)
    assert not isinstance(ends.get(timeout=20), FacewatchError)
    isolated.stop()


# a program whose computation says in a file that it began, and which says on stdout what came of it
_PROGRAM = """
import signal, sys, threading
sys.path.insert(0, sys.argv[2])
from test_isolate import linger
from facewatchd.processes.isolate import Isolated

if __name__ == "__main__":
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    isolated = Isolated("test", linger, sys.argv[1], lambda outcome: print("ended:", outcome, flush=True))
    print("started", flush=True)
    while not interrupted.wait(0.05):
        pass
    print("interrupted", flush=True)
    while sys.stdin.readline():
        pass
    isolated.stop()
"""


@pytest.mark.parametrize("early", [True, False], ids=["while it starts", "while it works"])
def test_an_interrupt_of_the_group_is_left_to_the_parent(tmp_path: Path, early: bool) -> None:
    """Ctrl-C in a terminal reaches both processes; only the parent decides what comes of it."""
    note, script = tmp_path / "note", tmp_path / "program.py"
    script.write_text(_PROGRAM)
    with subprocess.Popen(
        [sys.executable, script, note, Path(__file__).parent],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        if not early:
            wait_until(lambda: began(note), 20)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stdout.readline() == "interrupted\n"
        pid = wait_until(lambda: began(note), 20)
        assert is_alive(pid)
        out, err = parent.communicate(timeout=10)
    assert (out, err) == ("", "")
    assert not is_alive(pid)


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Nobody waits for its result any more, and its processor time is wanted elsewhere."""
    note, script = tmp_path / "note", tmp_path / "program.py"
    script.write_text(_PROGRAM)
    with subprocess.Popen(
        [sys.executable, script, note, Path(__file__).parent],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as parent:
        pid = wait_until(lambda: began(note), 20)
        parent.kill()
        wait_until(lambda: not is_alive(pid), 10)
