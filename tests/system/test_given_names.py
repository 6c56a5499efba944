"""
Links that the user renames: such a link is the photo's link, has the user's name for good, and goes with the photo and with the
face that it is there for.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, broken_links, open_archive, unit
from plain import materialize
from trees import know_two, look, regroup, shown, shown_below

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.link_names import template
from facewatchd.corrections.apply import apply
from facewatchd.corrections.from_commands import confirm_face
from facewatchd.corrections.records import Hide, Merge, Rename, Show
from facewatchd.corrections.undo import undo
from facewatchd.domain import DateFinding, DateSource, Precision
from facewatchd.people.looked import Looked

pytest_plugins = "archive_fixtures"

NAME = b"What a day!.jpg"
TAKEN = DateFinding(dt.datetime(2019, 8, 17, 12), Precision.SECOND, DateSource.EXIF, 0.9)  # noqa: DTZ001


@pytest.fixture(params=list(LinkMode))
def album(archive: Archive, request: pytest.FixtureRequest) -> Iterator[Archive]:
    """Ada in three photos, Bob in two, both in one more, and two unknown faces; a0.jpg is renamed in Ada's folder."""
    archive = replace(archive, tree=replace(archive.tree, links=LinkMode(request.param)))
    know_two(archive, 3, 2)
    with archive.store.transaction():
        archive.store.people.rename(1, "Ada")
        archive.store.people.rename(2, "Bob")
    look(archive)
    rename(archive, "Ada/a0.jpg", NAME)
    rests(archive)
    assert shown(archive) == BEFORE
    yield archive
    assert broken_links(archive.tree.path) == []


BEFORE = {
    b"Ada": {NAME, b"a1.jpg", b"a2.jpg", b"both.jpg"},
    b"Bob": {b"b0.jpg", b"b1.jpg", b"both.jpg"},
    b"_unknown": {b"x.jpg", b"y.jpg"},
}


def at(archive: Archive, path: str) -> Path:
    return Path(os.fsdecode(archive.tree.path)) / path


def rename(archive: Archive, path: str, name: bytes) -> None:
    at(archive, path).rename(at(archive, path).with_name(os.fsdecode(name)))


def rests(archive: Archive) -> None:
    """Looked at, and then nothing is left to do."""
    first = look(archive)
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ()), first


def photo(archive: Archive, name: bytes) -> int:
    found = archive.store.photos.find(archive.root.root_id, name)
    assert found is not None
    return found.photo_id


def face(archive: Archive, name: bytes, at_: int = 0) -> int:
    return archive.store.faces.of_photo(photo(archive, name))[at_].face_id


def moves(archive: Archive, old: bytes, new: bytes) -> None:
    """A photo goes to another folder."""
    number = photo(archive, old)
    os.makedirs(os.path.dirname(os.path.join(archive.photos, new)), exist_ok=True)
    os.rename(os.path.join(archive.photos, old), os.path.join(archive.photos, new))
    with archive.store.transaction():
        archive.store.photos.move(number, archive.seen(new))


def leads(archive: Archive, path: str, name: bytes) -> bool:
    """Whether a link stands for this photo."""
    with open(at(archive, path), "rb") as one, open(os.path.join(archive.photos, name), "rb") as other:
        return one.read() == other.read()


def test_a_renamed_link_is_the_photos_link(album: Archive) -> None:
    """There is no other beside it, nothing was said by it, and a program that has just started sees it the same."""
    assert album.store.journal.entries(9) == []
    assert leads(album, "Ada/What a day!.jpg", b"a0.jpg")
    album.store.close()
    again = replace(open_archive(album.folder), tree=album.tree)
    rests(again)
    assert shown(again) == BEFORE
    again.store.close()


def test_it_keeps_its_name_for_good(album: Archive) -> None:
    """Another date, other groups, another template, another name of the person, years, and a tree made from nothing."""
    store = album.store
    with store.transaction():
        for number in range(3):
            store.dates.redate(photo(album, b"a%d.jpg" % number), TAKEN)
    rests(album)
    assert shown(album)[b"Ada"] == {NAME, b"2019-08-17 a1.jpg", b"2019-08-17 a2.jpg", b"both.jpg"}
    regroup(album, ReclusterSettings(2, 2, 0.7, 0.0))
    other = replace(album, tree=replace(album.tree, name=template("{name} ({date})")))
    rests(other)
    assert shown(other)[b"Ada"] == {NAME, b"a1 (2019-08-17).jpg", b"a2 (2019-08-17).jpg", b"both.jpg"}
    apply(store, Rename(1, "Grandma"))
    rests(album)
    assert NAME in shown(album)[b"Grandma"]
    years = replace(album, tree=replace(album.tree, years=True))
    rests(years)
    assert shown_below(years)["Grandma/2019"] == {os.fsdecode(NAME), "2019-08-17 a1.jpg", "2019-08-17 a2.jpg"}
    rests(album)
    at(album, "").rename(at(album, "").with_name("gone"))
    materialize(store, album.tree, rebuild=True)
    assert NAME in shown(album)[b"Grandma"]
    for mode in LinkMode:
        rests(replace(album, tree=replace(album.tree, links=mode)))
        assert NAME in shown(album)[b"Grandma"]


