"""The state on a real SQLite file: what goes in comes out, all or nothing, and outlives any crash (R9, R29)."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers import (
    DIM,
    MODEL,
    NASTY_NAMES,
    NOW,
    THRESHOLDS,
    Archive,
    fake_stat,
    found_face,
    in_namespace,
    open_archive,
    unit,
    without_roots_rights,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.tree.entries import Written, WrittenFolder
from facewatchd.core.tree.owners import Suggestion
from facewatchd.corrections import apply as corrections
from facewatchd.corrections.records import Merge
from facewatchd.domain import (
    Assignment,
    Box,
    Constraint,
    ConstraintKind,
    DateFinding,
    DateSource,
    Face,
    FaceState,
    FileStat,
    KnownDate,
    KnownPhoto,
    Person,
    PersonId,
    PhotoId,
    PhotoState,
    Pool,
    Precision,
    Root,
    SeenFile,
    TakenPhoto,
)
from facewatchd.errors import FacewatchError, StoreError
from facewatchd.operations.faces import HEADER, export_faces
from facewatchd.pipeline.grouping.regroup import apply, decide, take_snapshot
from facewatchd.store import LastRecluster, PersonPhoto, Store, StoredModel

pytest_plugins = "archive_fixtures"

DATE = DateFinding(dt.datetime(2019, 8, 17, 12, 30, 5), Precision.SECOND, DateSource.EXIF, 0.95, "+02:00", "odd")  # noqa: DTZ001
KILLS = 20


def put(
    store: Store,
    root: Root,
    path: bytes,
    people: list[PersonId | None] | None = None,
    *,
    number: int = 0,
    poor: str = "",
    date: DateFinding | None = None,
) -> tuple[PhotoId, list[int]]:
    """A photo taken in, with a face of each of these people; the ids of the photo and the faces."""
    people = people or []
    found = tuple(found_face(unit(number + at), at, poor) for at in range(len(people)))
    with store.transaction():
        taken = TakenPhoto(SeenFile(root.root_id, path, fake_stat(sum(path))), b"#" + path, 640, 480, date, found)
        photo_id = store.photos.take(taken, MODEL)
        faces = store.faces.replace(photo_id, found, [None] * len(found), MODEL)
        store.faces.assign({face: Assignment(person, 0.9, 0.5) for face, person in zip(faces, people, strict=True)})
    return photo_id, faces


@pytest.fixture
def root(store: Store) -> Root:
    return store.roots.ensure(b"/photos")


def must(face: int, person: int) -> Constraint:
    return Constraint(ConstraintKind.MUST_BE, face, person)


def cannot(face: int, person: int) -> Constraint:
    return Constraint(ConstraintKind.CANNOT_BE, face, person)


def people_of(store: Store, faces: Collection[int]) -> dict[int, int]:
    """Whose these faces are, 0 for nobody's."""
    with contextlib.closing(sqlite3.connect(store.path)) as db:
        rows = db.execute("SELECT face_id, coalesce(person_id, 0) FROM faces").fetchall()
    return {face: person for face, person in rows if face in faces}


def person_of(store: Store, face: int) -> int:
    return people_of(store, [face])[face]


# --- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_any_path_comes_back_as_it_went_in(archive: Archive, name: bytes) -> None:
    """In the index, among the failures, in the lists of a person and in the export (R9)."""
    store, root = archive.store, archive.root
    person = store.people.add("Ada")
    photo_id = archive.add(b"sub/" + name, [(person, unit(0))])
    bad = archive.write(b"bad/" + name)
    with store.transaction():
        store.photos.fail(bad, "The photo is damaged: 'x'", NOW, passing=False)
    assert set(store.photos.known(root.root_id)) == {b"sub/" + name, b"bad/" + name}
    assert set(store.photos.under(root.root_id, b"sub")) == {b"sub/" + name}
    assert [failure[:2] for failure in store.photos.failures()] == [
        (root.path + b"/bad/" + name, "The photo is damaged: 'x'")
    ]
    full = root.path + b"/sub/" + name
    assert store.people.photos(person) == [PersonPhoto(photo_id, full, None)]
    (face,) = archive.faces_of(person)
    shown = store.people.face(face)
    assert shown is not None
    assert shown.path == full

    table = archive.folder / "faces.csv"
    assert export_faces(store, table, None) == 1
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.reader(file))
    assert rows[0] == HEADER
    assert os.fsencode(rows[1][0]) == full


def test_a_photo_comes_back_as_it_went_in(store: Store, root: Root) -> None:
    """New, then taken in with all that was found out about it, as `find`, `known` and `under` say alike."""
    stat = FileStat(size=2**40, mtime_ns=-1, ctime_ns=2**60, inode=2**64 - 1, device=2**63)
    seen = SeenFile(root.root_id, b"a/b.jpg", stat)
    store.photos.wait(seen)
    waiting = KnownPhoto(1, stat, PhotoState.PENDING)
    assert store.photos.find(root.root_id, b"a/b.jpg") == waiting
    assert store.photos.known(root.root_id) == {b"a/b.jpg": waiting}
    assert store.photos.under(root.root_id, b"a") == {b"a/b.jpg": waiting}
    assert store.photos.under(root.root_id, b"a/b") == {}
    assert store.photos.pending([root.root_id], 5) == [seen]
    assert store.photos.pending([root.root_id + 1], 5) == []
    assert store.photos.count_pending() == 1
    assert store.photos.sample(root.root_id, 5) == [(b"a/b.jpg", stat)]
    photo_id = store.photos.take(TakenPhoto(seen, b"h" * 32, 640, 480, DATE, ()), MODEL)
    assert photo_id == 1
    assert store.photos.pending([root.root_id], 5) == []
    assert store.photos.count_pending() == 0
    assert [placed.path for placed in store.photos.same_file(stat)] == [b"a/b.jpg"]
    assert [placed.photo for placed in store.photos.same_content(b"h" * 32)] == [KnownPhoto(1, stat, PhotoState.DONE)]
    assert store.photos.count(root.root_id) == 1
    assert store.dates.counts() == {"right": 0, "fixed": 0, "reported": 1}


@pytest.mark.parametrize("absent", [False, True])
def test_every_list_says_whether_a_photo_was_not_seen(store: Store, root: Root, absent: bool) -> None:
    """Else a scan would not notice that it came back."""
    photo_id, _ = put(store, root, b"a/b.jpg")
    if absent:
        store.photos.absent([photo_id], NOW, 1)
    found = store.photos.find(root.root_id, b"a/b.jpg")
    assert found is not None
    assert found.absent is absent
    assert store.photos.known(root.root_id) == {b"a/b.jpg": found}
    assert store.photos.under(root.root_id, b"a") == {b"a/b.jpg": found}


def test_folders_that_begin_alike_are_apart(store: Store, root: Root) -> None:
    """`a` is not `a.b`, `a-b`, `a0` or `aa`; a folder's own name does not count."""
    for path in (b"a", b"a/1.jpg", b"a/b/2.jpg", b"a.b/3.jpg", b"a-b/4.jpg", b"a0", b"aa/5.jpg", b"a/\xff.jpg"):
        put(store, root, path)
    assert set(store.photos.under(root.root_id, b"a")) == {b"a/1.jpg", b"a/b/2.jpg", b"a/\xff.jpg"}


