"""
Dates that the user gives to photos: what is written where, what holds against it, what takes it back; and an order that is
broken off.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import exiftool
import pytest
from date_corpus import app1, block, corpus, heic, iptc, jpeg, png_with_exif, tiff, webp, xmp
from date_crash import NOW, add, settings
from helpers import Archive, Entry, listing
from raw_files import cr2

from facewatchd.core.dates.given import Known, typed_date
from facewatchd.core.dates.plan import Mode
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.core.dates.words import date_words
from facewatchd.domain import Precision
from facewatchd.errors import FacewatchError
from facewatchd.operations.dates import date_text
from facewatchd.photos.metadata.tags import read_sidecar, read_tags
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.pipeline.dates.batches import Batch, arrived, fix_batch, undo_batch
from facewatchd.pipeline.dates.fix import fix
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.orders import Item, Shift, Wanted, give_batch, plan_set, plan_shift, select
from facewatchd.pipeline.dates.redate import look_again
from facewatchd.pipeline.dates.report import entries
from facewatchd.store import DatedPhoto

pytest_plugins = "archive_fixtures"

OLD = "2004:02:03 04:05:06"
DATE = "2010-09-11T14:00"
TEXT = "2010:09:11 14:00:00"
HOUR = timedelta(hours=1)


def dated(text: str = OLD, model: bytes = b"DF-300\0") -> bytes:
    tag = text.encode() + b"\0"
    return jpeg(app1(block(main=((272, 2, model),), exif=((36867, 2, tag), (36868, 2, tag)), gps=None)))


def known(archive: Archive, photo_id: int) -> DatedPhoto:
    photo = archive.store.dates.dated_photo(photo_id)
    assert photo is not None
    return photo


def has(archive: Archive, photo_id: int) -> tuple[str, str]:
    """What is known of a photo's date."""
    date = known(archive, photo_id).date
    assert date is not None
    return date_words(date.value, date.precision), date.source.value


def original(archive: Archive, path: bytes) -> str:
    return read_tags(Path(os.fsdecode(os.path.join(archive.photos, path))).read_bytes()).original


def chosen(archive: Archive, *paths: bytes, by: DateSettings | None = None) -> list[bytes]:
    found = select(archive.store, by or settings(), full(archive, paths), frozenset())
    return [photo.seen.path for photo in found.photos]


def full(archive: Archive, paths: tuple[bytes, ...]) -> list[bytes]:
    return [os.path.join(archive.photos, path).rstrip(b"/") for path in paths or (b"",)]


def to_set(
    archive: Archive, date: str = DATE, *paths: bytes, by: DateSettings | None = None, is_spread: bool = False
) -> list[Wanted]:
    selected = select(archive.store, by or settings(), full(archive, paths), frozenset())
    return plan_set(archive.store, selected, "set", typed_date(date), NOW, is_spread=is_spread)


def to_shift(archive: Archive, by: timedelta = HOUR, camera: str = "", limits: tuple[Known, ...] = ()) -> list[Wanted]:
    selected = select(archive.store, settings(), full(archive, ()), frozenset())
    shift = Shift(by, camera, *(limit[0] for limit in limits))
    wanted, _ = plan_shift(archive.store, settings(), selected, "shift", shift, NOW, lambda _done, _total: None)
    return wanted


def write(
    archive: Archive,
    wanted: list[Wanted],
    words: str = "set",
    by: DateSettings | None = None,
    most: int | None = None,
    *,
    is_shift: bool = False,
) -> Batch:
    """Write what was planned, or only so many of it, as an order that is broken off there."""
    items = [
        Item(each.photo.path, "" if each.photo.date is None else date_text(each.photo.date), each.had, each.new)
        for each in wanted
        if each.new is not None and not each.is_done
    ][:most]
    sums = Batch()
    while items:
        batch = give_batch(
            archive.store, by or settings(), words, items, date_text, is_shift=is_shift, ends=most is None
        )
        sums.counts.update(batch.counts)
        sums.troubles += batch.troubles
        sums.said += batch.said
        items = items[batch.next :] if batch.next is not None else []
    return sums


