"""`people.years`: a folder per year in each person's, and gestures mean in them what they mean without."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import DIM, MODEL, Archive, broken_links, unit
from trees import look
from trees import shown_below as shown

from facewatchd.corrections.undo import undo
from facewatchd.domain import DateFinding, DateSource, Precision
from facewatchd.store import StoredModel

pytest_plugins = "archive_fixtures"

Shown = dict[str, set[str]]


def year(number: int) -> DateFinding:
    return DateFinding(dt.datetime(number, 1, 1), Precision.YEAR, DateSource.EXIF, 0.9)  # noqa: DTZ001


@pytest.fixture
def archive(archive: Archive) -> Archive:
    """With folders per year."""
    return replace(archive, tree=replace(archive.tree, years=True))


@pytest.fixture
def tree(archive: Archive) -> Iterator[Path]:
    """Ada in 2019, 2020 and once without a date, Bob in 2020 and 2021, somebody unknown in 2020."""
    store = archive.store
    with store.transaction():
        store.set_model(StoredModel("test", MODEL, DIM, "cpu"))
    ada, bob = store.people.add("Ada"), store.people.add("Bob")
    for name, person, number, date in (
        (b"a0.jpg", ada, 0, year(2019)),
        (b"a1.jpg", ada, 0, year(2019)),
        (b"a2.jpg", ada, 0, year(2020)),
        (b"a3.jpg", ada, 0, None),
        (b"b0.jpg", bob, 1, year(2020)),
        (b"b1.jpg", bob, 1, year(2021)),
        (b"x.jpg", None, 2, year(2020)),
    ):
        archive.add(name, [(person, unit(number))], date)
    look(archive)
    yield Path(os.fsdecode(archive.tree.path))
    assert broken_links(archive.tree.path) == []


def settles(archive: Archive) -> Shown:
    """Look; a second look finds nothing to do."""
    first = look(archive)
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ()), first
    return shown(archive)


BEFORE = {
    "Ada": {"a3.jpg"},
    "Ada/2019": {"2019 a0.jpg", "2019 a1.jpg"},
    "Ada/2020": {"2020 a2.jpg"},
    "Bob/2020": {"2020 b0.jpg"},
    "Bob/2021": {"2021 b1.jpg"},
    "_unknown": {"2020 x.jpg"},
}
MOVED = BEFORE | {"Ada/2019": {"2019 a1.jpg"}, "Bob/2019": {"2019 a0.jpg"}}


def test_a_folder_per_year(archive: Archive, tree: Path) -> None:
    """Photos without a date are beside them; turned off and on again, the folders go and come."""
    assert settles(archive) == BEFORE
    off = replace(archive, tree=replace(archive.tree, years=False))
    assert settles(off) == {
        "Ada": {"2019 a0.jpg", "2019 a1.jpg", "2020 a2.jpg", "a3.jpg"},
        "Bob": {"2020 b0.jpg", "2021 b1.jpg"},
        "_unknown": {"2020 x.jpg"},
    }
    assert not (tree / "Ada" / "2019").exists()
    assert settles(archive) == BEFORE
    assert archive.store.journal.entries(1) == []


@pytest.mark.parametrize("to", ["Bob", "Bob/2020", "Bob/2019"])
def test_a_link_moved_to_somebody(archive: Archive, tree: Path, to: str) -> None:
    """At the top of their folder, in the wrong year or in the right one: it ends in the right one."""
    (tree / to).mkdir(exist_ok=True)
    (tree / "Ada" / "2019" / "2019 a0.jpg").rename(tree / to / "2019 a0.jpg")
    assert settles(archive) == MOVED
    undo(archive.store)
    assert settles(archive) == BEFORE


@pytest.mark.parametrize("to", ["Ada", "Ada/2020"])
def test_a_link_moved_within_a_persons_folder(archive: Archive, tree: Path, to: str) -> None:
    """It is still Ada, and still of its year."""
    (tree / "Ada" / "2019" / "2019 a0.jpg").rename(tree / to / "2019 a0.jpg")
    assert settles(archive) == BEFORE
    assert archive.store.journal.entries(1) == []


def test_a_link_from_the_unknown_pool(archive: Archive, tree: Path) -> None:
    """The pool has no years."""
    (tree / "_unknown" / "2020 x.jpg").rename(tree / "Ada" / "2020" / "2020 x.jpg")
    after = settles(archive)
    assert after["Ada/2020"] == {"2020 a2.jpg", "2020 x.jpg"}
    assert "_unknown" not in after
    undo(archive.store)
    assert settles(archive) == BEFORE


def test_a_deleted_link_and_a_deleted_year(archive: Archive, tree: Path) -> None:
    """Not Ada; the year's folder goes with its last link."""
    (tree / "Ada" / "2020" / "2020 a2.jpg").unlink()
    after = settles(archive)
    assert "Ada/2020" not in after
    assert after["_unknown"] == {"2020 a2.jpg", "2020 x.jpg"}
    assert not (tree / "Ada" / "2020").exists()
    undo(archive.store)
    assert settles(archive) == BEFORE
    shutil.rmtree(tree / "Ada" / "2019")
    assert settles(archive)["_unknown"] == {"2019 a0.jpg", "2019 a1.jpg", "2020 x.jpg"}


