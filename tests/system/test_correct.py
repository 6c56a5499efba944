"""The user's own words about people: checked, stored whole, and told what is wrong with them in one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from helpers import NOW, Archive, links, unit
from plain import materialize

from facewatchd.core.tree.scope import Scope
from facewatchd.corrections.apply import apply, person_of
from facewatchd.corrections.records import Hide, Merge, Rename
from facewatchd.domain import Person, PersonId
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.intake.retry import retry
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"


def dump(store: Store) -> list[str]:
    with closing(sqlite3.connect(store.path)) as db:
        return list(db.iterdump())


def refused(error: pytest.ExceptionInfo[FacewatchError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        pytest.param("Ada", "Ada", id="plain"),
        pytest.param("  Ada Lovelace\t", "Ada Lovelace", id="spaces around"),
        pytest.param("Ada\u0301", "Ad\u00e1", id="another Unicode form"),
        pytest.param("A/B: \"C\" & 'D'", "A/B: \"C\" & 'D'", id="punctuation"),
        pytest.param("\u5c71\u7530", "\u5c71\u7530", id="Japanese"),
        pytest.param("x" * 500, "x" * 500, id="long"),
    ],
)
def test_a_person_gets_a_name(store: Store, given: str, stored: str) -> None:
    """In one Unicode form, so that the same name is the same."""
    person = store.people.add()
    assert apply(store, Rename(person, given)).scope == {person}
    assert store.people.get(person) == Person(person, stored)


@pytest.mark.parametrize("name", ["", "  ", "\t\n", "a\nb", "a\0b", "\x1b[31m", "\u200b", "\u202egnp", "\ud800"])
def test_what_is_no_name_is_refused(store: Store, name: str) -> None:
    """Nothing to see, or signs that make a terminal do things."""
    person = store.people.add("Ada")
    with pytest.raises(FacewatchError, match="This is no name") as caught:
        apply(store, Rename(person, name))
    refused(caught)
    assert store.people.get(person) == Person(person, "Ada")


@pytest.mark.parametrize("name", ["Ada", "ADA", "  ada ", "Ad\u00e1s", "ADA\u0301S"])
def test_a_name_that_somebody_has_is_refused(store: Store, name: str) -> None:
    """However it is written; the sentence says how to make one person of the two."""
    store.people.add("Ada")
    store.people.add("Ad\u00e1s")
    person = store.people.add("Bob")
    with pytest.raises(FacewatchError, match=f"is called .* already: .*people merge {person} [12]'") as caught:
        apply(store, Rename(person, name))
    refused(caught)
    assert store.people.get(person) == Person(person, "Bob")


def test_a_person_may_change_how_the_own_name_is_written(store: Store) -> None:
    """That is no collision."""
    person = store.people.add("ada")
    assert apply(store, Rename(person, "Ada")).scope == {person}
    assert apply(store, Rename(person, "Ada")).scope == {person}
    assert store.people.get(person) == Person(person, "Ada")


def test_the_name_of_somebody_who_was_merged_is_free(store: Store) -> None:
    """There is nobody of that name any more."""
    ada, bob, eve = store.people.add("Ada"), store.people.add("Bob"), store.people.add()
    apply(store, Merge(ada, bob))
    apply(store, Rename(eve, "Ada"))
    assert store.people.named() == [Person(bob, "Bob"), Person(eve, "Ada")]


def test_who_was_merged_is_renamed_as_who_they_are_now(store: Store) -> None:
    """An old id still means the person."""
    ada, bob = store.people.add("Ada"), store.people.add()
    apply(store, Merge(ada, bob))
    assert apply(store, Rename(ada, "Eve")).scope == {bob}
    assert store.people.get(ada) == store.people.get(bob) == Person(bob, "Eve")


@pytest.mark.parametrize("person", [0, -1, 99, 2**62])
def test_nobody_of_that_id(store: Store, person: PersonId) -> None:
    """Says where the ids are to be found; nothing is changed."""
    ada = store.people.add("Ada")
    before = dump(store)
    for attempt in (
        lambda: apply(store, Rename(person, "Bob")).scope,
        lambda: apply(store, Merge(person, ada)).scope,
        lambda: apply(store, Merge(ada, person)).scope,
        lambda: person_of(store, person),
    ):
        with pytest.raises(FacewatchError, match=f"There is no person {person}: 'facewatchd people list'") as caught:
            attempt()
        refused(caught)
    assert dump(store) == before


def test_the_name_of_somebody_hidden_is_not_given_to_a_second_person(store: Store) -> None:
    """Merged into somebody without a name, while another person has the name."""
    hidden, ada, nameless = store.people.add("Ada"), store.people.add(), store.people.add()
    apply(store, Hide(hidden))
    apply(store, Rename(ada, "ada"))
    apply(store, Merge(hidden, nameless))
    assert store.people.named() == [Person(ada, "ada")]


# --- merging ---------------------------------------------------------------------------------------------------------


def test_two_become_one(archive: Archive) -> None:
    """Everything of the first is the second's, and confirmed; the scope is whose folders change."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    bob = archive.person("", [b"3.jpg"], 1)
    archive.add(b"4.jpg", [(ada, unit(0)), (bob, unit(1)), (None, unit(2))])
    assert {ada, bob} <= apply(archive.store, Merge(ada, bob)).scope
    (summary,) = archive.store.people.summaries()
    assert (summary.person, summary.faces, summary.photos, summary.confirmed) == (Person(bob, "Ada"), 4, 4, 2)
    materialize(archive.store, archive.tree)
    assert set(links(archive.tree.path)) == {
        *(b"Ada/%d.jpg" % number for number in (1, 2, 3, 4)),
        b"_unknown/4.jpg",
    }


