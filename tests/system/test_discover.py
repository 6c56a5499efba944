"""From what is on disk to what is to be taken in, what has moved, and what is gone (R1, R3, R5, R6)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import MODEL, NASTY_NAMES, Archive, jpeg, links, unit
from plain import materialize

from facewatchd.domain import Health, PhotoState, Root, SeenFile, TakenPhoto
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.intake.discover import Discovery, differences, is_gone_from
from facewatchd.watch.scanner import ScannedFolder, scan

pytest_plugins = "archive_fixtures"

SETTLE_S, SETTLE_OPEN_S = 2.0, 5.0
DAY_S = 86_400.0


class Watch:
    """The discovery of an archive, looked at by a clock that the test holds."""

    def __init__(self, archive: Archive, *more: Root) -> None:
        self.archive = archive
        self.roots = {root.root_id: root for root in (archive.root, *more)}
        self.discovery = Discovery(archive.store, self.roots, SETTLE_S, SETTLE_OPEN_S, set(self.roots))
        # long after any file here was written: an archive found at the first start
        self.now = time.time() + 1000

    def scan(self, below: bytes = b"", root: Root | None = None) -> list[bytes]:
        """A scan as the daemon does it; the paths to be taken in now."""
        root = root or self.archive.root
        store = self.archive.store
        found = []
        parts = list(differences(store, root, below, scan(root, is_photo_name, below=below), 2))
        with store.transaction():
            for part in parts:
                for seen in part.files:
                    settled, _ = self.discovery.see(seen, closed=False, now=self.now)
                    found += [settled.path] if settled else []
                self.discovery.missed(root, part.missing, self.now)
        return found

    def hint(self, path: bytes, *, closed: bool = True) -> SeenFile | None:
        with self.archive.store.transaction():
            return self.discovery.look_at(self.archive.root, path, closed=closed, now=self.now)[0]

    def recheck(self, health: Health = Health.ONLINE) -> str:
        with self.archive.store.transaction():
            return self.discovery.recheck(self.archive.root, health, self.now).doubt

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def problems(self) -> tuple[tuple[bytes, str], ...]:
        """What a scan cannot look at."""
        root, store = self.archive.root, self.archive.store
        *_, last = differences(store, root, b"", scan(root, is_photo_name), 500)
        return last.problems

    def pending(self) -> set[bytes]:
        return {seen.path for seen in self.archive.store.photos.pending(list(self.roots), 1000)}

    def states(self) -> dict[bytes, PhotoState]:
        """Of the photos that have a place, by path."""
        known = self.archive.store.photos.known(self.archive.root.root_id)
        return {path: photo.state for path, photo in known.items() if b"\0" not in path}

    def ids(self, root: Root | None = None) -> dict[bytes, int]:
        known = self.archive.store.photos.known((root or self.archive.root).root_id)
        return {path: p.photo_id for path, p in known.items() if p.state is not PhotoState.MISSING}


@pytest.fixture
def watch(archive: Archive) -> Watch:
    return Watch(archive)


def full(archive: Archive, path: bytes) -> bytes:
    return os.path.join(archive.photos, path)


def lose(watch: Watch, *paths: bytes) -> None:
    """Delete photos and let the program find out."""
    for path in paths:
        os.unlink(full(watch.archive, path))
    watch.scan()
    watch.wait(30)
    watch.recheck()
    watch.wait(31)
    watch.recheck()


# --- new and changed -------------------------------------------------------------------------------------------------


def test_a_scan_finds_what_is_new_and_what_changed(watch: Watch) -> None:
    """And nothing else, however often; of the changed ones the newest look is stored."""
    archive = watch.archive
    archive.add(b"same.jpg")
    archive.add(b"changed.jpg")
    archive.add(b"touched.jpg")
    archive.write(b"deep/new.jpg")
    archive.write(b"notes.txt")
    assert watch.scan() == [b"deep/new.jpg"]
    assert watch.scan() == []
    archive.write(b"changed.jpg", jpeg(99))
    os.utime(full(archive, b"touched.jpg"), ns=(1, 1))
    assert set(watch.scan()) == {b"changed.jpg", b"touched.jpg"}
    assert watch.scan() == []
    assert watch.pending() == {b"deep/new.jpg", b"changed.jpg", b"touched.jpg"}
    changed = archive.store.photos.find(archive.root.root_id, b"changed.jpg")
    assert changed is not None
    assert changed.stat == archive.seen(b"changed.jpg").stat


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_photo_of_any_name_is_found(watch: Watch, name: bytes) -> None:
    """By a scan and by a hint (R9)."""
    watch.archive.write(b"sub/" + name)
    assert watch.scan() == [b"sub/" + name]
    seen = watch.hint(b"sub/" + name)
    assert seen is not None
    assert seen.path == b"sub/" + name


def test_a_folder_is_scanned_for_itself(watch: Watch) -> None:
    """What lies beside it is neither found nor missed, whatever its name."""
    for path in (b"a/1.jpg", b"a/b/2.jpg", b"a.b/3.jpg", b"aa/4.jpg", b"5.jpg"):
        watch.archive.add(path)
    shutil.rmtree(full(watch.archive, b"a"))
    os.unlink(full(watch.archive, b"aa/4.jpg"))
    watch.archive.write(b"a/b/new.jpg")
    watch.archive.write(b"beside.jpg")
    assert watch.scan(b"a") == [b"a/b/new.jpg"]
    absent = {path for _, path, *_ in watch.archive.store.photos.absences(1)}
    assert absent == {b"a/1.jpg", b"a/b/2.jpg"}


def test_a_file_that_is_still_written_waits(watch: Watch) -> None:
    """Until it has been left alone for as long as the configuration says, and yields one job (R3)."""
    archive = watch.archive
    seen = archive.write(b"1.jpg")
    watch.now = seen.stat.ctime_ns / 1e9
    assert watch.hint(b"1.jpg", closed=False) is None
    assert watch.discovery.is_waiting(seen)
    watch.wait(4.5)
    archive.write(b"1.jpg", jpeg(7))
    assert watch.hint(b"1.jpg") is None
    watch.wait(1.5)
    assert watch.discovery.due(watch.now) == []
    watch.wait(1)
    assert watch.discovery.due(watch.now) == [(archive.root, b"1.jpg")]
    assert watch.pending() == set()
    assert watch.hint(b"1.jpg", closed=False) == archive.seen(b"1.jpg")
    assert watch.discovery.waiting() == 0
    assert watch.pending() == {b"1.jpg"}


def test_a_file_that_goes_while_it_waits_is_forgotten(watch: Watch) -> None:
    """No job, no tombstone."""
    seen = watch.archive.write(b"1.jpg")
    watch.now = seen.stat.ctime_ns / 1e9
    assert watch.hint(b"1.jpg") is None
    os.unlink(full(watch.archive, b"1.jpg"))
    assert watch.hint(b"1.jpg") is None
    assert watch.discovery.waiting() == 0
    assert watch.states() == {}


def test_what_is_no_photo_is_not_looked_at(watch: Watch) -> None:
    """Other names, temporary files, folders, links; a photo in whose place such a thing stands is gone."""
    archive = watch.archive
    archive.add(b"1.jpg")
    archive.add(b"2.jpg")
    for name in (b"a.txt", b".b.jpg", b"~syncthing~c.jpg"):
        archive.write(name)
    os.mkdir(full(archive, b"d.jpg"))
    for path in (b"1.jpg", b"2.jpg"):
        os.unlink(full(archive, path))
    os.symlink(b"a.txt", full(archive, b"1.jpg"))
    os.mkdir(full(archive, b"2.jpg"))
    for name in (b"a.txt", b".b.jpg", b"~syncthing~c.jpg", b"d.jpg", b"1.jpg", b"2.jpg"):
        assert watch.hint(name) is None
    assert watch.pending() == set()
    assert {path for _, path, *_ in archive.store.photos.absences(1)} == {b"1.jpg", b"2.jpg"}


def test_a_photo_that_failed_waits_for_a_change(watch: Watch) -> None:
    """Of the file, or of its permissions, which only its inode's own time shows."""
    archive = watch.archive
    bad = archive.write(b"1.jpg", b"no photo")
    assert watch.scan() == [b"1.jpg"]
    archive.store.photos.fail(bad, "It is none of JPEG ...", watch.now, passing=False)
    assert watch.scan() == []
    assert watch.hint(b"1.jpg") is None
    os.chmod(full(archive, b"1.jpg"), 0o640)
    assert watch.scan() == [b"1.jpg"]
    assert watch.pending() == {b"1.jpg"}
    archive.store.photos.fail(archive.seen(b"1.jpg"), "It is none of JPEG ...", watch.now, passing=False)
    archive.write(b"1.jpg")
    assert watch.scan() == [b"1.jpg"]


