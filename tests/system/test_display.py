"""What is shown while the daemon works: on a terminal live, elsewhere in the log; and by `status`."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
from contextlib import closing, suppress

import pytest
from rich.console import Console
from running import Home, environment, fresh

from facewatchd.daemon.intake.progress import Figures, SlowPhoto, Stage
from facewatchd.daemon.process.display import picture


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return fresh(tmp_path_factory, tmp_path_factory.mktemp("display"), 6)


def _on_terminal(home: Home, term: str) -> str:
    """`run --once` with a terminal as its stderr; what is written there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 120))
    with closing(os.fdopen(ours, "rb", buffering=0)) as screen:
        process = subprocess.Popen(
            home.command("run", "--once"), stderr=theirs, stdout=subprocess.PIPE, env=environment({"TERM": term})
        )
        os.close(theirs)
        written = b""
        # a terminal whose last user has gone fails to be read
        with suppress(OSError):
            while more := screen.read(65_536):
                written += more
        stdout, _ = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, b"")
    return written.decode()


def test_a_terminal_shows_what_goes_on(home: Home) -> None:
    """One line that is written anew below the log, gone at the end; the log is whole."""
    written = _on_terminal(home, "xterm-256color")
    assert "taking in photos" in written
    assert re.search(r"\d+ of 6 photos", written)
    assert written.endswith("\x1b[2K")
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    lines = [line.split("\x1b[2K")[-1] for line in written.split("\r\n")]
    assert [line for line in lines if re.match(r"\d\d:\d\d:\d\d INFO +6 photos with \d+ faces taken in", line)]


def test_a_terminal_that_cannot_gets_the_log(home: Home) -> None:
    """Nothing but lines."""
    written = _on_terminal(home, "dumb")
    assert "\x1b" not in written
    assert "Everything there is was taken in; done" in written


def test_the_log_has_no_pictures(home: Home) -> None:
    """Where nobody looks."""
    ended = home.once()
    assert "\x1b" not in ended.err


def test_status_says_what_is_done_now(home: Home) -> None:
    """While the daemon runs; of one that does not, how far it came is of no interest."""
    assert home.status()["progress"] is None
    with home.watching():
        progress = home.status()["progress"]
        assert progress["to_go"] == 0
        assert progress["doing"]
        assert progress["doing"] in home.run("status").out


SHARES = ((Stage.READING, 0.9), (Stage.DECODING, 0.1))


def test_what_is_slow_is_said() -> None:
    """The stages, and photos by their names, whatever those hold."""
    console = Console(width=100, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(picture(Figures("taking in photos", 3, 9, 4, 0.5, (SlowPhoto("[bold]1.CR2", 12),), SHARES)))
    said = console.export_text()
    assert "3 of 12 photos" in said
    assert "18 s left" in said
    assert "time goes into reading 90%, decoding 10%" in said
    assert "slow: [bold]1.CR2 (12 s)" in said
    console.file.close()