def undo(archive: Archive, *paths: bytes) -> Batch:
    """All of it, however many batches it takes."""
    (path,) = full(archive, paths) if paths else (None,)
    sums = undo_batch(archive.store, settings(), photo=path)
    while sums.next is not None:
        batch = undo_batch(archive.store, settings(), photo=path, after=sums.next)
        batch.counts.update(sums.counts)
        sums = batch
    return sums


def files(archive: Archive) -> dict[bytes, Entry]:
    """All files, with their contents, rights and times."""
    return {name: entry for name, entry in listing(archive.photos).items() if stat.S_ISREG(entry.mode)}


# --- what is written


def test_every_kind_of_photo_gets_the_date_and_gives_it_back(archive: Archive) -> None:
    """In the photo or beside it, whatever it said before. Afterwards the bytes are as before, and so are the times."""
    for at, sample in enumerate(corpus().values()):
        add(archive, b"box/%03d%s" % (at, sample.ending.encode()), sample.data)
    add(archive, b"box/raw.cr2", cr2(OLD))
    before = files(archive)
    wanted = to_set(archive)
    done = write(archive, wanted)
    assert done.counts["set"] >= 127
    assert done.counts["set"] + done.counts["sidecar"] == len(wanted)
    for each in wanted:
        photo = each.photo
        assert has(archive, photo.photo_id) == ("2010-09-11 14:00:00", "user")
        tags, sidecar = read_tags(Path(os.fsdecode(photo.path)).read_bytes()), read_sidecar(photo.path)
        assert tags.original == TEXT or (sidecar is not None and sidecar.original == "2010-09-11T14:00:00")
    assert undo(archive).counts == {"undone": len(wanted)}
    assert files(archive) == before


def test_a_photo_and_its_sidecar_say_the_same(archive: Archive) -> None:
    """XMP and IPTC inside, and the sidecar beside; one that states no date is left alone. One undo takes all back."""
    inside = (xmp('photoshop:DateCreated="2004-02-03T04:05:06"'), iptc(b"20040203"))
    exif = app1(block(main=(), exif=((36867, 2, OLD.encode() + b"\0"),), gps=None))
    photo = add(archive, b"a.jpg", jpeg(exif, *inside))
    other = add(archive, b"b.jpg", dated())
    sidecar = new_sidecar("2001-02-03T04:05:06")
    rated = sidecar.replace(b"exif:DateTimeOriginal", b"exif:Rated")
    Path(os.fsdecode(archive.photos), "a.jpg.xmp").write_bytes(sidecar)
    Path(os.fsdecode(archive.photos), "b.jpg.xmp").write_bytes(rated)
    before = files(archive)
    done = write(archive, to_set(archive))
    assert done.counts == {"set": 2}
    assert "written into the photo and the sidecar a.jpg.xmp" in done.said[0]
    tags = read_tags(Path(os.fsdecode(archive.photos), "a.jpg").read_bytes())
    assert (tags.original, tags.embedded.created, tags.embedded.iptc) == (TEXT, "2010-09-11T14:00:00", "2010-09-11")
    found = read_sidecar(os.path.join(archive.photos, b"a.jpg"))
    assert found is not None
    assert found.original == "2010-09-11T14:00:00"
    assert Path(os.fsdecode(archive.photos), "b.jpg.xmp").read_bytes() == rated
    assert [has(archive, each)[0] for each in (photo, other)] == ["2010-09-11 14:00:00"] * 2
    undo(archive, b"a.jpg")
    undo(archive, b"b.jpg")
    assert files(archive) == before


_STATES = {"DateTimeOriginal", "CreateDate", "DateCreated", "DigitalCreationDate"}
_FOLLOWS = {"TimeCreated", "SubSecTimeOriginal", "SubSecTimeDigitized", "CurrentIPTCDigest"}


