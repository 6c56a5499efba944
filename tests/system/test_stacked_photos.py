"""
A RAW or HEIC beside its JPEG is one photo: looked at once, linked once, counted once, and never forgotten, whichever of the
files comes or goes.
"""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import piexif
import pillow_heif
import pytest
from helpers import MODEL, NOW, READER, Archive, found_face, links, unit
from PIL import Image as PillowImage
from plain import materialize
from raw_files import DATE, dng
from running import Home, wait_until

from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.demo import ASTRONAUT, _load
from facewatchd.domain import (
    Constraint,
    ConstraintKind,
    Face,
    FaceEngine,
    FaceState,
    Health,
    Image,
    PersonId,
    PhotoId,
    PhotoState,
    SamePhoto,
    TakenPhoto,
)
from facewatchd.pipeline.intake.discover import Discovery
from facewatchd.pipeline.intake.ingest import IngestSettings, keep, keep_same, known_contents, take_in
from facewatchd.pipeline.intake.stacks import leave, meet_all, stand_down
from facewatchd.store import Store, StoredModel
from facewatchd.store.database import DATABASE

pytest_plugins = "archive_fixtures"

JPG, HEIC, RAW = b"trip/IMG_1.JPG", b"trip/IMG_1.HEIC", b"trip/img_1.CR2"


@pytest.fixture(scope="module")
def picture() -> Image:
    """One face, BGR."""
    return np.ascontiguousarray(_load(ASTRONAUT)[:400, 60:400])


def jpeg(picture: Image, date: str = DATE) -> bytes:
    return _pillow(picture, "JPEG", _exif(date))


def heic(picture: Image, date: str = DATE) -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(PillowImage.fromarray(picture[..., ::-1])).save(target, quality=90, exif=_exif(date))
    return target.getvalue()


def raw(picture: Image, date: str = DATE) -> bytes:
    """The preview has what there is to be seen, a little larger than the JPEG."""
    larger = cv2.resize(picture, None, fx=1.2, fy=1.2)
    return dng(np.zeros((64, 96, 3), np.uint8), 1, _pillow(np.asarray(larger, np.uint8), "JPEG", b""), date)


def _pillow(picture: Image, ending: str, exif: bytes) -> bytes:
    target = io.BytesIO()
    PillowImage.fromarray(picture[..., ::-1]).save(target, ending, quality=92, exif=exif)
    return target.getvalue()


def _exif(date: str) -> bytes:
    exif: bytes = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: date}} if date else {})
    return exif


MAKERS = {JPG: jpeg, HEIC: heic, RAW: raw}


@dataclass(frozen=True, slots=True)
class Stack:
    """An archive with the built-in models, whose files have their turns by hand."""

    archive: Archive
    engine: FaceEngine
    settings: IngestSettings
    thresholds: Thresholds
    picture: Image

    @property
    def store(self) -> Store:
        return self.archive.store

    def arrive(self, path: bytes, date: str = DATE, content: bytes | None = None) -> None:
        """A file is there, and waits for its turn."""
        made = MAKERS[path](self.picture, date) if content is None else content
        seen = self.archive.write(path, made)
        with self.store.transaction():
            self.store.photos.wait(seen)

    def turn(self, path: bytes) -> str:
        """Take in a file as the daemon does; whether it was looked at."""
        seen = self.archive.seen(path)
        info = self.engine.info
        result = take_in(
            seen, self.archive.root, READER, self.engine, self.settings, NOW, known_contents(self.store, seen, info.id)
        )
        if isinstance(result, SamePhoto):
            if keep_same(self.store, result, self.thresholds) is not None:
                return "joined"
            result = take_in(seen, self.archive.root, READER, self.engine, self.settings, NOW)
        assert isinstance(result, TakenPhoto)
        keep(self.store, result, info.id, info.dim, self.thresholds)
        return "looked at"

    def take(self, *paths: bytes) -> list[str]:
        for path in paths:
            self.arrive(path)
        return [self.turn(path) for path in paths]

    def waiting(self) -> list[bytes]:
        return [seen.path for seen in self.store.photos.pending([self.archive.root.root_id], 99)]

    def id_of(self, path: bytes) -> PhotoId:
        known = self.store.photos.find(self.archive.root.root_id, path)
        assert known is not None
        return known.photo_id

    def faces(self) -> dict[bytes, list[Face]]:
        """Every face by the file that has it."""
        known = self.store.photos.known(self.archive.root.root_id)
        found = {path: self.store.faces.of_photo(photo.photo_id) for path, photo in known.items()}
        return {path: faces for path, faces in found.items() if faces}

    def face(self) -> tuple[bytes, Face]:
        """The only face, and where it is."""
        ((path, (face,)),) = self.faces().items()
        return path, face

    def name(self, name: str = "Ada") -> PersonId:
        """The user says whose the face is."""
        _, face = self.face()
        with self.store.transaction():
            person = self.store.people.add(name)
            self.store.journal.remember(NOW, f"it is {name}", [face.face_id], [person])
            self.store.people.say([Constraint(ConstraintKind.MUST_BE, face.face_id, person)])
            self.store.faces.give([face.face_id], person)
            self.store.medoids.replace(person, [face.face_id])
        return person

    def links(self) -> list[bytes]:
        """Where Ada's links lead to, with the tree brought up to date."""
        materialize(self.store, self.archive.tree)
        start = self.archive.photos + b"/"
        return [target.removeprefix(start) for path, target in links(self.archive.tree.path).items() if b"Ada/" in path]

    def lose(self, *paths: bytes) -> None:
        """Files go for good."""
        ids = [self.id_of(path) for path in paths]
        for path in paths:
            os.unlink(os.path.join(self.archive.photos, path))
        with self.store.transaction():
            self.store.photos.miss(ids)
            leave(self.store, ids)

    def discovery(self) -> Discovery:
        root = self.archive.root
        return Discovery(self.store, {root.root_id: root}, 0.0, 0.0, {root.root_id})