def test_new_permissions_are_no_reason_to_take_a_photo_in_again(watch: Watch) -> None:
    """Nor is a hard link more."""
    watch.archive.add(b"1.jpg")
    os.chmod(full(watch.archive, b"1.jpg"), 0o600)
    os.link(full(watch.archive, b"1.jpg"), full(watch.archive, b"z.jpg"))
    assert watch.scan() == []
    assert watch.states() == {b"1.jpg": PhotoState.DONE}


# --- moved -----------------------------------------------------------------------------------------------------------


def test_a_renamed_folder_moves_its_photos(watch: Watch) -> None:
    """None is taken in again, each keeps its id, and nobody is missed (R6)."""
    archive = watch.archive
    for number in range(20):
        archive.add(b"old/%d/x.jpg" % number)
    before = watch.ids()
    os.rename(full(archive, b"old"), full(archive, b"new"))
    assert watch.scan() == []
    assert watch.ids() == {path.replace(b"old", b"new"): photo for path, photo in before.items()}
    watch.wait(100)
    assert watch.recheck() == ""
    assert set(watch.states().values()) == {PhotoState.DONE}
    assert watch.pending() == set()


def test_a_photo_moves_to_another_root(archive: Archive) -> None:
    """On the same disk the file says who it is."""
    other_folder = archive.folder / "More"
    other_folder.mkdir()
    other = archive.store.roots.ensure(os.path.realpath(os.fsencode(other_folder)))
    watch = Watch(archive, other)
    archive.add(b"1.jpg")
    before = watch.ids()
    os.rename(full(archive, b"1.jpg"), other.path + b"/2.jpg")
    assert watch.scan(root=other) == []
    assert watch.ids(other) == {b"2.jpg": before[b"1.jpg"]}
    assert watch.ids() == {}