@pytest.mark.parametrize("precision", list(Precision))
def test_a_date_comes_back_as_it_went_in(store: Store, root: Root, precision: Precision) -> None:
    """With its source, and with what is wrong."""
    date = DateFinding(dt.datetime(1826, 1, 1), precision, DateSource.FOLDER, 0.25)  # noqa: DTZ001
    person = store.people.add()
    put(store, root, b"a.jpg", [person], date=date)
    put(store, root, b"b.jpg", [person], date=DATE)
    put(store, root, b"c.jpg", [person])
    assert [photo.date for photo in store.dates.dated()] == [date, DATE, None]
    known = [KnownDate(each.value, each.precision, each.source) for each in (date, DATE)]
    assert [photo.date for photo in store.people.photos(person)] == [*known, None]


def test_a_root_is_the_same_when_it_is_named_again(store: Store) -> None:
    """And remembers its identity, up to the largest numbers that there are."""
    root = store.roots.ensure(b"/photos/\xff")
    assert store.roots.ensure(b"/photos/\xff") == root
    assert store.roots.all() == {root.root_id: root}
    assert store.roots.identity(root.root_id) is None
    for numbers in ((0, 0), (2**63, 2**64 - 1), (2**63 - 1, 1)):
        store.roots.set_identity(root.root_id, *numbers)
        assert store.roots.identity(root.root_id) == numbers


def test_a_face_comes_back_as_it_went_in(store: Store, root: Root) -> None:
    """With box, scores and embedding; the export has its photo, its person's name and the same embedding."""
    person = store.people.add("Ada")
    photo_id, (face_id,) = put(store, root, b"a.jpg", [person])
    face = Face(face_id, photo_id, Box(0, 4, 10, 12.5), 0.75, 0.5, "", person, False, None, 0.9)
    assert store.faces.of_photo(photo_id) == [face]
    assert store.faces.of_person(person) == [face]
    ((exported, vector),) = store.faces.exported(MODEL)
    assert (exported.photo, exported.face, exported.person) == (b"/photos/a.jpg", face, "Ada")
    assert vector is not None
    assert np.array_equal(np.frombuffer(vector, "<f4"), unit(0))
    assert [vector for _, vector in store.faces.exported("another model")] == [None]
    table = store.faces.good(MODEL)
    assert (table.faces.tolist(), table.photos.tolist(), table.people.tolist()) == ([face_id], [photo_id], [person])
    assert np.array_equal(table.embeddings, [unit(0)])
    assert table.embeddings.dtype == np.float32


def test_an_empty_state_has_empty_tables(store: Store) -> None:
    """With the right shapes, so that nobody needs to ask."""
    table = store.faces.good(MODEL)
    assert (len(table.faces), len(table.photos), len(table.people), len(table.embeddings)) == (0, 0, 0, 0)
    gallery = store.medoids.gallery_index(MODEL, DIM)
    assert gallery.medoids.shape == (0, DIM)
    assert sum(store.faces.counts().values()) == sum(store.photos.counts().values()) == 0
    assert store.people.summaries() == []
    assert store.manifest.folders() == []
    assert store.model() is None
    assert store.last_recluster() is None
    assert store.vitals() == ""


def test_the_few_facts_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Also in another process's connection."""
    model = StoredModel("buffalo_l", "ab12", 512, "CPUExecutionProvider")
    last = LastRecluster(NOW + 1 / 3, 0.1, 12, 3)
    with Store(tmp_path) as store, store.transaction():
        store.set_model(model)
        store.set_last_recluster(last)
        store.set_vitals('{"a": "\u00e9"}')
        state_id = store.state_id()
    assert len(state_id) == 32
    with Store(tmp_path, read_only=True) as store:
        assert store.model() == model
        assert store.last_recluster() == last
        assert store.vitals() == '{"a": "\u00e9"}'
        assert store.state_id() == state_id


PAIR, PAIR_AT = Suggestion(1, 12), b"_review/Ada + Person 12?"


def test_the_manifest_comes_back_as_it_went_in(store: Store) -> None:
    """Folders of people, of the pool and of a suggestion, renamed and removed, with their entries."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    link = Written(b"caf\xe9.jpg", 7, b"../../Photos/caf\xe9.jpg")
    file = Written(b"folder.jpg", None, b"12", b"1 2 3")
    store.manifest.made(ada, b"Ada")
    store.manifest.made(Pool.UNKNOWN, b"_unknown")
    store.manifest.made(bob, b"Bob")
    store.manifest.made(PAIR, PAIR_AT)
    store.manifest.put(b"Ada", link)
    store.manifest.put(b"Ada", file)
    store.manifest.put(b"_unknown", link)
    store.manifest.put(b"nobody's", link)
    store.manifest.renamed(ada, b"Ad\xe9")
    store.manifest.removed(bob)
    assert store.manifest.names() == {ada: b"Ad\xe9", Pool.UNKNOWN: b"_unknown", PAIR: PAIR_AT}
    assert store.manifest.folders() == [
        WrittenFolder(ada, b"Ad\xe9", (link, file)),
        WrittenFolder(Pool.UNKNOWN, b"_unknown", (link,)),
        WrittenFolder(PAIR, PAIR_AT, ()),
    ]
    assert store.manifest.folders({Pool.UNKNOWN}.__contains__) == [WrittenFolder(Pool.UNKNOWN, b"_unknown", (link,))]
    store.manifest.dropped(b"_unknown", link.name)
    assert store.manifest.folders({Pool.UNKNOWN}.__contains__) == [WrittenFolder(Pool.UNKNOWN, b"_unknown", ())]
    store.manifest.made(ada, b"Ada again")
    assert store.manifest.folders({ada}.__contains__) == [WrittenFolder(ada, b"Ada again", ())]


# --- transactions ----------------------------------------------------------------------------------------------------


class Interrupted(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [RuntimeError, Interrupted, KeyboardInterrupt, GeneratorExit])
def test_an_exception_takes_the_whole_transaction_back(store: Store, root: Root, error: type[BaseException]) -> None:
    """Whatever it is, and however many inner transactions had ended well by then."""
    put(store, root, b"a.jpg", [None])
    before = list(dump(store.path))
    with contextlib.suppress(error), store.transaction():
        put(store, root, b"b.jpg", [None, None])
        person = store.people.add("Ada")
        with store.transaction():
            store.people.say([must(1, person)])
            store.manifest.made(person, b"Ada")
        raise error
    assert list(dump(store.path)) == before
    put(store, root, b"c.jpg", [None])
    assert store.photos.count(root.root_id) == 2


def test_an_inner_transaction_ends_with_the_outer_one(store: Store, root: Root) -> None:
    """Nobody else sees it before."""
    with store.transaction():
        with store.transaction():
            put(store, root, b"a.jpg")
        with Store(store.path.parent, read_only=True) as other:
            assert other.photos.count(root.root_id) == 0
    with Store(store.path.parent, read_only=True) as other:
        assert other.photos.count(root.root_id) == 1


def test_what_sqlite_refuses_is_taken_back_and_is_a_store_error(store: Store, root: Root) -> None:
    """With the statement's own words for the developer, and the file's name for the user."""

    def say_it_of_nobody() -> None:
        with store.transaction():
            put(store, root, b"a.jpg")
            store.people.say([must(999, 999)])

    with pytest.raises(StoreError, match="FOREIGN KEY") as caught:
        say_it_of_nobody()
    assert caught.value.path == store.path
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert store.photos.count(root.root_id) == 0


def dump(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [line for line in db.iterdump() if "sqlite_sequence" not in line]


# --- people ----------------------------------------------------------------------------------------------------------


def test_an_id_is_never_given_twice(tmp_path: Path) -> None:
    """Neither after the last person's row is gone nor after a restart; photos and faces keep to that too."""
    with Store(tmp_path) as store:
        root = store.roots.ensure(b"/photos")
        people = [store.people.add() for _ in range(3)]
        photo, (face,) = put(store, root, b"a.jpg", [None])
    with contextlib.closing(sqlite3.connect(tmp_path / "facewatchd.sqlite")) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM people")
        db.execute("DELETE FROM photos")
        db.commit()
    with Store(tmp_path) as store:
        assert store.people.add() > max(people)
        later, (later_face,) = put(store, root, b"a.jpg", [None])
        assert later > photo
        assert later_face > face
        with contextlib.suppress(RuntimeError), store.transaction():
            store.people.add()
            raise RuntimeError


