"""`identify` of several photos and folders, and against a folder of portraits; `verify` with its chance of error."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from running import Home, photos_in, portraits, prepared, retake

from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.pipeline.sorting.portraits import photos_below, portraits_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in and grouped; only to be read."""
    return prepared(tmp_path_factory)


@pytest.fixture(scope="module")
def people(home: Home) -> dict[int, list[Path]]:
    """Photos of one person each, by the id of the person."""
    return {person: photos for person, photos in portraits(home).items() if len(photos) > 2}


# --- verify


def test_verify_tells_how_often_it_is_wrong(home: Home, people: dict[int, list[Path]]) -> None:
    """Both answers, in words and as data."""
    first, second = list(people.values())[:2]
    same = home.run("verify", str(first[0]), str(first[1]), "--json").json
    assert same["same"]
    assert same["similarity"] >= same["threshold"]
    assert 0 < same["chance_of_error"] < 0.5
    said = home.run("verify", str(first[0]), str(second[0])).out
    assert said.startswith("different people (similarity 0.")
    assert "; chance of error " in said
    assert "%" in said


def test_a_state_that_cannot_be_read_is_not_needed(home: Home, people: dict[int, list[Path]], tmp_path: Path) -> None:
    """`verify` and a folder of portraits work beside it; who is in the archive cannot be told."""
    shutil.copytree(home.state / "models", tmp_path / "state" / "models")
    (tmp_path / "state" / "facewatchd.sqlite").write_bytes(b"no database" * 1000)
    first, second = next(iter(people.values()))[:2]
    (tmp_path / "portraits").mkdir()
    shutil.copy(first, tmp_path / "portraits" / "Ada.jpg")
    state = ("--state", str(tmp_path / "state"))
    assert home.run("verify", str(first), str(second), *state).out.startswith("the same person")
    assert "Ada" in home.run("identify", str(second), "--database", str(tmp_path / "portraits"), *state).out
    home.run("identify", str(second), *state, code=1)


# --- identify


def test_photos_and_folders(home: Home, people: dict[int, list[Path]], tmp_path: Path) -> None:
    """Each photo once, in order; a line per face in the CSV; what cannot be read is told, and the others are answered."""
    folder, table = tmp_path / "new", tmp_path / "faces.csv"
    (folder / "below").mkdir(parents=True)
    expected = {}
    for number, (person, photos) in enumerate(list(people.items())[:3]):
        path = folder / (f"below/{number}.jpg" if number else "0.jpg")
        path.write_bytes(retake(photos[0]))
        expected[str(path)] = str(person)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and nothing more")
    (folder / ".hidden.jpg").write_bytes(b"")
    ended = home.run("identify", str(folder), str(folder / "0.jpg"), "--csv", str(table), "--json")
    document = ended.json
    assert [photo["photo"] for photo in document["photos"]] == sorted(expected)
    assert [os.path.basename(photo["photo"]) for photo in document["failed"]] == ["broken.jpg"]
    assert document["left_out"] == []
    assert "broken.jpg" in ended.line
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["photo"]: row["person_id"] for row in rows if row["person_id"]} == expected
    assert all(row["person"] == f"Person {row['person_id']}" for row in rows if row["person_id"])
    shown = home.run("identify", str(folder))
    assert all(f"Person {person}" in shown.out for person in expected.values())
    # one photo in a folder is several photos that happen to be one
    one = home.run("identify", str(folder / "0.jpg"), "--json").json
    assert set(one) == {"photo", "faces"}


def test_nothing_to_identify(home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "There is no photo in the folder" in home.run("identify", str(tmp_path / "empty"), code=1).line
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "empty" / name).write_bytes(b"text")
    assert "None of the photos can be read" in home.run("identify", str(tmp_path / "empty"), code=1).line
    photo = photos_in(home.album)[0]
    copy = shutil.copy(photo, tmp_path / "copy.jpg")
    assert "would be replaced" in home.run("identify", str(copy), "--csv", str(copy), code=1).line
    assert Path(copy).read_bytes() == photo.read_bytes()


# --- a folder of portraits