@pytest.mark.skipif(bool(exiftool.MISSING), reason=exiftool.MISSING)
def test_another_reader_reads_the_new_date_everywhere(archive: Archive) -> None:
    """And all other tags as before."""
    tag = OLD.encode() + b"\0"
    exif = block("<", exif=((36867, 2, tag), (36868, 2, tag), (37521, 2, b"123\0"), (36881, 2, b"-05:00\0")))
    inside = xmp('photoshop:DateCreated="2004-02-03T04:05:06.5Z" xmp:CreateDate="2004-02-03" xmp:Rating="5"')
    add(archive, b"a.jpg", jpeg(app1(exif), inside, iptc(b"20040203")))
    add(archive, b"b.jpg", jpeg(inside, iptc(b"20040203")))
    add(archive, b"c.webp", webp(exif, xmp=inside[33:]))
    add(archive, b"d.tif", tiff(exif=((36867, 2, tag), (36868, 2, tag))))
    add(archive, b"e.png", png_with_exif(exif))
    add(archive, b"f.heic", heic(exif))
    folder = Path(os.fsdecode(archive.photos))
    before = exiftool.read_folder(folder)
    assert write(archive, to_set(archive)).counts == {"set": 6}
    after = exiftool.read_folder(folder)
    for name, tags in after.items():
        for key in tags.keys() | before[name].keys():
            short, value = key.rsplit(":", 1)[-1], str(tags.get(key))
            if short in _STATES:
                assert value.startswith("2010:09:11"), (name, key, value)
            elif short in _FOLLOWS:
                assert set(value) <= set("0:14") or short.endswith("Digest"), (name, key, value)
            elif name != "b.jpg":  # it gets an Exif block
                assert tags.get(key) == before[name].get(key), (name, key)


def test_a_day_is_noon_in_the_photo(archive: Archive) -> None:
    """And is known as a day; so is one before 1970."""
    photo = add(archive, b"a.jpg", dated())
    write(archive, to_set(archive, "1964-05-06"))
    assert original(archive, b"a.jpg") == "1964:05:06 12:00:00"
    assert has(archive, photo) == ("1964-05-06", "user")


def test_raw_beside_jpeg(archive: Archive) -> None:
    """They share the date, whichever is named; the sidecar of both is changed once."""
    first, raw = add(archive, b"IMG_1.JPG", dated()), add(archive, b"IMG_1.cr2", cr2(OLD))
    with archive.store.transaction():
        archive.store.stacks.hide(raw, first)
    add(archive, b"IMG_2.JPG", dated())
    Path(os.fsdecode(archive.photos), "IMG_1.xmp").write_bytes(new_sidecar("2001-02-03T04:05:06"))
    before = files(archive)
    for named in (b"IMG_1.JPG", b"IMG_1.cr2"):
        assert chosen(archive, named) == [b"IMG_1.JPG", b"IMG_1.cr2"]
    done = write(archive, to_set(archive, DATE, b"IMG_1.cr2", is_spread=True))
    assert (done.counts["report"], done.troubles) == (0, [])
    assert {has(archive, each) for each in (first, raw)} == {("2010-09-11 14:00:00", "user")}
    assert original(archive, b"IMG_2.JPG") == OLD
    assert sorted(os.listdir(archive.photos)) == [b"IMG_1.JPG", b"IMG_1.cr2", b"IMG_1.xmp", b"IMG_2.JPG"]
    undo(archive)
    assert files(archive) == before