@pytest.mark.parametrize("merged", [False, True])
def test_somebody_is_not_merged_with_themselves(store: Store, merged: bool) -> None:
    """Nor two who are one already."""
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    if merged:
        apply(store, Merge(ada, bob))
    before = dump(store)
    for one, other in [(ada, bob), (bob, ada), (ada, ada)] if merged else [(ada, ada)]:
        with pytest.raises(FacewatchError, match=r"nothing to merge: .* are the same person") as caught:
            apply(store, Merge(one, other))
        refused(caught)
    assert dump(store) == before


def test_the_scope_brings_the_tree_up_to_date(archive: Archive) -> None:
    """Materializing what a word says that it changed is enough: a full run finds nothing to do."""
    store = archive.store
    people = [archive.person("", [b"%d/%d.jpg" % (n, m) for m in range(n + 1)], n) for n in range(4)]
    archive.add(b"all.jpg", [(person, unit(number)) for number, person in enumerate(people)])
    materialize(store, archive.tree)
    words: list[Callable[[], Scope]] = [
        lambda: apply(store, Rename(people[3], "Ada")).scope,
        lambda: apply(store, Merge(people[0], people[1])).scope,
        lambda: apply(store, Merge(people[3], people[2])).scope,
        lambda: apply(store, Rename(people[3], "Eve")).scope,
    ]
    for word in words:
        assert materialize(store, archive.tree, word()).actions
        done = materialize(store, archive.tree)
        assert (done.actions, done.gestures) == ((), ())


# --- photos that failed ----------------------------------------------------------------------------------------------


def test_photos_that_failed_can_be_tried_again(archive: Archive) -> None:
    """All of them, whatever was wrong; nothing else is taken in again."""
    archive.add(b"1.jpg")
    store = archive.store
    for path, passing in ((b"2.jpg", True), (b"3.jpg", False)):
        store.photos.fail(archive.write(path), "The disk failed.", 1e9, passing=passing)
    assert len(store.photos.failures()) == 2
    assert retry(store) == 2
    assert {seen.path for seen in store.photos.pending([1], 9)} == {b"2.jpg", b"3.jpg"}
    assert retry(store) == 0
    assert store.photos.failures() == []


def test_photos_that_failed_are_tried_again_though_the_clock_was_set_back(archive: Archive) -> None:
    """By a clock that was a year ahead their time would come in a year; one whose time is near is waited for."""
    store, year = archive.store, 365 * 86_400
    for path, now in ((b"ahead.jpg", NOW + year), (b"right.jpg", NOW)):
        store.photos.fail(archive.write(path), "The disk failed.", now, passing=True)
    assert store.photos.retry(NOW + 10) == 1
    assert [seen.path for seen in store.photos.pending([1], 9)] == [b"ahead.jpg"]
