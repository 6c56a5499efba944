"""
The user's words by command: what each does to the state and the tree, that three reclusterings do not undo it, that
`undo` does, and that the running daemon and the command alone do the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from helpers import MODEL, Archive, config_of, unit
from running import Home, portraits, prepared
from test_gestures_on_disk import ADA, BEFORE, BOB, settles, tree, undone
from trees import look, regroup, shown

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.corrections.apply import apply
from facewatchd.corrections.find_person import person_meant
from facewatchd.corrections.from_commands import confirm_face, reject_face
from facewatchd.corrections.records import Hide, Merge, Rename, Show, Split
from facewatchd.corrections.undo import undo
from facewatchd.domain import Assignment, FaceId, PersonId
from facewatchd.errors import FacewatchError
from facewatchd.operations import corrections
from facewatchd.operations.base import Operation, P, R
from facewatchd.operations.client import Client
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"
pytestmark = pytest.mark.usefixtures(tree.__name__)

ONE, TWO = 1, 2
NEW = b"Person 3"


def face(archive: Archive, photo: bytes, person: PersonId | None) -> FaceId:
    """Somebody's face in a photo."""
    found = archive.store.photos.find(archive.root.root_id, photo)
    assert found is not None
    (face_id,) = (f.face_id for f in archive.store.faces.of_photo(found.photo_id) if f.person_id == person)
    return face_id


def embeddings(store: Store, person: PersonId) -> set[tuple[float, ...]]:
    """What a person's medoids look like."""
    gallery = store.medoids.gallery_index(MODEL, 16)
    return {tuple(row) for row in gallery.medoids[gallery.people == person].tolist()}


# --- several people in one


def test_faces_that_are_somebody_else(archive: Archive) -> None:
    """A new person, for good, though they look like the first; taken back, they are Ada's again."""
    chosen = [face(archive, b"a%d.jpg" % number, ONE) for number in (0, 1)]
    applied = apply(archive.store, Split(ONE, tuple(chosen)))
    assert applied.people == (3,)
    assert applied.scope == {1, 3, None}
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg", b"a1.jpg"},
        NEW: {b"a0.jpg", b"a1.jpg"},
        BOB: BEFORE[BOB],
        b"_unknown": BEFORE[b"_unknown"],
    }
    assert undone(archive) == BEFORE


def test_the_larger_part_may_go(archive: Archive) -> None:
    """Four of Ada's six are somebody else: the two that are left stay Ada and do not follow them."""
    chosen = [face(archive, b"a%d.jpg" % number, ONE) for number in range(4)]
    apply(archive.store, Split(ONE, tuple(chosen)))
    after = settles(archive)
    assert after[ADA] == {b"a4.jpg", b"both.jpg"}
    assert after[NEW] == {b"a0.jpg", b"a1.jpg", b"a2.jpg", b"a3.jpg"}