def swap(archive: Archive) -> dict[bytes, bytes]:
    os.rename(full(archive, b"1.jpg"), full(archive, b"tmp"))
    os.rename(full(archive, b"2.jpg"), full(archive, b"1.jpg"))
    os.rename(full(archive, b"tmp"), full(archive, b"2.jpg"))
    return {b"1.jpg": b"2.jpg", b"2.jpg": b"1.jpg", b"3.jpg": b"3.jpg"}


def count_up(archive: Archive) -> dict[bytes, bytes]:
    for number in (3, 2, 1):
        os.rename(full(archive, b"%d.jpg" % number), full(archive, b"%d.jpg" % (number + 1)))
    return {b"2.jpg": b"1.jpg", b"3.jpg": b"2.jpg", b"4.jpg": b"3.jpg"}


def count_down(archive: Archive) -> dict[bytes, bytes]:
    for number in (1, 2, 3):
        os.rename(full(archive, b"%d.jpg" % number), full(archive, b"%d.jpg" % (number - 1)))
    return {b"0.jpg": b"1.jpg", b"1.jpg": b"2.jpg", b"2.jpg": b"3.jpg"}


def link_and_unlink(archive: Archive) -> dict[bytes, bytes]:
    os.link(full(archive, b"1.jpg"), full(archive, b"4.jpg"))
    os.unlink(full(archive, b"1.jpg"))
    return {b"4.jpg": b"1.jpg", b"2.jpg": b"2.jpg", b"3.jpg": b"3.jpg"}


@pytest.mark.parametrize("shuffle", [swap, count_up, count_down, link_and_unlink])
@pytest.mark.parametrize("hinted", [False, True])
def test_names_are_shuffled(watch: Watch, shuffle: Callable[[Archive], dict[bytes, bytes]], hinted: bool) -> None:
    """By a program that numbers photos anew: each keeps its id and its person, whatever name it has now."""
    archive = watch.archive
    people = {path: archive.person(path.decode(), [path]) for path in (b"1.jpg", b"2.jpg", b"3.jpg")}
    before = watch.ids()
    came_from = shuffle(archive)
    if hinted:
        for path in sorted({*before, *came_from}):
            assert watch.hint(path) is None
    assert watch.scan() == []
    watch.wait(100)
    assert watch.recheck() == ""
    assert watch.ids() == {now: before[old] for now, old in came_from.items()}
    assert watch.pending() == set()
    materialize(archive.store, archive.tree)
    where = {os.path.dirname(link): os.path.basename(target) for link, target in links(archive.tree.path).items()}
    assert where == {old: now for now, old in came_from.items()}
    assert set(people) == set(where)


