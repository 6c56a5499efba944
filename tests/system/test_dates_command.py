"""
`dates report | fix | undo` as the user types them, the daemon's own work on arrival, and an album whose dates are known.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from date_corpus import Sample, app1, block, corpus, jpeg, segment, xmp
from date_crash import NOW, put, settings, undo_all
from helpers import open_archive
from plain import PlainReader
from running import Home, fresh, photos_in, prepared, retake, wait_until

from facewatchd.config import load_config
from facewatchd.core.dates.names import date_in_name
from facewatchd.core.dates.plan import Act
from facewatchd.core.dates.stamps import parse_stamp
from facewatchd.domain import Precision, TakenPhoto
from facewatchd.operations.dates import report
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.metadata.tags import read_sidecar, read_tags
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.pipeline.dates.batches import fix_batch
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.store import Store

TIMED = "IMG_20190817_123456"
DATES = {"timezone": "UTC"}
WHY_NOT = "'facewatchd dates report' says of each why not."
WILL_WRITE = "Missing or wrong capture dates are written into"


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a tree by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def changes(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {os.path.basename(change["photo"]): change for folder in report["folders"] for change in folder["changes"]}


SAMPLES: dict[str, Sample] = {
    "patch": corpus()["Canon's MakerNote, little-endian"],
    "exif": corpus()["JFIF only"],
    "sidecar": corpus()["GIF"],
    "report": corpus()["a directory in itself"],
    "nothing": Sample(jpeg(app1(block(exif=((36867, 2, b"2012:02:02 02:02:02\0"),)))), ".jpg", Act.NOTHING),
}


def fill(home: Home) -> None:
    """A photo for each thing that can be done, and one whose date nobody knows."""
    for act, sample in SAMPLES.items():
        folder = home.album / act
        folder.mkdir()
        (folder / f"{TIMED}{sample.ending}").write_bytes(sample.data)
    (home.album / "DSC00017.jpg").write_bytes(jpeg())


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An album that is to be taken in, with the mode `report`."""
    made = fresh(tmp_path_factory, tmp_path / "home", dates={**DATES, "mode": "report"})
    fill(made)
    return made


def set_mode(home: Home, mode: str) -> None:
    home.configure(dates={**DATES, "mode": mode})


def test_report_fix_and_undo(home: Home) -> None:
    """Without a daemon: what is wrong is said, put right, and taken back; the report alone changes nothing."""
    before = hashes(home.album)
    home.once()
    report = home.run("dates", "report", "--json").json
    assert hashes(home.album) == before  # R11
    assert {key: report[key] for key in ("mode", "photos", "right", "missing", "unreadable")} == {
        "mode": "report",
        "photos": 6,
        "right": 1,
        "missing": 4,
        "unreadable": 0,
    }
    (right,) = [folder for folder in report["folders"] if folder["folder"].endswith("/nothing")]
    assert (right["from"], right["to"], right["changes"]) == ("2012-02-02", "2012-02-02", [])
    assert "dates.mode is report" in home.run("dates", "fix", code=1).line
    set_mode(home, "inplace")
    dry = home.run("dates", "fix", "--dry-run").out
    assert "5 dates are wrong or missing, 3 dates would be written. 'facewatchd dates report' says" in dry
    assert hashes(home.album) == before
    done = home.run("dates", "fix").out
    assert (
        f"{home.album}/patch/{TIMED}.jpg: 0000:00:00 00:00:00 -> 2019-08-17 12:34:56, by its name; written into the"
        in done
    )
    assert (
        f"/sidecar/{TIMED}.gif: no date -> 2019-08-17 12:34:56, by its name; written into the sidecar {TIMED}.gif.xmp"
        in done
    )
    assert "To take back what was written: facewatchd dates undo" in done
    assert "1 date written into the photo's date fields" in done
    assert "1 date written into a new Exif block" in done
    assert "1 date written beside the photo" in done
    assert home.status()["dates"] == {"right": 1, "fixed": 3, "reported": 2}
    for act in ("patch", "exif"):
        assert read_tags((home.album / act / f"{TIMED}.jpg").read_bytes()).original == "2019:08:17 12:34:56"
    after = hashes(home.album)
    assert set(after) - set(before) == {f"sidecar/{TIMED}.gif.xmp"}
    home.once()  # our own writes are no news
    assert hashes(home.album) == after
    again = home.run("dates", "fix").out
    assert again == f"Nothing certain enough to write: 2 dates are not right, and left alone. {WHY_NOT}\n"
    dry = home.run("dates", "fix", "--dry-run").out
    assert dry == f"Nothing certain enough to write: 2 dates are wrong or missing, 0 would be written. {WHY_NOT}\n"
    assert hashes(home.album) == after
    undone = home.run("dates", "undo").out
    assert "3 dates taken back" in undone
    assert (
        f"/patch/{TIMED}.jpg: 2019-08-17 12:34:56 -> 0000:00:00 00:00:00; the photo is as it was, to the byte" in undone
    )
    assert f"-> no date; the sidecar {TIMED}.gif.xmp, which was made for it, is removed" in undone
    assert hashes(home.album) == before
    assert home.status()["dates"] == {"right": 1, "fixed": 0, "reported": 5}
    assert "There is nothing to do" in home.run("dates", "undo").out


