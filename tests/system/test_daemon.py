"""The daemon while it runs: what happens in the folders, from outside, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from helpers import in_namespace
from running import Daemon, Home, environment, fresh, portraits, prepared, retake, service_manager, wait_until

SLACK_S = 10
"""What a busy machine may add to the time that is promised."""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Home:
    """Taken in and grouped, to be changed."""
    return prepared(tmp_path_factory).copy(tmp_path / "home")


@pytest.fixture
def daemon(home: Home) -> Iterator[Daemon]:
    """It watches the home; it must stop in good order in the end."""
    with home.watching() as daemon:
        yield daemon
        daemon.stop()


def face_ids(home: Home, photo: str) -> list[str]:
    """The ids of the faces of one photo of the album."""
    return [face["face_id"] for face in home.faces() if face["photo"] == str(home.album / photo)]


def settled(home: Home) -> bool:
    """Whether nothing waits to be taken in."""
    return bool(home.status()["photos"]["pending"] == 0)


def takes_in(daemon: Daemon, home: Home, before: int) -> None:
    """Wait until more photos are taken in than before. The state can be asked as soon as the daemon looks at photos."""
    daemon.wait_for("Photos in")
    wait_until(lambda: home.status()["photos"]["done"] > before, 30)


# --- photos come


def test_a_photo_dropped_in_has_its_link_soon(home: Home) -> None:
    """A known person's: `watch.settle_s` + 2 s after it was written, here with the settle_s that users have."""
    (person, photos) = next(iter(portraits(home).items()))
    home.configure(watch={"settle_s": 2, "settle_open_s": 5})
    with home.watching() as daemon:
        took = []
        for number in range(2):
            dropped = time.monotonic()
            (home.album / f"new {number}.jpg").write_bytes(retake(photos[number]))
            wait_until(lambda name=f"new {number}.jpg": home.linked(name), 4 + SLACK_S)  # type: ignore[misc]
            took.append(time.monotonic() - dropped)
        assert all(2 <= seconds < 4 + SLACK_S for seconds in took)
        print(f"from drop to link: {', '.join(f'{seconds:.2f} s' for seconds in took)}")
        shown = home.run("people", "show", str(person), "--json").json["photos"]
        assert {str(home.album / f"new {number}.jpg") for number in range(2)} <= set(shown)
        daemon.stop()


def test_a_folder_moved_in(home: Home, daemon: Daemon) -> None:
    """All photos in it and below it are taken in."""
    photos = next(iter(portraits(home).values()))
    outside = home.path / "outside" / "deep" / "er"
    outside.mkdir(parents=True)
    (outside.parent / "a.jpg").write_bytes(retake(photos[0]))
    (outside / "b.jpg").write_bytes(retake(photos[1]))
    (home.path / "outside").rename(home.album / "inside")
    wait_until(lambda: home.linked("inside/deep/a.jpg") and home.linked("inside/deep/er/b.jpg"), SLACK_S)
    (home.album / "inside" / "deep" / "later.jpg").write_bytes(retake(photos[2]))
    wait_until(lambda: home.linked("inside/deep/later.jpg"), SLACK_S)


