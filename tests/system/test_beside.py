"""
Sidecars and Takeout JSON that come, change or go after their photo was taken in: the photo is dated anew, whether the
watcher tells or the scanner finds out, and nothing is decoded for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from date_corpus import app1, block, jpeg, saved
from date_crash import NOW, fix_all, put, settings, undo_all
from helpers import Archive
from running import Home, fresh, photos_in, prepared, retake, wait_until

from facewatchd.core.dates.evidence import SOURCES
from facewatchd.core.dates.plan import Mode
from facewatchd.domain import DateSource, FileStat
from facewatchd.photos.formats import is_photo_name
from facewatchd.photos.metadata.beside import (
    beginning_of_photos,
    fingerprint,
    fingerprint_at,
    is_beside_name,
    names_beside,
)
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.pipeline.dates.batches import accompanied, arrived
from facewatchd.pipeline.intake.discover import differences
from facewatchd.store.database import DATABASE
from facewatchd.watch.scanner import scan

pytest_plugins = "archive_fixtures"

PHOTO, SIDECAR, TAKEOUT = b"a.jpg", b"a.jpg.xmp", b"a.jpg.supplemental-metadata.json"
SPOILT = jpeg(app1(block()))
TAKEN = datetime(2019, 8, 17, 12, 34, 56, tzinfo=UTC).timestamp()


def takeout(title: str, taken: float = TAKEN) -> bytes:
    return json.dumps({"title": title, "photoTakenTime": {"timestamp": str(int(taken))}}).encode()


def date_of(archive: Archive) -> str:
    """Date and source of the only photo, as the state has them."""
    (photo,) = archive.store.dates.dated()
    return f"{photo.date.value.isoformat()} {photo.date.source}" if photo.date is not None else ""


def news(archive: Archive) -> list[bytes]:
    """What a scan says has changed beside photos; it must say nothing else."""
    folders = scan(archive.root, is_photo_name, is_beside=is_beside_name)
    parts = list(differences(archive.store, archive.root, b"", folders, 100))
    assert not [part for part in parts if part.files or part.missing]
    return [path for part in parts for path in part.beside]


def follow(archive: Archive, mode: Mode = Mode.REPORT) -> None:
    """Do what the daemon does about them."""
    for path in news(archive):
        accompanied(archive.store, settings(mode), archive.root, path, NOW)


# --- whose they are

NAMES = (
    b"a.jpg",
    b"IMG_20190817_123456.JPG",
    b"IMG(1).jpg",
    b"IMG-edited.jpg",
    b"IMG-edited(2).jpg",
    b"2019.08.17 12.34.jpeg",
    b"a.jpg.png",
    b"an extraordinarily long name of a photo from the sea.heic",
    b"an extraordinarily long name of a photograph(7).heic",
    b"caf\xe9.jpg",
)


@pytest.mark.parametrize("photo", NAMES)
def test_a_photo_is_found_by_each_file_beside_it(photo: bytes) -> None:
    """The other way round is never blind: every photo of a sidecar begins as its name lets expect."""
    for name in names_beside(photo):
        assert is_beside_name(name)
        assert photo.startswith(beginning_of_photos(name))
        assert beginning_of_photos(name)


def test_a_fingerprint_tells_what_is_beside_a_photo() -> None:
    """Another size, time or file, one more and one less; other photos' sidecars do not count."""
    first = FileStat(10, 20, 30, 40, 50)
    alone = fingerprint(PHOTO, {SIDECAR: first})
    assert fingerprint(PHOTO, {}) == fingerprint(PHOTO, {b"b.jpg.xmp": first}) == b""
    assert fingerprint(PHOTO, {SIDECAR: first, b"b.jpg.xmp": first}) == alone
    others = [
        fingerprint(PHOTO, {SIDECAR: replace(first, size=11)}),
        fingerprint(PHOTO, {SIDECAR: replace(first, mtime_ns=21)}),
        fingerprint(PHOTO, {SIDECAR: replace(first, inode=41)}),
        fingerprint(PHOTO, {b"a.xmp": first}),
        fingerprint(PHOTO, {SIDECAR: first, TAKEOUT: first}),
    ]
    assert len({alone, b"", *others}) == 7
    assert fingerprint(PHOTO, {SIDECAR: replace(first, ctime_ns=31)}) == alone


# --- found by a scan