def test_a_photo_that_replaces_another_takes_its_place(watch: Watch) -> None:
    """The one that was there is gone; if it turns up again it is the same as before."""
    archive = watch.archive
    archive.add(b"1.jpg")
    archive.add(b"2.jpg")
    before = watch.ids()
    os.rename(full(archive, b"2.jpg"), full(archive, b"kept"))
    os.rename(full(archive, b"1.jpg"), full(archive, b"2.jpg"))
    assert watch.scan() == []
    assert watch.ids() == {b"2.jpg": before[b"1.jpg"]}
    os.rename(full(archive, b"kept"), full(archive, b"3.jpg"))
    assert watch.scan() == []
    assert watch.ids() == {b"2.jpg": before[b"1.jpg"], b"3.jpg": before[b"2.jpg"]}


# --- gone ------------------------------------------------------------------------------------------------------------


def test_a_photo_is_gone_after_two_looks_and_a_minute(watch: Watch) -> None:
    """Not before both: a program may save by deleting and writing anew."""
    archive = watch.archive
    for path in (b"1.jpg", b"2.jpg"):
        archive.add(path)
    os.unlink(full(archive, b"1.jpg"))
    watch.scan()
    for seconds in (1, 58.5):
        watch.wait(seconds)
        assert watch.recheck() == ""
        assert watch.states()[b"1.jpg"] is PhotoState.DONE
    watch.wait(1)
    assert watch.recheck() == ""
    assert watch.states() == {b"1.jpg": PhotoState.MISSING, b"2.jpg": PhotoState.DONE}
    assert archive.store.photos.absences(1) == []


@pytest.mark.parametrize(("count", "wait"), [(1, 61), (60, 7 * DAY_S)])
def test_a_clock_that_is_set_back_keeps_no_photo(watch: Watch, count: int, wait: float) -> None:
    """What went while the clock was years ahead is gone when its time has come all the same."""
    paths = [b"%d.jpg" % number for number in range(count)]
    for path in (*paths, b"there.jpg"):
        watch.archive.add(path)
    for path in paths:
        os.unlink(full(watch.archive, path))
    watch.scan()
    watch.wait(-1000 * DAY_S)
    watch.recheck()
    assert watch.states()[paths[0]] is PhotoState.DONE
    watch.wait(wait)
    for _ in range(2):
        assert watch.recheck() == ""
    assert watch.states() == {**dict.fromkeys(paths, PhotoState.MISSING), b"there.jpg": PhotoState.DONE}


@pytest.mark.parametrize("below", [b"", b"a", b"a/b"])
def test_photos_of_a_folder_that_is_to_be_ignored_are_gone(watch: Watch, below: bytes) -> None:
    """Though their files are there; they are back when it is not ignored any more, and none is taken in again."""
    archive = watch.archive
    for path in (b"a/1.jpg", b"a/b/2.jpg", b"3.jpg"):
        archive.add(path)
    marker = full(archive, b"a/.nomedia")
    with open(marker, "wb"):
        pass
    assert watch.scan(below) == []
    for _ in range(2):
        watch.wait(61)
        assert watch.recheck() == ""
    gone = {b"a/1.jpg", b"a/b/2.jpg"} if below != b"a/b" else {b"a/b/2.jpg"}
    assert {path for path, state in watch.states().items() if state is PhotoState.MISSING} == gone
    os.unlink(marker)
    assert watch.scan() == []
    assert set(watch.states().values()) == {PhotoState.DONE}


def test_a_single_look_long_ago_is_not_enough(watch: Watch) -> None:
    """The first after a long sleep of the machine may fail for any reason."""
    watch.archive.add(b"1.jpg")
    os.unlink(full(watch.archive, b"1.jpg"))
    watch.scan()
    watch.archive.write(b"1.jpg")
    watch.wait(DAY_S)
    watch.recheck()
    assert watch.states() == {b"1.jpg": PhotoState.DONE}


