"""
A photo's date follows what it hangs on besides the photo itself: its name and folder, the rules of the configuration, the
clock. Nothing is decoded for it, and what we wrote before gives way only to what is believed more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from date_corpus import app1, block, jpeg
from date_crash import NOW, put, settings, undo_all
from helpers import Archive
from running import Home, fresh, photos_in, prepared, retake, wait_until

from facewatchd.core.dates.plan import Mode
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.core.dates.words import date_words
from facewatchd.domain import DateSource, Precision
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.pipeline.dates.batches import accompanied, fix_batch, undo_batch
from facewatchd.pipeline.dates.fix import fix
from facewatchd.pipeline.dates.look import DateSettings, look
from facewatchd.pipeline.dates.redate import basis_of, look_again, mark_by_clock, mark_by_rules
from facewatchd.pipeline.intake.stacks import move
from facewatchd.store import DateMarking

pytest_plugins = "archive_fixtures"

TIMED = b"IMG_20190817_123456.jpg"
DATE = "2019:08:17 12:34:56"
DAY_S = 86_400.0


def dated(original: str) -> bytes:
    """A photo with a capture date."""
    return jpeg(app1(block(exif=((36867, 2, original.encode() + b"\0"),))))


def rules(*folders: FolderRule, shifts: tuple[ClockShift, ...] = ()) -> DateSettings:
    return replace(settings(), rules=DateRules(folders, shifts))


def of_year(path: str, year: int) -> FolderRule:
    return FolderRule(path, wall_clock(year), Precision.YEAR)


def add(archive: Archive, path: bytes, data: bytes, now: float = NOW, by: DateSettings | None = None) -> int:
    """A photo that was taken in and dated, by a clock that says `now`; nothing is written."""
    photo_id = put(archive, path, data)
    photo = archive.store.dates.dated_photo(photo_id)
    assert photo is not None
    looked = look(photo.path, photo.seen, by or settings(), now)
    with archive.store.transaction():
        archive.store.photos.look_again(photo.seen, looked.finding, looked.beside)
    return photo_id


def rename(archive: Archive, photo_id: int, old: bytes, new: bytes) -> None:
    """As the daemon hears of it."""
    os.makedirs(os.path.dirname(os.path.join(archive.photos, new)), exist_ok=True)
    os.rename(os.path.join(archive.photos, old), os.path.join(archive.photos, new))
    with archive.store.transaction():
        move(archive.store, photo_id, archive.seen(new))


def due(archive: Archive) -> int:
    return archive.store.dates.count_due()


def catch_up(archive: Archive, by: DateSettings | None = None, now: float = NOW) -> list[str]:
    """Look at all that is due; returns what was done, as words."""
    done = []
    for photo in archive.store.dates.due([archive.root.root_id], 100):
        outcome = look_again(archive.store, by or settings(), photo, now)
        assert outcome is not None
        archive.store.dates.set_due([photo.photo_id], due=False)
        done.append(outcome.act.value)
    assert not due(archive)
    return done


def hold_against(archive: Archive, by: DateSettings, zone: str = "UTC/UTC") -> int:
    """Mark what may change by these rules; returns how many."""
    while mark_by_rules(archive.store, basis_of(by, zone)):
        pass
    return due(archive)


def finding(archive: Archive, photo_id: int) -> tuple[str, str]:
    photo = archive.store.dates.dated_photo(photo_id)
    assert photo is not None
    assert photo.date is not None
    return date_words(photo.date.value, photo.date.precision), photo.date.source


def original(archive: Archive, path: bytes) -> str:
    return read_tags(Path(os.fsdecode(os.path.join(archive.photos, path))).read_bytes()).original


# --- names and folders


def test_a_better_name_dates_a_photo_and_its_date_is_written(archive: Archive) -> None:
    """By the same rules as on arrival; what is right already is not touched."""
    photo = add(archive, b"scan1.jpg", jpeg())
    right = add(archive, b"scan2.jpg", dated("2012:02:02 02:02:02"))
    rename(archive, photo, b"scan1.jpg", TIMED)
    rename(archive, right, b"scan2.jpg", b"IMG_20200101_010101.jpg")
    assert catch_up(archive) == ["exif", "nothing"]
    assert finding(archive, photo) == ("2019-08-17 12:34:56", DateSource.NAME_TIME)
    assert finding(archive, right) == ("2012-02-02 02:02:02", DateSource.EXIF)
    assert original(archive, TIMED) == DATE
    assert undo_all(archive.store) == ["nothing"]


def test_a_folder_dates_and_is_not_written(archive: Archive) -> None:
    """Only the folder's name speaks of the date: the link follows, the photo stays as it is."""
    photo = add(archive, b"a.jpg", jpeg())
    rename(archive, photo, b"a.jpg", b"2001-05-06 party/a.jpg")
    assert catch_up(archive) == ["report"]
    assert finding(archive, photo) == ("2001-05-06", DateSource.FOLDER)
    rename(archive, photo, b"2001-05-06 party/a.jpg", b"party/a.jpg")
    catch_up(archive)
    assert finding(archive, photo)[1] == DateSource.MTIME


