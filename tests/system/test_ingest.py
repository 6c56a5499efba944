"""A photo taken in by the real models, and taken in again: what is known of its faces survives what it should (R6)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import DIM, MODEL, NASTY_NAMES, NOW, READER, THRESHOLDS, Archive, found_face, unit

from facewatchd.core.intake.quality import QualityLimits
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.scope import InPool, Scope
from facewatchd.demo import ACTOR, ASTRONAUT, GROUP, _load
from facewatchd.domain import (
    Constraint,
    ConstraintKind,
    Embedding,
    Face,
    FaceEngine,
    FaceState,
    FileStat,
    FoundFace,
    Image,
    PersonId,
    PhotoId,
    SamePhoto,
    SeenFile,
    TakenPhoto,
)
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding.read import PhotoRead
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces, keep, keep_same, known_contents, take_in

pytest_plugins = "archive_fixtures"


@dataclass(frozen=True, slots=True)
class Ingest:
    """An archive with the built-in models."""

    archive: Archive
    engine: FaceEngine
    settings: IngestSettings
    thresholds: Thresholds

    def look(self, seen: SeenFile, *, known: bool = False) -> TakenPhoto | SamePhoto:
        contents = known_contents(self.archive.store, seen, self.engine.info.id) if known else frozenset[bytes]()
        return take_in(seen, self.archive.root, READER, self.engine, self.settings, NOW, contents)

    def keep(self, taken: TakenPhoto) -> Scope:
        return keep(self.archive.store, taken, self.engine.info.id, self.engine.info.dim, self.thresholds)

    def take(self, path: bytes, image: Image | None = None, quality: int = 92) -> list[Face]:
        """Write a photo, or leave it as it is, and take it in; its faces from left to right."""
        if image is not None:
            self.archive.write(path, encoded(image, quality))
        seen = self.archive.seen(path)
        taken = self.look(seen)
        assert isinstance(taken, TakenPhoto)
        self.keep(taken)
        return self.faces(path)

    def id_of(self, path: bytes) -> PhotoId:
        known = self.archive.store.photos.find(self.archive.root.root_id, path)
        assert known is not None
        return known.photo_id

    def faces(self, path: bytes) -> list[Face]:
        return sorted(self.archive.store.faces.of_photo(self.id_of(path)), key=lambda face: face.box.x)

    def introduce(self, name: str, face: Face) -> PersonId:
        """The user says whose face that is; it stands for the person."""
        store = self.archive.store
        with store.transaction():
            person = store.people.add(name)
            store.people.say([Constraint(ConstraintKind.MUST_BE, face.face_id, person)])
            store.faces.give([face.face_id], person)
            store.medoids.replace(person, [face.face_id])
        return person


@pytest.fixture
def ingest(
    archive: Archive, builtin_engine: FaceEngine, ingest_settings: IngestSettings, builtin_thresholds: Thresholds
) -> Ingest:
    return Ingest(archive, builtin_engine, ingest_settings, builtin_thresholds)


@pytest.fixture(scope="module")
def group() -> Image:
    """Six people, each of them good to see."""
    return _load(GROUP)


@pytest.fixture(scope="module")
def astronaut() -> Image:
    return _load(ASTRONAUT)


@pytest.fixture(scope="module")
def actor() -> Image:
    return _load(ACTOR)


def encoded(image: Image, quality: int = 92) -> bytes:
    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(jpeg)


def brighter(image: Image) -> Image:
    return np.asarray(cv2.convertScaleAbs(image, alpha=1.05, beta=8), np.uint8)


# --- first -----------------------------------------------------------------------------------------------------------


def test_a_photo_is_taken_in_with_all_its_faces(ingest: Ingest, group: Image) -> None:
    """Each with an embedding of these models; nobody is known yet."""
    faces = ingest.take(b"1.jpg", group)
    assert [face.state for face in faces] == [FaceState.UNKNOWN] * 6
    assert [face.similarity for face in faces] == [None] * 6
    table = ingest.archive.store.faces.good(ingest.engine.info.id)
    assert table.embeddings.shape == (6, ingest.engine.info.dim)
    assert np.allclose(np.linalg.norm(table.embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("size", "reads"), [(1.0, 1), (0.2, 2)], ids=["large faces", "small faces"])
def test_a_large_photo_is_decoded_no_larger_than_needed(ingest: Ingest, group: Image, size: float, reads: int) -> None:
    """Its faces are found in half of it; where they are small there, they are cut out of the whole."""
    canvas = np.full((4500, 6400, 3), 128, np.uint8)
    wide = np.asarray(cv2.resize(group, None, fx=5 * size, fy=5 * size, interpolation=cv2.INTER_CUBIC), np.uint8)
    canvas[: wide.shape[0], : wide.shape[1]] = wide[:4500]
    seen = ingest.archive.write(b"1.jpg", encoded(canvas))
    reader = CountingReader()
    settings = replace(ingest.settings, in_tiles=False)
    taken = take_in(seen, ingest.archive.root, reader, ingest.engine, settings, NOW)
    assert isinstance(taken, TakenPhoto)
    assert (taken.width, taken.height) == (6400, 4500)
    assert len(reader.reductions) == reads
    assert reader.reductions[0] == 2
    whole = find_faces(ingest.engine, canvas, ingest.settings.limits)
    assert len(taken.faces) == len(whole) == 6
    for face in taken.faces:
        twin = max(whole, key=lambda other: other.detection.box.overlap(face.detection.box))
        assert twin.detection.box.overlap(face.detection.box) > 0.85
        assert np.abs(twin.detection.landmarks - face.detection.landmarks).max() < 0.1 * twin.detection.box.w
        assert float(twin.embedding @ face.embedding) > 0.97


def test_a_large_photo_of_a_group_is_looked_at_in_full(ingest: Ingest, group: Image) -> None:
    """Tiles of half of it would show no more than the whole."""
    canvas = np.full((4500, 6400, 3), 128, np.uint8)
    canvas[: group.shape[0], : group.shape[1]] = group
    seen = ingest.archive.write(b"1.jpg", encoded(canvas))
    reader = CountingReader()
    settings = replace(ingest.settings, in_tiles=True)
    taken = take_in(seen, ingest.archive.root, reader, ingest.engine, settings, NOW)
    assert isinstance(taken, TakenPhoto)
    assert reader.reductions == [2, 1]
    decoded = READER.read(os.path.join(ingest.archive.photos, seen.path), seen.stat).decoded
    assert decoded is not None
    whole = find_faces(ingest.engine, decoded.image, settings.limits, in_tiles=True)
    assert [face.detection.box for face in taken.faces] == [face.detection.box for face in whole]


@dataclass
class CountingReader:
    """Reads here, and notes by how much each picture was reduced."""

    reductions: list[int] = field(default_factory=list)

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        found = READER.read(path, stat, known, enough)
        if found.decoded is not None:
            self.reductions.append(found.decoded.reduction)
        return found


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_photo_of_any_name_is_taken_in(ingest: Ingest, astronaut: Image, name: bytes) -> None:
    """Names are bytes (R9)."""
    assert len(ingest.take(b"sub/" + name, astronaut[:256, 100:356])) == 1


def test_a_known_face_is_assigned_to_its_person(ingest: Ingest, astronaut: Image, actor: Image) -> None:
    """The other's is not; the scope names whose folders change."""
    (face,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", face)
    seen = ingest.archive.write(b"2.jpg", encoded(brighter(astronaut[20:, 30:])))
    taken = ingest.look(seen)
    assert isinstance(taken, TakenPhoto)
    scope = ingest.keep(taken)
    photo = ingest.archive.store.photos.find(taken.seen.root_id, taken.seen.path)
    assert photo is not None
    assert scope == {ada, InPool(photo.photo_id)}
    (again,) = ingest.faces(b"2.jpg")
    assert (again.person_id, again.state) == (ada, FaceState.ASSIGNED)
    assert again.similarity is not None
    assert again.similarity >= ingest.thresholds.assign
    (other,) = ingest.take(b"3.jpg", actor)
    assert (other.person_id, other.state) == (None, FaceState.UNKNOWN)
    assert other.similarity is not None
    assert other.similarity < ingest.thresholds.assign


def test_two_faces_of_a_photo_are_never_one_person(ingest: Ingest, astronaut: Image) -> None:
    """Not even two that look the same: the other one is unknown."""
    (face,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", face)
    twins = ingest.take(b"2.jpg", np.hstack([astronaut, brighter(astronaut)]))
    assert len(twins) == 2
    assert {twin.person_id for twin in twins} == {ada, None}


def test_a_poor_face_is_never_assigned(ingest: Ingest, astronaut: Image) -> None:
    """However alike it is."""
    (face,) = ingest.take(b"1.jpg", astronaut)
    ingest.introduce("Ada", face)
    strict = replace(ingest, settings=poor_settings(ingest.settings))
    (poor,) = strict.take(b"2.jpg", astronaut[10:, 10:])
    assert (poor.person_id, poor.state) == (None, FaceState.POOR)
    assert "too small" in poor.poor


def poor_settings(settings: IngestSettings) -> IngestSettings:
    limits = settings.limits
    return replace(settings, limits=QualityLimits(limits.min_score, 5000, limits.min_sharpness, limits.max_turn))


def test_a_face_of_a_person_that_gets_poor_leaves(ingest: Ingest, astronaut: Image) -> None:
    """A photo saved anew too small, or stricter limits: only the user's word keeps it."""
    (sure,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", sure)
    (face,) = ingest.take(b"2.jpg", brighter(astronaut))
    assert face.person_id == ada
    strict = replace(ingest, settings=poor_settings(ingest.settings))
    (poor,) = strict.take(b"2.jpg")
    assert (poor.face_id, poor.person_id, poor.state) == (face.face_id, None, FaceState.POOR)
    (good,) = ingest.take(b"2.jpg")
    assert (good.face_id, good.person_id) == (face.face_id, ada)
    (still,) = strict.take(b"1.jpg")
    assert (still.face_id, still.person_id, still.state) == (sure.face_id, ada, FaceState.CONFIRMED)


def test_trouble_with_a_photo_is_told_and_nothing_is_kept(ingest: Ingest, astronaut: Image) -> None:
    """What may pass by itself, and what does not."""
    seen = ingest.archive.write(b"1.jpg", encoded(astronaut)[:5000])
    with pytest.raises(PhotoError) as caught:
        ingest.look(seen)
    assert not isinstance(caught.value, PhotoBusyError)
    ingest.archive.write(b"1.jpg", encoded(astronaut))
    with pytest.raises(PhotoBusyError):
        ingest.look(seen)
    assert ingest.archive.store.photos.known(1) == {}


# --- again -----------------------------------------------------------------------------------------------------------


def test_a_photo_saved_anew_keeps_its_faces(ingest: Ingest, group: Image) -> None:
    """Ids, people and the user's word: though every pixel differs, the faces are in their places and look the same."""
    store = ingest.archive.store
    before = ingest.take(b"1.jpg", group)
    ada, bob = ingest.introduce("Ada", before[0]), ingest.introduce("Bob", before[1])
    store.people.say([Constraint(ConstraintKind.CANNOT_BE, before[2].face_id, ada)])
    photo, said = ingest.id_of(b"1.jpg"), store.people.constraints()
    after = ingest.take(b"1.jpg", brighter(group), 75)
    assert ingest.id_of(b"1.jpg") == photo
    assert [face.face_id for face in after] == [face.face_id for face in before]
    assert [face.person_id for face in after] == [ada, bob, None, None, None, None]
    assert store.people.constraints() == said
    assert store.medoids.of(ada) == [before[0].face_id]
    assert np.abs(after[0].box.x - before[0].box.x) < 20


def test_faces_that_are_cut_off_go_and_the_others_stay(ingest: Ingest, group: Image) -> None:
    """A mask over the left half: the three on the right are who they were."""
    before = ingest.take(b"1.jpg", group)
    for number, face in enumerate(before):
        ingest.introduce(f"Person of note {number}", face)
    masked = group.copy()
    masked[:, :700] = 128
    after = ingest.take(b"1.jpg", masked)
    assert [face.face_id for face in after] == [face.face_id for face in before[3:]]
    assert [face.state for face in after] == [FaceState.CONFIRMED] * 3
    assert len(ingest.archive.store.people.constraints()) == 3


def test_another_person_at_the_same_place_is_another_person(ingest: Ingest, astronaut: Image, actor: Image) -> None:
    """A file overwritten by another picture does not hand the name over."""
    (before,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", before)
    (face,) = ingest.engine.detect(actor)
    (place,) = ingest.engine.detect(astronaut)
    scale = place.box.w / face.box.w
    affine = np.array(
        [[scale, 0, place.box.x - scale * face.box.x], [0, scale, place.box.y - scale * face.box.y]], np.float64
    )
    moved = np.asarray(cv2.warpAffine(actor, affine, (astronaut.shape[1], astronaut.shape[0])), np.uint8)
    (after,) = ingest.take(b"1.jpg", moved)
    assert after.box.overlap(before.box) > 0.6
    assert after.face_id != before.face_id
    assert after.person_id != ada
    assert ingest.archive.store.people.constraints() == []


def test_a_touched_photo_needs_no_look_at_its_faces(ingest: Ingest, astronaut: Image) -> None:
    """Nor one with other tags: the picture is the same, and only the file's own data are stored anew."""
    (before,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", before)
    path = os.path.join(ingest.archive.photos, b"1.jpg")
    os.utime(path, ns=(10**18, 10**18))
    seen = ingest.archive.seen(b"1.jpg")
    ingest.archive.store.photos.wait(seen)
    same = ingest.look(seen, known=True)
    assert isinstance(same, SamePhoto)
    assert keep_same(ingest.archive.store, same, ingest.thresholds) == {ada, None}
    assert ingest.faces(b"1.jpg") == [replace(before, person_id=ada, confirmed=True)]
    known = ingest.archive.store.photos.find(1, b"1.jpg")
    assert known is not None
    assert known.is_up_to_date(seen.stat)


def test_a_photo_moved_by_copying_keeps_everything(ingest: Ingest, astronaut: Image) -> None:
    """To another disk: another inode, another time, the same picture (R6); known or looked at in full."""
    (before,) = ingest.take(b"1.jpg", astronaut)
    ingest.introduce("Ada", before)
    photo = ingest.id_of(b"1.jpg")
    for number, known in enumerate((True, False), start=2):
        old, new = b"%d.jpg" % (number - 1), b"far/away/%d.jpg" % number if number == 2 else b"%d.jpg" % number
        old = b"far/away/2.jpg" if number == 3 else old
        content = Path(os.fsdecode(os.path.join(ingest.archive.photos, old))).read_bytes()
        seen = ingest.archive.write(new, content)
        os.unlink(os.path.join(ingest.archive.photos, old))
        ingest.archive.store.photos.wait(seen)
        ingest.archive.store.photos.absent([photo], NOW, 1)
        result = ingest.look(seen, known=known)
        if isinstance(result, SamePhoto):
            assert known
            keep_same(ingest.archive.store, result, ingest.thresholds)
        else:
            assert not known
            ingest.keep(result)
        assert ingest.id_of(new) == photo
        assert ingest.archive.store.photos.find(1, old) is None
        (face,) = ingest.faces(new)
        assert (face.face_id, face.state) == (before.face_id, FaceState.CONFIRMED)
    assert ingest.archive.store.photos.count(1) == 1


def test_a_copy_is_a_photo_of_its_own(ingest: Ingest, astronaut: Image) -> None:
    """While the original is there."""
    (before,) = ingest.take(b"1.jpg", astronaut)
    ada = ingest.introduce("Ada", before)
    shutil.copy(os.path.join(ingest.archive.photos, b"1.jpg"), os.path.join(ingest.archive.photos, b"2.jpg"))
    (copy,) = ingest.take(b"2.jpg")
    assert copy.face_id != before.face_id
    assert (copy.person_id, copy.confirmed) == (ada, False)
    assert ingest.archive.store.photos.count(1) == 2


def test_a_picture_that_turns_up_twice_is_one_of_them_only(ingest: Ingest, astronaut: Image) -> None:
    """Two copies, the original gone: the first to be kept is the original, the other has to be looked at."""
    (before,) = ingest.take(b"1.jpg", astronaut)
    content = Path(os.fsdecode(os.path.join(ingest.archive.photos, b"1.jpg"))).read_bytes()
    copies = [ingest.archive.write(b"%d.jpg" % number, content) for number in (2, 3)]
    os.unlink(os.path.join(ingest.archive.photos, b"1.jpg"))
    photo = ingest.id_of(b"1.jpg")
    ingest.archive.store.photos.absent([photo], NOW, 1)
    for seen in copies:
        ingest.archive.store.photos.wait(seen)
    first, second = (ingest.look(seen, known=True) for seen in copies)
    assert isinstance(first, SamePhoto)
    assert isinstance(second, SamePhoto)
    assert keep_same(ingest.archive.store, first, ingest.thresholds) is not None
    assert keep_same(ingest.archive.store, second, ingest.thresholds) is None
    assert {seen.path for seen in ingest.archive.store.photos.pending([1], 9)} == {b"3.jpg"}
    (face,) = ingest.take(b"3.jpg")
    assert ingest.id_of(b"2.jpg") == photo
    assert face.face_id != before.face_id


def test_what_other_models_saw_is_looked_at_anew(ingest: Ingest, astronaut: Image) -> None:
    """A picture is not known by its content where these models never looked."""
    ingest.take(b"1.jpg", astronaut)
    seen = ingest.archive.seen(b"1.jpg")
    picture = ingest.archive.store.photos.find_content(seen)
    assert picture in known_contents(ingest.archive.store, seen, ingest.engine.info.id)
    assert picture not in known_contents(ingest.archive.store, seen, "another model")


# --- with made-up embeddings: who is who -----------------------------------------------------------------------------


def keep_made_up(archive: Archive, path: bytes, faces: Sequence[FoundFace], model: str = MODEL) -> list[Face]:
    seen = archive.write(path)
    keep(archive.store, TakenPhoto(seen, os.urandom(32), 48, 32, None, tuple(faces)), model, DIM, THRESHOLDS)
    return archive.store.faces.of_photo(archive.store.photos.find(1, path).photo_id)  # type: ignore[union-attr]


@pytest.fixture
def people(archive: Archive) -> tuple[PersonId, PersonId]:
    """Ada and Bob, with a confirmed face each."""
    ids = []
    for number, name in enumerate(("Ada", "Bob")):
        (face,) = keep_made_up(archive, b"%d.jpg" % number, [found_face(unit(number))])
        ids.append(archive.store.people.add(name))
        archive.store.people.say([Constraint(ConstraintKind.MUST_BE, face.face_id, ids[-1])])
        archive.store.faces.give([face.face_id], ids[-1])
        archive.store.medoids.replace(ids[-1], [face.face_id])
    return ids[0], ids[1]


def between(first: int, second: int, share: float) -> Embedding:
    mixed = (1 - share) * unit(first) + share * unit(second)
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


def test_too_close_to_call_is_unknown(archive: Archive, people: tuple[PersonId, PersonId]) -> None:
    """The runner-up must be clearly less alike."""
    ada, _ = people
    faces = [found_face(between(0, 1, 0.49)), found_face(between(0, 1, 0.2), 1)]
    assert [face.person_id for face in keep_made_up(archive, b"x.jpg", faces)] == [None, ada]


def test_the_surer_of_two_alike_faces_is_the_person(archive: Archive, people: tuple[PersonId, PersonId]) -> None:
    """In whatever order they come."""
    ada, _ = people
    alike = [found_face(unit(0, 0.6), 0), found_face(unit(0, 0.1), 1)]
    assert [face.person_id for face in keep_made_up(archive, b"x.jpg", alike)] == [None, ada]
    alike.reverse()
    assert [face.person_id for face in keep_made_up(archive, b"y.jpg", alike)] == [ada, None]


def test_who_is_in_the_photo_already_is_nobody_else_in_it(archive: Archive, people: tuple[PersonId, PersonId]) -> None:
    """A new face beside one that was assigned before does not get its person, however alike."""
    ada, _ = people
    (first,) = keep_made_up(archive, b"x.jpg", [found_face(unit(0, 0.5), 0)])
    assert first.person_id == ada
    both = keep_made_up(archive, b"x.jpg", [found_face(unit(0), 1), found_face(unit(0, 0.5), 0)])
    assert {face.face_id: face.person_id for face in both} == {first.face_id: ada, both[1].face_id: None}


def test_a_refusal_holds_when_a_photo_is_taken_in_again(archive: Archive, people: tuple[PersonId, PersonId]) -> None:
    """The user said that it is not Ada."""
    ada, _ = people
    (face,) = keep_made_up(archive, b"x.jpg", [found_face(unit(0))])
    assert face.person_id == ada
    archive.store.people.say([Constraint(ConstraintKind.CANNOT_BE, face.face_id, ada)])
    archive.store.faces.give([face.face_id], None)
    (again,) = keep_made_up(archive, b"x.jpg", [found_face(unit(0, 0.01))])
    assert (again.face_id, again.person_id) == (face.face_id, None)


def test_who_is_ignored_stays_so_where_a_model_does_not_see_them(archive: Archive) -> None:
    """Seen again by the next, they are the same face, and not to be seen."""
    seen = archive.write(b"x.jpg")
    store, faces = archive.store, (found_face(unit(0)),)
    keep(store, TakenPhoto(seen, b"x", 48, 32, None, faces), MODEL, DIM, THRESHOLDS)
    (face,) = store.faces.of_photo(1)
    store.faces.ignore([face.face_id], ignored=True)
    for model, found in (("b", ()), (MODEL, faces)):
        keep(store, TakenPhoto(seen, b"x", 48, 32, None, found), model, DIM, THRESHOLDS)
        assert store.faces.ignored_in(1) == [face.face_id]


def test_another_model_finds_the_faces_by_their_places(archive: Archive, people: tuple[PersonId, PersonId]) -> None:
    """Looks cannot be compared then; people keep their names, new faces are compared with what these models saw."""
    ada, bob = people
    before = keep_made_up(archive, b"x.jpg", [found_face(unit(0), 0), found_face(unit(1), 1)])
    after = keep_made_up(
        archive, b"x.jpg", [found_face(unit(5), 0), found_face(unit(6), 1), found_face(unit(0), 2)], "b"
    )
    assert [face.face_id for face in after[:2]] == [face.face_id for face in before]
    assert [face.person_id for face in after] == [ada, bob, None]
    keep_made_up(archive, b"0.jpg", [found_face(unit(5))], "b")
    (new,) = keep_made_up(archive, b"y.jpg", [found_face(unit(5, 0.1))], "b")
    assert new.person_id == ada


def test_a_photo_is_kept_whole_or_not_at_all(archive: Archive) -> None:
    """An error in the midst of it leaves what was."""
    before = keep_made_up(archive, b"x.jpg", [found_face(unit(0), 0)])
    broken = found_face(np.ones(DIM // 2, np.float32), 1)
    with pytest.raises(ValueError, match="mismatch"):
        keep_made_up(archive, b"x.jpg", [found_face(unit(0), 0), broken])
    assert archive.store.faces.of_photo(1) == before
    with pytest.raises(ValueError, match="mismatch"):
        keep_made_up(archive, b"y.jpg", [broken])
    assert archive.store.photos.find(1, b"y.jpg") is None