def test_a_live_photo_and_its_film_share_a_sidecar(archive: Archive) -> None:
    """The film is not touched; another picture with the same name keeps its sidecar."""
    at = Path(os.fsdecode(archive.photos))
    for name in (b"IMG_1.JPG", b"IMG_2.JPG"):
        add(archive, name, dated())
        archive.write(name.replace(b"JPG", b"xmp"), new_sidecar("2001-02-03T04:05:06"))
    (at / "IMG_1.mov").write_bytes(b"film")
    (at / "IMG_2.psd").write_bytes(b"another picture")
    write(archive, to_set(archive))
    assert b"2010-09-11T14:00:00" in (at / "IMG_1.xmp").read_bytes()
    assert b"2001-02-03T04:05:06" in (at / "IMG_2.xmp").read_bytes()
    assert (at / "IMG_1.mov").read_bytes() == b"film"


@pytest.mark.parametrize("mode", [Mode.REPORT, Mode.OFF])
def test_a_mode_that_writes_nothing(archive: Archive, mode: Mode) -> None:
    """... is said before anything is looked for."""
    add(archive, b"a.jpg", dated())
    with pytest.raises(FacewatchError, match=f"No dates are written: dates.mode is {mode}"):
        to_set(archive, by=settings(mode))


def test_the_mode_sidecar(archive: Archive) -> None:
    """The photo is not touched, and its date is the user's all the same."""
    photo = add(archive, b"a.jpg", dated())
    assert write(archive, to_set(archive), by=settings(Mode.SIDECAR)).counts == {"sidecar": 1}
    assert original(archive, b"a.jpg") == OLD
    assert has(archive, photo) == ("2010-09-11 14:00:00", "user")


@pytest.mark.usefixtures("strict")
def test_what_cannot_be_written(archive: Archive) -> None:
    """A photo that is read-only, has two names or has changed is left as it is, and says why; the others are done."""
    for name in (b"a.jpg", b"b.jpg", b"c.jpg", b"d.jpg"):
        add(archive, name, dated())
    at = Path(os.fsdecode(archive.photos))
    (at / "a.jpg").chmod(0o400)
    os.link(at / "b.jpg", at / "b.txt")
    before = files(archive)
    wanted = to_set(archive)
    (at / "c.jpg").write_bytes(dated("2005:05:05 05:05:05"))
    done = write(archive, wanted)
    assert done.counts == {"report": 3, "set": 1}
    reasons = {os.path.basename(path): why for path, why in done.troubles}
    assert "read-only" in reasons["a.jpg"]
    assert "hard links" in reasons["b.jpg"]
    assert "changed" in reasons["c.jpg"]
    after = files(archive)
    assert all(after[name] == before[name] for name in (b"a.jpg", b"b.jpg"))
    assert original(archive, b"c.jpg") == "2005:05:05 05:05:05"
    (at / "a.jpg").chmod(0o600)
    (at / "b.txt").unlink()
    assert [each.is_done for each in to_set(archive)] == [False, False, False, True]


def test_a_sidecar_that_is_not_understood(archive: Archive) -> None:
    """Nothing is written: the photo is as it was."""
    photo = add(archive, b"a.gif", corpus()["GIF"].data)
    (Path(os.fsdecode(archive.photos)) / "a.gif.xmp").write_bytes(b"<x")
    done = write(archive, to_set(archive))
    assert done.counts == {"report": 1}
    assert "a.gif.xmp" in done.troubles[0][1]
    assert has(archive, photo)[1] == "mtime"


# --- which photos


def test_photos_and_folders(archive: Archive) -> None:
    """A folder means all photos in it and below it, and no other with a name that begins alike."""
    for name in (b"a/1.jpg", b"a/b/2.jpg", b"ab/3.jpg", b"4.jpg"):
        add(archive, name, dated())
    assert chosen(archive, b"a") == [b"a/1.jpg", b"a/b/2.jpg"]
    assert chosen(archive, b"4.jpg", b"a/b") == [b"4.jpg", b"a/b/2.jpg"]
    assert len(chosen(archive, b"")) == 4


