"""A file system that stops answering: nothing that matters waits for it, and all goes on by itself when it answers again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hanging import LOOKUP, OPEN, hanging_mount
from running import STOP_S, Daemon, Home, environment, fresh, photos_in, retake, wait_until

from facewatchd.processes.lock import is_running
from facewatchd.store import Store

_IMPATIENT = Path(__file__).with_name("impatient.py")


@contextmanager
def impatient(home: Home, *, until: str = "watching for changes") -> Iterator[Daemon]:
    """A daemon with little patience that has said this."""
    command = [sys.executable, str(_IMPATIENT), str(home.config)]
    with Daemon(command, home.path / "daemon.log", environment()) as daemon:
        daemon.wait_for(until)
        yield daemon


def stopped(daemon: Daemon, home: Home) -> None:
    """Tell it to stop: the state is free in time, even where the process has to wait for what hangs."""
    assert is_running(home.state)
    began = time.monotonic()
    daemon.process.terminate()
    wait_until(lambda: not is_running(home.state), 2 * STOP_S)
    assert time.monotonic() - began < STOP_S


def vitals(home: Home) -> Any:
    """What the daemon says of itself; a command would have to ask what hangs for itself."""
    with Store(home.state, read_only=True) as store:
        return json.loads(store.vitals() or "{}")


def health(home: Home, folder: Path) -> str:
    """How a photo folder fares."""
    return next((root["health"] for root in vitals(home).get("roots", ()) if root["path"] == str(folder)), "")


def taken(home: Home, folder: Path | None = None) -> int:
    """How many photos are taken in, of all folders or of one."""
    with closing(sqlite3.connect(home.state / "facewatchd.sqlite")) as state:
        done = state.execute(
            "SELECT r.path FROM roots r JOIN photos p USING (root_id) WHERE p.state = 'done'"
        ).fetchall()
    return sum(folder is None or path == os.fsencode(folder) for (path,) in done)


def share(factory: pytest.TempPathFactory, path: Path, **settings: Any) -> tuple[Home, Path, Path]:
    """A home with twelve photos, the folder of a share with four of them, and the place where this is to be mounted."""
    nas, behind = path / "nas", path / "behind"
    home = fresh(factory, path / "home", photos=12)
    behind.mkdir()
    for photo in photos_in(home.album)[:4]:
        shutil.move(photo, behind / photo.name)
    home.configure(photos=[str(home.album), str(nas)], **settings)
    return home, behind, nas


@pytest.mark.minutes
def test_a_photo_folder_that_hangs_holds_up_nothing(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """
    Photos of another folder, commands, gestures, grouping, SIGHUP, SIGTERM and a start go on as ever; nothing in the folder
    counts as gone, and what came meanwhile is taken in when it answers.
    """
    home, behind, nas = share(tmp_path_factory, tmp_path)
    with hanging_mount(behind, nas) as mount:
        with impatient(home) as daemon, mount.in_the_end():
            # all is quiet: a program that has read a request and not answered keeps who waits for it from ending
            wait_until(lambda: len([*home.people.glob("Person */folder.jpg")]) >= 6, 30)
            mount.stop()
            wait_until(lambda: health(home, nas) == "offline", 15)
            (home.album / "new.jpg").write_bytes(retake(photos_in(home.album)[0]))
            folder = next(path for path in sorted(home.people.iterdir()) if path.name.startswith("Person"))
            folder.rename(folder.with_name("Ada"))
            home.run("recluster")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("nothing in it has changed")
            wait_until(lambda: taken(home) == 13, 15)
            status = home.status()
            assert f"The file system on {nas} (fuse) has not answered since" in str(status["blocked"])
            assert (status["photos"]["done"], status["photos"]["missing"]) == (13, 0)
            assert "Ada" in home.named().values()
            daemon.stop()
        mount.stop()
        with impatient(home) as daemon, mount.in_the_end():
            assert health(home, nas) == "offline"
            (behind / "later.jpg").write_bytes(retake(next(behind.iterdir())))
            mount.go_on()
            wait_until(lambda: taken(home) == 14, 30)
            status = home.status()
            assert (status["blocked"], status["photos"]["missing"]) == ([], 0)
            assert "Ada" in home.named().values()
            daemon.stop()


@pytest.mark.minutes
def test_a_people_tree_that_hangs_waits(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Photos are taken in meanwhile, also by a start; commands say why they cannot; the links are made when it answers."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=12)
    tree = tmp_path / "nas"
    home.configure(people={"dir": str(tree)})
    # in the midst of making it
    with (
        hanging_mount(tmp_path / "behind", tree, at=(LOOKUP, "Person 2")) as mount,
        impatient(home) as daemon,
        mount.in_the_end(),
    ):
        daemon.wait_for("stopped answering in the midst of the work")
        (home.album / "new.jpg").write_bytes(retake(photos_in(home.album)[0]))
        wait_until(lambda: taken(home) == 13, 30)
        wait_until(lambda: "The people tree waits" in str(vitals(home)["blocked"]), 30)
        assert "The people tree waits" in home.run("tree", code=1).line
        stopped(daemon, home)
        (home.album / "newer.jpg").write_bytes(retake(photos_in(home.album)[1]))
        with impatient(home, until="The people tree waits") as second, mount.in_the_end():
            wait_until(lambda: taken(home) == 14, 30)
            mount.go_on()
            assert daemon.process.wait(30) == 0
            new = {home.album / "new.jpg", home.album / "newer.jpg"}
            wait_until(lambda: new <= {link.resolve() for link in tree.glob("*/*")}, 30)
            wait_until(lambda: not vitals(home)["blocked"], 10)
            second.stop()


def test_a_photo_that_is_caught_keeps_no_other(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """The only worker reads a photo when its share hangs: another goes on in its place, and the photo's turn comes again."""
    home, behind, nas = share(tmp_path_factory, tmp_path, ingest={"workers": 1})
    with hanging_mount(behind, nas, at=(OPEN, "caught.jpg")) as mount:
        (behind / "caught.jpg").write_bytes(retake(photos_in(behind)[0]))
        with impatient(home, until="Photos in") as daemon, mount.in_the_end():
            wait_until(lambda: health(home, nas) == "offline", 30)
            (home.album / "new.jpg").write_bytes(retake(photos_in(home.album)[0]))
            wait_until(lambda: taken(home, home.album) == 9, 30)
            mount.go_on()
            wait_until(lambda: taken(home) == 14, 30)
            wait_until(lambda: not vitals(home)["blocked"], 10)
            daemon.stop()


