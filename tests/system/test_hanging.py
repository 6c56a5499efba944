"""A file system that stops answering: nothing that matters waits for it, and all goes on by itself when it answers again."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from hanging import hanging_mount
from running import Home, fresh, photos_in, retake, wait_until

from facewatchd.processes.lock import is_running

# most of it is waiting for what does not answer
pytestmark = pytest.mark.minutes


def health(home: Home, folder: Path) -> tuple[str, str]:
    """How a photo folder fares, and why."""
    return next((root["health"], root["reason"]) for root in home.status()["roots"] if root["path"] == str(folder))


def taken(home: Home) -> int:
    return int(home.status()["photos"]["done"])


def share(factory: pytest.TempPathFactory, path: Path) -> tuple[Home, Path, Path]:
    """A home with twelve photos, the folder of a share with four of them, and the place where this is to be mounted."""
    nas, behind = path / "nas", path / "behind"
    home = fresh(factory, path / "home", photos=12)
    behind.mkdir()
    for photo in photos_in(home.album)[:4]:
        shutil.move(photo, behind / photo.name)
    home.configure(photos=[str(home.album), str(nas)])
    return home, behind, nas


def test_a_photo_folder_that_hangs_holds_up_nothing(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """
    Photos of another folder, commands, gestures, grouping, SIGHUP, SIGTERM and a start go on as ever; nothing in the folder
    counts as gone, and what came meanwhile is taken in when it answers.
    """
    home, behind, nas = share(tmp_path_factory, tmp_path)
    with hanging_mount(behind, nas) as mount:
        with home.watching() as daemon, mount.in_the_end():
            # all is quiet: a program that has read a request and not answered keeps who waits for it from ending
            wait_until(lambda: len([*home.people.glob("Person */folder.jpg")]) >= 6, 30)
            mount.stop()
            wait_until(lambda: health(home, nas)[0] == "offline", 15)
            (home.album / "new.jpg").write_bytes(retake(photos_in(home.album)[0]))
            folder = next(path for path in sorted(home.people.iterdir()) if path.name.startswith("Person"))
            folder.rename(folder.with_name("Ada"))
            wait_until(lambda: "Ada" in home.named().values(), 15)
            home.run("recluster")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("nothing in it has changed")
            status = home.status()
            assert f"The file system on {nas} (fuse) has not answered since" in str(status["blocked"])
            assert (status["photos"]["done"], status["photos"]["missing"]) == (13, 0)
            daemon.stop()
        mount.stop()
        with home.watching() as daemon, mount.in_the_end():
            assert health(home, nas)[0] == "offline"
            (behind / "later.jpg").write_bytes(retake(next(behind.iterdir())))
            mount.go_on()
            wait_until(lambda: taken(home) == 14, 30)
            status = home.status()
            assert (status["blocked"], status["photos"]["missing"]) == ([], 0)
            assert "Ada" in home.named().values()
            daemon.stop()


def test_a_people_tree_that_hangs_waits(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Photos are taken in meanwhile, also by a start; commands say why they cannot; the links are made when it answers."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=12)
    tree = tmp_path / "nas"
    home.configure(people={"dir": str(tree)})
    with hanging_mount(tmp_path / "behind", tree) as mount, home.watching() as daemon, mount.in_the_end():
        # in the midst of making it
        wait_until((tree / "Person 1").is_dir, 15)
        mount.stop()
        (home.album / "new.jpg").write_bytes(retake(photos_in(home.album)[0]))
        wait_until(lambda: taken(home) == 13, 60)
        wait_until(lambda: "The people tree waits" in str(home.status()["blocked"]), 60)
        assert "The people tree waits" in home.run("tree", code=1).line
        assert "The people tree waits" in home.run("tree", "--dry-run", code=1).line
        # a program that has read a request and not answered keeps who waits for it from ending, and nobody else
        daemon.process.terminate()
        wait_until(lambda: not is_running(home.state), 20)
        (home.album / "newer.jpg").write_bytes(retake(photos_in(home.album)[1]))
        with home.watching() as second, mount.in_the_end():
            wait_until(lambda: taken(home) == 14, 60)
            mount.go_on()
            assert daemon.process.wait(30) == 0
            new = {home.album / "new.jpg", home.album / "newer.jpg"}
            wait_until(lambda: new <= {link.resolve() for link in tree.glob("*/*")}, 60)
            assert not home.status()["blocked"]
            second.stop()


def test_commands_do_not_wait_for_what_hangs(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Without a daemon, too: those that need nothing of it do their work, the others say what does not answer."""
    home, behind, nas = share(tmp_path_factory, tmp_path)
    with hanging_mount(behind, nas) as mount:
        home.once()
        mount.mute()
        with mount.in_the_end():
            assert taken(home) == 12
            assert home.named()
            there = {root["path"]: root["there"] for root in home.run("roots", "list", "--json").json["roots"]}
            assert there == {str(home.album): True, str(nas): False}
            person = next(iter(home.named()))
            home.run("people", "rename", str(person), "Ada")
            assert (home.people / "Ada").is_dir()
            assert f"{nas} does not answer" in home.run("doctor", code=1).out
            assert "has not answered since" in home.run("identify", str(nas / "x.jpg"), code=1).line
            first = home.run("run", "--once", "--state", str(tmp_path / "s"), "--people", str(tmp_path / "p"), code=1)
            assert "A photo folder that is not known does not answer" in first.err