def test_a_merge_makes_one_person_of_two(store: Store, root: Root) -> None:
    """Faces are confirmed, medoids and the user's word go over, and the name is kept."""
    ada, bob, eve = store.people.add("Ada"), store.people.add(), store.people.add("Eve")
    _, (a, e) = put(store, root, b"1.jpg", [ada, eve])
    _, (b,) = put(store, root, b"3.jpg", [bob])
    _, (c, d) = put(store, root, b"2.jpg", [ada, None])
    store.people.say([must(a, ada), cannot(d, ada), cannot(e, bob), cannot(c, bob), cannot(a, bob)])
    store.medoids.replace(ada, [a, c])
    store.medoids.replace(bob, [b])
    with store.transaction():
        store.people.merge(ada, bob)
    assert store.people.get(ada) == store.people.get(bob) == Person(bob, "Ada")
    assert store.people.named() == [Person(bob, "Ada"), Person(eve, "Eve")]
    assert {face: person_of(store, face) for face in (a, b, c, d, e)} == {a: bob, b: bob, c: bob, d: 0, e: eve}
    assert store.people.constraints() == [must(a, bob), cannot(e, bob), must(c, bob), cannot(d, bob)]
    assert store.medoids.of(ada) == []
    assert store.medoids.of(bob) == [a, b, c]
    assert [(s.person.person_id, s.faces, s.confirmed) for s in store.people.summaries()] == [(bob, 3, 2), (eve, 1, 0)]


@pytest.mark.parametrize(
    ("sure_ada", "sure_bob", "left"),
    [(False, False, "b"), (True, False, "a"), (False, True, "b"), (True, True, "ab")],
)
def test_a_merge_of_two_who_are_in_a_photo_together(
    store: Store, root: Root, sure_ada: bool, sure_bob: bool, left: str
) -> None:
    """One face of it is the person's, the second's rather; whatever the user confirmed stays (a mirror, a collage)."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    _, (a, b) = put(store, root, b"1.jpg", [ada, bob])
    _, (alone,) = put(store, root, b"2.jpg", [ada])
    if sure_ada:
        store.people.say([must(a, ada), cannot(a, bob)])
    if sure_bob:
        store.people.say([must(b, bob), cannot(b, ada)])
    store.medoids.replace(ada, [a])
    store.medoids.replace(bob, [b])
    store.people.merge(ada, bob)
    wanted = {"a": a, "b": b}
    assert {face for face in (a, b) if person_of(store, face) == bob} == {wanted[letter] for letter in left}
    assert {person_of(store, face) for face in (a, b)} <= {0, bob}
    assert person_of(store, alone) == bob
    assert all(
        person_of(store, word.face_id) == bob
        for word in store.people.constraints()
        if word.kind is ConstraintKind.MUST_BE
    )
    assert set(store.medoids.of(bob)) == {wanted[letter] for letter in left}


def test_a_merge_keeps_the_name_of_the_one_merged_into(store: Store) -> None:
    """Unless they have none."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    store.people.merge(ada, bob)
    assert store.people.get(ada) == Person(bob, "Bob")


def test_a_face_that_was_refused_leaves_with_a_merge(store: Store, root: Root) -> None:
    """The user said that it is not Ada's; if Ada is Bob it is not Bob's, whom the program took it for."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    _, (taken_for_bob,) = put(store, root, b"1.jpg", [bob])
    _, (said_bob,) = put(store, root, b"2.jpg", [bob])
    store.people.say([cannot(taken_for_bob, ada), cannot(said_bob, ada), must(said_bob, bob)])
    store.medoids.replace(bob, [taken_for_bob])
    store.people.merge(ada, bob)
    assert person_of(store, taken_for_bob) == 0
    assert person_of(store, said_bob) == bob
    assert store.people.constraints() == [cannot(taken_for_bob, bob), must(said_bob, bob)]
    assert store.medoids.of(bob) == []


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_a_chain_of_merges_ends_at_one_person(store: Store, root: Root, order: str) -> None:
    """Each id still finds them, in whatever order they were merged."""
    ids = [store.people.add(name) for name in ("", "", "Ada", "")]
    faces = [face for person in ids for face in put(store, root, b"%d.jpg" % person, [person])[1]]
    steps = list(itertools.pairwise(ids))
    for person, into in steps if order == "forwards" else reversed(steps):
        corrections.apply(store, Merge(person, into))
    assert {store.people.get(person) for person in ids} == {Person(ids[-1], "Ada")}
    assert set(people_of(store, faces).values()) == {ids[-1]}
    assert {word.person_id for word in store.people.constraints()} == {ids[-1]}


def test_merging_into_somebody_who_was_merged(store: Store, root: Root) -> None:
    """Means the person whom they became; two who are one already stay as they are."""
    ada, bob, eve = (store.people.add() for _ in range(3))
    _, (face,) = put(store, root, b"1.jpg", [eve])
    store.people.merge(ada, bob)
    store.people.merge(eve, ada)
    assert person_of(store, face) == bob
    for one, other in ((ada, bob), (bob, ada), (bob, eve), (bob, bob)):
        store.people.merge(one, other)
    assert {store.people.get(person) for person in (ada, bob, eve)} == {Person(bob)}
    assert person_of(store, face) == bob


def test_a_state_with_everything_in_it_is_sound_at_the_next_start(tmp_path: Path) -> None:
    """SQLite 3.40 calls a table damaged whose key is not in its first columns; then nobody could start any more."""
    with Store(tmp_path) as store:
        _, (face,) = put(store, store.roots.ensure(b"/photos"), b"1.jpg", [store.people.add("Ada")])
        store.people.say([must(face, 1)])
        store.medoids.replace(1, [face])
        store.manifest.made(1, b"Ada")
        store.manifest.put(b"Ada", Written(b"1.jpg", 1, b"x"))
    with Store(tmp_path) as store:
        assert store.people.constraints() == [must(face, 1)]
    with contextlib.closing(sqlite3.connect(tmp_path / "facewatchd.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_last_word_about_a_face_counts(store: Store, root: Root) -> None:
    """A face is one person's: saying that it is Bob's takes back that it is Ada's."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    _, (face,) = put(store, root, b"1.jpg", [ada])
    store.people.say([must(face, ada)])
    assert store.faces.of_person(ada)[0].state is FaceState.CONFIRMED
    store.people.say([must(face, bob), cannot(face, ada)])
    store.faces.give([face], bob)
    assert store.people.constraints_on([face]) == [cannot(face, ada), must(face, bob)]
    assert store.faces.counts()[FaceState.CONFIRMED] == 1
    store.people.say([must(face, ada)])
    assert store.people.constraints_on([face]) == [must(face, ada)]


