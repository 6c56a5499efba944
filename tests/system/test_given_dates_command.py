"""
`dates set` and `dates shift` as the user types them: the table, the question, the links, and the way back.
"""

from __future__ import annotations

import hashlib
import os
import pty
import shutil
import signal
import subprocess
import zlib
from pathlib import Path

import pytest
import yaml
from date_corpus import app1, block
from date_crash import add
from helpers import jpeg, open_archive
from running import PROGRAM, Home, environment, fresh, photos_in, prepared, run, wait_until

from facewatchd.photos.metadata.tags import read_tags

TEXT = "2010:09:11 14:00:00"


def dated(text: str, model: bytes) -> bytes:
    """Another picture for every date and camera."""
    picture = jpeg(zlib.crc32(text.encode() + model))
    exif = block(main=((272, 2, model),), exif=((36867, 2, text.encode() + b"\0"),), gps=None)
    return picture[:2] + app1(exif) + picture[2:]


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def original(path: Path) -> str:
    return read_tags(path.read_bytes()).original


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Photos of two cameras, taken in; only to be copied."""
    home = fresh(tmp_path_factory, tmp_path_factory.mktemp("given") / "home", dates={"timezone": "UTC"})
    for folder, model in (("trip", b"DF-300\0"), ("home", b"Other\0")):
        (home.album / folder).mkdir()
        for number in (9, 10, 11):
            photo = home.album / folder / f"IMG_{number}.jpg"
            photo.write_bytes(dated(f"2004:02:03 04:05:{60 - number}", model))
    home.once()
    return home


@pytest.fixture
def home(taken: Home, tmp_path: Path) -> Home:
    return taken.copy(tmp_path / "home")


def test_set_and_undo_a_folder(home: Home) -> None:
    """A table, then a line per photo, the sum and the way back, which leads to the same bytes."""
    before = hashes(home.album)
    trip = str(home.album / "trip")
    dry = home.run("dates", "set", trip, "--date", "2010-09-11T14:00", "--dry-run").out
    assert hashes(home.album) == before
    assert [line.split() for line in dry.splitlines()][:3] == [
        ["In", f"{trip}:"],
        ["photo", "old", "new"],
        ["IMG_10.jpg", "2004-02-03", "04:05:50", "2010-09-11", "14:00:00"],
    ]
    done = home.run("dates", "set", trip, "--date", "2010-09-11T14:00", "--yes").out
    assert f"{trip}/IMG_9.jpg: 2004:02:03 04:05:51 -> 2010-09-11 14:00:00, by your word; written into the photo" in done
    assert done.endswith("3 dates written into the photo\nTo take them back: facewatchd dates undo PATH\n")
    assert {original(path) for path in photos_in(home.album / "trip")} == {TEXT}
    assert {name for name, digest in hashes(home.album).items() if before[name] != digest} == {
        f"trip/IMG_{number}.jpg" for number in (9, 10, 11)
    }
    home.run("dates", "fix")
    home.once()
    assert {original(path) for path in photos_in(home.album / "trip")} == {TEXT}
    assert home.status()["dates"] == {"right": 3, "fixed": 3, "reported": 0}
    assert "3 dates taken back" in home.run("dates", "undo", trip).out
    assert hashes(home.album) == before
    assert "No date was written for these photos" in home.run("dates", "undo", trip, code=1).line


def test_spread_and_shift_of_a_camera(home: Home) -> None:
    """What is printed for programs is one document; the photos of other cameras are left."""
    album = str(home.album)
    spread = home.run("dates", "set", f"{album}/trip", "--date", "2010-09-11", "--spread", "--yes", "--json").json
    assert spread["counts"] == {"set": 3}
    assert [(Path(each["photo"]).name, each["new"]) for each in spread["photos"]] == [
        ("IMG_11.jpg", "2010-09-11T12:00:00"),
        ("IMG_10.jpg", "2010-09-11T12:00:01"),
        ("IMG_9.jpg", "2010-09-11T12:00:02"),
    ]
    plan = home.run("dates", "shift", album, "--by", "-1d 00:30", "--camera", "other", "--dry-run", "--json").json
    assert (plan["others"], plan["dry_run"], plan["counts"]) == (3, True, {})
    told = home.run("dates", "shift", album, "--by", "-1d 00:30", "--camera", "other", "--yes").out
    assert "3 photos of another camera or time are left as they are." in told
    assert original(home.album / "home" / "IMG_9.jpg") == "2004:02:02 03:35:51"
    assert original(home.album / "trip" / "IMG_9.jpg") == "2010:09:11 12:00:02"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("set", "ALBUM", "--date", "yesterday", "--yes"), 1, "'yesterday' is no date; dates look like 2010-09-11"),
        (("set", "ALBUM", "--date", "2093-01-01", "--yes"), 1, "The date 2093-01-01 is in the future"),
        (("set", "ALBUM", "--date", "2010-09-11"), 2, "repeat the command with --yes"),
        (("set", "ALBUM"), 2, "Missing option '--date'"),
        (("set", "--date", "2010-09-11"), 2, "Missing argument 'PATH...'"),
        (
            ("set", "ALBUM/none.jpg", "--date", "2010-09-11", "--yes"),
            1,
            "There is no such photo or folder (ALBUM/none.jpg)",
        ),
        (("set", "/", "--date", "2010-09-11", "--yes"), 1, "It is in no photo folder (/): 'facewatchd roots list'"),
        (("shift", "ALBUM", "--by", "1 hour", "--yes"), 1, "'1 hour' is not a difference of time"),
        (("shift", "ALBUM", "--by", "+00:00", "--yes"), 1, "The dates cannot be shifted by nothing"),
        (("shift", "ALBUM", "--by", "+1d", "--from", "then", "--yes"), 1, "'then' is no date"),
    ],
)
def test_what_is_refused(taken: Home, arguments: tuple[str, ...], code: int, said: str) -> None:
    """One line; nothing is written."""
    before = hashes(taken.album)
    album = str(taken.album)
    line = taken.run("dates", *(each.replace("ALBUM", album) for each in arguments), code=code).line
    assert said.replace("ALBUM", album) in line
    assert hashes(taken.album) == before


def answered(home: Home, answer: bytes, *arguments: str) -> tuple[int, str]:
    """What a command prints on a terminal where this is typed, and how it ends."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        home.command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment({"TERM": "dumb"})
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        out = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # its last descriptor is closed
                break
            out += part
    os.close(ours)
    return process.returncode, out.decode()