@pytest.mark.parametrize("to", ["Bob", "_ignored", "_unknown", ""])
def test_a_year_moved(archive: Archive, tree: Path, to: str) -> None:
    """All that is in it: to somebody, out of sight, to nobody, to somebody new."""
    (tree / "Ada" / "2019").rename(tree / to / "2019")
    after = settles(archive)
    assert "Ada/2019" not in after
    both = {"2019 a0.jpg", "2019 a1.jpg"}
    where = {
        "Bob": after.get("Bob/2019"),
        "_ignored": after.get("_ignored"),
        "_unknown": after["_unknown"] - {"2020 x.jpg"},
        "": after.get("2019/2019"),
    }
    assert where[to] == both


def test_a_renamed_person(archive: Archive, tree: Path) -> None:
    """The years go with the folder."""
    (tree / "Ada").rename(tree / "Ada Lovelace")
    assert settles(archive) == {folder.replace("Ada", "Ada Lovelace"): names for folder, names in BEFORE.items()}
    assert [entry.title for entry in archive.store.journal.entries(9)] == ["Ada is Ada Lovelace"]


@pytest.mark.parametrize("how", ["moved into", "merged by the file manager"])
def test_two_people_are_one(archive: Archive, tree: Path, how: str) -> None:
    """The years of both; nothing of the other's folder is left."""
    if how == "moved into":
        (tree / "Bob").rename(tree / "Ada" / "Bob")
    else:
        for link in [path for path in (tree / "Bob").rglob("*") if path.is_symlink()]:
            to = tree / "Ada" / link.relative_to(tree / "Bob")
            to.parent.mkdir(exist_ok=True)
            link.rename(to)
        shutil.rmtree(tree / "Bob")
    assert settles(archive) == {
        "Ada": {"a3.jpg"},
        "Ada/2019": {"2019 a0.jpg", "2019 a1.jpg"},
        "Ada/2020": {"2020 a2.jpg", "2020 b0.jpg"},
        "Ada/2021": {"2021 b1.jpg"},
        "_unknown": {"2020 x.jpg"},
    }
    assert not (tree / "Ada" / "Bob").exists()


@pytest.mark.parametrize("how", ["deleted", "ignored"])
def test_a_hidden_person(archive: Archive, tree: Path, how: str) -> None:
    """With all years; shown again, they are all back."""
    if how == "deleted":
        shutil.rmtree(tree / "Bob")
    else:
        (tree / "Bob").rename(tree / "_ignored" / "Bob")
    hidden = {f"_ignored/{folder}": names for folder, names in BEFORE.items() if "Bob" in folder}
    assert settles(archive) == {folder: names for folder, names in BEFORE.items() if "Bob" not in folder} | hidden
    undo(archive.store)
    assert settles(archive) == BEFORE


def test_a_photo_with_another_date(archive: Archive, tree: Path) -> None:
    """Its link goes to the other year, and the year that is empty by that goes."""
    photo = archive.store.photos.find(archive.root.root_id, b"a2.jpg")
    assert photo is not None
    with archive.store.transaction():
        archive.store.photos.look_again(archive.seen(b"a2.jpg"), year(2018))
    after = settles(archive)
    assert after["Ada/2018"] == {"2018 a2.jpg"}
    assert not (tree / "Ada" / "2020").exists()


def test_the_users_own_things_in_a_year(archive: Archive, tree: Path) -> None:
    """They stay, even where the year goes; a file in a year's place has its links beside it."""
    (tree / "Ada" / "2020" / "notes.txt").write_text("mine")
    (tree / "Bob" / "1999").write_text("mine")
    (tree / "Ada" / "2020" / "2020 a2.jpg").unlink()
    archive.add(b"old.jpg", [(2, unit(1))], year(1999))
    after = settles(archive)
    assert after["Ada/2020"] == {"notes.txt"}
    assert after["Bob"] == {"1999", "1999 old.jpg"}


def test_a_year_replaced_by_a_link_is_not_written_through(archive: Archive, tree: Path, tmp_path: Path) -> None:
    """Where it leads nothing is made or taken; the links are beside it."""
    (tmp_path / "elsewhere").mkdir()
    (tree / "Ada" / "2020" / "2020 a2.jpg").rename(tree / "Ada" / "2020 a2.jpg")
    (tree / "Ada" / "2020").rmdir()
    (tree / "Ada" / "2020").symlink_to(tmp_path / "elsewhere")
    after = settles(archive)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert {"2020 a2.jpg", "a3.jpg"} <= after["Ada"]


def test_a_folder_of_the_users_in_a_persons_folder(archive: Archive, tree: Path) -> None:
    """Sorting a link into one takes nothing back: it is Ada's, and shown where it was, too."""
    (tree / "Ada" / "Wedding").mkdir()
    (tree / "Ada" / "2019" / "2019 a0.jpg").rename(tree / "Ada" / "Wedding" / "the best.jpg")
    assert settles(archive) == BEFORE | {"Ada/Wedding": {"the best.jpg"}}
    assert archive.store.journal.entries(1) == []


def test_an_emptied_year_goes_with_litter(archive: Archive, tree: Path) -> None:
    """... and stays with a file of the user's."""
    for number in (2019, 2020):
        (tree / "Ada" / str(number) / ".DS_Store").write_bytes(b"left")
    (tree / "Ada" / "2019" / "notes.txt").write_text("mine")
    for name in ("2019/2019 a0.jpg", "2019/2019 a1.jpg", "2020/2020 a2.jpg"):
        (tree / "Ada" / name).unlink()
    after = settles(archive)
    assert "Ada/2020" not in after
    assert not (tree / "Ada" / "2020").exists()
    assert after["Ada/2019"] == {"notes.txt", ".DS_Store"}