def test_who_was_merged_falls_apart_again(archive: Archive) -> None:
    """The groups that they came together from: the larger keeps the name, the other is somebody new, with medoids."""
    apply(archive.store, Rename(ONE, "Ada"))
    settles(archive)
    apply(archive.store, Merge(TWO, ONE))
    assert apply(archive.store, Split(ONE)).people == (3,)
    assert embeddings(archive.store, 3) == {tuple(unit(1).tolist())}
    look(archive)
    assert shown(archive)[NEW] == BEFORE[BOB] - {b"both.jpg"}
    # the face that was nobody's, as the merged person had another one in the photo, is found to be the new one's
    regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0))
    assert settles(archive) == {b"Ada": BEFORE[ADA], NEW: BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"]}
    assert undone(archive, times=2)[b"Ada"] == BEFORE[ADA]


def test_two_who_were_taken_for_one(archive: Archive) -> None:
    """Nothing tells of two groups but the faces."""
    archive.store.faces.give(archive.faces_of(TWO), ONE)
    archive.store.faces.regroup(dict.fromkeys(archive.faces_of(ONE), 0))
    apply(archive.store, Split(ONE))
    look(archive)
    assert shown(archive)[NEW] == BEFORE[BOB]


@pytest.mark.parametrize("into", [ONE, 3])
def test_who_was_split_is_one_again(archive: Archive, into: PersonId) -> None:
    """Merged instead of undone, in either direction: that they are one takes back that they are two, for all faces."""
    faces = tuple(face(archive, b"a%d.jpg" % number, ONE) for number in (0, 1))
    (new,) = apply(archive.store, Split(ONE, faces)).people
    look(archive)
    apart = shown(archive)
    apply(archive.store, Merge(ONE if into == new else new, into))
    assert settles(archive) == {b"Person %d" % into: BEFORE[ADA], BOB: BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"]}
    assert undone(archive) == apart
    assert undone(archive) == BEFORE


def test_what_cannot_be_split(archive: Archive) -> None:
    """Nobody would be left; a face of somebody else; all the same face. Nothing is changed."""
    his = archive.faces_of(TWO)
    for faces, said in ((his, "No face would be left to Person 2"), ([*his[1:], 1], "Face 1 is not Person 2's")):
        with pytest.raises(FacewatchError, match=said):
            apply(archive.store, Split(TWO, tuple(faces)))
    with pytest.raises(FacewatchError, match="cannot be split: The faces form one group only"):
        apply(archive.store, Split(ONE))
    assert settles(archive) == BEFORE
    assert archive.store.journal.last() is None


# --- hidden


def test_hidden_and_shown_again(archive: Archive, tmp_path: Path) -> None:
    """The folder goes to `_ignored` and comes back, with the user's own file in it."""
    note = tmp_path / "People" / "Person 2" / "note.txt"
    note.write_text("mine")
    apply(archive.store, Hide(TWO))
    after = settles(archive)
    assert after == {ADA: BEFORE[ADA], b"_unknown": BEFORE[b"_unknown"]}
    kept = tmp_path / "People" / "_ignored" / "Person 2" / "note.txt"
    assert kept.read_text() == "mine"
    with pytest.raises(FacewatchError, match="Person 2 is hidden already: 'facewatchd people list'"):
        apply(archive.store, Hide(TWO))
    kept.unlink()
    apply(archive.store, Show(TWO))
    assert settles(archive) == BEFORE
    with pytest.raises(FacewatchError, match="Person 2 is not hidden"):
        apply(archive.store, Show(TWO))
    undone(archive)
    assert BOB not in shown(archive)
    assert undone(archive) == BEFORE


# --- single faces


def test_a_face_is_somebody_elses(archive: Archive) -> None:
    """It is Bob's and not Ada's, as if the link had been moved."""
    apply(archive.store, confirm_face(archive.store, face(archive, b"a0.jpg", ONE), TWO))
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg"},
        BOB: BEFORE[BOB] | {b"a0.jpg"},
        b"_unknown": BEFORE[b"_unknown"],
    }
    assert undone(archive) == BEFORE


def test_a_face_is_whose_it_is_believed_to_be(archive: Archive) -> None:
    """Nothing moves, and it is sure from now on."""
    applied = apply(archive.store, confirm_face(archive.store, face(archive, b"a0.jpg", ONE), None))
    assert applied.people == (ONE,)
    assert settles(archive) == BEFORE
    (summary,) = archive.store.people.summaries([ONE])
    assert summary.confirmed == 1


def test_two_faces_of_a_photo_are_two_people_unless_both_are_confirmed(archive: Archive) -> None:
    """The face that was only believed to be Ada's gives way; confirmed as well, both are hers, for good."""
    hers, his = face(archive, b"both.jpg", ONE), face(archive, b"both.jpg", TWO)
    apply(archive.store, confirm_face(archive.store, his, ONE))
    assert settles(archive)[b"_unknown"] == BEFORE[b"_unknown"] | {b"both.jpg"}
    apply(archive.store, confirm_face(archive.store, hers, ONE))
    after = settles(archive)
    assert after == {ADA: BEFORE[ADA], BOB: BEFORE[BOB] - {b"both.jpg"}, b"_unknown": BEFORE[b"_unknown"]}
    assert {hers, his} <= set(archive.faces_of(ONE))
    assert undone(archive, times=2) == BEFORE


@pytest.mark.parametrize("allowed", [False, True])
def test_who_might_have_been_somebody_is_not_once_another_face_of_the_photo_is(archive: Archive, allowed: bool) -> None:
    """It is asked about no more, unless two faces of a photo may be one person; taken back, it is again."""
    store = archive.store
    hers, his = face(archive, b"both.jpg", ONE), face(archive, b"both.jpg", TWO)
    with store.transaction():
        store.faces.assign({his: Assignment(None, 0.5, 0.1, ONE)})
    before = [photo.path for photo in store.reviews.photos(ONE)]
    assert len(before) == 1
    apply(store, confirm_face(store, hers, None, allow_same_photo=allowed))
    assert [photo.path for photo in store.reviews.photos(ONE)] == (before if allowed else [])
    undo(store)
    assert [photo.path for photo in store.reviews.photos(ONE)] == before


def test_a_face_is_not_somebodys(archive: Archive) -> None:
    """As if the link had been deleted; also where the face was nobody's so far."""
    apply(archive.store, reject_face(archive.store, face(archive, b"a0.jpg", ONE), None))
    apply(archive.store, reject_face(archive.store, face(archive, b"x.jpg", None), ONE))
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg"},
        BOB: BEFORE[BOB],
        b"_unknown": BEFORE[b"_unknown"] | {b"a0.jpg"},
    }
    assert undone(archive, times=2) == BEFORE