def test_a_slow_writer_causes_one_job(home: Home) -> None:
    """Pauses between its writes are no reason to read half a photo: nothing fails, and it is taken in once."""
    photo = next(iter(portraits(home).values()))[0]
    content = retake(photo)
    home.configure(watch={"settle_s": 0.2, "settle_open_s": 2}, log={"level": "debug"})
    with home.watching() as daemon:
        before = daemon.log
        with (home.album / "slow.jpg").open("wb", buffering=0) as file:
            for part in range(4):
                file.write(content[part * len(content) // 4 : (part + 1) * len(content) // 4])
                written = time.monotonic()
                wait_until(lambda since=written: time.monotonic() - since > 0.7, 5)  # type: ignore[misc]
        wait_until(lambda: home.linked("slow.jpg"), SLACK_S)
        daemon.stop()
        said = daemon.log.removeprefix(before)
        assert "1 photos with 1 faces taken in" in said
        assert "WARNING" not in said
    assert home.status()["photos"]["failed"] == 0
    assert len(face_ids(home, "slow.jpg")) == 1


def test_a_bad_photo_is_named_while_all_others_go_on(home: Home, daemon: Daemon) -> None:
    """One line in the log; mended, it is taken in."""
    photos = next(iter(portraits(home).values()))
    content = retake(photos[0])
    (home.album / "cut.jpg").write_bytes(content[:3000])
    (home.album / "good.jpg").write_bytes(retake(photos[1]))
    wait_until(lambda: home.linked("good.jpg"), SLACK_S)
    wait_until(lambda: home.status()["photos"]["failed"] == 1, SLACK_S)
    assert sum(str(home.album / "cut.jpg") in line for line in daemon.log.splitlines()) == 1
    (home.album / "cut.jpg").write_bytes(content)
    wait_until(lambda: home.linked("cut.jpg"), SLACK_S)
    assert home.status()["photos"]["failed"] == 0


# --- photos go and move


def test_a_renamed_photo_keeps_its_faces_and_its_link_follows(home: Home, daemon: Daemon) -> None:
    """It is known by its inode: not decoded again; a folder renamed is many such photos."""
    photo = next(iter(portraits(home).values()))[0]
    ids = face_ids(home, str(photo.relative_to(home.album)))
    photo.rename(home.album / "renamed.jpg")
    wait_until(lambda: home.linked("renamed.jpg"), SLACK_S)
    assert face_ids(home, "renamed.jpg") == ids
    year = next(path for path in sorted(home.album.iterdir()) if path.is_dir())

    def below(folder: Path) -> dict[str, str]:
        """The faces of all photos below a folder: their ids and their photos' paths in there."""
        photos = {face["face_id"]: Path(face["photo"]) for face in home.faces()}
        return {face: str(photo.relative_to(folder)) for face, photo in photos.items() if folder in photo.parents}

    before = below(year)
    assert len(before) > 3
    year.rename(home.album / "moved")
    wait_until(lambda: below(home.album / "moved") == before, SLACK_S)
    wait_until(lambda: all(home.linked(f"moved/{photo}") for photo in before.values()), SLACK_S)
    assert home.status()["photos"] == {"total": 61, "done": 61, "pending": 0, "failed": 0, "missing": 0}
    daemon.stop()
    assert "taken in, in" not in daemon.log


def test_a_deleted_photo_is_not_believed_gone_at_once(home: Home, daemon: Daemon) -> None:
    """A save by delete and create is over within the grace; until then the photo counts and its person keeps it."""
    photo = next(iter(portraits(home).values()))[0]
    name = str(photo.relative_to(home.album))
    ids, content, other = face_ids(home, name), photo.read_bytes(), retake(photo, 0.8)
    photo.unlink()
    (home.album / "other.jpg").write_bytes(other)
    wait_until(lambda: home.linked("other.jpg"), SLACK_S)
    assert face_ids(home, name) == ids
    photo.write_bytes(content)
    wait_until(lambda: home.linked(name) and settled(home), SLACK_S)
    assert face_ids(home, name) == ids


def test_a_root_that_goes_and_comes_back(home: Home, daemon: Daemon) -> None:
    """Nothing is removed meanwhile, `status` says what to do, and all goes on when it is back."""
    links = sorted(home.people.glob("*/*"))
    assert home.run("status", "--check").out.startswith("Well: ")
    watch = subprocess.Popen(home.command("status", "--watch"), stdout=subprocess.PIPE, env=environment(), text=True)
    assert watch.stdout is not None
    blocks = iter(watch.stdout.readline, "")
    assert next(blocks).startswith("Well: ")
    home.album.rename(home.path / "away")
    wait_until(lambda: home.status()["roots"][0]["health"] == "offline", 5 + SLACK_S)
    assert any(str(home.album) in sentence for sentence in home.status()["blocked"])
    assert home.run("status", "--check", code=1).out.startswith(f"Not well: {home.album}: ")
    assert home.run("status").out.splitlines()[1].startswith("Now: ")
    assert next(line for line in blocks if line.startswith("Not")).startswith(f"Not well: {home.album}: ")
    watch.send_signal(signal.SIGINT)
    assert watch.wait(timeout=SLACK_S) == 0
    watch.stdout.close()
    assert sorted(home.people.glob("*/*")) == links
    (home.path / "away").rename(home.album)
    wait_until(lambda: home.status()["roots"][0]["health"] == "online", 5 + SLACK_S)
    photo = next(iter(portraits(home).values()))[0]
    (home.album / "new.jpg").write_bytes(retake(photo))
    wait_until(lambda: home.linked("new.jpg"), SLACK_S)


# --- folders that are closed, and links in the place of folders


def said(home: Home, path: Path) -> list[str]:
    """What `status` says of a path."""
    return [sentence for sentence in home.status()["blocked"] if sentence.startswith(f"{path}: ")]


@pytest.mark.parametrize("mode", ["inotify", "polling"])
def test_a_folder_that_is_closed_and_opened_again(home: Home, mode: str) -> None:
    """`status` names it and says what to do, its photos stay where they are, and what came meanwhile is found at once."""
    folder = home.album / "old"
    folder.mkdir()
    photos = next(iter(portraits(home).values()))
    (folder / "known.jpg").write_bytes(retake(photos[0]))
    home.configure(watch={"settle_s": 0.2, "settle_open_s": 0.4, "mode": mode, "poll_s": 2})
    with home.daemon(strict=True) as daemon:
        daemon.wait_for("watching for changes")
        wait_until(lambda: home.linked("old/known.jpg"), SLACK_S)
        folder.chmod(0o000)
        (sentence,) = wait_until(lambda: said(home, folder), 5 + SLACK_S)
        assert "cannot be read (Permission denied). Give the user that facewatchd runs as the right to" in sentence
        (folder / "new.jpg").write_bytes(retake(photos[1]))
        (folder / "closed.jpg").write_bytes(retake(photos[1], 0.9))
        (folder / "closed.jpg").chmod(0o000)
        folder.chmod(0o755)
        wait_until(lambda: home.linked("old/new.jpg"), 5 + SLACK_S)
        assert home.linked("old/known.jpg")
        wait_until(lambda: not said(home, folder), 5 + SLACK_S)
        wait_until(lambda: home.status()["photos"]["failed"] == 1, 5 + SLACK_S)
        (folder / "closed.jpg").chmod(0o644)
        wait_until(lambda: home.linked("old/closed.jpg"), 5 + SLACK_S)
        assert home.status()["blocked"] == []
        if mode == "inotify":
            home.album.chmod(0o000)
            wait_until(lambda: home.status()["roots"][0]["health"] == "offline", 10 + SLACK_S)
            assert len(said(home, home.album)) == 1
            home.album.chmod(0o755)
            wait_until(lambda: home.status()["roots"][0]["health"] == "online", 10 + SLACK_S)
            assert home.status()["photos"]["failed"] == 0
        daemon.stop()


def test_a_folder_that_a_link_has_replaced(home: Home) -> None:
    """`status` says so as long as photos are behind it; the links of the people tree still lead to them."""
    folder, away = home.album / "travels", home.path / "big disk"
    folder.mkdir()
    photos = next(iter(portraits(home).values()))
    (folder / "1.jpg").write_bytes(retake(photos[0]))
    with home.watching() as daemon:
        wait_until(lambda: home.linked("travels/1.jpg"), SLACK_S)
        before = home.status()["photos"]
        shutil.move(folder, away)
        folder.symlink_to(away)
        (sentence,) = wait_until(lambda: said(home, folder), 5 + SLACK_S)
        assert "symbolic link by now" in sentence
        assert str(away) in sentence
        assert home.status()["photos"] == before
        assert home.linked("travels/1.jpg")
        folder.unlink()
        shutil.move(away, folder)
        wait_until(lambda: not home.status()["blocked"], 10 + SLACK_S)
        assert home.linked("travels/1.jpg")
        daemon.stop()


# --- the user's word


def test_a_folder_renamed_by_the_user_names_the_person(home: Home, daemon: Daemon) -> None:
    """Within seconds; the folder stays as it is, and what comes in later goes there."""
    person, photos = next(iter(portraits(home).items()))
    shutil.move(home.people / f"Person {person}", home.people / "Grandma")
    wait_until(lambda: home.named()[person] == "Grandma", SLACK_S)
    (home.album / "new.jpg").write_bytes(retake(photos[0]))
    wait_until(lambda: "new.jpg" in home.links().get("Grandma", ()), SLACK_S)
    assert not (home.people / f"Person {person}").exists()


def test_folders_deleted_by_the_user_hide_their_people(home: Home, daemon: Daemon) -> None:
    """At once, and one link after the other, as on a slow disk: nothing is concluded before the user has finished."""
    first, second, *_ = portraits(home)

    def said() -> list[str]:
        """Latest first."""
        return [line for line in home.run("undo", "--list").out.splitlines() if line[0].isdigit()]

    shutil.rmtree(home.people / f"Person {first}")
    wait_until(lambda: f"Person {first} is hidden" in "".join(said()[:1]), 2 + SLACK_S)
    for entry in sorted((home.people / f"Person {second}").iterdir()):
        entry.unlink()
        # each within the pause that is taken for the end
        time.sleep(0.5)
    (home.people / f"Person {second}").rmdir()
    wait_until(lambda: f"Person {second} is hidden" in "".join(said()[:1]), 2 + SLACK_S)
    assert len(said()) == 2


def test_a_folder_renamed_while_nobody_watched(home: Home) -> None:
    """It is seen at the next start."""
    person = next(iter(portraits(home)))
    (home.people / f"Person {person}").rename(home.people / "Opa")
    with home.watching() as daemon:
        wait_until(lambda: home.named()[person] == "Opa", SLACK_S)
        daemon.stop()
    assert "Opa" in home.links()


def ask_about(home: Home) -> int:
    """Two photos' faces are too close to call from now on; of the person that is returned."""
    person, photos = next(iter(portraits(home).items()))
    with closing(sqlite3.connect(home.state / "facewatchd.sqlite")) as state, state:
        for photo in photos[:2]:
            state.execute(
                "UPDATE faces SET person_id = NULL, review_of = ?1 WHERE person_id = ?1 AND photo_id ="
                " (SELECT photo_id FROM photos WHERE path = ?2)",
                (person, os.fsencode(photo.relative_to(home.album))),
            )
    return person


def counted(home: Home) -> tuple[int, int]:
    """Faces in review, and confirmed."""
    faces = home.status()["faces"]
    return faces["review"], faces["confirmed"]


def test_a_question_is_answered_by_moving_its_link(home: Home) -> None:
    """While the daemon runs, and while it does not."""
    person = ask_about(home)
    asked, answer = home.people / "_review" / f"Person {person}?", home.people / f"Person {person}"
    with home.watching() as daemon:
        wait_until(asked.is_dir, SLACK_S)
        assert counted(home) == (2, 0)
        first, second = (entry for entry in asked.iterdir() if entry.is_symlink())
        first.rename(answer / first.name)
        wait_until(lambda: counted(home) == (1, 1), 2 + SLACK_S)
        assert (answer / first.name).resolve().is_relative_to(home.album.resolve())
        daemon.stop()
    second.unlink()
    with home.watching() as daemon:
        wait_until(lambda: counted(home) == (0, 1), SLACK_S)
        wait_until(lambda: not (home.people / "_review").exists(), SLACK_S)
        daemon.stop()
    home.run("undo")
    assert counted(home) == (1, 1)
    assert asked.is_dir()


def test_commands_are_carried_out_by_the_running_daemon(home: Home, daemon: Daemon) -> None:
    """`people rename`, `people merge`, `tree` and `recluster` answer when it is done; errors are the daemon's own."""
    (one, _), (two, _), *_ = portraits(home).items()
    before = home.links()
    home.run("people", "rename", str(one), "Ann")
    assert home.links()["Ann"] == before[f"Person {one}"]
    home.run("people", "merge", str(two), str(one))
    assert home.links()["Ann"] == before[f"Person {one}"] | before[f"Person {two}"]
    assert f"Person {two}" not in home.links()
    cover = home.people / "Ann" / "folder.jpg"
    cover.unlink()
    # the daemon may have seen to it already
    assert " made in " in home.run("tree").out
    # covers are cut beside the rest
    wait_until(cover.is_file, SLACK_S)
    links = home.links()
    assert "into 7 people, 0 of them new" in home.run("recluster").out
    assert home.links() == links
    three = next(number for number in home.named() if number not in {one, two})
    assert "Person" in home.run("people", "rename", str(three), "ann", code=1).line
    assert "There is no person 99" in home.run("people", "rename", "99", "Bob", code=1).line
    assert home.status()["running"] is True
    assert home.status()["next_recluster"]


# --- beginning and ending


def test_a_second_instance_is_refused(home: Home, daemon: Daemon) -> None:
    """Exit code 1 and one line that names the first; so are commands that need the state for themselves."""
    for arguments in (["run"], ["run", "--once"], ["models", "use", "builtin"]):
        line = home.run(*arguments, code=1).line
        assert line.startswith("facewatchd: facewatchd is running already on this state")
        assert str(daemon.process.pid) in line
        assert str(home.state) in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_while_photos_are_taken_in(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, number: signal.Signals
) -> None:
    """Exit 0 in time; what was taken in is kept, the rest is waiting, and the next run goes on with it."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=60, watch={"settle_open_s": 0}, ingest={"workers": 1})
    with home.daemon() as daemon:
        takes_in(daemon, home, 0)
        seconds = daemon.stop(number)
        print(f"stopped while taking in: {seconds:.2f} s")
    photos = home.status()["photos"]
    assert photos["done"] > 0
    assert photos["pending"] > 0
    assert photos["failed"] == 0
    assert any("start 'facewatchd run'" in sentence for sentence in home.status()["blocked"])


@pytest.mark.parametrize("moment", ["at once", "while photos are taken in"])
def test_a_run_that_is_broken_off_is_no_success(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, moment: str
) -> None:
    """`run --once` in a script: told to stop, it ends with 1, says what is left, and the next one goes on."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=60, watch={"settle_open_s": 0}, ingest={"workers": 1})
    with home.daemon_of("run", "--once") as once:
        if moment == "while photos are taken in":
            takes_in(once, home, 0)
        else:
            wait_until((home.state / "lock").exists, 30)
        once.process.terminate()
        assert once.process.wait(timeout=10) == 1
        assert "Traceback" not in once.log
        if moment == "while photos are taken in":
            assert "facewatchd: The run was interrupted: " in once.log
            assert "Start it again" in once.log


def test_stopping_while_everything_is_grouped(home: Home) -> None:
    """The grouping is broken off; nothing of it is stored, and whoever asked for it hears of it."""
    before = home.status()["last_recluster"]
    with home.watching() as daemon:
        log = daemon.log
        asking = home.daemon_of("recluster")
        with asking:
            wait_until(lambda: "Grouping" in daemon.log.removeprefix(log), 20)
            seconds = daemon.stop()
            assert asking.process.wait(timeout=10) == 1
            assert "stopping" in asking.log or "ended before it answered" in asking.log
        print(f"stopped while grouping: {seconds:.2f} s")
    assert home.status()["last_recluster"] == before


@pytest.mark.parametrize("after", [0.05, 0.3, 0.6])
def test_stopping_while_it_starts(home: Home, after: float) -> None:
    """A signal that comes before the loop listens ends it just as well."""
    with home.daemon() as daemon:
        wait_until(lambda: (home.state / "lock").stat().st_size and _holds(home, daemon), 20)
        held = time.monotonic()
        wait_until(lambda: time.monotonic() - held > after, 5)
        daemon.stop()


def _holds(home: Home, daemon: Daemon) -> bool:
    """Whether the daemon has the lock, by what is written in it."""
    return (home.state / "lock").read_text().strip() == str(daemon.process.pid)


def test_interrupting_the_whole_group(home: Home) -> None:
    """Ctrl-C in a terminal reaches the grouping's process too, which says nothing about it."""
    with home.daemon(alone=True) as daemon:
        daemon.wait_for("watching for changes")
        log = daemon.log
        with home.daemon_of("recluster"):
            wait_until(lambda: "Grouping" in daemon.log.removeprefix(log), 20)
            os.killpg(daemon.process.pid, signal.SIGINT)
            assert daemon.process.wait(timeout=5) == 0
        assert "Traceback" not in daemon.log
        assert "KeyboardInterrupt" not in daemon.log


def test_killed_and_started_again(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """However often it is killed while photos come in, in the end all are there, with the people of a calm run."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=60, watch={"settle_open_s": 0})
    done = -1
    for _ in range(2):
        with home.daemon() as daemon:
            takes_in(daemon, home, done)
            daemon.kill()
        status = home.status()
        done = status["photos"]["done"]
        assert (status["running"], status["ended_at"]) == (False, None)
        assert home.run("status", "--check", code=1).out.startswith("Not running; the last sign of it is of ")
    home.once()
    assert home.status()["photos"] == {"total": 60, "done": 60, "pending": 0, "failed": 0, "missing": 0}
    accented = os.fsdecode(b"caf\xe9.jpg")
    calm = {frozenset(face for face in group if face[0] != accented) for group in prepared(tmp_path_factory).groups()}
    assert home.groups() == calm
    assert home.run("tree", "--dry-run").out == "The people tree is as it should be.\n"


ONCE_ON_A_FULL_DISK = """
import os, shutil, subprocess, sys
state, aside, command = sys.argv[1], sys.argv[2], sys.argv[3:]
os.rename(state, aside)
os.mkdir(state)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "state", state], check=True)
shutil.copytree(aside, state, ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True)
with open(os.path.join(state, "ballast"), "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        file.truncate(file.tell() - 100_000)  # enough to open the state
done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
print(done.returncode, done.stderr.strip().splitlines()[-1])
sys.stderr.write(done.stderr)
"""


def test_once_does_not_wait_for_room_on_a_full_disk(home: Home, tmp_path: Path) -> None:
    """Who started it, a timer perhaps, is told; the daemon would wait, and go on by itself (R31)."""
    photo = next(iter(portraits(home).values()))[0]
    (home.album / "new.jpg").write_bytes(retake(photo))
    done = in_namespace(ONCE_ON_A_FULL_DISK, home.state, tmp_path / "aside", *home.command("run", "--once"))
    assert done.stdout.startswith("1 "), done.stdout + done.stderr
    assert "disk is full; free some space" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_service_manager_is_told(home: Home, tmp_path: Path) -> None:
    """READY=1 when it watches, WATCHDOG=1 while it lives, STOPPING=1 when it ends."""
    with service_manager(tmp_path / "notify") as (env, channel), home.daemon(env) as daemon:
        assert channel.recv(100) == b"READY=1"
        # ready means: commands are answered
        home.run("tree")
        assert channel.recv(100) == b"WATCHDOG=1"
        daemon.stop()
        said = [channel.recv(100)]
        while said[-1] != b"STOPPING=1":
            said.append(channel.recv(100))
        assert set(said) <= {b"WATCHDOG=1", b"STOPPING=1"}


def test_a_people_folder_that_cannot_be_written_for_a_while(home: Home) -> None:
    """Photos go on coming in; `status` says what to do; commands hear it too."""
    photo = next(iter(portraits(home).values()))[0]
    folders = [home.people, *(path for path in home.people.iterdir() if path.is_dir())]
    with home.daemon(strict=True) as daemon:
        daemon.wait_for("watching for changes")
        for folder in folders:
            folder.chmod(0o500)
        (home.album / "new.jpg").write_bytes(retake(photo))
        wait_until(lambda: any(str(home.people) in sentence for sentence in home.status()["blocked"]), SLACK_S)
        assert home.status()["photos"]["done"] == 62
        assert "make it writable" in home.run("tree", code=1).line
        for folder in folders:
            folder.chmod(0o755)
        home.run("tree")
        assert home.linked("new.jpg")
        wait_until(lambda: home.status()["blocked"] == [], SLACK_S)
        daemon.stop()
    assert daemon.log.count("The people tree cannot be written") == 1


def test_a_long_state_path(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """A socket's address has 107 bytes; the state's folder may have more."""
    home = fresh(
        tmp_path_factory, tmp_path / ("long " * 20) / ("path " * 20) / "home", photos=3, people={"min_faces": 2}
    )
    assert len(str(home.state)) > 200
    with home.watching() as daemon:
        assert home.run("tree").out
        daemon.stop()
    assert not (home.state / "control.sock").exists()


# --- pictures of faces


def test_a_picture_of_a_face_names_it(home: Home) -> None:
    """It is cut in the background; put into a new folder it is somebody, and the link to its photo takes its place."""
    home.configure(people={"min_faces": 99})
    with home.watching() as daemon:
        pool = home.people / "_unknown"
        (picture, *_) = wait_until(lambda: sorted(pool.glob("* face*.jpg")), 3 * SLACK_S)
        (photo,) = {
            str(link.resolve().relative_to(home.album))
            for link in pool.iterdir()
            if link.is_symlink() and picture.name.partition(" face")[0] == link.stem
        }
        zoe = home.people / "Zoe"
        zoe.mkdir()
        picture.rename(zoe / picture.name)
        wait_until(lambda: home.links().get("Zoe") == {photo}, 3 + SLACK_S)
        wait_until(lambda: not (zoe / picture.name).exists(), SLACK_S)
        assert "Zoe" in home.named().values()
        daemon.stop()
    kept = {path.name: path.stat().st_mtime_ns for path in (home.state / "faces").iterdir()}
    assert len(kept) > 1
    with home.watching() as daemon:
        daemon.stop()
    assert kept.items() >= {path.name: path.stat().st_mtime_ns for path in (home.state / "faces").iterdir()}.items()