@pytest.mark.minutes
def test_the_state_is_free_while_a_photo_is_caught(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """SIGTERM before anybody has noticed that a share hangs which a photo is being read from."""
    home, behind, nas = share(tmp_path_factory, tmp_path, ingest={"workers": 1})
    with hanging_mount(behind, nas, at=(OPEN, "caught.jpg")) as mount:
        (behind / "caught.jpg").write_bytes(retake(photos_in(behind)[0]))
        with impatient(home, until="Photos in") as daemon, mount.in_the_end():
            mount.wait_until_mute()
            stopped(daemon, home)


def test_the_state_is_free_while_a_new_tree_is_caught(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """SIGTERM while the people tree is being made."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=12)
    tree = tmp_path / "nas"
    home.configure(people={"dir": str(tree)})
    with (
        hanging_mount(tmp_path / "behind", tree, at=(LOOKUP, "Person 2")) as mount,
        impatient(home) as daemon,
        mount.in_the_end(),
    ):
        mount.wait_until_mute()
        stopped(daemon, home)


@pytest.mark.minutes
@pytest.mark.parametrize("at", [(OPEN, ".facewatchd"), (LOOKUP, "Person 1")])
def test_the_state_is_free_while_a_start_is_caught(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, at: tuple[int, str]
) -> None:
    """SIGTERM just when a start looks whose tree it is, or begins to watch it."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=12)
    tree, behind = tmp_path / "nas", tmp_path / "behind"
    home.configure(people={"dir": str(tree)})
    with hanging_mount(behind, tree):
        home.once()
    with hanging_mount(behind, tree, at=at) as mount, impatient(home, until="") as daemon, mount.in_the_end():
        mount.wait_until_mute()
        stopped(daemon, home)


@pytest.mark.minutes
def test_commands_do_not_wait_for_what_hangs(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Without a daemon, too: those that need nothing of it do their work, the others say what does not answer."""
    home, behind, nas = share(tmp_path_factory, tmp_path)
    with hanging_mount(behind, nas) as mount:
        home.once()
        mount.mute()
        with mount.in_the_end():
            assert home.status()["photos"]["done"] == 12
            assert home.named()
            there = {root["path"]: root["there"] for root in home.run("roots", "list", "--json").json["roots"]}
            assert there == {str(home.album): True, str(nas): False}
            person = next(iter(home.named()))
            home.run("people", "rename", str(person), "Ada")
            assert (home.people / "Ada").is_dir()
            assert f"{nas} does not answer" in home.run("doctor", code=1).out
            assert "has not answered since" in home.run("identify", str(nas / "x.jpg"), code=1).line
            for command in (["backup"], ["restore"], ["faces", "export", "--csv"], ["dates", "report", "--csv"]):
                assert "has not answered since" in home.run(*command, str(nas / "x"), code=1).line
            report = home.run("dates", "report", "--json").json
            assert sum(folder["photos"] for folder in report["folders"]) == 12
            assert "No photo in a folder of" in home.run("evaluate", "--portraits", str(nas), code=1).line
            first = home.run("run", "--once", "--state", str(tmp_path / "s"), "--people", str(tmp_path / "p"), code=1)
            assert "A photo folder that is not known does not answer" in first.err