def test_a_scan_finds_what_came_changed_and_went(archive: Archive) -> None:
    """Each once; the best source is taken each time."""
    put(archive, PHOTO, SPOILT)
    fix_all(archive.store, Mode.REPORT)
    assert date_of(archive).endswith("mtime")
    assert news(archive) == []
    archive.write(TAKEOUT, takeout("a.jpg"))
    assert news(archive) == [TAKEOUT]
    follow(archive)
    assert date_of(archive) == "2019-08-17T12:34:56 takeout"
    archive.write(SIDECAR, new_sidecar("1987-06-05"))
    follow(archive)
    assert date_of(archive) == "1987-06-05T00:00:00 xmp"
    archive.write(SIDECAR, new_sidecar("1987-06-06"))
    os.utime(os.path.join(archive.photos, SIDECAR), ns=(10**18, 10**18))
    follow(archive)
    assert date_of(archive) == "1987-06-06T00:00:00 xmp"
    os.unlink(os.path.join(archive.photos, SIDECAR))
    follow(archive)
    assert date_of(archive) == "2019-08-17T12:34:56 takeout"
    os.unlink(os.path.join(archive.photos, TAKEOUT))
    follow(archive)
    assert date_of(archive).endswith("mtime")
    assert news(archive) == []


def test_a_scan_asks_nothing_of_photos_with_nothing_new(archive: Archive) -> None:
    """Sidecars of nobody, of photos not taken in, and those known are no news."""
    put(archive, PHOTO, SPOILT)
    archive.write(SIDECAR, new_sidecar("1987-06-05"))
    follow(archive)
    archive.write(b"settings.json", b"{}")
    archive.write(b"b.xmp", new_sidecar("1987"))
    archive.write(b"sub/a.jpg.xmp", new_sidecar("1987"))
    assert news(archive) == []
    assert date_of(archive) == "1987-06-05T00:00:00 xmp"


@pytest.mark.parametrize("mode", [Mode.INPLACE, Mode.SIDECAR])
def test_what_is_written_is_no_news(archive: Archive, mode: Mode) -> None:
    """Neither our own sidecar nor its undoing (R16)."""
    put(archive, b"IMG_20190817_123456.gif", saved("GIF", "P"))
    assert fix_all(archive.store, mode) == ["sidecar"]
    assert news(archive) == []
    assert undo_all(archive.store) == ["nothing"]
    assert news(archive) == []


def test_a_date_that_comes_later_is_written_as_it_would_have_been(archive: Archive) -> None:
    """Takeout's JSON, unpacked after its photos."""
    put(archive, PHOTO, SPOILT)
    fix_all(archive.store)
    archive.write(TAKEOUT, takeout("a.jpg"))
    follow(archive, Mode.INPLACE)
    data = Path(os.fsdecode(archive.photos + b"/a.jpg")).read_bytes()
    assert read_tags(data).original == "2019:08:17 12:34:56"
    assert date_of(archive) == "2019-08-17T12:34:56 takeout"
    assert news(archive) == []
    undo_all(archive.store)
    assert Path(os.fsdecode(archive.photos + b"/a.jpg")).read_bytes() == SPOILT


def test_what_was_undone_stays_undone(archive: Archive) -> None:
    """Whatever comes beside the photo; only the date by which it is linked follows."""
    put(archive, b"IMG_20190817_123456.jpg", SPOILT)
    fix_all(archive.store)
    undo_all(archive.store)
    archive.write(b"IMG_20190817_123456.xmp", new_sidecar("1987-06-05T12:00:00"))
    follow(archive, Mode.INPLACE)
    assert Path(os.fsdecode(archive.photos + b"/IMG_20190817_123456.jpg")).read_bytes() == SPOILT
    assert date_of(archive) == "1987-06-05T12:00:00 xmp"
    assert news(archive) == []


def test_nothing_is_written_because_a_sidecar_went(archive: Archive) -> None:
    """Who saves one may remove the old one first: the second best date would stay in the photo."""
    put(archive, PHOTO, SPOILT)
    archive.write(TAKEOUT, takeout("a.jpg"))
    archive.write(SIDECAR, new_sidecar("1987-06-05T12:00:00"))
    follow(archive)
    os.unlink(os.path.join(archive.photos, SIDECAR))
    accompanied(archive.store, settings(), archive.root, SIDECAR, NOW)
    assert date_of(archive) == "2019-08-17T12:34:56 takeout"
    assert Path(os.fsdecode(archive.photos + b"/a.jpg")).read_bytes() == SPOILT


