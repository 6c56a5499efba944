"""
Writing dates into real files: what is refused, what is kept, what is undone, and that nothing is ever half done (R13-R16).
"""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from date_corpus import ZEROS, Sample, app1, block, corpus, jpeg
from date_crash import NAME, NOW, XMP, fix_all, put, settings, undo_all
from helpers import Archive, Entry, in_namespace, listing, without_roots_rights

from facewatchd.core.dates.plan import Act, Mode
from facewatchd.core.dates.rules import DateRules, FolderRule
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.domain import DateSource, FileStat, PhotoState, Precision, TakenPhoto
from facewatchd.errors import FacewatchError
from facewatchd.photos.decoding.date_evidence import read_evidence
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.tags import read_sidecar, read_tags
from facewatchd.photos.writing.write import obstacle
from facewatchd.pipeline.dates import batches
from facewatchd.pipeline.dates.batches import arrived, fix_batch, undo_batch
from facewatchd.pipeline.dates.fix import fix
from facewatchd.pipeline.dates.look import look
from facewatchd.pipeline.dates.recovery import recover
from facewatchd.store import WriteState

pytest_plugins = "archive_fixtures"

CORPUS = corpus()
PHOTO = NAME + b".jpg"
SPOILT = jpeg(app1(block()))
BARE = jpeg()
DATE = "2019:08:17 12:34:56"


def full(archive: Archive, path: bytes = PHOTO) -> bytes:
    return os.path.join(archive.photos, path)


def read(archive: Archive, path: bytes = PHOTO) -> bytes:
    return Path(os.fsdecode(full(archive, path))).read_bytes()


def age(archive: Archive, path: bytes = PHOTO) -> None:
    """Give a photo an old mtime, as photos have, before it is taken in."""
    os.utime(full(archive, path), ns=(10**18, 10**18))


def put_corpus(archive: Archive) -> dict[str, Sample]:
    """Every layout in a folder of its own, taken in, with an old mtime."""
    for number, sample in enumerate(CORPUS.values()):
        path = b"%d/" % number + NAME + sample.ending.encode()
        archive.write(path, sample.data)
        age(archive, path)
        seen = archive.seen(path)
        archive.store.photos.take(TakenPhoto(seen, b"picture %d" % number, 48, 32, None, ()), "model")
    return dict(CORPUS)


def test_fix_then_undo_is_the_identity(archive: Archive) -> None:
    """For every layout: bytes and mtime are what they were, sidecars are gone; and fixing twice writes once."""
    samples = put_corpus(archive)
    before = listing(archive.photos)
    done = dict(zip(samples, fix_all(archive.store), strict=True))
    assert done == {name: sample.act.value for name, sample in samples.items()}
    after = listing(archive.photos)
    assert not [name for name in after if os.path.basename(name).startswith(b".")]
    unchanged = {path for path in before if before[path].content == after[path].content and path in after}
    for number, sample in enumerate(samples.values()):
        path = b"%d/" % number + NAME + sample.ending.encode()
        assert (path in unchanged) is (sample.act in {Act.SIDECAR, Act.REPORT})
    again = dict(zip(samples, fix_all(archive.store), strict=True))
    assert again == {name: "report" if sample.act is Act.REPORT else "nothing" for name, sample in samples.items()}
    assert listing(archive.photos) == after
    assert undo_all(archive.store).count("nothing") == sum(act != "report" for act in done.values())
    assert _files(listing(archive.photos)) == _files(before)


def _files(entries: dict[bytes, Entry]) -> dict[bytes, Entry]:
    """Without folders, whose mtimes follow what is made in them."""
    return {path: entry for path, entry in entries.items() if stat.S_ISREG(entry.mode)}