@pytest.mark.parametrize("how", ["scan", "recheck", "hint"])
def test_a_photo_that_is_back_in_time_was_never_away(watch: Watch, how: str) -> None:
    """By whatever it is noticed, and without being taken in again."""
    archive = watch.archive
    archive.add(b"1.jpg", [(None, unit(0))])
    before = watch.ids()
    os.rename(full(archive, b"1.jpg"), full(archive, b"elsewhere"))
    watch.hint(b"1.jpg")
    watch.scan()
    watch.wait(59)
    os.rename(full(archive, b"elsewhere"), full(archive, b"1.jpg"))
    if how == "scan":
        assert watch.scan() == []
    elif how == "hint":
        assert watch.hint(b"1.jpg") is None
    else:
        watch.recheck()
    assert archive.store.photos.absences(1) == []
    watch.wait(1)
    watch.recheck()
    assert (watch.ids(), watch.pending()) == (before, set())


@pytest.mark.parametrize("under", [b"1.jpg", b"new/2.jpg"])
def test_a_tombstone_that_comes_back_is_the_same_photo(watch: Watch, under: bytes) -> None:
    """Under its old path or another one, out of the wastebasket: with its id and person, and without a job (R6)."""
    archive = watch.archive
    person = archive.person("Ada", [b"1.jpg"])
    before = watch.ids()
    os.link(full(archive, b"1.jpg"), archive.folder / "wastebasket")
    lose(watch, b"1.jpg")
    assert watch.states() == {b"1.jpg": PhotoState.MISSING}
    assert archive.store.people.photos(person) == []
    os.makedirs(os.path.dirname(full(archive, under)), exist_ok=True)
    os.rename(archive.folder / "wastebasket", full(archive, under))
    assert watch.scan() == []
    assert watch.ids() == {under: before[b"1.jpg"]}
    assert [photo.path for photo in archive.store.people.photos(person)] == [full(archive, under)]


def test_a_tombstone_that_was_restored_from_a_backup_keeps_its_id(watch: Watch) -> None:
    """It is another file under the old path: looked at once more, as the same photo."""
    archive = watch.archive
    archive.add(b"1.jpg")
    archive.add(b"2.jpg")
    before = watch.ids()
    content = (archive.folder / "Photos" / "1.jpg").read_bytes()
    lose(watch, b"1.jpg")
    archive.write(b"inode taker.jpg")
    archive.write(b"1.jpg", content)
    assert set(watch.scan()) == {b"1.jpg", b"inode taker.jpg"}
    assert watch.ids()[b"1.jpg"] == before[b"1.jpg"]


def test_a_folder_that_goes_takes_its_photos_along(watch: Watch) -> None:
    """By one hint about the folder."""
    archive = watch.archive
    for path in (b"a/1.jpg", b"a/b/2.jpg", b"ab/3.jpg"):
        archive.add(path)
    shutil.rmtree(full(archive, b"a"))
    watch.hint(b"a")  # a name that is no photo's: nothing is concluded
    assert archive.store.photos.absences(1) == []
    watch.discovery.went(archive.root, b"a", watch.now)
    assert {path for _, path, *_ in archive.store.photos.absences(1)} == {b"a/1.jpg", b"a/b/2.jpg"}
    for _ in range(2):
        watch.wait(60)
        watch.recheck()
    assert watch.states() == {
        b"a/1.jpg": PhotoState.MISSING,
        b"a/b/2.jpg": PhotoState.MISSING,
        b"ab/3.jpg": PhotoState.DONE,
    }


def fill(archive: Archive, count: int) -> None:
    store = archive.store
    with store.transaction():
        for number in range(count):
            seen = archive.write(b"%d/%d.jpg" % (number % 4, number), b"x")
            store.photos.take(TakenPhoto(seen, b"%d" % number, 9, 9, None, ()), MODEL)