@pytest.mark.parametrize("mode", [Mode.REPORT, Mode.SIDECAR])
def test_the_mode_holds(archive: Archive, mode: Mode) -> None:
    """A better name is no leave to write."""
    photo = add(archive, b"a.jpg", jpeg())
    rename(archive, photo, b"a.jpg", TIMED)
    assert catch_up(archive, settings(mode)) == ["report" if mode is Mode.REPORT else "sidecar"]
    assert original(archive, TIMED) == ""
    assert finding(archive, photo)[0] == "2019-08-17 12:34:56"


def test_a_move_without_news_writes_nothing(archive: Archive) -> None:
    """What was not written when it came, as the user did not want that then, is not written for a mere move."""
    photo = add(archive, TIMED, jpeg())
    rename(archive, photo, TIMED, b"other/" + TIMED)
    assert catch_up(archive) == ["report"]
    assert original(archive, b"other/" + TIMED) == ""


def test_what_was_undone_is_not_written_for_a_better_name(archive: Archive) -> None:
    """The user took a date back: they are asked no more, though the finding follows."""
    photo = add(archive, TIMED, jpeg())
    fix_batch(archive.store, settings())
    undo_batch(archive.store, settings())
    rename(archive, photo, TIMED, b"IMG_20200101_010101.jpg")
    assert catch_up(archive) == ["report"]
    assert original(archive, b"IMG_20200101_010101.jpg") == ""
    assert finding(archive, photo)[0] == "2020-01-01 01:01:01"


def test_a_sidecar_left_behind_is_waited_for(archive: Archive) -> None:
    """A photo that moves before its sidecar does is not dated by its name for good meanwhile."""
    archive.write(b"a/a.jpg.xmp", new_sidecar("1987-06-05"))
    photo = add(archive, b"a/a.jpg", jpeg(), by=replace(settings(), write_date_only=True))
    assert finding(archive, photo) == ("1987-06-05", DateSource.XMP)
    rename(archive, photo, b"a/a.jpg", b"b/" + TIMED)
    catch_up(archive)
    assert original(archive, b"b/" + TIMED) == ""
    os.rename(os.path.join(archive.photos, b"a/a.jpg.xmp"), os.path.join(archive.photos, b"b/" + TIMED + b".xmp"))
    accompanied(archive.store, settings(), archive.root, b"b/" + TIMED + b".xmp", NOW)
    assert finding(archive, photo) == ("1987-06-05", DateSource.XMP)
    assert original(archive, b"b/" + TIMED) == ""


# --- dates that we wrote