def test_a_terminal_is_asked(home: Home) -> None:
    """No is no, and yes is yes; a photo that was not taken in is told of, and what to do."""
    before = hashes(home.album)
    shutil.copy(home.album / "trip" / "IMG_9.jpg", home.album / "trip" / "new.jpg")
    command = ("dates", "set", str(home.album / "trip"), "--date", "2010-09-11T14:00")
    code, out = answered(home, b"n\n", *command)
    assert (code, {name: hashes(home.album)[name] for name in before}) == (1, before)
    assert "Write 3 dates? [y/N]" in out
    assert "No date was written: You did not agree." in out
    assert f"1 photo is left out, as facewatchd has not taken it in ({home.album}/trip/new.jpg)" in " ".join(
        out.split()
    )
    code, _ = answered(home, b"y\n", *command)
    assert code == 0
    assert original(home.album / "trip" / "IMG_9.jpg") == TEXT
    assert original(home.album / "trip" / "new.jpg") == "2004:02:03 04:05:51"


@pytest.mark.parametrize("served", [False, True], ids=["alone", "with a daemon"])
def test_links_follow_at_once(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, served: bool) -> None:
    """By whoever it is written; and when it is taken back. The daemon does not take the photos in again."""
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    photo = next(path for path in photos_in(home.album) if home.linked(str(path.relative_to(home.album))))
    before = hashes(home.album)

    def names() -> set[str]:
        return {
            link.name for link in home.people.glob("*/*") if link.is_symlink() and link.resolve() == photo.resolve()
        }

    old = names()

    def check() -> None:
        # a link means its photo
        link = next(link for link in home.people.glob("*/*") if link.is_symlink() and link.resolve() == photo.resolve())
        home.run("dates", "set", str(link), "--date", "1999-09-09", "--yes")
        wait_until(lambda: names() and all(name.startswith("1999-09-09 ") for name in names()), 20, "the new links")
        home.run("dates", "undo", str(photo))
        wait_until(lambda: names() == old, 20, "the old links")
        assert hashes(home.album) == before

    if not served:
        check()
        return
    with home.watching() as daemon:
        check()
        assert "1999-09-09, by your word; written into the photo" in daemon.log
        daemon.stop()


def test_rules_that_may_write_do_so_on_arrival(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """And say it as every date that is written; one undo takes it back, and it stays so."""
    shift = {"model": "DF-300", "by": "+365d 01:00:00"}
    home = fresh(tmp_path_factory, tmp_path / "home", dates={"timezone": "UTC", "shift": [shift], "write_rules": True})
    photo = home.album / "a.jpg"
    photo.write_bytes(dated("2004:02:03 04:05:06", b"DF-300\0"))
    before = hashes(home.album)
    log = home.once().err
    assert f"{photo}: 2004:02:03 04:05:06 -> 2005-02-02 05:05:06, by your word; written into the photo" in log
    assert "Wrote 1 capture date into photos. To take back what was written: facewatchd dates undo" in log
    assert original(photo) == "2005:02:02 05:05:06"
    after = hashes(home.album)
    home.once()
    assert "There is nothing to do" in home.run("dates", "fix").out
    assert hashes(home.album) == after
    home.run("dates", "undo", str(photo))
    home.once()
    assert hashes(home.album) == before
    dry = home.run("dates", "fix", "--dry-run").out
    assert "set: 2005-02-02T05:05:06 (your word)" in dry
    home.run("dates", "fix", str(photo))
    assert hashes(home.album) == after


def test_an_interrupt_is_no_loss(tmp_path: Path) -> None:
    """One line says how far it came; the same command does the rest, and shifts no photo twice."""
    archive = open_archive(tmp_path)
    with archive.store:
        for number in range(600):
            text = f"2004:02:03 04:{number // 60:02d}:{number % 60:02d}"
            add(archive, b"IMG_%d.jpg" % number, dated(text, b"DF-300\0"))
    config = tmp_path / "config.yaml"
    folders = {"photos": [str(tmp_path / "Photos")], "people": {"dir": str(tmp_path / "People")}}
    config.write_text(yaml.safe_dump({**folders, "state": {"dir": str(tmp_path / "state")}}))
    before = hashes(tmp_path / "Photos")
    command = [*PROGRAM, "dates", "shift", str(tmp_path / "Photos"), "--by", "+1d", "--yes", "--config", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = next((line for line in process.stdout if "written into the photo" in line), "")
        assert first, process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "of 600 dates were written: The same command goes on with the rest" in told
    done = {original(path)[:10] for path in (tmp_path / "Photos").iterdir()}
    assert done == {"2004:02:03", "2004:02:04"}
    run(command)
    assert {original(path)[:10] for path in (tmp_path / "Photos").iterdir()} == {"2004:02:04"}
    run([*PROGRAM, "dates", "undo", str(tmp_path / "Photos"), "--config", str(config)])
    assert hashes(tmp_path / "Photos") == before