def test_a_mass_disappearance_is_not_believed_for_a_week(watch: Watch) -> None:
    """A disk that was not mounted looks like that; the sentence says how many and until when (R5)."""
    fill(watch.archive, 240)
    shutil.rmtree(full(watch.archive, b"1"))
    watch.scan()
    for _ in range(3):
        watch.wait(61)
        why = watch.recheck()
        assert why.startswith("60 of 240 photos have disappeared at once. Their faces and names are kept until")
        assert set(watch.states().values()) == {PhotoState.DONE}
    watch.wait(7 * DAY_S)
    watch.recheck()
    watch.wait(1)
    assert watch.recheck() == ""
    assert list(watch.states().values()).count(PhotoState.MISSING) == 60


def test_a_few_of_many_may_go(watch: Watch) -> None:
    """Fifty of any archive, or a fifth of a large one: people tidy up."""
    fill(watch.archive, 240)
    for number in range(50):
        os.unlink(full(watch.archive, b"%d/%d.jpg" % (number % 4, number)))
    lose(watch)
    assert list(watch.states().values()).count(PhotoState.MISSING) == 50


def test_nothing_on_a_root_that_is_offline_is_gone(watch: Watch) -> None:
    """Whatever the number; links stay, and all is as before when it is back."""
    archive = watch.archive
    archive.person("Ada", [b"1.jpg"])
    materialize(archive.store, archive.tree)
    before = watch.ids()
    os.rename(archive.photos, archive.photos + b" (unmounted)")
    watch.discovery.went(archive.root, b"1.jpg", watch.now)
    for _ in range(3):
        watch.wait(8 * DAY_S)
        assert "folder is offline. Their faces and names are kept until it is back" in watch.recheck(Health.OFFLINE)
    materialize(archive.store, archive.tree)
    assert len(links(archive.tree.path)) == 1
    os.rename(archive.photos + b" (unmounted)", archive.photos)
    assert watch.scan() == []
    assert watch.recheck() == ""
    assert watch.ids() == before


def test_what_could_not_be_looked_at_is_not_missed(archive: Archive) -> None:
    """A folder that cannot be read, and all below it; trouble with the root itself hides everything."""
    for path in (b"a/1.jpg", b"a/b/2.jpg", b"ab/3.jpg", b"4.jpg"):
        archive.add(path)
        os.unlink(full(archive, path))

    def missed(*folders: ScannedFolder) -> set[bytes]:
        *_, last = differences(archive.store, archive.root, b"", iter(folders), 500)
        paths = {photo.photo_id: path for path, photo in archive.store.photos.known(1).items()}
        return {paths[photo] for photo, _ in last.missing}

    assert missed() == {b"a/1.jpg", b"a/b/2.jpg", b"ab/3.jpg", b"4.jpg"}
    assert missed(ScannedFolder(b"a", (), problem="closed")) == {b"ab/3.jpg", b"4.jpg"}
    assert missed(ScannedFolder(b"a/b", (), problem="closed")) == {b"a/1.jpg", b"ab/3.jpg", b"4.jpg"}
    assert missed(ScannedFolder(b"", (), problem="closed")) == set()
    seen = ScannedFolder(b"", (archive.write(b"4.jpg"),))
    closed = ScannedFolder(b"a", (), problem="closed")
    *_, last = differences(archive.store, archive.root, b"", iter((seen, closed)), 500)
    assert last.problems == ((b"a", "closed"),)


# --- links in the place of folders and photos


def linked(watch: Watch, tmp_path: Path, what: bytes) -> Path:
    """A folder (or file) of the album is moved away, and a link put in its place."""
    target = tmp_path / "elsewhere" / os.fsdecode(what)
    target.parent.mkdir(parents=True)
    shutil.move(os.fsdecode(full(watch.archive, what)), target)
    os.symlink(target, full(watch.archive, what))
    return target