def test_photos_that_are_not_known(archive: Archive) -> None:
    """Those in a folder are told apart; one that is named, or a folder of only such, is refused, as is what is no photo folder."""
    add(archive, b"a/1.jpg", dated())
    archive.write(b"a/new.jpg")
    archive.write(b"b/new.jpg")
    archive.write(b"a/notes.txt")
    found = select(archive.store, settings(), full(archive, (b"a",)), frozenset())
    assert [os.path.basename(path) for path in found.unknown] == [b"new.jpg"]
    for path, said in (
        (b"a/new.jpg", "The photo is not known"),
        (b"b", "No photo there is known"),
    ):
        with pytest.raises(FacewatchError, match=f"{said}.*facewatchd takes photos in while it runs"):
            chosen(archive, path)
    with pytest.raises(FacewatchError, match=r"There is no such photo or folder.*Check the path"):
        chosen(archive, b"a/none.jpg")
    with archive.store.transaction():
        archive.store.photos.fail(archive.seen(b"a/new.jpg"), "damaged", NOW, passing=False)
    with pytest.raises(FacewatchError, match=r"The photo could not be read.*'facewatchd status' says why"):
        chosen(archive, b"a/new.jpg")
    with pytest.raises(FacewatchError, match=r"It is in no photo folder.*'facewatchd roots list'"):
        select(archive.store, settings(), [os.fsencode(archive.folder)], frozenset())


# --- spread and shift


def test_spread(archive: Archive) -> None:
    """By their old times; what was done before a break keeps its place."""
    times = {b"c.jpg": "2004:01:01 00:00:01", b"a.jpg": "2004:01:01 00:00:02", b"b.jpg": "2004:01:01 00:00:03"}
    for name, text in times.items():
        add(archive, name, dated(text))
    write(archive, to_set(archive, is_spread=True), most=2)
    assert original(archive, b"b.jpg") == times[b"b.jpg"]
    again = to_set(archive, is_spread=True)
    assert [(each.photo.seen.path, each.is_done) for each in again] == [
        (b"c.jpg", True),
        (b"a.jpg", True),
        (b"b.jpg", False),
    ]
    write(archive, again)
    assert [original(archive, name) for name in times] == [f"2010:09:11 14:00:0{second}" for second in range(3)]


def test_a_shift_that_is_broken_off_goes_on(archive: Archive) -> None:
    """No photo is shifted twice; after the end the same words are a new order."""
    names = [b"%d.jpg" % number for number in range(4)]
    for name in names:
        add(archive, name, dated())
    write(archive, to_shift(archive), "shift", most=2, is_shift=True)
    again = to_shift(archive)
    assert [each.is_done for each in again] == [True, True, False, False]
    write(archive, again, "shift", is_shift=True)
    assert {original(archive, name) for name in names} == {"2004:02:03 05:05:06"}
    write(archive, to_shift(archive), "shift", is_shift=True)
    assert {original(archive, name) for name in names} == {"2004:02:03 06:05:06"}
    undo(archive)
    assert {original(archive, name) for name in names} == {OLD}


def test_an_order_that_another_followed_is_not_done(archive: Archive) -> None:
    """What a broken-off shift did to a photo does not count once the user gave it another date."""
    for name in (b"a.jpg", b"b.jpg"):
        add(archive, name, dated())
    write(archive, to_shift(archive), "shift", most=1, is_shift=True)
    write(archive, to_set(archive, DATE, b"a.jpg"))
    write(archive, to_shift(archive), "shift", is_shift=True)
    assert original(archive, b"a.jpg") == "2010:09:11 15:00:00"
    assert original(archive, b"b.jpg") == "2004:02:03 05:05:06"


def test_a_shift_is_for_a_camera_and_a_time(archive: Archive) -> None:
    """As the photos name it, and by their old dates: from the first day on, before the last."""
    add(archive, b"a.jpg", dated("2004:01:01 00:00:00"))
    add(archive, b"b.jpg", dated("2004:02:01 00:00:00"))
    add(archive, b"c.jpg", dated("2004:03:01 00:00:00"))
    add(archive, b"d.jpg", dated("2004:02:02 00:00:00", b"Other\0"))
    limits = (typed_date("2004-01-02"), typed_date("2004-03-01"))
    assert [each.photo.seen.path for each in to_shift(archive, camera="df-300", limits=limits)] == [b"b.jpg"]
    assert [each.photo.seen.path for each in to_shift(archive, limits=limits)] == [b"b.jpg", b"d.jpg"]