@pytest.mark.parametrize("mode", [Mode.REPORT, Mode.OFF])
def test_nothing_is_written_in_other_modes(archive: Archive, mode: Mode) -> None:
    """Not a byte, not an mtime, not a file (R11)."""
    put_corpus(archive)
    before = listing(archive.photos)
    fix_all(archive.store, mode)
    for photo in archive.store.dates.dated():
        arrived(archive.store, replace(settings(), mode=mode), photo.seen, NOW)
    assert listing(archive.photos) == before


def test_sidecars_only(archive: Archive) -> None:
    """In that mode no photo changes, and every date that may be written is in a sidecar."""
    put_corpus(archive)
    before = listing(archive.photos)
    fix_all(archive.store, Mode.SIDECAR)
    after = listing(archive.photos)
    assert {path: entry.content for path, entry in after.items() if path in before} == {
        path: entry.content for path, entry in before.items()
    }
    written = [path for path in after if path not in before]
    assert len(written) == sum(sample.act is not Act.REPORT for sample in CORPUS.values())
    assert all(path.endswith(b".xmp") for path in written)


# --- what the file system knows of a photo


@pytest.mark.parametrize("data", [SPOILT, BARE], ids=["patched", "rewritten"])
def test_mode_owner_and_attributes_are_kept(archive: Archive, data: bytes) -> None:
    """A rewritten photo is a new file, and looks like the old one (trial: 0640 became 0644, xattrs lost)."""
    put(archive, PHOTO, data)
    os.chmod(full(archive), 0o640)
    try:
        os.setxattr(full(archive), "user.note", b"Grandma")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    if os.geteuid() == 0:
        os.chown(full(archive), 12345, 23456)
    before = os.lstat(full(archive))
    assert fix_all(archive.store)[0] in {"patch", "exif"}
    after = os.lstat(full(archive))
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert os.getxattr(full(archive), "user.note") == b"Grandma"
    assert after.st_mtime_ns > before.st_mtime_ns
    assert (after.st_ino == before.st_ino) is (data == SPOILT)


@pytest.mark.parametrize("data", [SPOILT, BARE], ids=["patched", "rewritten"])
def test_the_state_knows_the_file_afterwards(archive: Archive, data: bytes) -> None:
    """Our own write is no news to a scan (R16); nor is its undoing."""
    put(archive, PHOTO, data)
    for work in (fix_all, undo_all):
        work(archive.store)
        seen = archive.seen(PHOTO)
        known = archive.store.photos.find(seen.root_id, seen.path)
        assert known is not None
        assert known.state is PhotoState.DONE
        assert known.is_up_to_date(seen.stat)
        assert archive.store.photos.find_content(seen) == content_hash(read(archive))


def test_a_new_file_lets_nobody_in_that_the_old_one_kept_out(archive: Archive) -> None:
    """The folder gives its new files an access list; the photo, older than that, has none."""
    put(archive, PHOTO, BARE)
    os.chmod(full(archive), 0o600)
    entries = ((1, 7, -1), (2, 7, 12345), (4, 5, -1), (16, 7, -1), (32, 5, -1))  # user 12345 may do anything
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(archive.photos, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("this file system has no access lists")
    assert fix_all(archive.store) == ["exif"]
    assert "system.posix_acl_access" not in os.listxattr(full(archive))
    assert stat.S_IMODE(os.lstat(full(archive)).st_mode) == 0o600


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, work: Callable[[], object]) -> None:
    """Something happens right before the first call of a function of the system."""
    real, left = getattr(os, name), [work]

    def wrapped(*arguments: object, **more: object) -> object:
        if left:
            left.pop()()
        return real(*arguments, **more)

    monkeypatch.setattr(os, name, wrapped)