@pytest.fixture
def stack(
    archive: Archive,
    builtin_engine: FaceEngine,
    ingest_settings: IngestSettings,
    builtin_thresholds: Thresholds,
    picture: Image,
) -> Stack:
    info = builtin_engine.info
    with archive.store.transaction():
        archive.store.set_model(StoredModel(info.pack, info.id, info.dim, info.provider))
    return Stack(archive, builtin_engine, ingest_settings, builtin_thresholds, picture)


@pytest.mark.parametrize("other", [RAW, HEIC])
def test_the_other_file_is_read_and_not_looked_at(stack: Stack, other: bytes) -> None:
    """Its date is known, its faces are the JPEG's."""
    assert stack.take(JPG, other) == ["looked at", "joined"]
    assert stack.face()[0] == JPG
    assert stack.store.stacks.count() == 1
    assert {photo.seen.path: photo.date is not None for photo in stack.store.dates.dated()} == {JPG: True, other: True}
    known = stack.store.photos.find(1, other)
    assert known is not None
    assert known.is_up_to_date(stack.archive.seen(other).stat)


def test_accents_of_a_mac_and_of_others_are_the_same_name(stack: Stack) -> None:
    """A HEIC copied from a Mac beside a JPEG from elsewhere, whichever comes first, in a folder that a Mac named."""
    pairs = [
        ("E\u0301te\u0301/cafe\u0301.HEIC", "E\u0301te\u0301/café.jpg"),
        ("zoo/Été.heic", "zoo/E\u0301te\u0301.jpg"),
    ]
    for other, shown in pairs:
        stack.arrive(shown.encode(), content=jpeg(stack.picture))
        stack.arrive(other.encode(), content=heic(stack.picture))
    assert [stack.turn(shown.encode()) for _, shown in pairs] == ["looked at", "looked at"]
    assert [stack.turn(other.encode()) for other, _ in pairs] == ["joined", "joined"]
    assert stack.store.stacks.count() == 2


def test_what_comes_together_is_looked_at_once(stack: Stack) -> None:
    """Although the RAW has its turn first."""
    for path in (RAW, HEIC, JPG):
        stack.arrive(path)
    assert [stack.turn(path) for path in (RAW, HEIC, JPG)] == ["joined", "joined", "looked at"]
    assert stack.face()[0] == JPG


@pytest.mark.parametrize("first", [RAW, HEIC])
def test_a_jpeg_that_comes_later_takes_over_everything(stack: Stack, first: bytes) -> None:
    """The same face, the same person, the user's word, and one link; and the word can still be taken back."""
    stack.take(first)
    person = stack.name()
    _, before = stack.face()
    assert stack.links() == [first]
    assert stack.take(JPG) == ["looked at"]
    path, after = stack.face()
    assert (path, after.face_id, after.person_id, after.state) == (JPG, before.face_id, person, FaceState.CONFIRMED)
    assert stack.store.medoids.of(person) == [after.face_id]
    assert stack.links() == [JPG]
    with stack.store.transaction():
        stack.store.journal.take_back(1, NOW)
    assert stack.face()[1].state is FaceState.UNKNOWN


