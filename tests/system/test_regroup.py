"""Grouping the demo album anew with the real models: who is who, and the user's word outlives it."""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from helpers import DIM, MODEL, NOW, THRESHOLDS, Archive, found_face, jpeg, unit
from plain import materialize

from facewatchd import demo
from facewatchd.config import Config
from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.gestures import Founded
from facewatchd.corrections.apply import apply as apply_correction
from facewatchd.corrections.gestures import apply_gestures
from facewatchd.corrections.records import Merge, Rename
from facewatchd.domain import (
    Constraint,
    ConstraintKind,
    Embedding,
    FaceEngine,
    FaceId,
    FaceState,
    PersonId,
    PhotoId,
    TakenPhoto,
)
from facewatchd.neighbours.keep import FILE
from facewatchd.pipeline.grouping import regroup
from facewatchd.pipeline.grouping.regroup import Regrouping, apply, compute, decide, regroup_settings, take_snapshot
from facewatchd.pipeline.intake.ingest import keep
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"

LATER = NOW + 86_400


@dataclass(frozen=True, slots=True)
class Album:
    """A state with photos of the demo album, and what is true of it."""

    store: Store
    model: str
    dim: int
    thresholds: Thresholds
    root: bytes
    truth: dict[bytes, list[tuple[str, float, float]]]

    def add(self, photos: Sequence[TakenPhoto]) -> None:
        for taken in photos:
            keep(self.store, taken, self.model, self.dim, self.thresholds)

    @property
    def settings(self) -> ReclusterSettings:
        return regroup_settings(Config(), self.thresholds)

    def plan(self, settings: ReclusterSettings | None = None) -> Regrouping:
        snapshot = take_snapshot(self.store, self.model, settings or self.settings)
        return decide(self.store, snapshot, compute(snapshot), self.thresholds)

    def regroup(self, settings: ReclusterSettings | None = None) -> Regrouping:
        regrouping = self.plan(settings)
        apply(self.store, regrouping, LATER, 0.5)
        return regrouping

    def people(self) -> dict[FaceId, PersonId]:
        """Whose each good face is, 0 for nobody."""
        table = self.store.faces.good(self.model)
        return dict(zip(table.faces.tolist(), table.people.tolist(), strict=True))

    def who(self) -> dict[FaceId, str]:
        """Whose each good face really is."""
        found = {}
        people = self.people()
        for exported, _ in self.store.faces.exported(self.model):
            box = exported.face.box
            for name, x, y in self.truth[os.path.relpath(exported.photo, self.root)]:
                if box.x < x < box.x + box.w and box.y < y < box.y + box.h and exported.face.face_id in people:
                    found[exported.face.face_id] = name
        return found

    def purity(self) -> tuple[float, float]:
        """Share of assigned faces that belong to the majority of their person; share of faces assigned at all."""
        who, people = self.who(), self.people()
        groups: dict[PersonId, Counter[str]] = {}
        for face, person in people.items():
            if person and face in who:
                groups.setdefault(person, Counter())[who[face]] += 1
        right = sum(group.most_common(1)[0][1] for group in groups.values())
        assigned = sum(sum(group.values()) for group in groups.values())
        return right / assigned, assigned / len(who)


@pytest.fixture(scope="module")
def truth() -> dict[bytes, list[tuple[str, float, float]]]:
    """Who is where in each photo of the demo album, as it was made: the middle of each face, in pixels."""
    rng = random.Random(demo.SEED)
    sources = {source: demo._load(source) for source in (*demo.FACES, *demo.NO_FACES)}
    shots = list(demo._shots(rng, sources))
    rng.shuffle(shots)
    kinds = [kind for kind, weight in demo.DATE_KINDS.items() for _ in range(weight)]
    found = {}
    for index, shot in enumerate(shots):
        taken = datetime(2014, 1, 1) + timedelta(seconds=rng.randrange(10 * 365 * 86400))  # noqa: DTZ001
        path = demo._name(rng, taken, kinds[index % len(kinds)], index)
        boxes = demo.FACES.get(shot.source, ())
        middles = [shot.affine @ (box.x + box.w / 2, box.y + box.h / 2, 1) for box in boxes]
        found[os.fsencode(path)] = [
            (f"{shot.source[1]} {number}", float(x), float(y)) for number, (x, y) in enumerate(middles)
        ]
    return found