@pytest.mark.parametrize("hinted", [True, False])
@pytest.mark.parametrize("what", [b"a", b"a/b", b"a/1.jpg"])
def test_what_a_link_has_replaced_is_kept_and_said(watch: Watch, tmp_path: Path, what: bytes, hinted: bool) -> None:
    """Links are not followed (R8), but photos behind one are not deleted: they stay as they were, however long."""
    for path in (b"a/1.jpg", b"a/b/2.jpg", b"3.jpg"):
        watch.archive.add(path)
    target = linked(watch, tmp_path, what)
    if hinted:
        watch.discovery.went(watch.archive.root, what, watch.now)
    problems = dict(watch.problems())
    assert list(problems) == [what]
    assert "symbolic link by now" in problems[what]
    assert os.fspath(target) in problems[what]
    assert "under `photos` in the configuration" in problems[what]
    for _ in range(4):
        watch.scan()
        watch.wait(DAY_S)
        assert watch.recheck() == ""
    assert set(watch.states().values()) == {PhotoState.DONE}
    # the user takes the link away
    os.unlink(full(watch.archive, what))
    lose(watch)
    assert watch.states()[b"3.jpg"] is PhotoState.DONE
    gone = {path for path, state in watch.states().items() if state is PhotoState.MISSING}
    assert gone == {path for path in watch.states() if path == what or path.startswith(what + b"/")} != set()


@pytest.mark.parametrize("dangling", [True, False])
def test_the_folder_that_a_link_leads_to_is_added(archive: Archive, tmp_path: Path, dangling: bool) -> None:
    """Its photos are the same photos, found there; nothing is left to say of the link."""
    archive.add(b"a/1.jpg")
    first = Watch(archive)
    before = first.ids()
    target = linked(first, tmp_path, b"a")
    if dangling:
        target.rename(away := tmp_path / "away")
        first.scan()
        first.wait(DAY_S)
        assert first.recheck() == ""
        away.rename(target)
    with archive.store.transaction():
        other = archive.store.roots.ensure(os.fsencode(target))
        archive.store.roots.watch([archive.root.root_id, other.root_id])
    watch = Watch(archive, other)
    watch.scan(root=other)
    assert watch.ids(other) == {b"1.jpg": before[b"a/1.jpg"]}
    assert watch.problems() == ()


def test_a_folder_moved_within_the_album_with_a_link_to_it(watch: Watch) -> None:
    """The photos are found where they are now; the link is nothing to speak of."""
    watch.archive.add(b"2019/1.jpg")
    before = watch.ids()[b"2019/1.jpg"]
    os.mkdir(full(watch.archive, b"old"))
    os.rename(full(watch.archive, b"2019"), full(watch.archive, b"old/2019"))
    os.symlink("old/2019", full(watch.archive, b"2019"))
    assert watch.problems() == ()
    watch.scan()
    assert watch.ids() == {b"old/2019/1.jpg": before}


def test_photos_that_are_links_into_a_hidden_folder_are_kept(watch: Watch) -> None:
    """As git-annex does it: where the link leads is in the album, but not looked at."""
    watch.archive.add(b"1.jpg")
    os.makedirs(full(watch.archive, b".git/annex"))
    os.rename(full(watch.archive, b"1.jpg"), full(watch.archive, b".git/annex/1.jpg"))
    os.symlink(".git/annex/1.jpg", full(watch.archive, b"1.jpg"))
    watch.scan()
    watch.wait(DAY_S)
    assert watch.recheck() == ""
    assert watch.states() == {b"1.jpg": PhotoState.DONE}
    assert [path for path, _ in watch.problems()] == [b"1.jpg"]


# --- what is closed


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100, 0o200])
@pytest.mark.parametrize("closed", [b"a", b"a/b"])
def test_photos_in_a_closed_folder_are_kept(watch: Watch, closed: bytes, mode: int) -> None:
    """Whatever may not be done in it, and whatever a watcher says meanwhile: of what cannot be seen nothing is gone."""
    for path in (b"a/b/1.jpg", b"a/b/c/2.jpg"):
        watch.archive.add(path)
    os.chmod(full(watch.archive, closed), mode)
    try:
        assert closed in dict(watch.problems()) or any(path.startswith(closed) for path, _ in watch.problems())
        for path in (b"a/b/1.jpg", b"a/b/c/2.jpg"):
            watch.hint(path)
        for _ in range(4):
            watch.scan()
            watch.scan(b"a/b/c")
            watch.wait(DAY_S)
            assert watch.recheck() == ""
        assert set(watch.states().values()) == {PhotoState.DONE}
        # told by the kernel, which knows
        watch.discovery.went(watch.archive.root, b"a/b", watch.now)
        watch.wait(DAY_S)
        assert watch.recheck() == ""
        assert set(watch.states().values()) == {PhotoState.DONE}
    finally:
        os.chmod(full(watch.archive, closed), 0o700)
    watch.scan()
    watch.recheck()
    assert set(watch.states().values()) == {PhotoState.DONE}
    assert watch.problems() == ()
    lose(watch, b"a/b/1.jpg")
    assert watch.states()[b"a/b/1.jpg"] is PhotoState.MISSING