def test_a_link_moved_just_then_is_obeyed(stack: Stack) -> None:
    """The tree still shows the RAW while its faces are the JPEG's already."""
    stack.take(RAW)
    ada = stack.name()
    with stack.store.transaction():
        bob = stack.store.people.add("Bob")
    stack.links()
    stack.take(JPG)
    people = Path(os.fsdecode(stack.archive.tree.path))
    (link,) = [path for path in (people / "Ada").iterdir() if path.is_symlink() and path.name != "folder.jpg"]
    link.rename(people / "Bob" / link.name)
    materialize(stack.store, stack.archive.tree)
    _, face = stack.face()
    assert (face.person_id, face.confirmed) == (bob, True)
    said = {(word.kind, word.person_id) for word in stack.store.people.constraints()}
    assert said == {(ConstraintKind.MUST_BE, bob), (ConstraintKind.CANNOT_BE, ada)}


@pytest.mark.parametrize("heir", [RAW, HEIC])
def test_when_the_jpeg_goes_the_other_takes_over(stack: Stack, heir: bytes) -> None:
    """At once in the tree, with the face and the word, and after it was looked at still."""
    stack.take(JPG, heir)
    person = stack.name()
    _, before = stack.face()
    stack.lose(JPG)
    assert stack.links() == [heir]
    assert stack.waiting() == [heir]
    assert stack.turn(heir) == "looked at"
    path, after = stack.face()
    assert (path, after.face_id, after.person_id, after.confirmed) == (heir, before.face_id, person, True)
    assert stack.links() == [heir]
    # the preview is 1.2 times as large
    assert after.box.w == pytest.approx(before.box.w * (1.2 if heir == RAW else 1), rel=0.15)


def test_when_the_jpeg_comes_back_it_is_shown_again(stack: Stack) -> None:
    """As if nothing had happened."""
    stack.take(JPG, RAW)
    person = stack.name()
    _, before = stack.face()
    content = Path(os.fsdecode(os.path.join(stack.archive.photos, JPG))).read_bytes()
    stack.lose(JPG)
    stack.turn(RAW)
    seen = stack.archive.write(JPG, content)
    with stack.store.transaction():
        stack.discovery().see(seen, closed=True, now=NOW)
        stack.store.photos.wait(seen)
    assert stack.turn(JPG) == "looked at"
    path, after = stack.face()
    assert (path, after.face_id, after.person_id, after.confirmed) == (JPG, before.face_id, person, True)
    assert stack.links() == [JPG]
    assert stack.store.stacks.count() == 1


def test_a_tombstone_that_comes_back_as_it_was_is_looked_at_again(stack: Stack) -> None:
    """Its faces went to the RAW, so that it is not done by its being there: moved back from the wastebasket."""
    stack.take(JPG, RAW)
    stack.name()
    away = os.path.join(os.fsencode(stack.archive.folder), b"away")
    full = os.path.join(stack.archive.photos, JPG)
    os.rename(full, away)
    with stack.store.transaction():
        stack.store.photos.miss([stack.id_of(JPG)])
        leave(stack.store, [stack.id_of(JPG)])
    stack.turn(RAW)
    os.rename(away, full)
    with stack.store.transaction():
        stack.discovery().see(stack.archive.seen(JPG), closed=True, now=NOW + 10**9)
    assert stack.waiting() == [JPG]
    assert stack.turn(JPG) == "looked at"
    assert stack.face()[0] == JPG


def test_the_whole_stack_goes_and_the_raw_alone_comes_back(stack: Stack) -> None:
    """It is no part of anything, and has the user's word."""
    stack.take(JPG, RAW)
    person = stack.name()
    content = Path(os.fsdecode(os.path.join(stack.archive.photos, RAW))).read_bytes()
    stack.lose(JPG, RAW)
    assert stack.links() == []
    stack.arrive(RAW, content=content)
    assert stack.turn(RAW) == "looked at"
    path, face = stack.face()
    assert (path, face.person_id, face.confirmed) == (RAW, person, True)
    assert stack.links() == [RAW]