def test_a_folder_of_portraits(
    home: Home, people: dict[int, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and folders give the names; no state is needed or made; a portrait that is replaced is another person at once."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    database, state = tmp_path / "portraits", tmp_path / "state"
    (database / "Bob").mkdir(parents=True)
    ada, bob, eve = list(people.values())[:3]
    shutil.copy(ada[0], database / "Ada Müller.jpg")
    for number, photo in enumerate(bob[:2]):
        shutil.copy(photo, database / "Bob" / f"{number}.jpg")
    (database / "wall.jpg").write_bytes(b"no picture")
    new = [tmp_path / f"{name}.jpg" for name in ("ada", "bob", "eve")]
    for path, photos in zip(new, (ada, bob, eve), strict=True):
        path.write_bytes(retake(photos[2]))
    # the converted models of the home, and nothing more
    shutil.copytree(home.state / "models", state / "models")
    command = ("identify", *map(str, new), "--database", str(database), "--state", str(state))

    def found() -> list[str]:
        document = home.run(*command, "--json").json
        assert [os.path.basename(photo["photo"]) for photo in document["left_out"]] == ["wall.jpg"]
        return [max(photo["faces"], key=lambda face: face["w"])["person"] for photo in document["photos"]]

    assert found() == ["Ada Müller", "Bob", ""]
    assert [path.name for path in state.iterdir()] == ["models"]
    assert found() == ["Ada Müller", "Bob", ""]
    shutil.copy(eve[0], database / "Ada Müller.jpg")
    assert found() == ["", "Bob", "Ada Müller"]
    table = home.run(*command, "--csv", "-").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["person"] for row in rows} >= {"Bob", "Ada Müller"}
    assert {row["person_id"] for row in rows} == {""}


def test_a_folder_without_portraits(home: Home, people: dict[int, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    photo = next(iter(people.values()))[0]
    said = home.run("identify", str(photo), "--database", str(tmp_path / "empty"), code=1).line
    assert f"There is no portrait with a face in the folder ({tmp_path / 'empty'})" in said
    assert "At least one is needed, as NAME.jpg, or in a folder called NAME." in said


Embed = Callable[[bytes], NDArray[np.float32] | None]


def test_the_cache_goes_by_content(tmp_path: Path) -> None:
    """Each content is looked at once, under any name; damaged entries are made again; without a cache nothing is kept."""
    folder, cache = tmp_path / "portraits", tmp_path / "cache"
    folder.mkdir()
    looked: list[bytes] = []

    def embed(path: bytes) -> NDArray[np.float32] | None:
        looked.append(os.path.basename(path))
        content = Path(os.fsdecode(path)).read_bytes()
        if content == b"bad":
            raise PhotoError("The photo cannot be read", "It is bad.", path)
        return None if content == b"wall" else np.array([1.0, len(content)], np.float32)

    for name, content in {"Ada": b"a", "Bob": b"bb", "wall": b"wall", "bad": b"bad"}.items():
        (folder / f"{name}.jpg").write_bytes(content)
    root = os.fsencode(folder)
    first = portraits_in(root, embed, cache)
    assert first.names == ("Ada", "Bob")
    assert [(os.path.basename(path), why) for path, why in first.left_out] == [
        (b"bad.jpg", "The photo cannot be read: It is bad."),
        (b"wall.jpg", "There is no face in it."),
    ]
    looked.clear()
    (folder / "Ada.jpg").rename(folder / "Zoë.jpg")
    again = portraits_in(root, embed, cache)
    assert looked == [b"bad.jpg"]
    assert again.names == ("Bob", "Zoë")
    assert np.array_equal(again.index.medoids, first.index.medoids[::-1])
    # the same size, the same time, another picture
    stat = (folder / "Bob.jpg").stat()
    (folder / "Bob.jpg").write_bytes(b"cc")
    os.utime(folder / "Bob.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    for kept in cache.iterdir():
        kept.write_bytes(kept.read_bytes()[:20])
    looked.clear()
    assert portraits_in(root, embed, cache).names == ("Bob", "Zoë")
    assert sorted(looked) == [b"Bob.jpg", "Zoë.jpg".encode(), b"bad.jpg", b"wall.jpg"]
    cache_file = tmp_path / "file"
    cache_file.write_bytes(b"")
    assert portraits_in(root, embed, cache_file / "below").names == ("Bob", "Zoë")
    with pytest.raises(FacewatchError, match="no portrait with a face"):
        portraits_in(root, lambda _: None, None)


def test_photos_of_a_folder(tmp_path: Path) -> None:
    """As the daemon would find them: hidden and ignored ones are left out."""
    for name in ("b.jpg", "a/x.png", "a/.y.jpg", ".c/z.jpg", "text.txt", "n/.nomedia", "n/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    root = os.fsencode(tmp_path)
    assert [os.path.relpath(path, root) for path in photos_below(root)] == [b"a/x.png", b"b.jpg"]