def test_small_and_poor_unknown_faces(store: Store, root: Root) -> None:
    """The pool has the photos of good faces of nobody, and of unnamed people with few faces."""
    few, many, named = store.people.add(), store.people.add(), store.people.add("Ada")
    nobody, _ = put(store, root, b"1.jpg", [None])
    put(store, root, b"2.jpg", [None], poor="blurred")
    small, _ = put(store, root, b"3.jpg", [few, named])
    put(store, root, b"4.jpg", [many])
    put(store, root, b"5.jpg", [many])
    gone, _ = put(store, root, b"6.jpg", [None, few])
    store.photos.miss([gone])
    assert [photo.photo_id for photo in store.people.unknown_photos(2)] == [nobody, small]
    assert [photo.photo_id for photo in store.people.unknown_photos(1)] == [nobody]


# --- faces -----------------------------------------------------------------------------------------------------------


def test_replacing_faces_keeps_those_that_are_the_same(store: Store, root: Root) -> None:
    """With ids, people, clusters and the user's word; the others go, and new ones have new ids."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    photo, (a, b, c) = put(store, root, b"1.jpg", [ada, bob, None])
    store.people.say([must(a, ada), cannot(a, bob), must(b, bob), cannot(c, ada)])
    store.medoids.replace(bob, [b])
    store.faces.regroup({a: 4, b: 5})
    found = [found_face(unit(7), 3), found_face(unit(8), 0), found_face(unit(9), 4, "blurred")]
    new, same, poor = store.faces.replace(photo, found, [None, a, None], "another model")
    assert same == a
    assert min(new, poor) > c
    faces = {face.face_id: face for face in store.faces.of_photo(photo)}
    assert sorted(faces) == [a, new, poor]
    assert (faces[a].person_id, faces[a].confirmed, faces[a].cluster_id) == (ada, True, 4)
    assert (faces[new].person_id, faces[new].confirmed, faces[new].cluster_id) == (None, False, None)
    assert store.people.constraints() == [must(a, ada), cannot(a, bob)]
    assert store.medoids.of(bob) == []
    assert set(store.faces.embeddings([a, b, new], "another model")) == {a, new}
    assert store.faces.embeddings([a], MODEL) == {}
    assert np.array_equal(store.faces.embeddings([a], "another model")[a], unit(8))
    assert store.faces.replace(photo, [], [], MODEL) == []
    assert store.faces.of_photo(photo) == []
    assert store.people.constraints() == []


def test_assigning_leaves_confirmed_faces_alone(store: Store, root: Root) -> None:
    """Only their similarity is news; a number that is none is stored as none."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    photo, (sure, open_) = put(store, root, b"1.jpg", [ada, ada])
    store.people.say([must(sure, ada)])
    for person in (bob, None):
        store.faces.assign({face: Assignment(person, 0.25, float("inf")) for face in (sure, open_)})
        assert person_of(store, sure) == ada
        assert person_of(store, open_) == (person or 0)
    store.faces.assign({open_: Assignment(None, float("nan"), float("nan"))})
    assert [(face.similarity, face.state) for face in store.faces.of_photo(photo)] == [
        (0.25, FaceState.CONFIRMED),
        (None, FaceState.UNKNOWN),
    ]


def test_the_gallery_index_is_read_once_and_then_follows_every_change(store: Store, root: Root) -> None:
    """The same one while no medoid changes; a change is in the next one, however many people changed."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    faces = [put(store, root, b"%d.jpg" % number, [ada], number=number)[1][0] for number in range(12)]
    store.medoids.replace(ada, faces[:3])
    first = store.medoids.gallery_index(MODEL, DIM)
    store.people.rename(ada, "Ada B.")
    store.faces.give(faces[5:], bob)
    assert store.medoids.gallery_index(MODEL, DIM) is first
    others = [store.people.add() for _ in range(20)]
    store.medoids.regroup([], dict.fromkeys(others, faces[:1]))
    for steps in (1, 1, 3, 1, 22, 1, 5, 2):
        with store.transaction():
            for step in range(steps):
                store.medoids.replace([ada, bob, *others][step], faces[step % 9 : step % 9 + 3])
        kept = store.medoids.gallery_index(MODEL, DIM)
        assert kept is store.medoids.gallery_index(MODEL, DIM)
        assert medoids_in(kept) == medoids_in(read_again(store))


def read_again(store: Store) -> GalleryIndex:
    """What the state holds, by another connection."""
    with Store(store.folder, read_only=True) as other:
        return other.medoids.gallery_index(MODEL, DIM)


def test_a_store_that_only_reads_sees_what_was_written_meanwhile(store: Store, root: Root) -> None:
    """It has no share in the lock, so another process may write."""
    ada = store.people.add("Ada")
    faces = [put(store, root, b"%d.jpg" % number, [ada], number=number)[1][0] for number in range(2)]
    with Store(store.folder, read_only=True) as reader:
        for chosen in (faces[:1], faces, []):
            store.medoids.replace(ada, chosen)
            assert medoids_in(reader.medoids.gallery_index(MODEL, DIM)) == medoids_in(
                store.medoids.gallery_index(MODEL, DIM)
            )
            assert len(reader.medoids.gallery_index(MODEL, DIM).people) == len(chosen)


@dataclass(frozen=True)
class Medoidal:
    """Ada has two faces in a photo, of which `medoid` is her medoid; it is unassigned, and refused as hers. Bob has one."""

    store: Store
    ada: int
    bob: int
    photo: int
    face: int
    medoid: int
    entry: int


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: m.store.medoids.add([(m.ada, m.face)]), id="add"),
        pytest.param(lambda m: m.store.medoids.remove([(m.ada, m.medoid)]), id="remove"),
        pytest.param(lambda m: m.store.medoids.remove_people([m.ada]), id="remove people"),
        pytest.param(lambda m: m.store.medoids.remove_faces([m.medoid]), id="remove faces"),
        pytest.param(lambda m: m.store.medoids.remove_refused(m.ada), id="remove refused"),
        pytest.param(lambda m: m.store.medoids.remove_unassigned([m.ada]), id="remove unassigned"),
        pytest.param(lambda m: m.store.medoids.remove_others([m.ada]), id="remove others"),
        pytest.param(lambda m: m.store.medoids.merge(m.ada, m.bob), id="merge medoids"),
        pytest.param(lambda m: m.store.medoids.replace(m.ada, [m.face]), id="replace"),
        pytest.param(lambda m: m.store.medoids.regroup([m.medoid], {}), id="regroup"),
        pytest.param(lambda m: m.store.medoids.inherit(m.medoid, m.face), id="inherit"),
        pytest.param(lambda m: m.store.stacks.drop_faces(m.photo), id="drop faces"),
        pytest.param(
            lambda m: m.store.faces.replace(m.photo, [found_face(unit(7))], [m.medoid], MODEL, spared=[m.face]),
            id="other embeddings",
        ),
        pytest.param(lambda m: m.store.faces.ignore([m.medoid], ignored=True), id="ignore"),
        pytest.param(lambda m: m.store.people.refuse([m.medoid], m.ada), id="refuse"),
        pytest.param(lambda m: m.store.people.merge(m.ada, m.bob), id="merge people"),
        pytest.param(lambda m: m.store.journal.take_back(m.entry, NOW), id="undo"),
        pytest.param(lambda m: m.store.journal.take_out(m.entry, [m.medoid]), id="take out of the journal"),
    ],
)
def test_the_gallery_index_follows_every_way_to_change_medoids(
    store: Store, root: Root, change: Callable[[Medoidal], object]
) -> None:
    """Corrections, undo, stacks and new embeddings change medoids too."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    photo, (face, medoid) = put(store, root, b"1.jpg", [ada, None])
    theirs = put(store, root, b"2.jpg", [bob], number=2)[1]
    store.people.say([cannot(medoid, ada)])
    store.medoids.regroup([], {ada: [face], bob: theirs})
    with store.transaction():
        entry = store.journal.remember(NOW, "Ada has another medoid", [face, medoid], [ada, bob])
        store.medoids.replace(ada, [medoid])
    before = medoids_in(store.medoids.gallery_index(MODEL, DIM))
    assert before == medoids_in(read_again(store))
    with store.transaction():
        change(Medoidal(store, ada, bob, photo, face, medoid, entry))
    after = medoids_in(store.medoids.gallery_index(MODEL, DIM))
    assert after == medoids_in(read_again(store))
    assert after != before


