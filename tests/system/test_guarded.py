"""A reclustering that would do too much is held: what is known stays, new people come in all the same, `--force` does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import MODEL, NOW, THRESHOLDS, Archive, numbers, unit
from running import Home, prepared

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.daemon.grouping import Grouping
from facewatchd.domain import Constraint, ConstraintKind, FaceState, PersonId
from facewatchd.pipeline.grouping.guarded import apply_guarded, objection
from facewatchd.pipeline.grouping.regroup import Regrouping, compute, decide, take_snapshot

pytest_plugins = "archive_fixtures"

USUAL = ReclusterSettings(2, 2, 0.7, 0.0)


def plan(archive: Archive, settings: ReclusterSettings = USUAL, thresholds: Thresholds = THRESHOLDS) -> Regrouping:
    snapshot = take_snapshot(archive.store, MODEL, settings)
    return decide(archive.store, snapshot, compute(snapshot), thresholds)


def regroup(archive: Archive, *, force: bool = False) -> str:
    return apply_guarded(archive.store, plan(archive), NOW, 0.1, 0.3, force=force)


def fill(archive: Archive, name: str, number: int, faces: int, owner: PersonId | None = None) -> PersonId:
    """Faces that look like person `number`, as somebody's."""
    person = archive.store.people.add(name) if owner is None else owner
    for at in range(faces):
        archive.add(b"%s %d %d.jpg" % (name.encode(), number, at), [(person, unit(number))])
    return person


@pytest.fixture
def mixed(archive: Archive) -> tuple[PersonId, PersonId]:
    """Ada, named, and Bob, named, who look alike, in an archive of many."""
    ada, bob = fill(archive, "Ada", 0, 8), fill(archive, "Bob", 0, 5)
    fill(archive, "Eve", 1, 30)
    return ada, bob


def test_named_people_are_not_mixed(archive: Archive, mixed: tuple[PersonId, PersonId]) -> None:
    """Nothing is changed of what is known; it is written down why, for `status`, and cleared when it is done after all."""
    ada, bob = mixed
    why = regroup(archive)
    assert "5 of 5 faces of Bob would go to Ada" in why
    assert "'facewatchd recluster --force'" in why
    assert (len(archive.faces_of(ada)), len(archive.faces_of(bob))) == (8, 5)
    assert archive.store.last_recluster() is None
    held = archive.store.held()
    assert held is not None
    assert (held.why, held.faces) == (why, 43)
    assert regroup(archive) == why
    assert regroup(archive, force=True) == ""
    assert (len(archive.faces_of(ada)), len(archive.faces_of(bob))) == (13, 0)
    assert archive.store.held() is None
    assert archive.store.last_recluster() is not None


def test_who_is_new_is_added_all_the_same(archive: Archive, mixed: tuple[PersonId, PersonId]) -> None:
    """Four faces of somebody whom nobody knew are a person, who finds new faces; a face like Ada's stays unknown."""
    for at in range(4):
        archive.add(b"new %d.jpg" % at, [(None, unit(3))])
    archive.add(b"like Ada.jpg", [(None, unit(0))])
    assert regroup(archive)
    new = [s for s in archive.store.people.summaries() if not s.person.name]
    assert [(s.person.person_id, s.faces) for s in new] == [(4, 4)]
    assert archive.store.medoids.of(4)
    assert archive.store.faces.counts()[FaceState.UNKNOWN] == 1
    assert regroup(archive)
    assert [s for s in archive.store.people.summaries() if not s.person.name] == new


def test_what_is_held_is_not_tried_again_with_every_photo(archive: Archive, mixed: tuple[PersonId, PersonId]) -> None:
    """Only when as much more has come in as makes any reclustering worth while."""
    grouping = Grouping(archive.store, MODEL, USUAL, THRESHOLDS, 0.2, 0.3, lambda _: None)
    assert grouping.much_is_new()
    regroup(archive)
    for more, wanted in ((1, False), (7, False), (1, True)):
        fill(archive, f"more {archive.store.faces.count_good(MODEL)}", 9, more)
        grouping.grew()
        assert grouping.much_is_new() == wanted