def test_a_jpeg_that_cannot_be_read_stands_for_nothing(stack: Stack) -> None:
    """The RAW, which had joined it, has its own turn."""
    stack.arrive(JPG, content=b"\xff\xd8\xff" + bytes(99))
    stack.arrive(RAW)
    assert stack.turn(RAW) == "joined"
    with stack.store.transaction():
        stack.store.photos.fail(stack.archive.seen(JPG), "damaged", NOW, passing=False)
        stand_down(stack.store, stack.archive.seen(JPG))
    assert stack.waiting() == [RAW]
    assert stack.turn(RAW) == "looked at"
    assert stack.face()[0] == RAW


def test_other_moments_are_other_photos(stack: Stack) -> None:
    """A camera has begun to number anew."""
    stack.arrive(JPG)
    stack.arrive(RAW, "2022:02:02 02:02:02")
    assert [stack.turn(JPG), stack.turn(RAW)] == ["looked at", "looked at"]
    assert set(stack.faces()) == {JPG, RAW}
    assert stack.store.stacks.count() == 0


def test_a_raw_that_joined_too_early_is_looked_at(stack: Stack) -> None:
    """Of a JPEG that waits for its turn the moment is not known yet."""
    stack.arrive(JPG)
    stack.arrive(RAW, "2022:02:02 02:02:02")
    assert stack.turn(RAW) == "joined"
    assert stack.turn(JPG) == "looked at"
    assert stack.waiting() == [RAW]
    assert stack.turn(RAW) == "looked at"
    assert set(stack.faces()) == {JPG, RAW}


def test_without_a_date_the_name_decides(stack: Stack) -> None:
    """Some programs strip the tags."""
    stack.arrive(JPG, "")
    stack.arrive(RAW)
    assert [stack.turn(JPG), stack.turn(RAW)] == ["looked at", "joined"]


def test_a_state_without_stacks_is_looked_through_once(stack: Stack) -> None:
    """Both files were taken in for themselves, and the user confirmed the RAW's face: the JPEG's is confirmed then."""
    stack.take(RAW)
    person = stack.name()
    moved = b"trip/other.JPG"
    stack.archive.write(moved, jpeg(stack.picture))
    stack.store.photos.wait(stack.archive.seen(moved))
    stack.turn(moved)
    with closing(sqlite3.connect(stack.archive.folder / "state" / DATABASE)) as db:
        db.execute("UPDATE photos SET path = ? WHERE path = ?", (JPG, moved))
        db.commit()
    os.rename(os.path.join(stack.archive.photos, moved), os.path.join(stack.archive.photos, JPG))
    assert len(stack.faces()) == 2
    assert list(meet_all(stack.store, stack.thresholds)) == [1]
    assert list(meet_all(stack.store, stack.thresholds)) == []
    path, face = stack.face()
    assert (path, face.person_id, face.confirmed) == (JPG, person, True)
    assert stack.store.medoids.of(person) == [face.face_id]
    assert stack.links() == [JPG]
    assert stack.store.stacks_are_told()