def test_a_date_that_was_written_stays_when_the_name_changes(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, with the command that has it otherwise; and that command does it."""
    caplog.set_level("INFO")
    photo = add(archive, TIMED, jpeg())
    fix_batch(archive.store, settings())
    new = b"IMG_20200101_010101.jpg"
    rename(archive, photo, TIMED, new)
    catch_up(archive)
    assert original(archive, new) == DATE
    assert finding(archive, photo)[0] == "2019-08-17 12:34:56"
    assert "keeps the date 2019-08-17 12:34:56, which was written by its name before" in caplog.text
    assert fix_batch(archive.store, settings()).counts == {"nothing": 1}
    batch = fix_batch(archive.store, settings(), photo=os.path.join(archive.photos, new))
    assert batch.counts == {"exif": 1}
    assert "no date -> 2020-01-01 01:01:01" in batch.said[0]
    assert "it had 2019-08-17 12:34:56, written by its name before" in batch.said[0]
    assert original(archive, new) == "2020:01:01 01:01:01"
    assert undo_all(archive.store) == ["nothing"]
    assert original(archive, new) == ""


def test_a_date_that_was_written_gives_way_to_the_users_word(archive: Archive) -> None:
    """... and the user's word to their next; taken away, the last one stays."""
    data = jpeg()
    photo = add(archive, b"Scans/" + TIMED, data)
    fix_batch(archive.store, settings())
    hold_against(archive, settings())
    catch_up(archive)
    for year in (1987, 1988):
        by = replace(rules(FolderRule("Scans", wall_clock(year, 5, 6), Precision.DAY)), write_date_only=True)
        assert hold_against(archive, by) == 1
        assert catch_up(archive, by) == ["exif"]
        assert original(archive, b"Scans/" + TIMED) == f"{year}:05:06 12:00:00"
        assert finding(archive, photo)[0] == f"{year}-05-06"
    assert hold_against(archive, settings()) == 1
    catch_up(archive)
    assert original(archive, b"Scans/" + TIMED) == "1988:05:06 12:00:00"
    undo_all(archive.store)
    assert Path(os.fsdecode(os.path.join(archive.photos, b"Scans/" + TIMED))).read_bytes() == data


def test_a_sidecar_that_we_made_gives_way_too(archive: Archive) -> None:
    """Only the year is known, which goes beside the photo."""
    add(archive, b"Scans/a.jpg", jpeg())
    hold_against(archive, settings())
    catch_up(archive)
    for year in ("1987", "1988"):
        by = rules(of_year("Scans", int(year)))
        assert hold_against(archive, by) == 1
        assert catch_up(archive, by) == ["sidecar"]
        content = Path(os.fsdecode(os.path.join(archive.photos, b"Scans/a.jpg.xmp"))).read_text("utf-8")
        assert f'"{year}"' in content
    undo_all(archive.store)
    assert os.listdir(os.path.join(archive.photos, b"Scans")) == [b"a.jpg"]


# --- the rules


def test_only_what_may_change_is_looked_at(archive: Archive) -> None:
    """Of three photos, the one in the folder that a rule is about."""
    for path in (b"Scans/a.jpg", b"Scans 2/a.jpg", b"a.jpg"):
        add(archive, path, jpeg())
    assert hold_against(archive, settings()) == 3  # nothing is known of what an older state was dated by
    catch_up(archive)
    assert hold_against(archive, settings()) == 0
    assert hold_against(archive, rules(of_year("Scans", 1987))) == 1
    catch_up(archive, rules(of_year("Scans", 1987)))
    assert hold_against(archive, rules(of_year("Scans", 1987))) == 0


def test_all_photos_are_looked_at_by_a_version_that_reads_more(archive: Archive) -> None:
    """A state of an older version holds findings that this one would not make."""
    add(archive, b"a.jpg", dated("2012:02:02 02:02:02"))
    hold_against(archive, settings())
    catch_up(archive)
    assert hold_against(archive, settings()) == 0
    by_older = json.loads(archive.store.date_marking().before)
    del by_older["evidence"]
    with archive.store.transaction():
        archive.store.set_date_marking(DateMarking(json.dumps(by_older)))
    assert hold_against(archive, settings()) == 1


def test_rules_that_change_while_photos_are_held_against_them(archive: Archive) -> None:
    """Nothing is known of what was dated by what: all are looked at."""
    add(archive, b"a.jpg", jpeg())
    add(archive, b"Scans/a.jpg", jpeg())
    hold_against(archive, settings())
    catch_up(archive)
    assert mark_by_rules(archive.store, basis_of(rules(of_year("Scans", 1987)), "UTC/UTC"))
    assert hold_against(archive, settings()) == 2


@pytest.mark.parametrize(
    ("by", "zone", "wanted"),
    [
        (rules(shifts=(ClockShift("Canon", timedelta(hours=1)),)), "UTC", {"exif"}),
        (rules(shifts=(ClockShift("Canon", timedelta(hours=1), end=wall_clock(2010)),)), "UTC", set()),
        (replace(settings(), rules=DateRules(sources=(DateSource.FOLDER, DateSource.EXIF))), "UTC", {"exif", "folder"}),
        (replace(settings(), timezone=None), "CET/CEST", {"none"}),
        (settings(Mode.OFF), "UTC", {"exif", "folder", "none"}),
        (settings(Mode.SIDECAR), "UTC", set()),
    ],
    ids=["shift", "another time's shift", "sources", "zone", "off", "mode"],
)
def test_what_may_change(archive: Archive, by: DateSettings, zone: str, wanted: set[str]) -> None:
    """A photo by its camera, one by its folder, one without any date."""
    photos = {
        "exif": add(archive, b"exif.jpg", dated("2012:02:02 02:02:02")),
        "folder": add(archive, b"2001-05-06/a.jpg", jpeg()),
        "none": add(archive, b"none.jpg", jpeg()),
    }
    hold_against(archive, settings())
    catch_up(archive)
    hold_against(archive, by, zone)
    found = {photo.photo_id for photo in archive.store.dates.due([archive.root.root_id], 9)}
    assert wanted <= {name for name, photo in photos.items() if photo in found}
    if by.rules.sources == DateRules().sources:
        assert {name for name, photo in photos.items() if photo in found} == wanted


def test_off_forgets_and_on_finds(archive: Archive) -> None:
    """Links are named without; nothing is written when dates are looked at again."""
    photo = add(archive, TIMED, jpeg())
    hold_against(archive, settings())
    catch_up(archive)
    off = settings(Mode.OFF)
    assert hold_against(archive, off) == 1
    catch_up(archive, off)
    found = archive.store.dates.dated_photo(photo)
    assert found is not None
    assert found.date is None
    assert hold_against(archive, settings()) == 1
    assert catch_up(archive) == ["report"]
    assert finding(archive, photo)[0] == "2019-08-17 12:34:56"
    assert original(archive, TIMED) == ""


# --- the clock


def clock_says(archive: Archive, now: float) -> int:
    """Mark what hangs on the clock; returns how many."""
    at: int | None = 0
    while at is not None:
        at = mark_by_clock(archive.store, at, now)
    return due(archive)


@pytest.mark.parametrize("years", [-10, 10])
def test_a_finding_of_a_wrong_clock_is_looked_at_again(archive: Archive, years: int) -> None:
    """One that stood behind takes the dates of today for nonsense, one that was ahead believes those of tomorrow."""
    ahead = years > 0
    wrong = NOW + years * 365 * DAY_S
    path = b"2001-05-06/a.jpg"
    data = dated("2030:01:01 01:01:01" if ahead else "2019:08:17 12:34:56")
    photo = put(archive, path, data)
    os.utime(os.path.join(archive.photos, path), (NOW - 20 * 365 * DAY_S,) * 2)
    archive.store.photos.wait(archive.seen(path))
    photo = add_seen(archive, path, wrong)
    right, mistaken = ("2001-05-06", "2030-01-01 01:01:01") if ahead else ("2019-08-17 12:34:56", "2001-05-06")
    assert finding(archive, photo)[0] == mistaken
    assert clock_says(archive, NOW) == 1
    catch_up(archive)
    assert finding(archive, photo)[0] == right
    assert clock_says(archive, NOW) == (1 if ahead else 0)  # another day the date in the future may be past
    catch_up(archive)
    assert finding(archive, photo)[0] == right


def test_what_was_written_by_a_wrong_clock_is_taken_back(archive: Archive) -> None:
    """It took the photo's own date for one in the future, and that of its name for the right one."""
    path = b"IMG_20050607_080910.jpg"
    data = dated("2019:08:17 12:34:56")
    put(archive, path, data)
    os.utime(os.path.join(archive.photos, path), (NOW - 20 * 365 * DAY_S,) * 2)
    wrong = NOW - 10 * 365 * DAY_S
    photo = add_seen(archive, path, wrong)
    (known,) = archive.store.dates.dated()
    assert fix(archive.store, settings(), known, wrong).act == "patch"
    assert original(archive, path) == "2005:06:07 08:09:10"
    assert clock_says(archive, wrong + DAY_S) == 1
    catch_up(archive, now=wrong + DAY_S)  # it stands wrong still
    assert original(archive, path) == "2005:06:07 08:09:10"
    assert clock_says(archive, NOW) == 1
    catch_up(archive)
    assert Path(os.fsdecode(os.path.join(archive.photos, path))).read_bytes() == data
    assert finding(archive, photo) == ("2019-08-17 12:34:56", DateSource.EXIF)


def add_seen(archive: Archive, path: bytes, now: float) -> int:
    """Date a photo that is there, by this clock."""
    seen = archive.seen(path)
    looked = look(os.path.join(archive.photos, path), seen, settings(), now)
    with archive.store.transaction():
        return archive.store.photos.look_again(seen, looked.finding, looked.beside)


def test_a_clock_that_went_wrong_spoils_nothing(archive: Archive) -> None:
    """One that stands at 1970 after a start without a battery: the files' own times say that it is the clock."""
    photo = add(archive, b"a.jpg", dated("2012:02:02 02:02:02"))
    assert clock_says(archive, 0.0) == 0
    assert finding(archive, photo)[0] == "2012-02-02 02:02:02"


# --- the daemon


def names(home: Home) -> set[str]:
    return {link.name for link in home.people.glob("*/*.jpg") if link.is_symlink()}


@pytest.fixture
def four(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four photos of somebody without any date, taken in."""
    home = fresh(tmp_path_factory, tmp_path / "home", dates={"timezone": "UTC"}, people={"min_faces": 2})
    model = photos_in(prepared(tmp_path_factory).album)[0]
    (home.album / "Scans").mkdir()
    for number in range(4):
        (home.album / "Scans" / f"scan{number}.jpg").write_bytes(retake(model, 0.93 - number / 50))
    home.once()
    assert {"scan0.jpg", "scan1.jpg", "scan2.jpg", "scan3.jpg"} <= names(home)
    return home


def better(home: Home) -> None:
    """A photo gets a better name, one a better folder, and a whole folder a better name."""
    scans = home.album / "Scans"
    (scans / "scan0.jpg").rename(scans / os.fsdecode(TIMED))
    (home.album / "2001-05-06 party").mkdir(exist_ok=True)
    (scans / "scan1.jpg").rename(home.album / "2001-05-06 party" / "scan1.jpg")
    scans.rename(home.album / "1987-07-06 Scans")


WANTED = {f"2019-08-17 {os.fsdecode(TIMED)}", "2001-05-06 scan1.jpg", "1987-07-06 scan2.jpg", "1987-07-06 scan3.jpg"}


def configured(**dates: object) -> Mapping[str, Mapping[str, object]]:
    return {"dates": {"timezone": "UTC", **dates}, "people": {"min_faces": 2}}


def test_links_follow_names_folders_and_rules_between_runs(four: Home) -> None:
    """`run --once`, without a photo decoded."""
    better(four)
    log = four.once().err
    assert names(four) >= WANTED
    assert "photos with" not in log
    assert read_tags((four.album / "1987-07-06 Scans" / os.fsdecode(TIMED)).read_bytes()).original == DATE
    assert "no date -> 2019-08-17 12:34:56, by its name; written into the photo" in log
    assert "Wrote 1 capture date into photos." in log
    rule = {"path": "1987-07-06 Scans", "date": "1986-05-04"}
    four.configure(**configured(rules=[rule]))
    log = four.once().err
    assert (
        "The capture dates of 3 photos are looked for again in the background: what they are found by has changed"
        in log
    )
    assert "photos with" not in log
    assert {"1986-05-04 scan2.jpg", "1986-05-04 scan3.jpg", "2001-05-06 scan1.jpg"} <= names(four)
    assert "looked for again" not in four.once().err


def test_links_follow_at_once_while_the_daemon_runs(four: Home) -> None:
    """The same, live."""
    with four.watching() as daemon:
        better(four)
        wait_until(lambda: names(four) >= WANTED, 30, "links with the new dates")
        wait_until(lambda: "Wrote 1 capture date into photos." in daemon.log, 10, "the sum")
        assert four.status()["dates"] == {"right": 0, "fixed": 1, "reported": 3}
        daemon.stop()