def test_it_goes_with_the_photo(album: Archive) -> None:
    """Moved, gone, back again."""
    moves(album, b"a0.jpg", b"sub/other.jpg")
    rests(album)
    assert shown(album) == BEFORE
    assert leads(album, "Ada/What a day!.jpg", b"sub/other.jpg")
    away = os.path.join(os.fsencode(album.folder), b"away")
    os.rename(album.photos + b"/sub/other.jpg", away)
    number = photo(album, b"sub/other.jpg")
    album.store.photos.miss([number])
    if album.tree.links is not LinkMode.HARDLINK:  # the last name of a picture stays
        rests(album)
        assert shown(album)[b"Ada"] == BEFORE[b"Ada"] - {NAME}
    os.rename(away, album.photos + b"/sub/other.jpg")
    album.store.photos.present([number])
    rests(album)
    assert shown(album) == BEFORE


@pytest.mark.parametrize("how", ["by command", "moved", "moved and renamed"])
def test_it_goes_with_the_face(album: Archive, how: str) -> None:
    """It is Bob: his folder has the link, under its name; taken back, Ada's has."""
    name = NAME
    if how == "by command":
        apply(album.store, confirm_face(album.store, face(album, b"a0.jpg"), 2))
    elif how == "moved":
        at(album, "Ada/What a day!.jpg").rename(at(album, "Bob/What a day!.jpg"))
    else:
        name = b"It was Bob.jpg"
        at(album, "Ada/What a day!.jpg").rename(at(album, "Bob/It was Bob.jpg"))
    rests(album)
    assert shown(album) == {**BEFORE, b"Ada": BEFORE[b"Ada"] - {NAME}, b"Bob": BEFORE[b"Bob"] | {name}}
    undo(album.store)
    rests(album)
    assert shown(album) == {**BEFORE, b"Ada": BEFORE[b"Ada"] - {NAME} | {name}}


def test_nobody_elses_link_to_the_photo_has_the_name(album: Archive) -> None:
    """In the photo of both, what Ada's link is called says nothing about Bob's."""
    rename(album, "Ada/both.jpg", b"Wedding.jpg")
    rests(album)
    assert shown(album) == {**BEFORE, b"Ada": BEFORE[b"Ada"] - {b"both.jpg"} | {b"Wedding.jpg"}}
    at(album, "Ada").rename(at(album, "Bob/Ada"))
    rests(album)
    assert NAME in shown(album)[b"Bob"]
    assert b"both.jpg" in shown(album)[b"Bob"]


@pytest.mark.parametrize("how", ["moved into", "by command", "merged by the file manager"])
def test_people_who_are_one(album: Archive, how: str) -> None:
    """Both have a link of that name: one of them gets a number, and nothing is lost."""
    rename(album, "Bob/b0.jpg", NAME)
    rests(album)
    if how == "moved into":
        at(album, "Bob").rename(at(album, "Ada/Bob"))
    elif how == "by command":
        apply(album.store, Merge(2, 1))
    else:
        at(album, "Bob/What a day!.jpg").rename(at(album, "Ada/What a day! (2).jpg"))
        at(album, "Bob/b1.jpg").rename(at(album, "Ada/b1.jpg"))
        for path in at(album, "Bob").iterdir():
            path.unlink()
        at(album, "Bob").rmdir()
    rests(album)
    assert shown(album)[b"Ada"] >= {NAME, b"What a day! (2).jpg", b"a1.jpg", b"a2.jpg", b"b1.jpg"}
    assert not {b"a0.jpg", b"b0.jpg"} & shown(album)[b"Ada"]


def test_renamed_again_and_back(album: Archive) -> None:
    """The last name holds; the one that it would have had is as good as any."""
    for name in (b"better.jpg", b"No ending", b"a0 (2).jpg", b"a0.jpg"):
        rename(
            album,
            f"Ada/{next(iter(shown(album)[b'Ada'] - BEFORE[b'Ada'] | {NAME} & shown(album)[b'Ada'])).decode()}",
            name,
        )
        rests(album)
        assert shown(album) == {**BEFORE, b"Ada": BEFORE[b"Ada"] - {NAME} | {name}}


