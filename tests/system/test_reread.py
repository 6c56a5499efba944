"""SIGHUP: the configuration is read again by a daemon that goes on, or is refused; a terminal that closes ends it."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import sys
from pathlib import Path

import pytest
from running import (
    PROGRAM,
    Daemon,
    Home,
    environment,
    fresh,
    portraits,
    prepared,
    retake,
    run,
    service_manager,
    wait_until,
)

from facewatchd.config import Config
from facewatchd.daemon.reread import differences


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Home:
    return prepared(tmp_path_factory).copy(tmp_path / "home")


def hang_up(daemon: Daemon, said: str) -> str:
    """Send the signal, and wait for these words; what was logged since."""
    before = daemon.log
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: said in daemon.log.removeprefix(before), 30, f"{said!r} in the log")
    return daemon.log.removeprefix(before)


def links(home: Home) -> set[str]:
    """The names of all links in the folders of people."""
    return {path.name for path in home.people.glob("[!_.]*/*") if path.is_symlink()}


def test_another_configuration_takes_effect_and_a_bad_one_does_not(home: Home, tmp_path: Path) -> None:
    """In the same process; what was refused is said in the log and by `status`, until one is read that can be used."""
    photo = next(iter(portraits(home).values()))[0]
    assert not any(name.startswith("seen ") for name in links(home))
    with home.watching() as daemon:
        home.configure(people={"link_name": "seen {name}"}, watch={"settle_s": 0.1})
        said = hang_up(daemon, "watching for changes")
        assert "people.link_name is seen {name} (was {date} {name})" in said
        assert "watch.settle_s is 0.1 (was 0.2)" in said
        assert "Stopping" not in said
        wait_until(lambda: links(home) and all(name.startswith("seen ") for name in links(home)), 30)
        # one that cannot be used, by itself
        home.configure(people={"link_name": "seen {name}", "min_faces": 0})
        said = hang_up(daemon, "refused, and the old one is kept")
        assert "people.min_faces" in said
        assert len(said.splitlines()) == 1
        ask = [*PROGRAM, "status", "--json", "--state", str(home.state)]
        wait_until(lambda: any("people.min_faces" in reason for reason in run(ask).json["blocked"]), 10)
        # ... and with what it would have to do with the state
        home.configure(state={"dir": str(tmp_path / "elsewhere")})
        assert "state.dir says" in hang_up(daemon, "refused, and the old one is kept")
        home.configure(photos=[str(home.album), str(home.path / "mistyped")])
        assert "There is no such photo folder" in hang_up(daemon, "refused, and the old one is kept")
        home.config.unlink()
        assert "refused" in hang_up(daemon, "refused, and the old one is kept")
        # the old one is in force
        (home.album / "new.jpg").write_bytes(retake(photo))
        wait_until(lambda: any("new.jpg" in name and name.startswith("seen ") for name in links(home)), 30)
        home.configure(people={"link_name": "seen {name}"}, watch={"settle_s": 0.1})
        hang_up(daemon, "nothing in it has changed")
        assert home.status()["blocked"] == []
        # a folder more
        more = home.path / "more"
        more.mkdir()
        shutil.copy(photo, more / "other.jpg")
        home.configure(photos=[str(home.album), str(more)])
        hang_up(daemon, f"Photos in {more}")
        wait_until(lambda: home.status()["photos"]["done"] == 63, 30)
        assert daemon.process.poll() is None
        daemon.stop()


def test_what_the_command_line_says_stays(home: Home, tmp_path: Path) -> None:
    """Folders that were given there are those of the new run, whatever the file names."""
    options = ["--photos", str(home.album), "--people", str(home.people), "--state", str(home.state)]
    with Daemon(home.command("run", *options), tmp_path / "log", environment()) as daemon:
        daemon.wait_for("watching for changes")
        home.configure(
            photos=["/nowhere"], people={"dir": "/nowhere/people", "min_faces": 2}, state={"dir": "/nowhere/state"}
        )
        said = hang_up(daemon, "watching for changes")
        assert "people.min_faces is 2 (was 3)" in said
        assert "nowhere" not in said
        daemon.stop()


def test_a_run_that_ends_by_itself_does_so(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """With `--once` the configuration stays as it was read; a signal that comes while the program starts is kept for later."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=6)
    with Daemon(home.command("run", "--once"), tmp_path / "log", environment()) as daemon:
        status = Path(f"/proc/{daemon.process.pid}/status")

        def is_kept() -> bool:
            caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
            return bool(int(caught.split()[1], 16) & 1)

        wait_until(is_kept, 30)
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.process.wait(60) == 0
        assert "this run ends by itself, and keeps the configuration" in daemon.log
    assert home.status()["photos"]["done"] == 6


def test_the_service_manager_is_told(home: Home, tmp_path: Path) -> None:
    """RELOADING=1 with the time, then READY=1, also where the configuration is refused."""
    with service_manager(tmp_path / "notify") as (env, channel), home.daemon(env) as daemon:

        def told() -> str:
            while (said := channel.recv(100).decode()) == "WATCHDOG=1":
                pass
            return said

        assert told() == "READY=1"
        for minimum in (2, 0):
            home.configure(people={"min_faces": minimum})
            daemon.process.send_signal(signal.SIGHUP)
            reloading, since = told().splitlines()
            assert reloading == "RELOADING=1"
            assert since.startswith("MONOTONIC_USEC=")
            assert told() == "READY=1"
        daemon.stop()
        assert told() == "STOPPING=1"


# a shell's part in a terminal: the program is in front, and the terminal is its own
IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_terminal_that_closes_ends_it_in_good_order(home: Home) -> None:
    """It says so by the same signal, and nobody is there any more to end it otherwise."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", IN_A_TERMINAL, *home.command("run")]
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for stream in (0, 1, 2):
                os.dup2(slave, stream)
            os.closerange(3, 256)
            os.execve(command[0], command, environment())
        finally:
            os._exit(1)
    os.close(slave)
    said = b""
    while b"watching for changes" not in said:
        said += os.read(master, 4096)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert home.run("status", "--json").json["running"] is False


def test_differences_are_named_by_their_keys() -> None:
    """Lists and paths as the user writes them."""
    one = Config.model_validate({"photos": ["/a"], "people": {"dir": "/p", "min_faces": 3}})
    other = Config.model_validate({"photos": ["/a", "/b"], "people": {"dir": "/p", "min_faces": 5}})
    assert differences(one, other) == ["photos is /a, /b (was /a)", "people.min_faces is 5 (was 3)"]
    assert differences(one, one) == []