def test_the_gallery_has_the_present_models_embeddings_only(store: Store, root: Root) -> None:
    """A medoid that another model embedded has nothing to say."""
    ada = store.people.add("Ada")
    photo, (a,) = put(store, root, b"1.jpg", [ada])
    other, (b,) = put(store, root, b"2.jpg", [ada], number=3)
    store.medoids.replace(ada, [a, b])
    store.faces.replace(photo, [found_face(np.full(4, 0.5, np.float32))], [a], "another model")
    gallery = store.medoids.gallery_index(MODEL, DIM)
    assert gallery.people.tolist() == [ada]
    assert np.array_equal(gallery.medoids, [unit(3)])
    assert store.medoids.gallery_index("another model", 4).medoids.shape == (1, 4)
    assert store.medoids.of(ada) == [a, b]
    store.faces.replace(other, [], [], MODEL)
    assert store.medoids.of(ada) == [a]


def test_a_missing_photo_counts_nowhere_and_comes_back_whole(store: Store, root: Root) -> None:
    """A tombstone keeps faces, people and the user's word (R6)."""
    ada = store.people.add("Ada")
    photo, (face,) = put(store, root, b"1.jpg", [ada])
    store.people.say([must(face, ada)])
    store.photos.absent([photo], NOW, 1)
    store.photos.miss([photo])
    assert store.photos.count(root.root_id) == 0
    assert sum(store.faces.counts().values()) == 0
    assert store.people.photos(ada) == []
    assert store.people.cover(ada) is None
    assert len(store.faces.good(MODEL).faces) == store.faces.count_good(MODEL) == 0
    assert list(store.faces.exported(MODEL)) == []
    assert [(s.person.name, s.faces, s.photos, s.confirmed) for s in store.people.summaries()] == [("Ada", 0, 0, 0)]
    store.photos.present([photo])
    assert store.faces.counts()[FaceState.CONFIRMED] == 1
    assert store.people.cover(ada) == face
    known = store.photos.find(root.root_id, b"1.jpg")
    assert known is not None
    assert (known.state, known.absent) == (PhotoState.DONE, False)


def test_a_tombstone_that_was_waiting_still_waits_when_it_comes_back(store: Store, root: Root) -> None:
    """What was never taken in as it is now is not done because it was away."""
    changed, _ = put(store, root, b"changed.jpg")
    store.photos.wait(SeenFile(root.root_id, b"changed.jpg", fake_stat(1)))
    put(store, root, b"redone.jpg")
    away, _ = put(store, root, b"away.jpg")
    store.photos.miss([changed, away])
    store.photos.redo_all()  # another model
    store.photos.present([changed, away])
    waiting = {seen.path for seen in store.photos.pending([root.root_id], 9)}
    assert waiting == {b"changed.jpg", b"redone.jpg", b"away.jpg"}


def test_a_moved_photo_takes_the_place_of_what_was_there(store: Store, root: Root) -> None:
    """It keeps its id and faces under the new path, and is seen again."""
    ada = store.people.add("Ada")
    photo, (face,) = put(store, root, b"1.jpg", [ada])
    put(store, root, b"2.jpg", [ada])
    elsewhere = store.roots.ensure(b"/other")
    for state in ("present", "missing"):
        if state == "missing":
            store.photos.miss([photo])
        at = SeenFile(elsewhere.root_id, b"2.jpg", fake_stat(77))
        store.photos.move(photo, at)
        assert store.photos.find(elsewhere.root_id, b"2.jpg") == KnownPhoto(photo, at.stat, PhotoState.DONE)
    assert store.photos.find(root.root_id, b"1.jpg") is None
    onto = SeenFile(root.root_id, b"2.jpg", fake_stat(78))
    store.photos.move(photo, onto)
    assert store.photos.find(root.root_id, b"2.jpg") == KnownPhoto(photo, onto.stat, PhotoState.DONE)
    assert [shown.photo_id for shown in store.people.photos(ada)] == [photo]
    assert person_of(store, face) == ada


def test_photos_that_swap_their_names_keep_their_faces(store: Store, root: Root) -> None:
    """One makes room for the other and is found again under the name that it has now."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    one, (a,) = put(store, root, b"1.jpg", [ada])
    two, (b,) = put(store, root, b"2.jpg", [bob])
    stats = [known.stat for known in store.photos.known(root.root_id).values()]
    store.photos.move(one, SeenFile(root.root_id, b"2.jpg", stats[0]))
    assert store.people.photos(bob) == []
    (placed,) = store.photos.same_file(stats[1])
    assert placed.photo.photo_id == two
    store.photos.move(two, SeenFile(root.root_id, b"1.jpg", stats[1]))
    assert [photo.path for photo in store.people.photos(ada)] == [b"/photos/2.jpg"]
    assert [photo.path for photo in store.people.photos(bob)] == [b"/photos/1.jpg"]
    assert people_of(store, [a, b]) == {a: ada, b: bob}


def test_several_photos_may_have_made_room_under_one_name(store: Store, root: Root) -> None:
    """Each has a path of its own that no file can have."""
    ids = [put(store, root, b"%d.jpg" % number)[0] for number in range(4)]
    for number, photo in enumerate(ids[1:]):
        store.photos.move(photo, SeenFile(root.root_id, b"0.jpg", fake_stat(number)))
    known = store.photos.known(root.root_id)
    assert {photo.photo_id for photo in known.values()} == set(ids)
    assert [path for path, photo in known.items() if photo.state is PhotoState.DONE] == [b"0.jpg"]
    assert all(b"\0" in path for path, photo in known.items() if photo.state is PhotoState.MISSING)


# --- several at a time -----------------------------------------------------------------------------------------------


def test_readers_beside_a_writer(tmp_path: Path) -> None:
    """They see whole transactions, also while one is under way, and cannot write."""
    with Store(tmp_path) as writer:
        root = writer.roots.ensure(b"/photos")
        seen: list[int] = []
        ready, go = threading.Event(), threading.Event()

        def read() -> None:
            with Store(tmp_path, read_only=True) as reader:
                seen.append(reader.photos.count(root.root_id))
                ready.set()
                go.wait(30)
                seen.append(reader.photos.count(root.root_id))

        with writer.transaction():
            put(writer, root, b"1.jpg")
            thread = threading.Thread(target=read)
            thread.start()
            assert ready.wait(30)
        go.set()
        thread.join(30)
        assert seen == [0, 1]
        with Store(tmp_path, read_only=True) as reader, pytest.raises(StoreError), reader.transaction():
            reader.people.add()
        assert writer.people.summaries() == []


def test_a_state_without_an_id_can_be_read(tmp_path: Path) -> None:
    """A dry run may come before the tree was ever written; it must not need to write."""
    with Store(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "facewatchd.sqlite")) as db:
        db.execute("DELETE FROM meta")
        db.commit()
    with Store(tmp_path, read_only=True) as store:
        assert isinstance(store.state_id(), str)


def test_the_state_is_the_owners_alone(tmp_path: Path) -> None:
    """Embeddings are data about people's bodies."""
    Store(tmp_path / "a" / "state").close()
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700