@pytest.mark.parametrize("mode", ["inplace", "sidecar", "report", "off"])
def test_what_is_written_on_arrival_is_said(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, mode: str
) -> None:
    """
    At the first start that it will be; of each photo the old date, the new one, by what, and where; at the end how many, and
    the way back. Nothing of it where nothing is written.
    """
    home = fresh(tmp_path_factory, tmp_path / "home", dates={**DATES, "mode": mode})
    fill(home)
    before = hashes(home.album)
    log = home.once().err
    said = [line for line in log.splitlines() if "; written into" in line]
    assert len(said) == (3 if mode in {"inplace", "sidecar"} else 0)
    assert (WILL_WRITE in log) is (mode in {"inplace", "sidecar"})
    assert ("facewatchd dates undo" in log) is (mode in {"inplace", "sidecar"})
    if mode == "inplace":
        assert log.index(WILL_WRITE) < log.index(said[0])
        assert (
            "Wrote 2 capture dates into photos and 1 capture date into sidecars. To take back what was written:" in log
        )
        assert all(f"{home.album}/" in line and "-> 2019-08-17 12:34:56, by its name" in line for line in said)
    elif mode == "sidecar":
        assert "Wrote 3 capture dates into sidecars." in log
    else:
        assert hashes(home.album) == before
    again = home.once().err  # once is enough
    assert WILL_WRITE not in again
    assert "facewatchd dates undo" not in again


def test_one_photo_at_a_time(home: Home) -> None:
    """Named photos only; a name that is no photo's is refused in one line."""
    home.once()
    set_mode(home, "inplace")
    before = hashes(home.album)
    photo = str(home.album / "exif" / f"{TIMED}.jpg")
    home.run("dates", "fix", photo)
    assert {name for name, digest in hashes(home.album).items() if before[name] != digest} == {f"exif/{TIMED}.jpg"}
    home.run("dates", "undo", photo)
    assert hashes(home.album) == before
    assert "No date was written for this photo" in home.run("dates", "undo", photo, code=1).line
    assert "The photo is not known" in home.run("dates", "fix", "/nowhere.jpg", code=1).line


def test_the_report_for_people(home: Home) -> None:
    """What each photo has, what was found, from where, and why nothing is done."""
    home.once()
    set_mode(home, "inplace")
    text = home.run("dates", "report").out
    assert text.startswith(
        "6 photos: 1 right, 0 fixed, 1 wrong, 4 missing, 0 unreadable. dates.mode is inplace: 1 patch, "
    )
    assert text.count(str(home.album)) == 1  # and below it relative paths
    assert f"\npatch/{TIMED}.jpg\n    patch: 2019" in text
    assert "\nnothing" not in text
    assert "1 folder has nothing to tell; --all shows it, too." in text
    everything = home.run("dates", "report", "--all").out
    assert "\nnothing" in everything
    assert "to tell" not in everything
    assert "patch: 2019-08-17T12:34:56 (its name): 0000:00:00 00:00:00 is no date" in text
    assert "(the file's time; zone +00:00 by dates.timezone): no date; only the file's own time gives a date" in text