def _move(stack: Stack, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Rename files, and let the daemon see it."""
    discovery = stack.discovery()
    renamed = list(pairs)
    for old, new in renamed:
        full = os.path.join(stack.archive.photos, new)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.rename(os.path.join(stack.archive.photos, old), full)
    for _, new in renamed:
        with stack.store.transaction():
            discovery.see(stack.archive.seen(new), closed=True, now=NOW + 10**9)


@pytest.mark.parametrize("turned", [False, True])
def test_a_stack_that_moves_stays_one(stack: Stack, turned: bool) -> None:
    """Whichever file is seen first; nothing is looked at again."""
    stack.take(JPG, RAW)
    person = stack.name()
    _, before = stack.face()
    pairs = [(JPG, b"new/IMG_1.JPG"), (RAW, b"new/img_1.CR2")]
    _move(stack, reversed(pairs) if turned else pairs)
    assert stack.waiting() == [b"new/img_1.CR2"]
    assert stack.turn(b"new/img_1.CR2") == "joined"
    path, after = stack.face()
    assert (path, after.face_id, after.person_id) == (b"new/IMG_1.JPG", before.face_id, person)


def test_a_file_that_leaves_its_stack_is_a_photo_of_its_own(stack: Stack) -> None:
    """And one of a stack again when it is back, with nothing said twice."""
    stack.take(JPG, RAW)
    stack.name()
    _move(stack, [(RAW, b"raw/img_1.CR2")])
    assert stack.turn(b"raw/img_1.CR2") == "looked at"
    assert set(stack.faces()) == {JPG, b"raw/img_1.CR2"}
    _move(stack, [(b"raw/img_1.CR2", RAW)])
    assert stack.waiting() == [RAW]
    assert stack.turn(RAW) == "joined"
    assert stack.face()[0] == JPG
    assert stack.links() == [JPG]


def test_the_jpeg_leaves_with_the_faces(stack: Stack) -> None:
    """They are its; the RAW is looked at."""
    stack.take(JPG, RAW)
    stack.name()
    _, before = stack.face()
    _move(stack, [(JPG, b"best/IMG_1.JPG")])
    assert stack.waiting() == [RAW]
    assert stack.turn(RAW) == "looked at"
    faces = stack.faces()
    assert [face.face_id for face in faces[b"best/IMG_1.JPG"]] == [before.face_id]
    assert len(faces[RAW]) == 1


def test_a_disappearance_that_is_believed_hands_over(stack: Stack) -> None:
    """By the way that the daemon believes it."""
    stack.take(JPG, RAW)
    stack.name()
    os.unlink(os.path.join(stack.archive.photos, JPG))
    discovery = stack.discovery()
    with stack.store.transaction():
        stack.store.photos.absent([stack.id_of(JPG)], NOW, 1)
        for later in range(1, 4):
            discovery.recheck(stack.archive.root, Health.ONLINE, NOW + 100_000 * later)
    known = stack.store.photos.find(1, JPG)
    assert known is not None
    assert known.state is PhotoState.MISSING
    assert stack.links() == [RAW]


def test_a_person_is_counted_once(archive: Archive, builtin_thresholds: Thresholds) -> None:
    """Three files of two photos are two faces, an ignored one stays so; that links go is not the user's doing."""
    store = archive.store
    ada = store.people.add("Ada")
    for path in (b"1.jpg", b"1.nef", b"2.jpg"):
        archive.add(path, [(ada, unit(0))])
    photo = archive.add(b"2.nef", [(None, unit(0))])
    store.faces.ignore([face.face_id for face in store.faces.of_photo(photo)], ignored=True)
    with store.transaction():
        store.set_model(StoredModel("x", MODEL, 16, "cpu"))
    materialize(store, archive.tree)
    assert len([path for path in links(archive.tree.path) if path.startswith(b"Ada/")]) == 3
    assert list(meet_all(store, builtin_thresholds))
    assert materialize(store, archive.tree).gestures == ()
    assert [
        os.path.basename(target) for path, target in links(archive.tree.path).items() if path.startswith(b"Ada/")
    ] == [b"1.jpg"]
    (summary,) = store.people.summaries()
    assert (summary.faces, summary.photos) == (1, 1)
    assert {state: count for state, count in store.faces.counts().items() if count} == {
        FaceState.ASSIGNED: 1,
        FaceState.IGNORED: 1,
    }
    assert found_face(unit(0)).quality.poor == ""


def test_a_stack_in_the_running_daemon(tmp_path: Path, picture: Image) -> None:
    """RAW, JPEG and film are one link; a RAW is linked until its JPEG is there."""
    home = Home(tmp_path)
    for number in range(3):
        shot = np.asarray(cv2.convertScaleAbs(picture, alpha=1 + 0.03 * number), np.uint8)
        date = f"2019:08:17 12:34:{number:02d}"
        (home.album / f"IMG_{number}.DNG").write_bytes(raw(shot, date))
        (home.album / f"IMG_{number}.jpg").write_bytes(jpeg(shot, date))
        (home.album / f"IMG_{number}.MOV").write_bytes(b"a film")
    home.run("run", "--once")
    status = home.status()
    assert (status["photos"]["total"], status["stacked"], status["faces"]["total"]) == (6, 3, 3)
    assert "3 are shown as another: a RAW or HEIC beside its JPEG" in home.run("status", "-v").out
    assert home.links() == {"Person 1": {"IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"}}
    with home.watching():
        shot = np.asarray(cv2.convertScaleAbs(picture, alpha=0.96), np.uint8)
        (home.album / "IMG_9.DNG").write_bytes(raw(shot))
        wait_until(lambda: "IMG_9.DNG" in home.links()["Person 1"], 20, "the RAW is linked")
        (home.album / "img_9.JPG").write_bytes(jpeg(shot))
        wait_until(lambda: "img_9.JPG" in home.links()["Person 1"], 20, "the JPEG is linked")
        wait_until(lambda: "IMG_9.DNG" not in home.links()["Person 1"], 20, "the RAW is not")
    assert home.status()["faces"]["total"] == 4