def test_off_looks_at_nothing(archive: Archive) -> None:
    """And does not go round in circles about it."""
    put(archive, PHOTO, SPOILT)
    archive.write(SIDECAR, new_sidecar("1987-06-05"))
    follow(archive, Mode.OFF)
    assert date_of(archive) == ""
    assert news(archive) == []


def test_a_source_that_is_left_out_changes_nothing(archive: Archive) -> None:
    """Who leaves sidecars out of `dates.sources` means those that come later, too."""
    put(archive, PHOTO, SPOILT)
    archive.write(SIDECAR, new_sidecar("1987-06-05"))
    rules = replace(settings().rules, sources=tuple(source for source in SOURCES if source is not DateSource.XMP))
    for path in news(archive):
        accompanied(archive.store, replace(settings(Mode.REPORT), rules=rules), archive.root, path, NOW)
    assert date_of(archive).endswith("mtime")
    assert news(archive) == []


def test_a_sidecar_that_comes_while_its_photo_is_taken_in(archive: Archive) -> None:
    """It was not there when the photo was read; it is when the photo is kept."""
    put(archive, PHOTO, SPOILT)
    (photo,) = archive.store.dates.dated()
    fix_all(archive.store, Mode.REPORT)
    archive.write(SIDECAR, new_sidecar("1987-06-05"))
    arrived(archive.store, settings(Mode.REPORT), photo.seen, NOW)
    assert date_of(archive) == "1987-06-05T00:00:00 xmp"
    assert fingerprint_at(photo.path) == archive.store.dates.dated()[0].beside


# --- by the daemon

COUNTERS = """
    CREATE TABLE counted (what TEXT NOT NULL);
    CREATE TRIGGER count_embedded AFTER UPDATE OF width ON photos BEGIN INSERT INTO counted VALUES ('embedded'); END;
    CREATE TRIGGER count_read AFTER UPDATE OF retry_at ON photos BEGIN INSERT INTO counted VALUES ('taken in'); END;
    CREATE TRIGGER count_faces AFTER INSERT ON embeddings BEGIN INSERT INTO counted VALUES ('face'); END;
"""


def work_done(home: Home) -> list[str]:
    """What the state counted: photos taken in, or in again, and faces embedded."""
    with closing(sqlite3.connect(f"file:{home.state / DATABASE}?mode=ro", uri=True, timeout=10)) as state:
        return [what for (what,) in state.execute("SELECT what FROM counted")]


def linked_as(home: Home, name: str) -> Callable[[], object]:
    return lambda: [link for link in home.people.glob("*/*") if link.is_symlink() and link.name == name]


def test_the_daemon_follows_what_is_beside_a_photo(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Links get the date of a sidecar that comes, changes or goes, live and after a pause, with 0 photos decoded for it."""
    home = fresh(
        tmp_path_factory, tmp_path / "home", dates={"timezone": "UTC", "mode": "report"}, people={"min_faces": 2}
    )
    photo = home.album / "a.jpg"
    photo.write_bytes(retake(photos_in(prepared(tmp_path_factory).album)[0]))
    home.once()
    with closing(sqlite3.connect(home.state / DATABASE)) as state:
        state.executescript(COUNTERS)
    assert linked_as(home, "a.jpg")()
    sidecar = home.album / "a.jpg.xmp"
    sidecar.write_bytes(new_sidecar("1990-01-02"))
    with home.watching() as daemon:
        wait_until(linked_as(home, "1990-01-02 a.jpg"), 30, "the date of a sidecar that came while it was off")
        other = home.album / ".new"
        other.write_bytes(new_sidecar("1988-07-06"))
        other.rename(sidecar)
        wait_until(linked_as(home, "1988-07-06 a.jpg"), 30, "the date of the changed sidecar")
        sidecar.unlink()
        wait_until(linked_as(home, "a.jpg"), 30, "no date, as nothing says one")
        (home.album / "a.jpg.json").write_bytes(takeout("a.jpg"))
        wait_until(linked_as(home, "2019-08-17 a.jpg"), 30, "the date of the JSON")
        daemon.stop()
    assert work_done(home) == []