def test_names_that_other_links_have_or_want(album: Archive) -> None:
    """Two that changed names, one that took another's, and a photo that comes and would have that name."""
    rename(album, "Ada/a1.jpg", b"swap")
    rename(album, "Ada/a2.jpg", b"a1.jpg")
    rename(album, "Ada/swap", b"a2.jpg")
    rests(album)
    assert shown(album) == BEFORE
    assert leads(album, "Ada/a1.jpg", b"a2.jpg")
    assert leads(album, "Ada/a2.jpg", b"a1.jpg")
    rename(album, "Ada/What a day!.jpg", b"c0.jpg")
    rests(album)
    album.add(b"c0.jpg", [(1, unit(0))])
    rests(album)
    assert shown(album)[b"Ada"] == {b"c0.jpg", b"c0 (2).jpg", b"a1.jpg", b"a2.jpg", b"both.jpg"}
    assert leads(album, "Ada/c0.jpg", b"a0.jpg")
    # renamed over another's: that one is not refused by it
    rename(album, "Ada/c0.jpg", b"both.jpg")
    rests(album)
    assert shown(album)[b"Ada"] == {b"both.jpg", b"both (2).jpg", b"c0 (2).jpg", b"a1.jpg", b"a2.jpg"}
    assert leads(album, "Ada/both.jpg", b"a0.jpg")
    assert album.store.journal.entries(9) == []


def test_names_of_files_of_ours(album: Archive) -> None:
    """The folder's picture and its marker stand there; a link of that name is the user's own."""
    rename(album, "Ada/What a day!.jpg", b"folder.jpg")
    look(album)
    assert {b"a1.jpg", b"a2.jpg", b"both.jpg", NAME} == shown(album)[b"Ada"]
    rests(album)


def test_in_the_pools(album: Archive) -> None:
    """A link is a link: it keeps its name there, and takes it along to whose it is found to be."""
    rename(album, "_unknown/x.jpg", b"Who is this.jpg")
    rests(album)
    assert shown(album)[b"_unknown"] == {b"Who is this.jpg", b"y.jpg"}
    at(album, "_unknown/y.jpg").rename(at(album, "_ignored/Not me.jpg"))
    rests(album)
    assert shown(album)[b"_ignored"] == {b"Not me.jpg"}
    apply(album.store, confirm_face(album.store, face(album, b"x.jpg"), 2))
    rests(album)
    assert shown(album)[b"Bob"] == BEFORE[b"Bob"] | {b"Who is this.jpg"}


def test_hidden_and_shown_again(album: Archive) -> None:
    """The names are kept."""
    apply(album.store, Hide(1))
    rests(album)
    assert b"Ada" not in shown(album)
    apply(album.store, Show(1))
    rests(album)
    assert shown(album) == BEFORE


def test_renamed_with_its_folder_and_while_the_program_runs(album: Archive) -> None:
    """All at one look, with what was looked at before kept in memory."""
    looked = Looked()
    materialize(album.store, album.tree, looked=looked)
    looked.watched = True
    at(album, "Ada").rename(at(album, "Grandma"))
    rename(album, "Grandma/a1.jpg", b"One.jpg")
    rename(album, "Grandma/What a day!.jpg", b"What a night.jpg")
    materialize(album.store, album.tree, set(), looked=looked)
    again = materialize(album.store, album.tree, set(), looked=looked)
    assert (again.gestures, again.actions) == ((), ())
    assert shown(album)[b"Grandma"] == {b"One.jpg", b"What a night.jpg", b"a2.jpg", b"both.jpg"}


def test_a_renamed_link_is_told_by_a_dry_run(album: Archive) -> None:
    """Nothing is written, nothing made beside it."""
    rename(album, "Ada/a1.jpg", b"One.jpg")
    for _ in range(2):
        done = materialize(album.store, album.tree, dry_run=True)
        assert len(done.actions) == 2
    rests(album)
    assert shown(album)[b"Ada"] == BEFORE[b"Ada"] - {b"a1.jpg"} | {b"One.jpg"}


def test_in_the_folder_of_a_year(album: Archive) -> None:
    """The name is the link's, the folder the year's."""
    years = replace(album, tree=replace(album.tree, years=True))
    for number in range(3):
        album.store.dates.redate(photo(album, b"a%d.jpg" % number), TAKEN)
    rests(years)
    rename(years, "Ada/2019/2019-08-17 a1.jpg", b"One.jpg")
    at(years, "Ada/2019/2019-08-17 a2.jpg").rename(at(years, "Ada/Two.jpg"))
    rests(years)
    assert shown_below(years)["Ada/2019"] == {os.fsdecode(NAME), "One.jpg", "Two.jpg"}
    album.store.dates.redate(photo(album, b"a1.jpg"), replace(TAKEN, value=dt.datetime(2001, 1, 1)))  # noqa: DTZ001
    rests(years)
    assert shown_below(years)["Ada/2001"] == {"One.jpg"}
    assert album.store.journal.entries(9) == []