def test_who_writes_at_the_same_time_is_seen(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our date is taken back, their bytes stay, and so does the mtime by which others see that something has changed."""
    put(archive, PHOTO, SPOILT)
    age(archive)
    put_again = archive.seen(PHOTO)
    with archive.store.transaction():
        archive.store.photos.look_again(put_again, None)
    (photo,) = archive.store.dates.dated()

    def write() -> None:
        with open(full(archive), "r+b", buffering=0) as file:
            file.seek(-2, os.SEEK_END)
            file.write(b"\xff\xd8")

    # the journal is synced by SQLite itself
    meanwhile(monkeypatch, "fsync", write)
    assert fix(archive.store, settings(), photo, NOW).act is Act.REPORT
    assert read(archive) == SPOILT[:-1] + b"\xd8"
    assert os.lstat(full(archive)).st_mtime_ns != 10**18


def test_a_sidecar_made_at_the_same_time_is_not_replaced(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is somebody's work."""
    put(archive, PHOTO, SPOILT)
    (photo,) = archive.store.dates.dated()
    sidecar = PHOTO + b".xmp"
    for call in ("link", "replace"):
        meanwhile(monkeypatch, call, lambda: archive.write(sidecar, XMP))
    assert fix(archive.store, settings(Mode.SIDECAR), photo, NOW).act is Act.REPORT
    assert read(archive, sidecar) == XMP
    assert sorted(os.listdir(archive.photos)) == [PHOTO, sidecar]
    assert not archive.store.date_journal.under_way()


def test_a_sidecar_is_made_where_there_are_no_hard_links(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory cards and some network shares know none."""
    put(archive, PHOTO, SPOILT)

    def refuse() -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    meanwhile(monkeypatch, "link", refuse)
    assert fix_all(archive.store, Mode.SIDECAR) == ["sidecar"]
    assert os.listdir(archive.photos)
    assert undo_all(archive.store) == ["nothing"]
    assert os.listdir(archive.photos) == [PHOTO]


def refused(archive: Archive, why: str) -> None:
    """Nothing is written about the only photo, for this reason."""
    before = listing(archive.photos)
    (photo,) = archive.store.dates.dated()
    found = fix(archive.store, settings(), photo, NOW)
    assert found.act is Act.REPORT
    assert why in found.why
    assert listing(archive.photos) == before
    assert not archive.store.date_journal.under_way()
    assert not archive.store.date_journal.done()


@pytest.mark.parametrize("data", [SPOILT, BARE], ids=["patched", "rewritten"])
class TestRefused:
    """Reported, untouched."""

    def test_hard_links(self, archive: Archive, data: bytes) -> None:
        put(archive, PHOTO, data)
        os.link(full(archive), full(archive, b"other name.txt"))
        refused(archive, "several names")

    def test_read_only(self, archive: Archive, data: bytes) -> None:
        put(archive, PHOTO, data)
        os.chmod(full(archive), 0o444)
        refused(archive, "read-only")

    def test_a_link_in_its_place(self, archive: Archive, data: bytes) -> None:
        put(archive, PHOTO, data)
        os.rename(full(archive), full(archive, b"elsewhere"))
        os.symlink(b"elsewhere", full(archive))
        refused(archive, "")

    def test_another_file_in_its_place(self, archive: Archive, data: bytes) -> None:
        put(archive, PHOTO, data)
        archive.write(PHOTO, data + b"x")
        refused(archive, "")

    def test_gone(self, archive: Archive, data: bytes) -> None:
        put(archive, PHOTO, data)
        os.unlink(full(archive))
        refused(archive, "gone")


def test_obstacles_are_told_beforehand(archive: Archive) -> None:
    """So that the report does not promise what cannot be done."""
    put(archive, PHOTO, SPOILT)
    assert obstacle(full(archive)) == ""
    os.link(full(archive), full(archive, b"b.txt"))
    (photo,) = archive.store.dates.dated()
    assert look(photo.path, archive.seen(PHOTO), settings(), NOW).plan.act is Act.REPORT


# --- breaking off


def test_a_write_broken_off_anywhere_leaves_the_old_or_the_new_file() -> None:
    """
    kill -9 before, amid and after every call that writes, and a full and a failing disk at each (Show 2): what is there is
    the old or the new file, the journal knows which, and it can be fixed and undone.
    """
    kinds = ["patch", "exif", "sidecar", "sidecar merged", "patch undone", "exif undone", "sidecar undone"]
    kinds += ["given", "given undone"]
    script = Path(__file__).with_name("date_crash.py")
    # in memory, as a killed process takes no page cache with it and a real disk would take minutes
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        done = subprocess.run(
            [sys.executable, str(script), folder, *kinds], capture_output=True, check=False, timeout=300
        )
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["steps"] > 150


_ON_A_SMALL_DISK = """
import os, subprocess, sys
from pathlib import Path
folder, photo, tests = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, tests)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder / "Photos")], check=True)
from date_crash import NAME, NOW, fix, open_archive, put, settings
archive = open_archive(folder)
put(archive, NAME + b".jpg", photo.read_bytes())
with open(archive.photos + b"/fill", "wb", buffering=0) as fill:
    try:
        while True:
            fill.write(bytes(4096))
    except OSError:
        pass