def test_too_many_moves_are_told_in_figures(archive: Archive) -> None:
    """Somebody unnamed is found to be two, one of them the larger part."""
    person = fill(archive, "", 0, 10)
    fill(archive, "x", 1, 12, person)
    regrouping = plan(archive)
    assert "it would reassign 10 of 22 faces (limit: recluster.max_moved = 30%)" in objection(
        archive.store, regrouping, 0.3
    )
    assert objection(archive.store, regrouping, 0.5) == ""


def test_more_mixtures_than_a_sentence_holds(archive: Archive) -> None:
    """The first are named, the others counted."""
    for number in range(5):
        fill(archive, f"A{number}", number, 6)
        fill(archive, f"B{number}", number, 3)
    why = objection(archive.store, plan(archive), 0.9)
    assert why.count("3 of 3 faces of B") == 3
    assert "; 2 more named people would give many faces to another." in why


def test_a_group_whose_faces_do_not_fit_together_is_nobody(archive: Archive) -> None:
    """It gets no folder, and its faces stay unknown; nor does it stay somebody's who was there without a name."""
    strangers = fill(archive, "", 0, 2)
    for number in range(1, 6):
        fill(archive, "", number, 2, strangers)
    everybody = ReclusterSettings(2, 2, -1.0, 0.0)
    thresholds = replace(THRESHOLDS, coherent=0.3)
    found = plan(archive, everybody, thresholds)
    assert (found.incoherent, found.people, found.new_people, found.unknown) == (1, 0, 0, 12)
    assert found.clusters == {}
    fitting = plan(archive, USUAL, thresholds)
    assert (fitting.incoherent, fitting.people, fitting.unknown) == (0, 6, 0)


@pytest.mark.parametrize("word", ["named", "confirmed", "hidden"])
def test_whom_the_user_spoke_of_is_somebody_all_the_same(archive: Archive, word: str) -> None:
    """However unlike the faces are; a hidden person's do not come back as unknown ones."""
    person = fill(archive, "Ada" if word == "named" else "", 0, 3)
    fill(archive, "", 1, 3, person)
    if word == "confirmed":
        archive.store.people.say([Constraint(ConstraintKind.MUST_BE, archive.faces_of(person)[0], person)])
    archive.store.people.hide(person, hidden=word == "hidden")
    found = plan(archive, ReclusterSettings(2, 2, -1.0, 0.0), replace(THRESHOLDS, coherent=0.3))
    assert (found.incoherent, found.people, found.moved, found.unknown) == (0, 1, 0, 0)


@pytest.mark.parametrize("word", ["named", "confirmed", "hidden"])
def test_one_face_does_not_make_strangers_somebody(archive: Archive, word: str) -> None:
    """A left-over face that was taken for Ada's lies in a group of strangers: they are neither hers nor a person."""
    ada = fill(archive, "Ada" if word == "named" else "", 0, 3)
    stray = archive.add(b"stray.jpg", [(ada, unit(0, 0.7, 1))])
    for number in range(1, 6):
        archive.add(b"%d.jpg" % number, [(None, unit(number))])
    if word == "confirmed":
        archive.store.people.say([Constraint(ConstraintKind.MUST_BE, stray, ada)])
    archive.store.people.hide(ada, hidden=word == "hidden")
    snapshot = take_snapshot(archive.store, MODEL, USUAL)
    found = decide(archive.store, snapshot, numbers([0] * 3 + [1] * 6), replace(THRESHOLDS, coherent=0.3))
    assert (found.incoherent, found.people, found.new_people, found.moved, found.unknown) == (1, 1, 0, 0, 5)


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with the daemon"])
def test_by_command(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, running: bool) -> None:
    """
    A threshold that all faces reach, by which two of the eight people would go: held with exit code 1, told by `status`,
    planned by `--dry-run`, done by `--force`.
    """
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    home.configure(recluster={"threshold": -1, "max_moved": 0.05})
    if running:
        with home.watching():
            _is_held(home)
    else:
        _is_held(home)


def _is_held(home: Home) -> None:
    before = home.links()
    line = home.run("recluster", code=1).line
    assert line.startswith("facewatchd: The faces were not grouped: A new grouping is held: ")
    assert home.links() == before
    (blocked,) = home.status()["blocked"]
    assert blocked in line
    assert f"It would be held. {blocked}\n" in home.run("recluster", "--dry-run").out
    assert "faces grouped into" in home.run("recluster", "--force").out
    assert home.links() != before
    assert home.status()["blocked"] == []