def test_a_face_that_goes_is_no_medoid_any_more(archive: Archive) -> None:
    """Else new faces of Bob would be taken for Ada's. Ada has another medoid, taken back the old one."""
    store = archive.store
    (medoid,) = store.medoids.of(ONE)
    words: tuple[Callable[[], object], ...] = (
        lambda: apply(store, confirm_face(store, medoid, TWO)),
        lambda: apply(store, reject_face(store, medoid, None)),
        lambda: apply(store, Split(ONE, (medoid,))),
    )
    for word in words:
        assert word()
        assert medoid not in store.medoids.of(ONE)
        assert store.medoids.of(ONE)
        undo(store)
        assert store.medoids.of(ONE) == [medoid]


def test_a_moved_link_takes_the_medoid_with_it(archive: Archive, tmp_path: Path) -> None:
    """The same for the gestures."""
    tree = tmp_path / "People"
    (medoid,) = archive.store.medoids.of(ONE)
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    assert medoid in archive.faces_of(TWO)
    assert archive.store.medoids.of(ONE)
    assert medoid not in archive.store.medoids.of(ONE)
    undo(archive.store)
    assert archive.store.medoids.of(ONE) == [medoid]


def test_who_gives_way_is_no_medoid_any_more(archive: Archive) -> None:
    """What was taken for Bob beside his face: new faces like it would be taken for his."""
    store = archive.store
    archive.add(b"two.jpg", [(TWO, unit(9)), (None, unit(1))])
    other, bob = face(archive, b"two.jpg", TWO), face(archive, b"two.jpg", None)
    store.medoids.replace(TWO, [other])
    apply(store, confirm_face(store, bob, TWO))
    assert other not in store.medoids.of(TWO)
    assert store.medoids.of(TWO)
    undo(store)
    assert store.medoids.of(TWO) == [other]