def test_where_the_clock_starts_is_shifted_too(archive: Archive) -> None:
    """The first photo after the battery was changed says a date that is else no date. One without any is left."""
    add(archive, b"a.jpg", dated("2002:12:08 12:00:00"))
    add(archive, b"b.jpg", jpeg())
    first, second = to_shift(archive, timedelta(days=1))
    assert first.new == (wall_clock(2002, 12, 9, 12), Precision.SECOND)
    assert second.new is None
    assert second.why.startswith("it has no date of its own")
    late, _ = to_shift(archive, timedelta(days=9_999))
    assert late.new is None
    assert late.why.endswith("is in the future")


# --- what holds


def test_nothing_undoes_the_users_word(archive: Archive) -> None:
    """Not `dates fix`, other rules, another name, a sidecar, another program that writes another date; but `dates undo` does."""
    photo = add(archive, b"a.jpg", dated())
    write(archive, to_set(archive))
    rules = replace(
        settings(),
        rules=DateRules((FolderRule("*", wall_clock(1987), Precision.YEAR),), (ClockShift("df-300", HOUR),)),
        write_rules=True,
    )
    said = ("2010-09-11 14:00:00", "user")
    at = Path(os.fsdecode(archive.photos)) / "a.jpg"
    bytes_ = at.read_bytes()
    for each in (settings(), rules):
        fix_batch(archive.store, each)
        fix_batch(archive.store, each, photo=os.fsencode(at))
        look_again(archive.store, each, known(archive, photo), NOW)
        assert (has(archive, photo), at.read_bytes()) == (said, bytes_)
        (entry,) = entries(archive.store, each, NOW)
        assert (entry.state, entry.looked) == ("fixed", None)
    at.with_name("a.jpg.xmp").write_bytes(new_sidecar("1999-01-01T00:00:00"))
    fix(archive.store, rules, known(archive, photo), NOW)
    assert has(archive, photo) == said
    # another program; it is taken in again with what it says, as the daemon does it
    add(archive, b"a.jpg", dated("2020:02:02 02:02:02"))
    for each in (settings(), rules):
        arrived(archive.store, each, archive.seen(b"a.jpg"), NOW)
        assert has(archive, photo) == said
    assert original(archive, b"a.jpg") == "2020:02:02 02:02:02"
    done = undo(archive, b"a.jpg")
    assert done.counts == {"kept": 1}
    assert "The file has changed since. It is left as it is, and its own date holds again." in done.troubles[0][1]
    assert original(archive, b"a.jpg") == "2020:02:02 02:02:02"
    assert has(archive, photo)[1] != "user"


def test_a_date_that_is_there_already_holds_too(archive: Archive) -> None:
    """Nothing is written, but the user said it."""
    photo = add(archive, b"a.jpg", dated(TEXT))
    before = files(archive)
    assert write(archive, to_set(archive)).counts == {"nothing": 1}
    assert has(archive, photo) == ("2010-09-11 14:00:00", "user")
    Path(os.fsdecode(archive.photos), "a.jpg.xmp").write_bytes(new_sidecar("1999-01-01T00:00:00"))
    fix(archive.store, settings(), known(archive, photo), NOW)
    assert has(archive, photo) == ("2010-09-11 14:00:00", "user")
    os.unlink(os.path.join(archive.photos, b"a.jpg.xmp"))
    assert undo(archive, b"a.jpg").counts == {"undone": 1}
    assert files(archive) == before
    assert has(archive, photo) == ("2010-09-11 14:00:00", "exif")