@pytest.fixture
def album(
    tmp_path: Path,
    demo_album: Path,
    builtin_engine: FaceEngine,
    builtin_thresholds: Thresholds,
    truth: dict[bytes, list[tuple[str, float, float]]],
) -> Iterator[Album]:
    """An empty state that knows where the demo album is."""
    with Store(tmp_path / "state") as store:
        root = store.roots.ensure(os.path.realpath(os.fsencode(demo_album)))
        assert root.root_id == 1
        yield Album(store, builtin_engine.info.id, builtin_engine.info.dim, builtin_thresholds, root.path, truth)


def by_person(people: dict[FaceId, PersonId]) -> dict[PersonId, set[FaceId]]:
    groups: dict[PersonId, set[FaceId]] = {}
    for face, person in people.items():
        if person:
            groups.setdefault(person, set()).add(face)
    return groups


def dump(store: Store) -> list[str]:
    with closing(sqlite3.connect(store.path)) as db:
        return list(db.iterdump())


# --- who is who ------------------------------------------------------------------------------------------------------


def test_the_demo_album_falls_into_its_people(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """Nobody shares a person with anybody else, nearly all faces are somebody's, and few people have two folders."""
    album.add(demo_taken)
    regrouping = album.regroup()
    purity, assigned = album.purity()
    assert purity == 1.0
    assert assigned >= 0.85
    assert 8 <= regrouping.people <= 11
    assert regrouping.new_people == regrouping.people
    assert regrouping.moved == 0
    assert regrouping.unknown == sum(person == 0 for person in album.people().values())
    last = album.store.last_recluster()
    assert last is not None
    assert (last.at, last.seconds, last.faces, last.people) == (
        LATER,
        0.5,
        len(album.people()),
        regrouping.people,
    )


def test_two_faces_of_a_photo_are_two_people(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """In every photo of the group."""
    album.add(demo_taken)
    album.regroup()
    table = album.store.faces.good(album.model)
    pairs = [
        (photo, person) for photo, person in zip(table.photos.tolist(), table.people.tolist(), strict=True) if person
    ]
    assert len(set(pairs)) == len(pairs)


def test_every_person_has_medoids_of_their_own(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """Members of the person, one a cluster."""
    album.add(demo_taken)
    album.regroup()
    people = album.people()
    for person in by_person(people):
        medoids = album.store.medoids.of(person)
        assert medoids
        assert {people[face] for face in medoids} == {person}
    assert len(album.store.medoids.gallery_index(album.model, album.dim).people) >= len(by_person(people))


def test_grouping_again_changes_nothing(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """The same photos, the same people, with the same ids."""
    album.add(demo_taken)
    album.regroup()
    before = album.people()
    again = album.regroup()
    assert album.people() == before
    assert (again.new_people, again.moved) == (0, 0)


def test_people_keep_their_ids_when_photos_come(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """Two thirds of the album first, then the rest: whoever was there is who they were."""
    album.add(demo_taken[::3] + demo_taken[1::3])
    album.regroup()
    before = album.people()
    album.add(demo_taken[2::3])
    album.regroup()
    after = album.people()
    assert album.purity()[0] == 1.0
    stayed = [face for face, person in before.items() if person and after[face] == person]
    assert len(stayed) >= 0.95 * sum(1 for person in before.values() if person)
    largest = max(by_person(before).values(), key=len)
    assert len({after[face] for face in largest}) == 1


def test_photos_may_come_in_any_order(album: Album, demo_taken: list[TakenPhoto], tmp_path: Path) -> None:
    """The people are the same groups."""
    album.add(demo_taken)
    album.regroup()
    other_store = Store(tmp_path / "other")
    with other_store:
        other_store.roots.ensure(album.root)
        other = replace(album, store=other_store)
        other.add(demo_taken[::-1])
        other.regroup()
        assert partition(other) == partition(album)


def partition(album: Album) -> set[frozenset[tuple[bytes, float]]]:
    """The groups of faces, by photo and place."""
    groups: dict[PersonId, set[tuple[bytes, float]]] = {}
    for exported, _ in album.store.faces.exported(album.model):
        if exported.face.person_id is not None:
            groups.setdefault(exported.face.person_id, set()).add((exported.photo, exported.face.box.x))
    return {frozenset(group) for group in groups.values()}


# --- the user's word -------------------------------------------------------------------------------------------------


def test_a_name_stays(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """With its person and most of their faces, under other parameters too, and is never lost."""
    album.add(demo_taken)
    album.regroup()
    groups = by_person(album.people())
    for person in groups:
        apply_correction(album.store, Rename(person, f"Number {person}"))
    for link in (0.0, 0.02, -0.03, 0.5):
        album.regroup(replace(album.settings, link=album.settings.link + link))
        found = by_person(album.people())
        for person, faces in groups.items():
            name = album.store.people.get(person)
            assert name is not None
            assert name.name == f"Number {person}"
            assert found.get(person, set()) & faces


def test_a_merge_outlives_reclustering(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """With whatever parameters: two who are one stay one, though they look like two."""
    album.add(demo_taken)
    album.regroup()
    groups = by_person(album.people())
    # two who are never seen together: where they are, at most one of the two faces can be the person's
    one, other = next(
        (one, other)
        for one, other in itertools.combinations(sorted(groups, key=lambda person: -len(groups[person])), 2)
        if not {*photos_of(album, groups[one]).values()} & {*photos_of(album, groups[other]).values()}
    )
    apply_correction(album.store, Merge(one, other))
    for link in (0.0, 0.02, -0.02, 0.2):
        album.regroup(replace(album.settings, link=album.settings.link + link))
        people = album.people()
        assert {people[face] for face in groups[one]} == {other}
        assert one not in people.values()
        if link <= 0:
            assert {people[face] for face in groups[other]} == {other}
        assert album.store.medoids.of(one) == []


def photos_of(album: Album, faces: set[FaceId]) -> dict[FaceId, PhotoId]:
    table = album.store.faces.good(album.model)
    return {
        face: photo for face, photo in zip(table.faces.tolist(), table.photos.tolist(), strict=True) if face in faces
    }


def test_a_refusal_holds(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """However alike the face is: it is not that person's, now and after any reclustering."""
    album.add(demo_taken)
    album.regroup()
    groups = by_person(album.people())
    person, faces = max(groups.items(), key=lambda item: len(item[1]))
    refused = sorted(faces)[:2]
    for face in refused:
        album.store.people.say([Constraint(ConstraintKind.CANNOT_BE, face, person)])
        album.store.faces.give([face], None)
    for link in (0.0, -0.02, 0.01):
        album.regroup(replace(album.settings, link=album.settings.link + link))
        people = album.people()
        assert person not in {people[face] for face in refused}
        assert {people[face] for face in faces - set(refused)} == {person}


def test_one_corrected_face_takes_nobody_along(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """The user moved one link: that face is who the user says, and all the others stay whose they are."""
    album.add(demo_taken)
    album.regroup()
    groups = by_person(album.people())
    one, other, *_ = sorted(groups, key=lambda person: -len(groups[person]))
    table = photos_of(album, groups[one] | groups[other])
    theirs = {table[face] for face in groups[other]}
    face = next(face for face in sorted(groups[one]) if table[face] not in theirs)
    album.store.people.say(
        [Constraint(ConstraintKind.MUST_BE, face, other), Constraint(ConstraintKind.CANNOT_BE, face, one)]
    )
    album.store.faces.give([face], other)
    for link in (0.0, -0.005):
        album.regroup(replace(album.settings, link=album.settings.link + link))
        people = album.people()
        assert people[face] == other
        assert {people[rest] for rest in groups[one] - {face}} == {one}
        (confirmed,) = [f for f in album.store.faces.of_person(other) if f.face_id == face]
        assert confirmed.state is FaceState.CONFIRMED


# --- between snapshot and decision -----------------------------------------------------------------------------------


def test_what_happens_meanwhile_counts(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """Clusters are computed from a snapshot; photos that came, changed, moved or went since are no error."""
    album.add(demo_taken[:45])
    album.regroup()
    groups = by_person(album.people())
    one, other, *_ = sorted(groups)
    snapshot = take_snapshot(album.store, album.model, album.settings)
    labels = compute(snapshot)
    album.add(demo_taken[45:])
    apply_correction(album.store, Merge(one, other))
    photos = sorted(set(snapshot.ties.photo.tolist()))
    album.store.faces.replace(photos[0], [], [], album.model)  # changed: no face in it any more
    album.store.photos.miss([photos[1]])
    with closing(sqlite3.connect(album.store.path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM photos WHERE photo_id = ?", (photos[2],))
        db.commit()
    came = set(album.people()) - set(snapshot.faces.tolist())
    untouched = {face: person for face, person in album.people().items() if face in came}
    apply(album.store, decide(album.store, snapshot, labels, album.thresholds), LATER, 1.0)
    people = album.people()
    assert {face: people[face] for face in came} == untouched
    assert one not in people.values()
    merged = [face for face in groups[one] | groups[other] if face in people]
    assert {people[face] for face in merged} == {other}
    album.regroup()
    assert album.purity()[0] >= 0.8  # two people were merged


def test_a_large_archive_is_grouped_by_the_graph_that_is_kept(
    album: Album, demo_taken: list[TakenPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the same people, also as photos come; the same state gives the same result; a plan leaves no file behind."""
    album.add(demo_taken[:50])
    exact = whose(album.plan())
    monkeypatch.setattr(regroup, "EXACT_FACES", 20)
    file = album.store.path.with_name(FILE)
    snapshot = take_snapshot(album.store, album.model, album.settings, keep=False)
    assert whose(decide(album.store, snapshot, compute(snapshot), album.thresholds)) == exact
    assert not file.exists()
    assert whose(album.plan()) == exact
    kept = file.stat()
    assert whose(album.plan()) == exact
    assert file.stat().st_mtime_ns == kept.st_mtime_ns
    album.add(demo_taken[50:])
    by_graph = whose(album.plan())
    assert file.stat().st_mtime_ns != kept.st_mtime_ns
    monkeypatch.undo()
    assert by_graph == whose(album.plan())


def whose(regrouping: Regrouping) -> dict[FaceId, PersonId | None]:
    return {face: assignment.person_id for face, assignment in regrouping.assignments.items()}


def test_everything_may_be_gone_meanwhile(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """Even all of it."""
    album.add(demo_taken[:20])
    snapshot = take_snapshot(album.store, album.model, album.settings)
    labels = compute(snapshot)
    with closing(sqlite3.connect(album.store.path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM photos")
        db.commit()
    regrouping = decide(album.store, snapshot, labels, album.thresholds)
    apply(album.store, regrouping, LATER, 1.0)
    assert (regrouping.people, regrouping.moved, regrouping.unknown) == (0, 0, 0)


def test_an_empty_state_can_be_grouped(album: Album) -> None:
    """Into nobody."""
    regrouping = album.regroup()
    assert (regrouping.people, regrouping.new_people, regrouping.unknown) == (0, 0, 0)


def test_a_plan_changes_nothing(album: Album, demo_taken: list[TakenPhoto]) -> None:
    """`recluster --dry-run`: also from a reader beside the daemon, and with figures that come true."""
    album.add(demo_taken)
    before = dump(album.store)
    with Store(album.store.path.parent, read_only=True) as reader:
        planned = replace(album, store=reader).plan()
    assert dump(album.store) == before
    done = album.regroup()
    assert (planned.people, planned.new_people, planned.moved, planned.unknown) == (
        done.people,
        done.new_people,
        done.moved,
        done.unknown,
    )


# --- with made-up embeddings -----------------------------------------------------------------------------------------


def small_regroup(archive: Archive, link: float = 0.7, thresholds: Thresholds = THRESHOLDS) -> Regrouping:
    settings = ReclusterSettings(2, 2, link, 0.0, allow_same_photo=thresholds.allow_same_photo)
    snapshot = take_snapshot(archive.store, MODEL, settings)
    regrouping = decide(archive.store, snapshot, compute(snapshot), thresholds)
    apply(archive.store, regrouping, LATER, 1.0)
    return regrouping


def test_people_whose_photos_are_away_are_still_known(archive: Archive) -> None:
    """Their disk is unmounted for long, or they were deleted by mistake: new photos of them find their person."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg", b"3.jpg"])
    archive.person("Bob", [b"4.jpg", b"5.jpg", b"6.jpg"], 1)
    small_regroup(archive)
    medoids = archive.store.medoids.of(ada)
    assert medoids
    archive.store.photos.miss([1, 2, 3])
    small_regroup(archive)
    assert archive.store.medoids.of(ada) == medoids
    seen = archive.write(b"7.jpg")
    keep(archive.store, TakenPhoto(seen, b"new", 9, 9, None, (found_face(unit(0)),)), MODEL, DIM, THRESHOLDS)
    assert [face.person_id for face in archive.store.faces.of_photo(7)] == [ada]
    small_regroup(archive)
    assert [face.person_id for face in archive.store.faces.of_photo(7)] == [ada]


def test_a_hidden_person_stays_hidden_when_too_few_faces_are_left(archive: Archive) -> None:
    """Whom the user does not want to see is not back in the pool because a photo was deleted."""
    with archive.store.transaction():
        somebody = archive.store.people.add()
    for path in (b"1.jpg", b"2.jpg"):
        archive.add(path, [(somebody, unit(3))])
    small_regroup(archive)
    archive.store.people.hide(somebody, hidden=True)
    archive.store.photos.miss([1])
    for _ in range(2):
        small_regroup(archive)
        (face,) = archive.store.faces.of_photo(2)
        assert (face.person_id, face.state) == (somebody, FaceState.IGNORED)


def test_a_medoid_that_went_to_somebody_else_is_not_kept(archive: Archive) -> None:
    """Nobody is stood for by a face of another."""
    ada = archive.person("Ada", [b"1.jpg"])
    bob = archive.person("Bob", [b"2.jpg", b"3.jpg"], 1)
    (face,) = archive.faces_of(ada)
    archive.store.medoids.replace(ada, [face])
    archive.store.people.say([Constraint(ConstraintKind.MUST_BE, face, bob)])
    archive.store.faces.give([face], bob)
    small_regroup(archive)
    assert archive.store.medoids.of(ada) == []
    assert set(archive.store.medoids.of(bob)) <= set(archive.faces_of(bob))


def test_other_models_faces_are_left_out(archive: Archive) -> None:
    """They are in no cluster, and stay whose they are."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    photo = archive.add(b"4.jpg", [(ada, unit(0))])
    (other,) = archive.store.faces.of_photo(photo)
    archive.store.faces.replace(photo, [found_face(unit(0))], [other.face_id], "another model")
    snapshot = take_snapshot(archive.store, MODEL, ReclusterSettings(2, 2, 0.7, 0.0))
    assert snapshot.faces.tolist() == [1, 2]
    small_regroup(archive)
    assert [face.person_id for face in archive.store.faces.of_photo(photo)] == [ada]


# --- poor faces


def test_a_poor_face_joins_and_does_not_lead(archive: Archive) -> None:
    """It is in no cluster, but whose it clearly is; it is nobody's medoid and nobody's cover, however good it looks."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    photo = archive.add(b"3.jpg", [(None, unit(0, 0.3))], poor="blurred", quality=0.9)
    archive.add(b"4.jpg", [(None, unit(9))], poor="blurred")
    archive.add(b"5.jpg", [(None, unit(9))], poor="blurred")
    regrouping = small_regroup(archive)
    (joined,) = archive.store.faces.of_photo(photo)
    assert (joined.person_id, joined.cluster_id, joined.state) == (ada, None, FaceState.ASSIGNED)
    assert joined.face_id not in archive.store.medoids.of(ada)
    assert archive.store.people.cover(ada) in {1, 2}
    assert [face.state for number in (4, 5) for face in archive.store.faces.of_photo(number)] == [FaceState.POOR] * 2
    counts = archive.store.faces.counts()
    assert (counts[FaceState.ASSIGNED], counts[FaceState.UNKNOWN], counts[FaceState.POOR]) == (3, 0, 2)
    assert (regrouping.people, regrouping.faces, regrouping.unknown) == (1, 2, 0)
    last = archive.store.last_recluster()
    assert last is not None
    assert last.faces == archive.store.faces.count_good(MODEL) == 2


def test_poor_faces_never_outnumber_good_ones(archive: Archive) -> None:
    """Bad pictures look alike: a person whom more of them resemble than good ones is joined by none."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    for number in (3, 4):
        archive.add(b"%d.jpg" % number, [(None, unit(0))], poor="blurred")
    small_regroup(archive)
    assert archive.faces_of(ada) == [1, 2, 3, 4]
    archive.add(b"5.jpg", [(None, unit(0))], poor="blurred")
    small_regroup(archive)
    assert archive.faces_of(ada) == [1, 2]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_good_face_of_the_photo_comes_first(archive: Archive, *, allowed: bool) -> None:
    """Two faces of a photo are two people, unless that is allowed, and a poor one is never the one that stays."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    photo = archive.add(b"3.jpg", [(None, unit(0, 0.5))])
    found = (found_face(unit(0), 0, "blurred"), found_face(unit(0, 0.5), 1))
    (old,) = archive.store.faces.of_photo(photo)
    archive.store.faces.replace(photo, found, [None, old.face_id], MODEL)
    small_regroup(archive, thresholds=replace(THRESHOLDS, allow_same_photo=allowed))
    owners = {bool(face.poor): face.person_id for face in archive.store.faces.of_photo(photo)}
    assert owners == {True: ada if allowed else None, False: ada}


def test_the_users_word_about_a_poor_face(archive: Archive) -> None:
    """It is not whom the user refused, and is whom the user confirmed; then nobody else in the photo is that person."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg", b"3.jpg"])
    bob = archive.person("Bob", [b"4.jpg", b"5.jpg"], 1)
    refused = archive.add(b"6.jpg", [(None, unit(0))], poor="blurred")
    confirmed = archive.add(b"7.jpg", [(None, unit(0))])
    (good,) = archive.store.faces.of_photo(confirmed)
    found = (found_face(unit(0), 0), found_face(unit(1), 1, "blurred"))
    _, poor = archive.store.faces.replace(confirmed, found, [good.face_id, None], MODEL)
    (other,) = archive.store.faces.of_photo(refused)
    archive.store.people.say(
        [
            Constraint(ConstraintKind.CANNOT_BE, other.face_id, ada),
            Constraint(ConstraintKind.MUST_BE, poor, ada),
        ]
    )
    archive.store.faces.give([poor], ada)
    for _ in range(2):
        small_regroup(archive)
        assert [face.person_id for face in archive.store.faces.of_photo(refused)] == [None]
        owners = {face.face_id: (face.person_id, face.state) for face in archive.store.faces.of_photo(confirmed)}
        assert owners == {good.face_id: (None, FaceState.UNKNOWN), poor: (ada, FaceState.CONFIRMED)}
        assert set(archive.faces_of(bob)) == {4, 5}
        assert poor not in archive.store.medoids.of(ada)


def test_somebody_made_of_poor_faces_alone_has_neither_medoid_nor_cover(archive: Archive) -> None:
    """The user says who they are; nobody else is found by them."""
    one, two = (archive.add(name, [(None, unit(5))], poor="blurred") for name in (b"1.jpg", b"2.jpg"))
    apply_gestures(archive.store, [Founded(b"Cyd", ((one, None), (two, None)))], NOW)
    (cyd,) = archive.store.people.named()
    archive.add(b"3.jpg", [(None, unit(5))])
    for _ in range(2):
        assert archive.store.medoids.of(cyd.person_id) == []
        assert archive.store.people.cover(cyd.person_id) is None
        assert archive.faces_of(cyd.person_id) == [1, 2]
        small_regroup(archive)


def test_a_face_that_becomes_poor_stands_for_nobody(archive: Archive) -> None:
    """The photo was saved anew, smaller: its face leaves, and is no medoid any more, before the next grouping too."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    small_regroup(archive)
    (medoid,) = archive.store.medoids.of(ada)
    (path,) = [f"{n}.jpg".encode() for n in (1, 2) if medoid == n]
    taken = TakenPhoto(archive.seen(path), b"smaller", 9, 9, None, (found_face(unit(0), poor="too small"),))
    keep(archive.store, taken, MODEL, DIM, THRESHOLDS)
    assert archive.store.medoids.of(ada) == []
    assert medoid not in archive.faces_of(ada)


def test_a_poor_face_that_joined_stays_when_its_photo_is_taken_in_again(archive: Archive) -> None:
    """Nothing about it has changed."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    archive.add(b"3.jpg", [(None, unit(0))], poor="blurred")
    small_regroup(archive)
    taken = TakenPhoto(archive.seen(b"3.jpg"), b"again", 9, 9, None, (found_face(unit(0), poor="blurred"),))
    assert ada in keep(archive.store, taken, MODEL, DIM, THRESHOLDS)
    assert archive.faces_of(ada) == [1, 2, 3]


def test_what_is_left_over_goes_to_whom_it_resembles(archive: Archive) -> None:
    """A face of no cluster, like enough to a medoid; not where the person is in the photo already."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg", b"3.jpg"])
    archive.add(b"4.jpg", [(None, unit(0, 0.78, 5))])
    archive.add(b"5.jpg", [(None, unit(0)), (None, unit(0, 0.78, 6))])
    archive.add(b"6.jpg", [(None, unit(0, 1.2, 7))])
    small_regroup(archive, link=0.9)
    owners = {photo: [face.person_id for face in archive.store.faces.of_photo(photo)] for photo in (4, 5, 6)}
    assert owners == {4: [ada], 5: [ada, None], 6: [None]}


# --- copies of a picture

CONFLICTS = [
    b"a.jpg",
    b"a.sync-conflict-20240101-120000-ABCDEFG.jpg",
    b"a (conflicted copy 2024-01-01).jpg",
    b"a (1).jpg",
    b"backup/a.jpg",
]


def add_copies(archive: Archive, *faces: tuple[PersonId | None, Embedding]) -> list[PhotoId]:
    """One picture many times, once with other tags, as a sync program may leave it when two computers have changed it."""
    picture = jpeg(1)
    tagged = picture[:2] + b"\xff\xfe\x00\x07hello" + picture[2:]
    return [archive.add(path, faces, content=tagged if b"sync-conflict" in path else picture) for path in CONFLICTS]


def how_many(archive: Archive) -> Counter[PersonId]:
    """Everybody's faces, 0 for nobody."""
    return Counter(archive.store.faces.good(MODEL).people.tolist())


def test_one_picture_many_times_makes_nobody(archive: Archive) -> None:
    """However often it is there: what differs counts. One more picture, and somebody has all of them."""
    add_copies(archive, (None, unit(0)), (None, unit(1)))
    assert small_regroup(archive).people == 0
    assert how_many(archive) == {0: 10}
    archive.add(b"b.jpg", [(None, unit(0))])
    regrouping = small_regroup(archive)
    assert regrouping.people == 1
    assert len(regrouping.assignments) == 11
    assert [len(faces) for faces in regrouping.medoids.values()] == [1]
    assert sorted(how_many(archive).values()) == [5, 6]
    # grouping again changes nothing
    again = small_regroup(archive)
    assert (again.moved, again.new_people) == (0, 0)
    assert sorted(how_many(archive).values()) == [5, 6]


def test_somebody_made_of_copies_is_nobody_at_the_next_grouping(archive: Archive) -> None:
    """As a state may be that was made before copies were told; who has a name keeps them."""
    store = archive.store
    with store.transaction():
        nobody, ada = store.people.add(), store.people.add("Ada")
    add_copies(archive, (nobody, unit(0)), (ada, unit(1)))
    assert small_regroup(archive).moved == 5
    assert how_many(archive) == {0: 5, ada: 5}


def test_the_users_word_about_a_copy_is_about_that_file(archive: Archive) -> None:
    """A link that the user has deleted stays away, though the same picture is elsewhere; one confirmed stays."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    add_copies(archive, (ada, unit(0)))
    store = archive.store
    first, refused, confirmed, *_ = archive.faces_of(ada)[2:]
    with store.transaction():
        store.people.refuse([refused], ada)
        store.people.say([Constraint(ConstraintKind.MUST_BE, confirmed, ada)])
    small_regroup(archive)
    assert refused not in archive.faces_of(ada)
    assert {first, confirmed} <= set(archive.faces_of(ada))
    assert len(archive.faces_of(ada)) == 6


def test_a_copy_gives_nobody_a_second_face_in_a_photo(archive: Archive) -> None:
    """The user says that the other face of the copy is hers: then the one that is hers elsewhere is not, here."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg", b"3.jpg"])
    photo = add_copies(archive, (ada, unit(0)), (None, unit(1)))[-1]
    hers, other = archive.store.faces.of_photo(photo)
    with archive.store.transaction():
        archive.store.people.say([Constraint(ConstraintKind.MUST_BE, other.face_id, ada)])
        archive.store.faces.give([other.face_id], ada)
    small_regroup(archive)
    assert [face.face_id for face in archive.store.faces.of_photo(photo) if face.person_id == ada] == [other.face_id]
    assert hers.face_id not in archive.faces_of(ada)


def test_who_is_in_one_picture_only_has_no_folder(archive: Archive) -> None:
    """`people.min_faces` counts pictures that differ; the photos wait in `_unknown`, each with its link."""
    with archive.store.transaction():
        person = archive.store.people.add()
    add_copies(archive, (person, unit(0)))
    settings = replace(archive.tree, min_faces=3)
    tree = Path(os.fsdecode(settings.path))
    materialize(archive.store, settings)
    assert {folder.name for folder in tree.iterdir() if folder.is_dir()} <= {"_unknown", "_ignored"}
    assert len([link for link in (tree / "_unknown").rglob("*") if link.is_symlink()]) == 5
    for path in (b"1.jpg", b"2.jpg"):
        archive.add(path, [(person, unit(0))])
    materialize(archive.store, settings, {person, None})
    (folder,) = (folder for folder in tree.iterdir() if folder.is_dir() and folder.name != "_ignored")
    assert len([link for link in folder.rglob("*") if link.is_symlink()]) == 7