# --- trouble ---------------------------------------------------------------------------------------------------------


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?", "not.")), text
    return text


def damage(path: Path, how: str) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if how == "text":
            file.write(b"these are my notes, not a database. " * 200)
        elif how == "header":
            file.seek(16)
            file.write(os.urandom(84))
        elif how == "middle":
            file.seek(4096)
            file.write(b"\xff" * (size - 8192))
        elif how == "truncated":
            file.truncate(size // 2 - 100)


def read_all(state: Path) -> None:
    """What commands that only look read."""
    with Store(state, read_only=True) as store:
        list(store.faces.exported(MODEL))
        store.faces.counts()
        store.people.summaries()
        store.photos.counts()


@pytest.mark.parametrize("how", ["text", "header", "middle", "truncated"])
def test_a_damaged_file_is_said_and_left_alone(tmp_path: Path, how: str) -> None:
    """With what to do about it; what is there may still be saved by somebody."""
    archive = open_archive(tmp_path)
    with archive.store as store:
        for number in range(30):
            put(store, archive.root, b"%d.jpg" % number, [None] * 3)
        store.people.add("Ada")
    file = tmp_path / "state" / "facewatchd.sqlite"
    damage(file, how)
    before = file.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "state")
    text = one_line(caught)
    assert "damaged" in text
    assert "backup" in text
    assert file.read_bytes() == before
    with pytest.raises(StoreError) as caught:
        read_all(tmp_path / "state")
    assert "damaged" in one_line(caught)


def test_an_empty_file_becomes_a_state(tmp_path: Path) -> None:
    """It is what a crash at the very beginning leaves."""
    (tmp_path / "facewatchd.sqlite").touch()
    with pytest.raises(StoreError, match="facewatchd run"):
        Store(tmp_path, read_only=True)
    with Store(tmp_path) as store:
        store.people.add()


def test_no_state_to_read(tmp_path: Path) -> None:
    """Says how to get one, and makes nothing."""
    with pytest.raises(StoreError, match=r"facewatchd run.*--state"):
        Store(tmp_path / "state", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("what", ["the folder is a file", "a folder above is a file", "the file is a folder", "long"])
def test_something_else_in_its_place(tmp_path: Path, what: str, read_only: bool) -> None:
    """One line that says what to do, and nothing is changed."""
    folder = tmp_path / "state"
    if what == "the file is a folder":
        (folder / "facewatchd.sqlite").mkdir(parents=True)
    elif what == "long":
        folder = tmp_path / ("x" * 256)
    else:
        folder.write_text("mine", encoding="utf-8")
        folder = folder / "below" if what == "a folder above is a file" else folder
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError) as caught:
        Store(folder, read_only=read_only)
    one_line(caught)
    assert sorted(tmp_path.rglob("*")) == before


OPEN = """
import sys
from pathlib import Path
from facewatchd.errors import StoreError
from facewatchd.store import Store
try:
    with Store(Path(sys.argv[1]), read_only=sys.argv[2] == "ro") as store:
        with store.transaction():
            store.people.add()
    print("done")
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", ["rw", "ro"])
@pytest.mark.parametrize("what", ["closed", "unwritable"])
def test_a_folder_that_may_not_be_used(tmp_path: Path, what: str, mode: str) -> None:
    """Another user's state: the owner and the permissions are named."""
    state = tmp_path / "state"
    Store(state).close()
    state.chmod(0o000 if what == "closed" else 0o555)
    (state / "facewatchd.sqlite").chmod(0o444)
    try:
        done = without_roots_rights(OPEN, state, mode)
    finally:
        state.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "permissions" in done.stdout


def test_a_folder_that_may_not_be_made(tmp_path: Path) -> None:
    """Says so, and by which option another is chosen."""
    (tmp_path / "closed").mkdir(mode=0o555)
    done = without_roots_rights(OPEN, tmp_path / "closed" / "state", "rw")
    assert done.returncode == 0, done.stderr
    assert "Permission denied. Choose another folder with --state." in done.stdout


FILL = """
import os, subprocess, sys
from pathlib import Path
from facewatchd.errors import StoreError
from facewatchd.store import Store
top = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(top)], check=True)
with Store(top / "state") as store:
    with store.transaction():
        kept = store.people.add("kept")
    ballast = top / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    try:
        with store.transaction():
            for number in range(2000):
                store.people.add("lost" * 100)
        print("no error")
    except StoreError as error:
        print(error)
    ballast.unlink()
    with store.transaction():
        store.people.add("later")
    print([person.name for person in store.people.named()])
"""


def test_a_full_disk_loses_nothing_and_passes(tmp_path: Path) -> None:
    """The transaction is taken back whole, the message says what to do, and then the work goes on (R31)."""
    done = in_namespace(FILL, tmp_path)
    assert done.returncode == 0, done.stderr
    said, names = done.stdout.splitlines()
    assert "disk is full; free some space" in said
    assert names == "['kept', 'later']"


TRY_TO_WRITE = """
import resource, subprocess, sys
from pathlib import Path
from facewatchd.errors import StoreError
from facewatchd.store import Store, database
database._BUSY_S = 0.1
def attempt(store):
    try:
        with store.transaction():
            for number in range(2000):
                store.people.add("lost" * 100)
        print("no error")
    except StoreError as error:
        print(getattr(error, "waits_for", "-"), "|", error)
top = Path(sys.argv[1])
"""

OTHERS = """
with Store(top / "state") as store:
    other = subprocess.Popen([sys.executable, "-c", "import sqlite3, sys; other = sqlite3.connect(sys.argv[1]);"
        "other.execute('BEGIN IMMEDIATE'); print(1, flush=True); sys.stdin.read()", top / "state/facewatchd.sqlite"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.read(1)
    attempt(store)
    print(other.pid)
    other.communicate()
    size = max(file.stat().st_size for file in (top / "state").iterdir()) + 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    attempt(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    attempt(store)
"""

READ_ONLY = """
Store(top / "state").close()
subprocess.run(["mount", "--bind", str(top), str(top)], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", str(top)], check=True)
try:
    with Store(top / "state") as store:
        attempt(store)
except StoreError as error:
    print(getattr(error, "waits_for", "-"), "|", error)
"""