def test_faces_that_nobody_can_mean(archive: Archive) -> None:
    """Each is told in one sentence; nothing is changed."""
    unknown = face(archive, b"x.jpg", None)
    attempts: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: apply(archive.store, confirm_face(archive.store, 99, ONE)), "There is no face 99"),
        (lambda: apply(archive.store, reject_face(archive.store, 99, None)), "There is no face 99"),
        (
            lambda: apply(archive.store, confirm_face(archive.store, unknown, None)),
            f"Face {unknown} is not assigned to a person",
        ),
        (lambda: apply(archive.store, confirm_face(archive.store, unknown, 77)), "There is no person 77"),
    )
    for attempt, said in attempts:
        with pytest.raises(FacewatchError, match=said):
            attempt()
    assert settles(archive) == BEFORE


# --- after what was done in the tree


def said_alone(archive: Archive, operation: Operation[P, R], parameters: P) -> list[str]:
    """Carry out an operation while no daemon runs; the titles of all corrections so far, the oldest first."""
    Client(config_of(archive)).call(operation, parameters)
    entries = archive.store.journal.entries(9)[::-1]
    return [entry.title for entry in entries if not entry.undone and entry.undoes is None]


def test_undo_takes_back_what_was_just_done_in_the_tree(archive: Archive, tmp_path: Path) -> None:
    """Not the word before it."""
    people = tmp_path / "People"
    (people / "Person 1").rename(people / "Ada")
    look(archive)
    (people / "Person 2" / "b0.jpg").unlink()
    assert said_alone(archive, corrections.UNDO, corrections.UndoParameters()) == ["Person 1 is Ada"]
    assert settles(archive) == {b"Ada": BEFORE[ADA], BOB: BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"]}


def test_what_was_done_in_the_tree_comes_before_a_command(archive: Archive, tmp_path: Path) -> None:
    """A link deleted and a name given to somebody who is merged then: both hold for whom they are now."""
    people = tmp_path / "People"
    (people / "Person 2" / "b0.jpg").unlink()
    (people / "Person 2").rename(people / "Bob")
    assert said_alone(archive, corrections.MERGE, corrections.MergeParameters(person=str(TWO), into=str(ONE))) == [
        "Person 2 is Bob",
        "b0.jpg: not Bob",
        "Bob is Person 1",
    ]
    assert shown(archive) == {
        b"Bob": (BEFORE[ADA] | BEFORE[BOB]) - {b"b0.jpg"},
        b"_unknown": BEFORE[b"_unknown"] | {b"b0.jpg", b"both.jpg"},
    }
    assert (look(archive).gestures, look(archive).actions) == ((), ())


# --- whom the user means


def test_of_two_who_are_called_alike_one_is_hidden(archive: Archive) -> None:
    """Only the hidden one can be shown again, only the other one be hidden; else the sentence names both."""
    store = archive.store
    apply(store, Rename(ONE, "Ada"))
    apply(store, Hide(ONE))
    apply(store, Rename(TWO, "Ada"))  # the name is free for others
    with pytest.raises(FacewatchError, match=r"'ada' can mean 2 people: Ada \(id 1, hidden\) and Ada \(id 2\)\. Say"):
        person_meant(store, "ada ")
    assert person_meant(store, "Ada", hidden=True).person_id == ONE
    assert person_meant(store, "Ada", hidden=False).person_id == TWO
    unhidden = Client(config_of(archive)).call(corrections.UNHIDE, corrections.PersonParameters(person="Ada"))
    assert [person.id for person in unhidden.people] == [ONE]


def test_a_number_stands_for_whom_they_were_merged_into(archive: Archive) -> None:
    """Also written as the folder was called."""
    apply(archive.store, Rename(ONE, "Ada"))
    apply(archive.store, Merge(TWO, ONE))
    for typed in ("2", "Person 2", "id:2", "Ada", "1"):
        assert person_meant(archive.store, typed).person_id == ONE


# --- as the user types them


def test_by_command(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """What is said, and what is refused; two who were merged are told apart by their faces."""
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    before, people = home.links(), list(home.named())
    pairs = [(a, b) for a in people for b in people if a < b]
    one, other = next((a, b) for a, b in pairs if not before[f"Person {a}"] & before[f"Person {b}"])
    home.run("people", "merge", str(other), str(one))
    assert "are Person 9 now" in home.run("people", "split", str(one)).out
    after = home.links()
    parts = {frozenset(after["Person 9"]), frozenset(after[f"Person {one}"])}
    assert parts == {frozenset(before[f"Person {one}"]), frozenset(before[f"Person {other}"])}

    face_id = home.run("people", "show", str(one), "--json").json["face_ids"][0]
    assert home.run("faces", "confirm", str(face_id)).out == f"Face {face_id} is Person {one}.\n"
    assert "There is no person 99" in home.run("people", "split", "99", code=1).line
    for wrong in (["people", "split", "1", "--faces", "1,x"], ["faces", "confirm", "x"]):
        home.run(*wrong, code=2)


def different(home: Home) -> set[int]:
    """One face of each picture: copies of a picture count once."""
    with closing(sqlite3.connect(home.state / "facewatchd.sqlite")) as state:
        rows = state.execute(
            "SELECT min(face_id) FROM faces JOIN photos USING (photo_id) GROUP BY content_hash"
        ).fetchall()
    return {face_id for (face_id,) in rows}


def test_by_command_while_the_daemon_runs(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """It carries them out, and the tree follows at once."""
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    before, (one, photos) = home.links(), next(iter(portraits(home).items()))
    face_id = next(row["face_id"] for row in home.faces() if row["photo"] == str(photos[0]))
    photo = str(photos[0].relative_to(home.album))
    ids = home.run("people", "show", str(one), "--json").json["face_ids"]
    with home.watching():
        a, b, c = [face_id for face_id in ids if face_id in different(home)][:3]
        chosen = f"{a}, {b},{c}"
        (new,) = home.run("people", "split", str(one), "--faces", chosen, "--json").json["people"]
        assert new == {"id": new["id"], "title": f"Person {new['id']}", "faces": 3}
        assert len(home.links()[new["title"]]) == 3
        undone = home.run("undo").out
        assert undone.startswith(f"Taken back: 3 of the faces of Person {one} are somebody else's. To have it again: ")
        assert home.links() == before

        assert home.run("people", "rename", str(one), "Zoë").out == f"Person {one} is Zoë now.\n"
        assert "did you mean Zoë" in home.run("people", "hide", "Zoey", code=1).line
        assert home.run("people", "rename", "ZOË", "Ann/e").out.startswith(
            "Zoë is Ann/e now. The folder is called Ann_e,"
        )
        assert home.run("faces", "confirm", face_id, "ann_e").out == f"Face {face_id} is Ann/e.\n"
        for _ in range(3):
            home.run("undo")
        assert home.links() == before

        # what was done in the tree is not read yet while the user may go on
        next(entry for entry in (home.people / f"Person {one}").iterdir() if entry.is_symlink()).unlink()
        assert f" not Person {one}." in home.run("undo").out
        assert home.links() == before

        assert home.run("people", "hide", str(one)).out == f"Person {one} is hidden.\n"
        assert f"Person {one}" not in home.links()
        assert [p["id"] for p in home.run("people", "list", "--json").json["people"] if p["hidden"]] == [one]
        assert home.run("people", "unhide", str(one)).out == f"Person {one} is shown again.\n"
        assert home.links() == before

        assert home.run("faces", "reject", face_id).out == f"Face {face_id} is not Person {one}.\n"
        assert photo not in home.links()[f"Person {one}"]
        assert photo in home.links()["_unknown"]
        assert "is not assigned to a person: Name the person" in home.run("faces", "reject", face_id, code=1).line
        assert home.run("faces", "confirm", face_id, str(one)).out == f"Face {face_id} is Person {one}.\n"
        assert home.links() == before