def test_the_report_promises_only_what_fix_does(home: Home) -> None:
    """A photo whose change cannot be checked is reported with the reason; nothing is written, and the report stays true."""
    # decoders skip an empty segment of tables that Pillow, the second reader, refuses
    photo = home.album / "refused" / f"{TIMED}.jpg"
    photo.parent.mkdir()
    photo.write_bytes(jpeg(app1(block()), segment(0xDB, b"\x43")))
    home.once()
    set_mode(home, "inplace")
    before = hashes(home.album)
    planned = next(change for change in _changes_of(home) if change["photo"] == str(photo))
    assert hashes(home.album) == before
    assert planned["action"] == "report"
    assert "The result would not be safe: the file cannot be checked (" in planned["why"]
    home.run("dates", "fix")
    assert photo.read_bytes() == jpeg(app1(block()), segment(0xDB, b"\x43"))
    assert next(change for change in _changes_of(home) if change["photo"] == str(photo)) == planned
    assert "patch" not in {change["action"] for change in _changes_of(home)}


def test_xmp_inside_that_was_nonsense_follows(home: Home) -> None:
    """Written, read back from the photo, and taken back to the byte."""
    photo = home.album / f"{TIMED}.jpg"
    before = jpeg(
        app1(block()), xmp('photoshop:DateCreated="1970-01-01T00:00:00" xmp:CreateDate="2021-05-06T07:08:09"')
    )
    photo.write_bytes(before)
    home.once()
    set_mode(home, "inplace")
    home.run("dates", "fix")
    tags = read_tags(photo.read_bytes())
    assert tags.original == "2019:08:17 12:34:56"
    assert tags.embedded.created == "2019-08-17T12:34:56"
    assert tags.embedded.digitized == "2021-05-06T07:08:09"
    home.run("dates", "undo", str(photo))
    assert photo.read_bytes() == before


def _changes_of(home: Home) -> list[Mapping[str, Any]]:
    report = json.loads(home.run("dates", "report", "--json").out)
    return [change for folder in report["folders"] for change in folder["changes"]]


def test_the_report_as_a_table(home: Home) -> None:
    """A line per folder: from when to when its photos are, what is wrong, and what can be done."""
    home.once()
    set_mode(home, "inplace")
    rows = list(csv.DictReader(home.run("dates", "report", "--csv", "-").out.splitlines()))
    assert [row["folder"].removeprefix(str(home.album)) for row in rows] == [
        "",
        *(f"/{act}" for act in sorted(SAMPLES)),
    ]
    by_folder = {Path(row["folder"]).name: row for row in rows}
    right = {"photos": "1", "right": "1", "missing": "0", "from": "2012-02-02", "to": "2012-02-02", "to_write": "0"}
    assert right.items() <= by_folder["nothing"].items()
    assert {"wrong": "1", "to_write": "1", "from": ""}.items() <= by_folder["patch"].items()
    table = home.album.parent / "dates.csv"
    assert home.run("dates", "report", "--csv", str(table)).out == ""
    assert list(csv.DictReader(table.read_text().splitlines())) == rows
    assert "The table cannot be written" in home.run("dates", "report", "--csv", "/nowhere/x.csv", code=1).line


def test_status_and_report_count_the_same(home: Home) -> None:
    """... in every mode, with sidecars, after dates were written and taken back, a photo went, and another cannot be read."""
    (home.album / "sided.jpg").write_bytes(jpeg())
    (home.album / "sided.jpg.xmp").write_bytes(new_sidecar("1987-06-05T12:00:00"))
    (home.album / "closed.jpg").write_bytes(jpeg())

    def the_same() -> dict[str, int]:
        document = home.run("dates", "report", "--json").json
        assert document["dates"] == home.status()["dates"]
        assert {key: document[key] for key in ("right", "fixed")} == {
            key: document["dates"][key] for key in ("right", "fixed")
        }
        assert document["dates"]["reported"] == sum(document[key] for key in ("wrong", "missing", "unreadable"))
        assert document["photos"] == sum(document["dates"].values())
        counts: dict[str, int] = document["dates"]
        return counts

    home.once()
    assert the_same() == {"right": 2, "fixed": 0, "reported": 6}
    set_mode(home, "inplace")
    assert the_same() == {"right": 2, "fixed": 0, "reported": 6}
    assert "would be written" in home.run("dates", "fix", "--dry-run").out
    home.run("dates", "fix")
    assert the_same() == {"right": 1, "fixed": 4, "reported": 3}
    home.run("dates", "undo", str(home.album / "patch" / f"{TIMED}.jpg"))
    assert the_same() == {"right": 1, "fixed": 3, "reported": 4}
    (home.album / "closed.jpg").unlink()  # nobody has noticed yet
    assert the_same() == {"right": 1, "fixed": 3, "reported": 4}
    set_mode(home, "off")
    assert the_same() == {"right": 1, "fixed": 3, "reported": 4}
    home.once()
    assert the_same() == {"right": 0, "fixed": 0, "reported": 0}