def test_the_last_word_holds(archive: Archive) -> None:
    """Undo takes all of them back, to the first byte."""
    photo = add(archive, b"a.jpg", dated())
    before = files(archive)
    write(archive, to_set(archive))
    write(archive, to_set(archive, "1999-09-09"), "other")
    write(archive, to_shift(archive, timedelta(days=1)), "shift", is_shift=True)
    assert has(archive, photo) == ("1999-09-10", "user")
    assert undo(archive, b"a.jpg").counts == {"undone": 3}
    assert files(archive) == before
    assert has(archive, photo) == ("2004-02-03 04:05:06", "exif")


def test_a_photo_that_changed_its_date_since_the_table(archive: Archive) -> None:
    """... was not confirmed like this."""
    add(archive, b"a.jpg", dated())
    wanted = to_set(archive)
    add(archive, b"a.jpg", dated("2005:05:05 05:05:05"))
    done = write(archive, wanted)
    assert done.counts == {"report": 1}
    assert "Another date was found for it meanwhile" in done.troubles[0][1]


def test_a_date_that_no_photo_can_have_is_not_written(archive: Archive) -> None:
    """Whoever asks for it, and whatever was planned."""
    add(archive, b"a.jpg", dated())
    (wanted,) = to_set(archive)
    done = write(archive, [replace(wanted, new=(wall_clock(2093), Precision.SECOND))])
    assert done.troubles[0][1] == "The date is in the future."
    assert original(archive, b"a.jpg") == OLD


# --- rules that may write

WRITING = DateRules(
    (FolderRule("Scans", wall_clock(1987, 7, 1), Precision.DAY), FolderRule("Box", wall_clock(1964), Precision.YEAR)),
    (ClockShift("DF-300", HOUR),),
)


@pytest.mark.parametrize(
    ("path", "becomes", "text"),
    [
        (b"Scans/a.jpg", "1987-07-01", "1987:07:01 12:00:00"),
        (b"a.jpg", "2004-02-03 05:05:06", "2004:02:03 05:05:06"),
        (b"Box/a.jpg", "1964", OLD),
    ],
)
def test_rules_that_may_write(archive: Archive, path: bytes, becomes: str, text: str) -> None:
    """On arrival and by `dates fix`, once; a year goes into a sidecar; undone, and not written again."""
    by = replace(settings(), rules=WRITING, write_rules=True)
    photo = add(archive, path, dated(), by)
    before = files(archive)
    arrived(archive.store, by, archive.seen(path), NOW)
    assert (has(archive, photo), original(archive, path)) == ((becomes, "user"), text)
    after = files(archive)
    # as if another program had changed a tag
    add(archive, path, Path(os.fsdecode(os.path.join(archive.photos, path))).read_bytes(), by)
    for _ in range(2):
        arrived(archive.store, by, archive.seen(path), NOW)
        fix_batch(archive.store, by)
        look_again(archive.store, by, known(archive, photo), NOW)
        assert (has(archive, photo), original(archive, path)) == ((becomes, "user"), text)
    assert {name: entry.content for name, entry in files(archive).items()} == {
        name: entry.content for name, entry in after.items()
    }
    undo(archive, path)
    assert {name: entry.content for name, entry in files(archive).items()} == {
        name: entry.content for name, entry in before.items()
    }
    fix_batch(archive.store, by)
    assert original(archive, path) == OLD


def test_another_rule_writes_another_date(archive: Archive) -> None:
    """A date by a rule follows the rule, as one that the user gave by a command does not."""
    by = replace(settings(), rules=WRITING, write_rules=True)
    photo = add(archive, b"a.jpg", dated(), by)
    fix_batch(archive.store, by)
    other = replace(by, rules=replace(WRITING, shifts=(ClockShift("DF-300", 2 * HOUR),)))
    fix_batch(archive.store, other)
    assert (has(archive, photo)[0], original(archive, b"a.jpg")) == ("2004-02-03 06:05:06", "2004:02:03 06:05:06")
    undo(archive)
    assert original(archive, b"a.jpg") == OLD
