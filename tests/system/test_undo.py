"""
The list of what the user said: what is done to many links at once is one word, any word can be taken back that no other rests
on, and what was taken back can be had again. By gestures on real folders, and by commands, with and without the daemon.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, broken_links
from running import prepared, wait_until
from trees import know_two, look, shown

from facewatchd.core.tree.entries import LinkMode
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Merge, Rename
from facewatchd.corrections.undo import undo as undo_correction
from facewatchd.errors import FacewatchError

pytest_plugins = "archive_fixtures"

ADA, BOB = b"Person 1", b"Person 2"
NOW = 1_800_000_000.0


@pytest.fixture(params=[*LinkMode])
def album(archive: Archive, request: pytest.FixtureRequest) -> Iterator[Archive]:
    """Ada in forty photos, Bob in four, both in one more, and two unknown faces; with each kind of links."""
    album = replace(archive, tree=replace(archive.tree, links=request.param))
    know_two(album, 40, 4)
    yield album
    assert broken_links(album.tree.path) == []


@pytest.fixture
def tree(archive: Archive) -> Path:
    """As `album`, with few photos and the usual links."""
    know_two(archive, 5, 4)
    return Path(os.fsdecode(archive.tree.path))


def top(archive: Archive) -> Path:
    return Path(os.fsdecode(archive.tree.path))


def words(archive: Archive) -> list[str]:
    """What holds of what was said, the oldest first."""
    entries = archive.store.journal.entries(99)[::-1]
    return [entry.title for entry in entries if not entry.undone and entry.undoes is None]


def number(archive: Archive, title: str) -> int:
    return next(entry.entry_id for entry in archive.store.journal.entries(99) if entry.title == title)


def undo(archive: Archive, title: str = "") -> str:
    said = undo_correction(archive.store, number(archive, title) if title else None).sentence
    look(archive)
    return said


def refused(archive: Archive, title: str) -> str:
    with pytest.raises(FacewatchError) as caught:
        undo_correction(archive.store, number(archive, title))
    return str(caught.value)


# --- many links at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("Person 2", "30 photos moved from Person 1 to Person 2"),
        ("_ignored", "30 photos: ignored"),
        ("", "30 photos deleted from Person 1"),
        ("Eve", "Eve is somebody new"),
    ],
)
def test_what_is_done_to_many_links_at_once_is_one_word(album: Archive, to: str, said: str) -> None:
    """... and taken back at once."""
    before = shown(album)
    (top(album) / "Eve").mkdir()
    for at in range(30):
        link = top(album) / "Person 1" / f"a{at}.jpg"
        if to:
            link.rename(top(album) / to / link.name)
        else:
            link.unlink()
    look(album)
    assert words(album) == [said]
    if not to:
        (top(album) / "Eve").rmdir()
    undo(album)
    assert {name: links for name, links in shown(album).items() if name != b"Eve"} == before


def test_what_goes_on_a_moment_later_is_the_same_word(archive: Archive, tree: Path) -> None:
    """A slow file manager; what is done later is a word of its own."""
    for at, seconds in enumerate((0.0, 4.0, 8.0, 30.0)):
        (tree / "Person 1" / f"a{at}.jpg").unlink()
        look(archive, now=NOW + seconds)
    assert words(archive) == ["3 photos deleted from Person 1", "a3.jpg: not Person 1"]
    undo(archive)
    undo(archive)
    assert len(shown(archive)[ADA]) == 6


def test_something_else_in_between_ends_a_word(archive: Archive, tree: Path) -> None:
    """Taken back in their order, each alone."""
    (tree / "Person 1" / "a0.jpg").unlink()
    look(archive, now=NOW)
    (tree / "Person 1").rename(tree / "Ada")
    look(archive, now=NOW + 1)
    (tree / "Ada" / "a1.jpg").unlink()
    look(archive, now=NOW + 2)
    assert words(archive) == ["a0.jpg: not Person 1", "Person 1 is Ada", "a1.jpg: not Ada"]


def test_each_way_that_links_went_is_a_word(archive: Archive, tree: Path) -> None:
    """Some to Bob, some deleted, and one from the unknown pool to Bob."""
    for name, to in (("a0.jpg", "Person 2"), ("a1.jpg", "Person 2"), ("a2.jpg", ""), ("a3.jpg", "")):
        link = tree / "Person 1" / name
        link.rename(tree / to / name) if to else link.unlink()
    (tree / "_unknown" / "x.jpg").rename(tree / "Person 2" / "x.jpg")
    look(archive)
    assert words(archive) == [
        "2 photos moved from Person 1 to Person 2",
        "x.jpg: it is Person 2",
        "2 photos deleted from Person 1",
    ]


# --- any word, and again ---------------------------------------------------------------------------------------------


def test_a_word_in_the_midst_is_taken_back_alone(archive: Archive, tree: Path) -> None:
    """What was said before and after it holds, of the same people too."""
    before = shown(archive)
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    (tree / "Person 1").rename(tree / "Ada")
    look(archive)
    (tree / "Ada" / "a1.jpg").rename(tree / "_ignored" / "a1.jpg")
    look(archive)
    undo(archive, "a0.jpg: it is Person 2 and not Person 1")
    assert shown(archive) == {
        b"Ada": before[ADA] - {b"a1.jpg"},
        BOB: before[BOB],
        b"_unknown": before[b"_unknown"],
        b"_ignored": {b"a1.jpg"},
    }
    assert words(archive) == ["Person 1 is Ada", "a1.jpg: ignored"]


def test_what_was_taken_back_can_be_had_again(archive: Archive, tree: Path) -> None:
    """To and fro, as often as one likes; the list says both."""
    before = shown(archive)
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    after = shown(archive)
    title = "a0.jpg: it is Person 2 and not Person 1"
    for _ in range(2):
        said = undo(archive)
        again = re.fullmatch(rf"Taken back: {title}\. To have it again: facewatchd undo (\d+)\.", said)
        assert again is not None
        assert shown(archive) == before
        assert archive.store.journal.entries(1)[0].title == f"Taken back: {title}"
        assert undo_correction(archive.store, int(again[1])).sentence == f"It holds again: {title}."
        look(archive)
        assert shown(archive) == after
    assert words(archive) == [title]


def test_what_others_rest_on_is_not_taken_back_alone(archive: Archive, tree: Path) -> None:
    """It is said which they are, in the order to take them back in; nothing is changed."""
    (tree / "Person 2").rename(tree / "Person 1" / "Person 2")
    look(archive)
    (tree / "Person 1" / "b0.jpg").unlink()
    look(archive)
    before = shown(archive)
    first, second = number(archive, "Person 2 is Person 1"), number(archive, "b0.jpg: not Person 1")
    assert refused(archive, "Person 2 is Person 1") == (
        f"{first} (Person 2 is Person 1) cannot be taken back alone: What you said later rests on it. Take back {second} "
        f"first (b0.jpg: not Person 1): facewatchd undo {second}"
    )
    assert shown(archive) == before
    undo(archive, "b0.jpg: not Person 1")
    undo(archive, "Person 2 is Person 1")
    assert words(archive) == []
    assert set(shown(archive)) == {ADA, BOB, b"_unknown"}


def test_somebody_new_stays_while_others_rest_on_them(archive: Archive, tree: Path) -> None:
    """Who was made by a word, and was given more since."""
    (tree / "Eve").mkdir()
    (tree / "Person 1" / "a0.jpg").rename(tree / "Eve" / "a0.jpg")
    look(archive)
    (tree / "_unknown" / "x.jpg").rename(tree / "Eve" / "x.jpg")
    look(archive)
    assert "x.jpg: it is Eve" in refused(archive, "Eve is somebody new")


def test_a_word_is_taken_back_once(archive: Archive, tree: Path) -> None:
    """Numbers that mean nothing, or nothing any more, are told."""
    (tree / "Person 1").rename(tree / "Ada")
    look(archive)
    undo(archive)
    assert re.search(
        r"was taken back before: To have it again: facewatchd undo \d+\.$", refused(archive, "Person 1 is Ada")
    )
    with pytest.raises(FacewatchError, match="Nothing you said has the number 99: 'facewatchd undo --list'"):
        undo_correction(archive.store, 99)


def test_a_later_word_about_the_same_face_comes_first(archive: Archive, tree: Path) -> None:
    """What was taken back is not had again under one that came since."""
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    again = undo_correction(archive.store).again
    look(archive)
    (tree / "Person 1" / "a0.jpg").unlink()
    look(archive)
    with pytest.raises(FacewatchError, match=r"rests on it\. Take back \d+ first \(a0\.jpg: not Person 1\)"):
        undo_correction(archive.store, again)


@pytest.mark.parametrize("how", ["a rename", "an undo of a rename", "a merge"])
def test_a_name_that_somebody_else_has_by_now_is_not_had_again(archive: Archive, tree: Path, how: str) -> None:
    """No two people are called alike: it is said who has the name, and nothing is changed."""
    (tree / "Person 1").rename(tree / "Ada")
    look(archive)
    if how == "a merge":
        eve = archive.person("Eve", [b"e%d.jpg" % number for number in range(4)], 6)
        look(archive)
        entry = apply(archive.store, Merge(1, eve)).entry_id
    elif how == "a rename":
        entry = apply(archive.store, Rename(1, "Adele")).entry_id
    else:
        again = undo_correction(archive.store).again
        assert again is not None
        entry = again
    look(archive)
    (tree / "Person 2").rename(tree / "ada")
    look(archive)
    before = shown(archive)
    with pytest.raises(
        FacewatchError, match="cannot be taken back: Person 1 would be called Ada again, and person 2 is"
    ):
        undo_correction(archive.store, entry)
    look(archive)
    assert shown(archive) == before
    (tree / "ada").rename(tree / "Bob")
    look(archive)
    undo_correction(archive.store, entry)
    look(archive)
    assert {b"Ada", b"Bob"} <= shown(archive).keys()


def test_words_of_an_older_state_are_taken_back_as_ever(archive: Archive, tree: Path) -> None:
    """They know only what was before them."""
    before = shown(archive)
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    archive.store._db.execute("UPDATE journal SET after = NULL, kind = ''")
    undo(archive)
    assert shown(archive) == before


# --- by command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [False, True])
def test_by_command(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, running: bool) -> None:
    """The list has numbers, which `undo` takes; as text and as JSON, with the daemon and without."""
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    people = json.loads(home.run("people", "list", "--json").out)["people"]
    one, other = (person["id"] for person in people[:2])

    def check() -> None:
        home.run("people", "rename", str(one), "Ada")
        home.run("people", "rename", str(other), "Bob")
        assert (home.people / "Ada").is_dir()
        entries = json.loads(home.run("undo", "--list", "--json").out)["entries"]
        assert [entry["what"].split(" is ")[1] for entry in entries[:2]] == ["Bob", "Ada"]
        done = json.loads(home.run("undo", str(entries[1]["number"]), "--json").out)
        assert (done["title"], done["entry"]) == (entries[1]["what"], entries[1]["number"])
        lines = home.run("undo", "--list").out.splitlines()
        assert any(line.startswith(f"{done['again']} ") and "Taken back: " in line for line in lines)
        wait_until(lambda: not (home.people / "Ada").exists() and (home.people / "Bob").exists(), 10)
        again = home.run("undo", str(done["again"]))
        assert again.out == f"It holds again: {entries[1]['what']}.\n"
        assert (home.people / "Ada").is_dir()
        home.run("undo")
        home.run("undo")

    if running:
        with home.watching() as daemon:
            check()
            daemon.stop()
    else:
        check()