def test_another_program_and_a_limit_of_size_are_no_full_disk(tmp_path: Path) -> None:
    """Who holds the state is named; a limit says how large a file may be; each passes with its reason."""
    command = [sys.executable, "-c", TRY_TO_WRITE + OTHERS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    held, pid, limited, well = done.stdout.splitlines()
    assert held.startswith("for another program | ")
    assert "Another program holds it: python" in held
    assert f"(process {pid}). When it lets go, the work goes on by itself." in held
    assert limited.startswith("for a restart | ")
    assert "may not make a file larger than 1." in limited
    assert well == "no error"


def test_a_file_system_that_is_read_only(tmp_path: Path) -> None:
    """It is called so, with the place where it is mounted; neither permissions nor room are blamed."""
    done = in_namespace(TRY_TO_WRITE + READ_ONLY, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("for the disk | ")
    assert f"The file system at {tmp_path} is read-only; mount it writable" in done.stdout


# --- kill -9 ---------------------------------------------------------------------------------------------------------

COMMIT = """
import os, sys
from pathlib import Path
import numpy as np
from facewatchd.domain import *
from facewatchd.store import Store
first = int(sys.argv[2])
face = FoundFace(Detection(Box(1, 1, 9, 9), np.zeros((5, 2)), 1.0), Quality(1.0, 9.0), np.ones(512, np.float32))
with Store(Path(sys.argv[1])) as store:
    root = store.roots.ensure(b"/photos")
    for number in range(first, first + 100_000):
        with store.transaction():
            seen = SeenFile(root.root_id, b"%d.jpg" % number, FileStat(1, 1, 1, number, 1))
            photo = store.photos.take(TakenPhoto(seen, b"%d" % number, 9, 9, None, (face,) * 20), "model")
            store.faces.replace(photo, [face] * 20, [None] * 20, "model")
        os.write(1, b"%d\\n" % number)
"""


def test_whatever_was_committed_survives_kill_9(tmp_path: Path) -> None:
    """Twenty times over, in the midst of a transaction: whole photos, all that were reported, and a sound file."""
    rng = random.Random(29)
    reported = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", COMMIT, str(tmp_path), str(reported + 1)],
            stdout=subprocess.PIPE,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(rng.randint(1, 60)):
                reported = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
            reported = int(rest[-1]) if rest else reported
        with contextlib.closing(sqlite3.connect(tmp_path / "facewatchd.sqlite")) as db:
            assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            photos, faces = db.execute("SELECT (SELECT count(*) FROM photos), (SELECT count(*) FROM faces)").fetchone()
        # the last one may be stored and not reported
        assert photos in {reported, reported + 1}
        assert faces == 20 * photos
        reported = photos
    with Store(tmp_path) as store:
        assert store.photos.counts()[PhotoState.DONE] == reported
        assert sorted(int(path[:-4]) for path in store.photos.known(1)) == list(range(1, reported + 1))


def test_no_person_of_that_id(store: Store) -> None:
    """A sentence that says how to find out who there is."""
    assert store.people.get(5) is None
    with pytest.raises(FacewatchError, match="people list"):
        corrections.person_of(store, 5)


# --- anything, in any order ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows:
    """The tables that matter, as plain SQL gives them."""

    photos: dict[int, str]
    faces: dict[int, tuple[int, str, int | None]]
    people: dict[int, tuple[str, int | None]]
    words: list[tuple[str, int, int]]
    medoids: list[tuple[int, int]]
    models: dict[int, str]

    @classmethod
    def of(cls, path: Path) -> Rows:
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            return cls(
                dict(db.execute("SELECT photo_id, state FROM photos").fetchall()),
                {row[0]: row[1:] for row in db.execute("SELECT face_id, photo_id, poor, person_id FROM faces")},
                {row[0]: row[1:] for row in db.execute("SELECT person_id, name, merged_into FROM people")},
                db.execute("SELECT kind, face_id, person_id FROM constraints").fetchall(),
                db.execute("SELECT person_id, face_id FROM medoids").fetchall(),
                dict(db.execute("SELECT face_id, model_id FROM embeddings").fetchall()),
            )

    def shown(self) -> list[int]:
        """Faces of photos that are not missing."""
        return [face for face, (photo, _, _) in self.faces.items() if self.photos[photo] != "missing"]


def medoids_in(gallery: GalleryIndex) -> list[tuple[int, bytes]]:
    """Whose and what, in no order of their own."""
    return sorted((int(p), m.tobytes()) for p, m in zip(gallery.people, gallery.medoids, strict=True))


class StoreMachine(RuleBasedStateMachine):
    """Whatever happens to photos, faces and people, in whatever order: the tables stay consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name))
        self.root = self.store.roots.ensure(b"/photos")
        self.model = MODEL
        self.number = 0
        self.most_people = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def rows(self) -> Rows:
        return Rows.of(self.store.path)

    def pick(self, data: st.DataObject, values: Iterable[int]) -> int | None:
        known = sorted(values)
        return data.draw(st.sampled_from(known)) if known else None

    def live(self) -> list[int]:
        return [person for person, (_, into) in self.rows().people.items() if into is None]

    def seen(self, path: bytes) -> SeenFile:
        self.number += 1
        return SeenFile(self.root.root_id, path, fake_stat(self.number))

    def path_of(self, photo: int) -> bytes | None:
        known = self.store.photos.known(self.root.root_id)
        path = next((path for path, other in known.items() if other.photo_id == photo), None)
        return path if path is not None and b"\0" not in path else None

    @initialize()
    def an_archive(self) -> None:
        """Somewhere in the midst of things, so that every rule has something to work on."""
        people = [self.store.people.add(name) for name in ("", "Ada", "Bob")]
        self.most_people = people[-1]
        for number in range(3):
            _, faces = put(self.store, self.root, b"%d.jpg" % number, [people[number], people[number - 1], None])
            with self.store.transaction():
                self.store.people.say([must(faces[0], people[number]), cannot(faces[2], people[number - 2])])
                self.store.medoids.replace(people[number], [faces[0]])
        self.number = 1000

    @rule(data=st.data())
    def a_photo_is_found_or_changes(self, data: st.DataObject) -> None:
        path = b"%d.jpg" % data.draw(st.integers(0, 5))
        with self.store.transaction():
            self.store.photos.wait(self.seen(path))

    @rule(data=st.data(), poor=st.booleans())
    def a_photo_is_taken_in(self, data: st.DataObject, poor: bool) -> None:
        path = b"%d.jpg" % data.draw(st.integers(0, 5))
        count = data.draw(st.integers(0, 3))
        found = tuple(found_face(unit(data.draw(st.integers(0, 3))), at, "poor" if poor else "") for at in range(count))
        with self.store.transaction():
            photo = self.store.photos.take(TakenPhoto(self.seen(path), path, 9, 9, None, found), self.model)
            old = [face.face_id for face in self.store.faces.of_photo(photo)]
            same = [face if data.draw(st.booleans()) else None for face in old][:count]
            same += [None] * (count - len(same))
            ids = self.store.faces.replace(photo, found, same, self.model)
        assert [face for face, before in zip(ids, same, strict=True) if before is not None] == [
            face for face in same if face is not None
        ]
        assert sorted(ids) == [face.face_id for face in self.store.faces.of_photo(photo)]

    @rule(data=st.data(), passing=st.booleans())
    def a_photo_fails(self, data: st.DataObject, passing: bool) -> None:
        path = b"%d.jpg" % data.draw(st.integers(0, 5))
        with self.store.transaction():
            self.store.photos.fail(self.seen(path), "damaged", NOW, passing=passing)

    @rule(data=st.data(), returns=st.booleans())
    def a_photo_goes_or_returns(self, data: st.DataObject, returns: bool) -> None:
        photo = self.pick(data, self.rows().photos)
        if photo is not None and self.path_of(photo) is not None:
            with self.store.transaction():
                if returns:
                    self.store.photos.present([photo])
                else:
                    self.store.photos.absent([photo], NOW, 2)
                    self.store.photos.miss([photo])

    @rule(data=st.data())
    def a_photo_moves(self, data: st.DataObject) -> None:
        photo = self.pick(data, self.rows().photos)
        if photo is not None:
            to = self.seen(b"%d.jpg" % data.draw(st.integers(0, 7)))
            with self.store.transaction():
                self.store.photos.move(photo, to)
            assert self.path_of(photo) == to.path

    @rule(name=st.sampled_from(["", "Ada", "Bob"]))
    def a_person_comes(self, name: str) -> None:
        person = self.store.people.add(name)
        assert person > self.most_people
        self.most_people = person

    @rule(data=st.data(), name=st.sampled_from(["Eve", "Mallory"]))
    def a_person_is_named(self, data: st.DataObject, name: str) -> None:
        person = self.pick(data, self.live())
        if person is not None:
            self.store.people.rename(person, name)
            assert self.store.people.get(person) == Person(person, name)

    @rule(data=st.data())
    def two_people_are_merged(self, data: st.DataObject) -> None:
        one, other = self.pick(data, self.rows().people), self.pick(data, self.rows().people)
        if one is not None and other is not None:
            names = {person.name for id_ in (one, other) if (person := self.store.people.get(id_)) is not None}
            with self.store.transaction():
                self.store.people.merge(one, other)
            assert self.store.people.get(one) == self.store.people.get(other)
            merged = self.store.people.get(one)
            assert merged is not None
            assert merged.name in names
            assert merged.name or names == {""}

    @rule(data=st.data(), yes=st.booleans())
    def the_user_says_something(self, data: st.DataObject, yes: bool) -> None:
        face, person = self.pick(data, self.rows().faces), self.pick(data, self.live())
        if face is not None and person is not None:
            with self.store.transaction():
                self.store.people.say([must(face, person) if yes else cannot(face, person)])
                if yes:
                    self.store.faces.give([face], person)
                elif person_of(self.store, face) == person:
                    self.store.faces.assign({face: Assignment(None, 0.1, 0.1)})

    @rule(data=st.data())
    def faces_are_assigned(self, data: st.DataObject) -> None:
        rows = self.rows()
        sure = {face: person for kind, face, person in rows.words if kind == "must-be"}
        people: list[int | None] = [None, *self.live()]
        chosen = {face: data.draw(st.sampled_from(people)) for face in rows.faces if data.draw(st.booleans())}
        refused = {(face, person) for kind, face, person in rows.words if kind == "cannot-be"}
        wanted = {face: person for face, person in chosen.items() if (face, person) not in refused}
        with self.store.transaction():
            self.store.faces.assign({face: Assignment(person, 0.5, 0.1) for face, person in wanted.items()})
        assert people_of(self.store, wanted) == {face: sure.get(face, person or 0) for face, person in wanted.items()}

    @rule(data=st.data())
    def everything_is_reclustered(self, data: st.DataObject) -> None:
        snapshot = take_snapshot(self.store, self.model, ReclusterSettings(2, 2, 0.5, 0.0))
        labels = np.array([data.draw(st.integers(-1, 2)) for _ in snapshot.faces], np.int64)
        apply(self.store, decide(self.store, snapshot, labels, THRESHOLDS), NOW, 1.0)
        self.most_people = max([self.most_people, *self.rows().people])
        rows = self.rows()
        said = {face: person for kind, face, person in rows.words if kind == "must-be"}
        in_photo: dict[tuple[int, int], list[int]] = defaultdict(list)
        for face in snapshot.faces.tolist():
            photo, _, person = rows.faces[face]
            if person is not None:
                in_photo[photo, person].append(face)
        assert all(len(faces) == 1 or set(faces) <= set(said) for faces in in_photo.values())
        refused = {(face, person) for kind, face, person in rows.words if kind == "cannot-be"}
        assert not [face for face, (_, _, person) in rows.faces.items() if (face, person) in refused]

    @rule(data=st.data())
    def a_person_gets_other_medoids(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.live()))
        rows = self.rows()
        theirs = [face for face, (_, _, owner) in rows.faces.items() if owner == person]
        self.store.medoids.replace(person, [face for face in theirs if data.draw(st.booleans())])

    @rule(data=st.data())
    def something_is_begun_and_fails(self, data: st.DataObject) -> None:
        faces = sorted(self.rows().faces)
        with contextlib.suppress(KeyError), self.store.transaction():
            if faces:
                self.store.medoids.replace(self.live()[0], [data.draw(st.sampled_from(faces))])
            # as assigning the faces of a photo does, before the photo is stored for good
            self.store.medoids.gallery_index(self.model, DIM)
            raise KeyError

    @rule()
    def other_models_are_used(self) -> None:
        self.model = "model-b" if self.model == MODEL else MODEL
        with self.store.transaction():
            self.store.photos.redo_all()

    @rule()
    def the_program_restarts(self) -> None:
        self.store.close()
        self.store = Store(Path(self.folder.name))

    @invariant()
    def figures_are_right(self) -> None:
        """They agree with those counted by hand."""
        rows = self.rows()
        shown = rows.shown()
        sure = {face for kind, face, _ in rows.words if kind == "must-be"}
        states = Counter(
            "confirmed" if face in sure else "assigned" if person is not None else "poor" if poor else "unknown"
            for face in shown
            for _, poor, person in [rows.faces[face]]
        )
        assert {state.value: count for state, count in self.store.faces.counts().items() if count} == dict(states)
        exported = [exported.face for exported, _ in self.store.faces.exported(self.model)]
        assert Counter(face.state.value for face in exported) == states
        assert {state.value: count for state, count in self.store.photos.counts().items() if count} == dict(
            Counter(rows.photos.values())
        )
        assert self.store.photos.count(self.root.root_id) == sum(state != "missing" for state in rows.photos.values())
        good = [face for face in shown if not rows.faces[face][1] and rows.models[face] == self.model]
        assert self.store.faces.good(self.model).faces.tolist() == sorted(good)
        assert self.store.faces.count_good(self.model) == len(good)
        summaries = {s.person.person_id: (s.faces, s.photos, s.confirmed) for s in self.store.people.summaries()}
        for person, (name, into) in rows.people.items():
            theirs = [face for face in shown if rows.faces[face][2] == person]
            figures = (len(theirs), len({rows.faces[face][0] for face in theirs}), len(sure & set(theirs)))
            if into is None and (theirs or name):
                assert summaries.pop(person) == figures
        assert summaries == {}

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        """The user's word holds, and who was merged is nowhere to be found."""
        rows = self.rows()
        said = [(face, person) for kind, face, person in rows.words if kind == "must-be"]
        assert len(dict(said)) == len(said)
        assert all(rows.faces[face][2] == person for face, person in said)
        merged = {person for person, (_, into) in rows.people.items() if into is not None}
        assert not merged & {person for person, _ in rows.medoids}
        assert not merged & {person for _, _, person in rows.faces.values()}
        assert not merged & {person for _, _, person in rows.words}
        for person in merged:
            now = self.store.people.get(person)
            assert now is not None
            assert now.person_id not in merged
        usable = sorted(person for person, face in rows.medoids if rows.models[face] == self.model)
        with Store(Path(self.folder.name), read_only=True) as other:
            read = other.medoids.gallery_index(self.model, DIM)
        assert read.people.tolist() == usable
        assert read.medoids.shape == (len(usable), DIM)
        kept = self.store.medoids.gallery_index(self.model, DIM)
        assert medoids_in(kept) == medoids_in(read)


StoreMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
TestAnyOrder = StoreMachine.TestCase
