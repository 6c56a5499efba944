"""
Copies of the state: private, whole whatever happens, and put back beside a tree that has changed since.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, open_archive, unit
from plain import materialize

from facewatchd.core.tree.entries import LinkMode
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Hide
from facewatchd.errors import StoreError
from facewatchd.pipeline.intake.roots import settle_roots
from facewatchd.store import Store
from facewatchd.store.backup import back_up, restore
from facewatchd.store.schema import MIGRATIONS

pytest_plugins = "archive_fixtures"


@pytest.fixture
def copy(archive: Archive) -> Path:
    """Ada and Bob are known; the tree is there."""
    archive.person("Ada", [b"1.jpg", b"2.jpg", b"3.jpg"])
    archive.person("Bob", [b"4.jpg", b"5.jpg"], 1)
    materialize(archive.store, archive.tree)
    file = archive.folder / "copy"
    back_up(archive.folder / "state", file)
    return file


def links(path: bytes) -> dict[str, set[str]]:
    """Every folder of a people tree with its links, which must work."""
    top = Path(os.fsdecode(path))
    found = {
        folder.name: {link.name for link in folder.iterdir() if link.is_symlink()}
        for folder in top.iterdir()
        if folder.is_dir() and not folder.name.startswith("_")
    }
    assert all(link.exists() for link in top.rglob("*.jpg"))
    return found


def photos_in(path: bytes) -> dict[str, set[str]]:
    """Every person's folder with its photos, links or copies."""
    return {
        folder.name: {entry.name for entry in folder.glob("?.jpg")}
        for folder in Path(os.fsdecode(path)).iterdir()
        if folder.is_dir() and not folder.name.startswith("_")
    }


AS_BEFORE = {"Ada": {"1.jpg", "2.jpg", "3.jpg"}, "Bob": {"4.jpg", "5.jpg"}}


def words(store: Store) -> int:
    return len(store.journal.entries(50))


def test_a_copy_is_for_its_owner(archive: Archive, copy: Path) -> None:
    """Whatever the umask: it holds what is known of faces. So is the state that was put back."""
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    target = archive.folder / "elsewhere"
    target.mkdir()
    assert restore(target, copy) is None
    assert stat.S_IMODE((target / "facewatchd.sqlite").stat().st_mode) == 0o600


def test_a_copy_overwrites_nothing(archive: Archive, copy: Path) -> None:
    with pytest.raises(StoreError, match="There is a file with this name already"):
        back_up(archive.folder / "state", copy)
    with pytest.raises(StoreError, match="There is no state"):
        back_up(archive.folder / "nowhere", archive.folder / "another")
    assert not list(archive.folder.glob("*.part"))


@pytest.mark.parametrize("what", ["missing", "no database", "another database", "damaged", "newer"])
def test_what_is_no_good_copy_changes_nothing(archive: Archive, copy: Path, what: str) -> None:
    """The state stays as it was, and it is said what is wrong."""
    if what == "missing":
        copy.unlink()
    elif what == "no database":
        copy.write_bytes(b"text" * 4096)
    elif what == "another database":
        copy.unlink()
        with closing(sqlite3.connect(copy)) as other:
            other.execute("CREATE TABLE x (y)")
    elif what == "damaged":
        content = bytearray(copy.read_bytes())
        content[8192:-4096] = b"\xff" * (len(content) - 12288)
        copy.write_bytes(content)
    else:
        with closing(sqlite3.connect(copy)) as newer:
            newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError):
        restore(archive.folder / "state", copy)
    assert sorted(person.name for person in archive.store.people.named()) == ["Ada", "Bob"]
    assert not list((archive.folder / "state").glob("*.before-restore*"))
    assert not list((archive.folder / "state").glob("*.part"))