def test_rules_and_neighbours(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder that the user dates; an undated photo between two dated ones, which is only reported."""
    rules = [{"path": "Scans", "date": "1987", "precision": "year"}]
    home = fresh(tmp_path_factory, tmp_path / "home", dates={**DATES, "mode": "inplace", "rules": rules})
    (home.album / "Scans").mkdir()
    (home.album / "Scans" / "a.jpg").write_bytes(jpeg())
    for number, text in ((16, b"2019:08:17 12:00:00\0"), (17, None), (18, b"2019:08:17 12:10:00\0")):
        data = jpeg(app1(block(exif=((36867, 2, text),)))) if text else jpeg()
        (home.album / f"DSC000{number}.jpg").write_bytes(data)
    home.once()
    found = read_sidecar(os.fsencode(home.album / "Scans" / "a.jpg"))
    assert found is not None
    assert found.original == "1987"
    report = changes(home.run("dates", "report", "--json").json)
    assert set(report) == {"DSC00017.jpg"}
    assert report["DSC00017.jpg"]["action"] == "report"
    assert report["DSC00017.jpg"]["between"]["earliest"] == "2019-08-17T12:00:00"
    assert (home.album / "DSC00017.jpg").read_bytes() == jpeg()


def test_ranked_sources_bind_the_report_and_the_writing(tmp_path: Path) -> None:
    """From the configuration to the file: names before tags, sidecars not asked at all."""
    config = tmp_path / "config.yaml"
    ranking = "[name-time, exif, folder, mtime]"
    config.write_text(f"dates: {{mode: inplace, timezone: Europe/Berlin, sources: {ranking}}}\n", "utf-8")
    ranked = DateSettings.of(load_config(config), PlainReader(10))
    archive = open_archive(tmp_path)
    right = jpeg(app1(block(exif=((36867, 2, b"2012:02:02 02:02:02\0"),))))
    photos = {
        b"IMG_20190817_123456.jpg": right,
        b"1987/a.jpg": SAMPLES["patch"].data,
        b"PXL_20210701_123456.jpg": jpeg(),
    }
    with archive.store as store:
        for name, data in photos.items():
            put(archive, name, data)
            archive.write(name + b".xmp", new_sidecar("2011-01-01T01:01:01"))
        found = changes(report(store, ranked, NOW).document())
        assert "is not what name-time says (dates.sources)" in found["IMG_20190817_123456.jpg"]["why"]
        assert {name: (change["source"], change["action"]) for name, change in found.items()} == {
            "IMG_20190817_123456.jpg": ("name-time", "report"),
            "a.jpg": ("folder", "report"),
            "PXL_20210701_123456.jpg": ("name-time", "exif"),
        }
        assert (found["PXL_20210701_123456.jpg"]["zone"], found["PXL_20210701_123456.jpg"]["zone_source"]) == (
            "+02:00",
            "config",
        )
        counts = fix_batch(store, ranked).counts
        assert counts == {"report": 2, "exif": 1}
    now = {name: (archive.folder / "Photos" / os.fsdecode(name)).read_bytes() for name in photos}
    assert now[b"IMG_20190817_123456.jpg"] == right
    assert now[b"1987/a.jpg"] == photos[b"1987/a.jpg"]
    assert read_tags(now[b"PXL_20210701_123456.jpg"]).original == "2021:07:01 14:34:56"


def test_off_does_not_look_at_dates(home: Home) -> None:
    """No finding, no figures."""
    set_mode(home, "off")
    before = hashes(home.album)
    home.once()
    assert hashes(home.album) == before
    assert home.status()["dates"] == {"right": 0, "fixed": 0, "reported": 0}


def test_the_daemon_puts_arrivals_right_and_links_follow(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also while it runs; it carries out the commands itself, and none of it makes work for it (R16)."""
    home = fresh(tmp_path_factory, tmp_path / "home", dates={**DATES, "mode": "inplace"}, people={"min_faces": 2})
    face = retake(photos_in(prepared(tmp_path_factory).album)[0])
    with home.watching() as daemon:
        photo = home.album / f"{TIMED}.jpg"
        photo.write_bytes(face)
        wait_until(lambda: home.status()["dates"]["fixed"] == 1, 30, "the date was written")
        assert read_tags(photo.read_bytes()).original == "2019:08:17 12:34:56"
        wait_until(lambda: list(home.people.glob(f"*/2019-08-17 {TIMED}.jpg")), 30, "a link with the date")
        inode = photo.stat().st_ino
        assert "1 date taken back" in home.run("dates", "undo").out
        assert photo.read_bytes() == face
        assert photo.stat().st_ino != inode
        inode = photo.stat().st_ino  # again, because the number of the file before may be given to the next
        assert home.status()["dates"] == {"right": 0, "fixed": 0, "reported": 1}
        assert "1 date written into a new Exif block" in home.run("dates", "fix").out
        assert "There is nothing to do" in home.run("dates", "fix").out
        assert photo.stat().st_ino != inode
        wait_until(lambda: home.status()["photos"]["pending"] == 0, 30, "nothing is pending")
        assert daemon.log.count("taken in, in") <= 2
        daemon.stop()


@pytest.mark.slow
def test_an_album_whose_dates_are_known(shared: Path, tmp_path: Path) -> None:
    """
    Show 4: photos dated right stay untouched; those with a time in the name are right to the second afterwards; date-only
    names are right to the day in the report; none is ever wrong. Undoing it all leads back to the byte.
    """
    album = tmp_path / "Photos"
    tool, portraits = shared / "tools/make_album.py", shared / "photos/lfw-dev"
    size = ["--width", "1100", "--height", "300", "--quality", "50"]
    command = [
        sys.executable,
        str(tool),
        str(portraits),
        str(album),
        "--photos",
        "300",
        "--people",
        "8",
        "--seed",
        "4",
        *size,
    ]
    subprocess.run(command, check=True, capture_output=True)
    truth = json.loads((album / "truth.json").read_text())["photos"]
    (album / "truth.json").unlink()
    before = hashes(album)
    archive = open_archive(tmp_path)
    with archive.store as store:
        for name in truth:
            data = (album / name).read_bytes()
            seen = archive.seen(os.fsencode(name))
            store.photos.take(TakenPhoto(seen, content_hash(data, stored_orientation(data)), 48, 32, None, ()), "model")
        document = report(store, settings(), NOW).document()
        assert hashes(album) == before
        fix_batches(store)
        after = hashes(album)
        kinds = Counter(check(album, name, photo, before, after, changes(document)) for name, photo in truth.items())
        assert kinds["right"] == sum(photo["date_state"] == "right" for photo in truth.values()) > 100
        assert kinds["fixed"] > 50
        assert kinds["reported"] > 10
        fix_batches(store)
        assert hashes(album) == after
        undo_all(store)
        assert hashes(album) == before


def fix_batches(store: Store) -> None:
    after: int | None = 0
    while after is not None:
        after = fix_batch(store, settings(), after=after).next


def check(
    album: Path,
    name: str,
    photo: Mapping[str, Any],
    before: Mapping[str, str],
    after: Mapping[str, str],
    reported: Mapping[str, Mapping[str, Any]],
) -> str:
    """What became of one photo; asserts that it is what should."""
    taken = datetime.fromisoformat(photo["taken"])
    if photo["date_state"] == "right":
        assert after[name] == before[name]
        assert f"{name}.xmp" not in after
        assert os.path.basename(name) not in reported
        return "right"
    own = parse_stamp(read_tags((album / name).read_bytes()).original)
    beside = read_sidecar(os.fsencode(album / name))
    written = (
        own if own is not None and after[name] != before[name] else parse_stamp(beside.original) if beside else None
    )
    found = date_in_name(os.fsencode(name), NOW)
    if found is not None and found.stamp.precision is Precision.SECOND:
        assert written is not None, name
        assert written.value == taken
        return "fixed"
    assert written is None
    assert after[name] == before[name]
    entry = reported[os.path.basename(name)]
    assert entry["action"] == "report"
    if found is not None:
        assert entry["date"] == f"{taken:%Y-%m-%d}"
    else:
        assert entry["source"] in {"folder", "mtime"}
        assert entry["source"] == "mtime" or taken.isoformat().startswith(entry["date"])
    return "reported"