(one,) = archive.store.dates.dated()
found = fix(archive.store, settings(), one, NOW)
assert found.act.value == "report" and "The disk is full" in found.why, found
assert sorted(os.listdir(archive.photos)) == [NAME + b".jpg", b"fill"]
assert not archive.store.date_journal.under_way()
assert Path(os.fsdecode(one.path)).read_bytes() == photo.read_bytes()
os.unlink(archive.photos + b"/fill")
assert fix(archive.store, settings(), one, NOW).act.value == "exif"
"""

_IN_A_READ_ONLY_FOLDER = """
import sys
import tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from date_crash import NOW, fix, open_archive, settings
archive = open_archive(Path(sys.argv[1]))
(photo,) = archive.store.dates.dated()
print(fix(archive.store, settings(), photo, NOW))
"""


def test_a_full_disk_leaves_the_photo(archive: Archive) -> None:
    """A really full file system, where the new file does not fit; with room again, it is written."""
    put(archive, PHOTO, BARE)
    folder = archive.folder / "small"
    (folder / "Photos").mkdir(parents=True)
    done = in_namespace(_ON_A_SMALL_DISK, folder, os.fsdecode(full(archive)), Path(__file__).parent)
    assert done.returncode == 0, done.stderr


def test_a_read_only_folder_leaves_the_photo(archive: Archive) -> None:
    """Where a new file is needed; the reason says what to do."""
    put(archive, PHOTO, BARE)
    os.chmod(archive.photos, 0o555)
    try:
        done = without_roots_rights(_IN_A_READ_ONLY_FOLDER, archive.folder, Path(__file__).parent)
    finally:
        os.chmod(archive.photos, 0o755)
    assert "let the user that runs facewatchd write the photo and its folder" in done.stdout, done.stderr
    assert read(archive) == BARE
    assert os.listdir(archive.photos) == [PHOTO]


# --- undo, and what it remembers


def test_a_photo_changed_since_is_not_undone(archive: Archive) -> None:
    """What somebody did later is theirs."""
    put(archive, PHOTO, SPOILT)
    fix_all(archive.store)
    changed = read(archive).replace(b"Seagull", b"Pelican")
    archive.write(PHOTO, changed)
    assert undo_all(archive.store) == ["report"]
    assert read(archive) == changed


def test_a_moved_photo_is_undone_where_it_is(archive: Archive) -> None:
    """The journal knows the photo, not its path."""
    put(archive, PHOTO, SPOILT)
    fix_all(archive.store)
    os.makedirs(full(archive, b"new"))
    os.rename(full(archive), full(archive, b"new/" + PHOTO))
    known = archive.store.photos.find(archive.root.root_id, PHOTO)
    assert known is not None
    with archive.store.transaction():
        archive.store.photos.move(known.photo_id, archive.seen(b"new/" + PHOTO))
    assert undo_all(archive.store) == ["nothing"]
    assert read(archive, b"new/" + PHOTO) == SPOILT


def test_a_merged_sidecar_is_undone(archive: Archive) -> None:
    """To the byte; the other properties were never touched."""
    put(archive, PHOTO, SPOILT)
    archive.write(PHOTO + b".xmp", XMP)
    fix_all(archive.store, Mode.SIDECAR)
    found = read_sidecar(full(archive))
    assert found is not None
    assert found.original == "2019-08-17T12:34:56"
    undo_all(archive.store)
    assert read(archive, PHOTO + b".xmp") == XMP


def test_what_was_undone_by_name_stays_undone(archive: Archive) -> None:
    """Until the photo is named again (the user's word); undoing everything is no word about each."""
    put(archive, PHOTO, SPOILT)
    fix_all(archive.store)
    path = full(archive)
    assert undo_batch(archive.store, settings(), photo=path).counts == {"undone": 1}
    assert fix_batch(archive.store, settings()).counts == {"report": 1}
    assert fix_batch(archive.store, settings(), photo=path).counts == {"patch": 1}
    assert undo_batch(archive.store, settings()).counts == {"undone": 1}
    assert fix_batch(archive.store, settings()).counts == {"patch": 1}


def test_a_photo_that_is_named_is_all_of_it(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: nobody goes on with the others, whose dates are as wrong."""
    monkeypatch.setattr(batches, "BATCH_S", 0.0)
    for name in (PHOTO, b"other/" + PHOTO):
        put(archive, name, SPOILT)
    assert fix_batch(archive.store, settings()).next is not None
    undo_all(archive.store)
    done = fix_batch(archive.store, settings(), photo=full(archive))
    assert (done.counts, done.next) == ({"patch": 1}, None)
    fix_all(archive.store)
    undone = undo_batch(archive.store, settings(), photo=full(archive))
    assert (undone.counts, undone.next) == ({"undone": 1}, None)


@pytest.mark.parametrize("batch", [fix_batch, undo_batch])
def test_unknown_photos_are_refused(archive: Archive, batch: object) -> None:
    """By name, with advice."""
    with pytest.raises(FacewatchError, match="The photo is not known"):
        batch(archive.store, settings(), photo=b"/nowhere/a.jpg")  # type: ignore[operator]


def test_nothing_to_undo(archive: Archive) -> None:
    """A named photo that nothing was written about."""
    put(archive, PHOTO, SPOILT)
    with pytest.raises(FacewatchError, match="No date was written"):
        undo_batch(archive.store, settings(), photo=full(archive))


def test_modes_that_write_nothing_say_so(archive: Archive) -> None:
    """`dates fix` with `dates.mode: report` is a mistake."""
    with pytest.raises(FacewatchError, match=r"dates\.mode is report"):
        fix_batch(archive.store, replace(settings(), mode=Mode.REPORT))


# --- on arrival


def stored(archive: Archive) -> tuple[str, str, str]:
    """Date, precision and source of the only photo."""
    (photo,) = archive.store.dates.dated()
    assert photo.date is not None
    return photo.date.value.isoformat(), photo.date.precision, photo.date.source


def arrive(archive: Archive, data: bytes, path: bytes = PHOTO, *, write_date_only: bool = False) -> None:
    """A photo is taken in, as the daemon does."""
    put(archive, path, data)
    options = replace(settings(), write_date_only=write_date_only)
    (photo,) = archive.store.dates.dated()
    with archive.store.transaction():
        archive.store.dates.redate(photo.photo_id, look(photo.path, photo.seen, options, NOW).finding)
    arrived(archive.store, options, photo.seen, NOW)


def test_a_new_photo_is_put_right(archive: Archive) -> None:
    """And counts as fixed."""
    arrive(archive, SPOILT)
    assert read_tags(read(archive)).original == DATE
    assert archive.store.dates.counts() == {"right": 0, "fixed": 1, "reported": 0}
    assert stored(archive) == ("2019-08-17T12:34:56", Precision.SECOND, DateSource.NAME_TIME)
    undo_all(archive.store)
    assert archive.store.dates.counts() == {"right": 0, "fixed": 0, "reported": 1}


def test_an_undone_photo_is_left_alone_when_it_comes_again(archive: Archive) -> None:
    """Touched, or taken in again with other models."""
    arrive(archive, SPOILT)
    undo_all(archive.store)
    arrive(archive, SPOILT)
    assert read(archive) == SPOILT


def test_another_file_in_its_place_is_put_right_too(archive: Archive) -> None:
    """What was written before is gone with the file before."""
    arrive(archive, SPOILT)
    arrive(archive, BARE)
    assert read_tags(read(archive)).original == DATE
    assert [write.state for write in archive.store.date_journal.done()] == [WriteState.DONE]


def test_what_was_written_can_be_undone_as_long_as_it_is_there(archive: Archive) -> None:
    """Also after the photo was touched, and the user has said that its folder is of another date."""
    arrive(archive, SPOILT)
    archive.write(PHOTO, read(archive))
    (photo,) = archive.store.dates.dated()
    wrong = replace(settings(), rules=DateRules((FolderRule("*", wall_clock(1987), Precision.YEAR),)))
    seen = archive.seen(PHOTO)
    date = wrong.rules.finding(read_evidence(photo.path, PHOTO, seen.stat), NOW, None)
    assert "not what dates.rules says" in date.problem
    with archive.store.transaction():
        archive.store.photos.look_again(seen, date)
    arrived(archive.store, wrong, seen, NOW)
    assert undo_all(archive.store) == ["nothing"]
    assert read(archive) == SPOILT


def test_a_day_stays_a_day(archive: Archive) -> None:
    """12:00:00 is written where that was asked for; the state remembers that only the day is known."""
    name = b"IMG-20190817-WA0003.jpg"
    arrive(archive, SPOILT, name, write_date_only=True)
    assert read_tags(read(archive, name)).original == "2019:08:17 12:00:00"
    wanted = ("2019-08-17T00:00:00", Precision.DAY, DateSource.NAME_DATE)
    assert stored(archive) == wanted
    arrive(archive, read(archive, name), name, write_date_only=True)
    assert stored(archive) == wanted
    fix_all(archive.store)
    assert stored(archive) == wanted


def test_a_right_photo_is_never_opened_for_writing(archive: Archive) -> None:
    """Its mtime, its inode and its ctime are what they were."""
    data = SPOILT.replace(ZEROS, b"2012:02:02 02:02:02\0")
    put(archive, PHOTO, data)
    before = FileStat.of(os.lstat(full(archive)))
    fix_all(archive.store)
    fix_batch(archive.store, settings())
    recover(archive.store)
    assert FileStat.of(os.lstat(full(archive))) == before


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("data", [SPOILT, BARE, b""], ids=["in place", "a new file in its place", "a sidecar"])
def test_a_folder_that_was_replaced_by_a_link_leads_nowhere(archive: Archive, data: bytes, depth: int) -> None:
    """Between the look and the writing somebody puts a link in the place of a folder: what it leads to is not touched."""
    path = b"a/b/" + PHOTO
    archive.write(path, data or SPOILT)
    age(archive, path)
    archive.store.photos.take(TakenPhoto(archive.seen(path), b"picture", 48, 32, None, ()), "model")
    mode = settings() if data else replace(settings(), mode=Mode.SIDECAR)
    folder = archive.photos + (b"/a/b" if depth == 1 else b"/a")
    os.rename(folder, archive.photos + b"/elsewhere")
    os.symlink(archive.photos + b"/elsewhere", folder)
    before = listing(archive.photos + b"/elsewhere")
    (photo,) = archive.store.dates.dated(0, 9)
    fix(archive.store, mode, photo, NOW)
    assert listing(archive.photos + b"/elsewhere") == before
    assert archive.store.date_journal.last(photo.photo_id) is None