def test_at_every_moment_there_is_a_state(archive: Archive, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power failure between any two steps leaves the old state or the copy in place, never none."""
    archive.store.close()
    state = archive.folder / "state" / "facewatchd.sqlite"
    done: list[str] = []

    def watched(name: str) -> None:
        real = getattr(os, name)

        def step(*arguments: object, **options: object) -> object:
            assert state.exists(), f"no state before {name}"
            result = real(*arguments, **options)
            assert state.exists(), f"no state after {name}"
            done.append(name)
            return result

        monkeypatch.setattr(os, name, step)

    for name in ("rename", "replace", "link", "unlink"):
        watched(name)
    kept = restore(archive.folder / "state", copy)
    assert "replace" in done
    assert kept is not None
    with closing(sqlite3.connect(kept)) as before:
        assert before.execute("SELECT count(*) FROM people").fetchone() == (2,)


def test_what_was_written_ahead_is_kept_too(archive: Archive, copy: Path) -> None:
    """The state that is put aside has what was in its log, and the copy does not get it."""
    with archive.store.transaction():
        archive.store.people.rename(1, "Zoe")
    # as a crash leaves it: the log beside it
    shutil.copytree(archive.folder / "state", archive.folder / "crashed")
    kept = restore(archive.folder / "crashed", copy)
    assert kept is not None
    with closing(sqlite3.connect(kept)) as before:
        assert before.execute("SELECT name FROM people WHERE person_id = 1").fetchone() == ("Zoe",)
    with Store(archive.folder / "crashed") as back:
        assert sorted(person.name for person in back.people.named()) == ["Ada", "Bob"]


def test_a_damaged_state_is_put_aside(archive: Archive, copy: Path) -> None:
    """It is why one has a copy."""
    archive.store.close()
    state = archive.folder / "state" / "facewatchd.sqlite"
    state.write_bytes(b"rubbish" * 999)
    kept = restore(archive.folder / "state", copy)
    assert kept is not None
    assert kept.read_bytes() == b"rubbish" * 999
    with Store(archive.folder / "state") as back:
        assert sorted(person.name for person in back.people.named()) == ["Ada", "Bob"]


def put_back(archive: Archive, copy: Path) -> Archive:
    archive.store.close()
    restore(archive.folder / "state", copy)
    return open_archive(archive.folder)


def test_what_the_program_did_since_is_no_word_of_the_users(archive: Archive, copy: Path) -> None:
    """Links that went and came, and folders that were renamed, after the copy was made: the tree is as the copy wants it."""
    with archive.store.transaction():
        archive.store.faces.give([face.face_id for face in archive.store.faces.of_photo(1)], 2)
        archive.store.people.rename(2, "Robert")
    archive.person("Cleo", [b"6.jpg", b"7.jpg", b"8.jpg"], 2)
    materialize(archive.store, archive.tree)
    assert set(links(archive.tree.path)) == {"Ada", "Robert", "Cleo"}
    back = put_back(archive, copy)
    with back.store:
        before = words(back.store)
        done = materialize(back.store, back.tree)
        assert done.gestures == ()
        assert words(back.store) == before
        found = links(back.tree.path)
        assert {name: found[name] for name in AS_BEFORE} == AS_BEFORE
        assert materialize(back.store, back.tree) == replace(done, actions=())
        # somebody new must not be taken for the owner of a folder that is there
        assert back.store.people.add("") > 3


def test_what_the_user_says_after_that_counts(archive: Archive, copy: Path) -> None:
    """From the second look on everything is as ever."""
    back = put_back(archive, copy)
    with back.store:
        materialize(back.store, back.tree)
        tree = Path(os.fsdecode(back.tree.path))
        (tree / "Ada").rename(tree / "Anna")
        (tree / "Bob" / "4.jpg").unlink()
        materialize(back.store, back.tree)
        assert links(back.tree.path) == {"Anna": AS_BEFORE["Ada"], "Bob": {"5.jpg"}}
        assert words(back.store) == 2


@pytest.mark.parametrize("mode", [LinkMode.RELATIVE, LinkMode.COPY])
@pytest.mark.parametrize("has_tree", [False, True], ids=["without the tree", "with the tree"])
def test_on_another_machine(archive: Archive, copy: Path, tmp_path: Path, *, has_tree: bool, mode: LinkMode) -> None:
    """State and photos come along, under another path; the people folder is there, or never was: it is made."""
    settings = replace(archive.tree, links=mode)
    materialize(archive.store, settings)
    copy.unlink()
    back_up(archive.folder / "state", copy)
    other = tmp_path / "other"
    shutil.copytree(os.fsdecode(archive.photos), other / "Bilder")
    if has_tree:
        shutil.copytree(os.fsdecode(archive.tree.path), other / "Leute", symlinks=True, copy_function=shutil.copyfile)
    archive.store.close()
    shutil.rmtree(archive.folder / "state")
    shutil.rmtree(os.fsdecode(archive.tree.path))
    (other / "state").mkdir()
    restore(other / "state", copy)
    with Store(other / "state") as store:
        settle_roots(store, [os.fsencode(other / "Bilder")])
        tree = replace(settings, path=os.fsencode(other / "Leute"))
        done = materialize(store, tree)
        assert done.gestures == ()
        assert photos_in(tree.path) == AS_BEFORE
        assert materialize(store, tree).actions == ()
        # what is there is ours again, and goes with its person
        with store.transaction():
            store.people.hide(1, hidden=True)
        materialize(store, tree)
        assert "Ada" not in photos_in(tree.path)


def test_another_people_folder(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    """What was said in the old one is obeyed, the new one is made, the old one stays as it is and says nothing any more."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    archive.add(b"3.jpg", [(None, unit(1))])
    materialize(archive.store, archive.tree)
    old = Path(os.fsdecode(archive.tree.path))
    (old / "Ada").rename(old / "Anna")
    tree = replace(archive.tree, path=archive.tree.path + b"2")
    with caplog.at_level("INFO"):
        materialize(archive.store, tree)
    assert f"the one in {old} is not looked after any more" in caplog.text
    assert links(tree.path) == {"Anna": {"1.jpg", "2.jpg"}}
    assert links(archive.tree.path) == {"Anna": {"1.jpg", "2.jpg"}}
    shutil.rmtree(old)
    assert materialize(archive.store, tree).actions == ()


def test_a_tree_that_moved_with_its_photos(archive: Archive) -> None:
    """Both lie in one folder that was renamed: the links are right as they are, and the tree goes on under its new path."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    materialize(archive.store, archive.tree)
    there = archive.folder / "moved"
    there.mkdir()
    for path in (archive.photos, archive.tree.path):
        os.rename(path, os.fsencode(there) + b"/" + os.path.basename(path))
    settle_roots(archive.store, [os.fsencode(there) + b"/" + os.path.basename(archive.photos)])
    tree = replace(archive.tree, path=os.fsencode(there) + b"/" + os.path.basename(archive.tree.path))
    (Path(os.fsdecode(tree.path)) / "Ada").rename(Path(os.fsdecode(tree.path)) / "Anna")
    done = materialize(archive.store, tree)
    assert len(done.gestures) == 1
    assert links(tree.path) == {"Anna": {"1.jpg", "2.jpg"}}


def test_a_tree_whose_disk_is_away_is_not_built_elsewhere(archive: Archive) -> None:
    """Under the path that it has, a tree that is gone is a disk that is not mounted, as ever."""
    archive.person("Ada", [b"1.jpg"])
    materialize(archive.store, archive.tree)
    shutil.rmtree(os.fsdecode(archive.tree.path))
    with pytest.raises(Exception, match="The people tree is not there"):
        materialize(archive.store, archive.tree)
    os.mkdir(archive.tree.path)
    with pytest.raises(Exception, match="The people tree is not there"):
        materialize(archive.store, archive.tree)


def test_a_command_that_names_another_people_folder_makes_it_whole(archive: Archive) -> None:
    """The tree was moved, and a configuration still names the old path: what is said there is said once, and nothing else."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    bob = archive.person("Bob", [b"3.jpg", b"4.jpg"], 1)
    materialize(archive.store, archive.tree)
    moved = replace(archive.tree, path=archive.tree.path + b"2")
    os.rename(archive.tree.path, moved.path)
    materialize(archive.store, moved)
    materialize(archive.store, archive.tree, set())
    scope = apply(archive.store, Hide(bob)).scope
    materialize(archive.store, archive.tree, scope)
    materialize(archive.store, archive.tree)
    assert archive.store.people.hidden() == {bob}
    assert words(archive.store) == 1
    assert photos_in(archive.tree.path) == {"Ada": {"1.jpg", "2.jpg"}}