@pytest.mark.usefixtures("strict")
def test_a_copy_of_a_photo_that_cannot_be_seen_is_another_photo(watch: Watch) -> None:
    """Of a photo behind a closed door it is not believed that it is gone."""
    watch.archive.add(b"a/1.jpg")
    picture = watch.archive.store.photos.find_content(watch.archive.seen(b"a/1.jpg"))
    assert picture is not None
    os.chmod(full(watch.archive, b"a"), 0o000)
    try:
        known = watch.archive.store.photos.same_content(picture)
        assert [is_gone_from(watch.archive.store, placed) for placed in known] == [False]
    finally:
        os.chmod(full(watch.archive, b"a"), 0o700)


# --- disks inside a root


def on_another_disk(watch: Watch, *paths: bytes, device: int = 77) -> None:
    """As if these photos had been on a disk of their own when they were last seen."""
    store = watch.archive.store
    for path in paths:
        stat = watch.archive.seen(path).stat
        store.photos.wait(SeenFile(1, path, replace(stat, device=device)))
        store.photos.look_again(SeenFile(1, path, replace(stat, device=device)), None)


@pytest.mark.parametrize("left", ["an empty folder", "another disk", "nothing"])
@pytest.mark.parametrize("hinted", [True, False])
def test_photos_of_a_disk_that_is_away_are_kept(watch: Watch, left: str, hinted: bool) -> None:
    """A disk mounted in an album is unmounted, or another mounted over it: nothing is deleted by that, and it is said (R5)."""
    for path in (b"disk/a/1.jpg", b"disk/2.jpg", b"3.jpg"):
        watch.archive.add(path)
    on_another_disk(watch, b"disk/a/1.jpg", b"disk/2.jpg")
    shutil.rmtree(full(watch.archive, b"disk"))
    if left != "nothing":
        os.mkdir(full(watch.archive, b"disk"))
    if left == "another disk":
        watch.archive.add(b"disk/other.jpg")
    if hinted:
        watch.discovery.went(watch.archive.root, b"disk", watch.now)
    for _ in range(4):
        watch.scan()
        watch.wait(DAY_S)
        assert watch.recheck() == ""
    assert set(watch.states().values()) == {PhotoState.DONE}
    ((path, sentence),) = watch.problems()
    assert path == b"disk"
    assert "Mount the right disk" in sentence
    # the user says that they are meant to be gone
    watch.archive.write(b"disk/.facewatchdignore", b"")
    lose(watch)
    assert watch.states()[b"disk/2.jpg"] is PhotoState.MISSING
    assert watch.states()[b"3.jpg"] is PhotoState.DONE


def test_a_disk_with_another_number_is_the_same_while_photos_of_it_are_there(watch: Watch) -> None:
    """Numbers change from boot to boot: what was deleted meanwhile is gone."""
    paths = (b"disk/1.jpg", b"disk/2.jpg", b"disk/a/3.jpg")
    for path in paths:
        watch.archive.add(path)
    on_another_disk(watch, *paths)
    lose(watch, b"disk/1.jpg")
    shutil.rmtree(full(watch.archive, b"disk/a"))
    lose(watch)
    gone = {path for path, state in watch.states().items() if state is PhotoState.MISSING}
    assert gone == {b"disk/1.jpg", b"disk/a/3.jpg"}
    assert watch.problems() == ()


def test_a_scan_that_breaks_off_misses_nobody(archive: Archive) -> None:
    """What is missing comes last, when the scan has gone to its end."""
    for number in range(6):
        archive.add(b"%d.jpg" % number)
        os.unlink(full(archive, b"%d.jpg" % number))
    for number in range(6):
        archive.write(b"%d/new.jpg" % number)
    parts = differences(archive.store, archive.root, b"", scan(archive.root, is_photo_name), 2)
    first = next(parts)
    assert len(first.files) == 2
    assert first.missing == ()
    *_, last = parts
    assert len(last.missing) == 6
