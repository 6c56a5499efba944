"""`sort`: photos in a folder per person, once and without a state; and what it leaves alone in the folder that it fills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fat_disk import fat_disk
from helpers import jpeg
from running import PROGRAM, Home, environment, fresh, photos_in, prepared, run, wait_until

from facewatchd.cli.main import main
from facewatchd.core.tree.sorted_folders import Placed
from facewatchd.domain import Box
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.sorting.destination import Filled, Way, opened
from facewatchd.store import PersonFace

# --- the whole command


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in and grouped by the daemon; only to be read."""
    return prepared(tmp_path_factory)


def made_in(folder: Path) -> dict[str, set[str]]:
    """The names in each folder."""
    return {below.name: {path.name for path in below.iterdir()} for below in folder.iterdir() if below.is_dir()}


def test_the_same_groups_as_the_daemon(home: Home, tmp_path: Path) -> None:
    """Each person has a folder of whole copies with their times; nothing else is left or changed; and once more, nothing is done."""
    scratch, result = tmp_path / "scratch", tmp_path / "sorted"
    scratch.mkdir()
    before = {path: path.read_bytes() for path in home.album.rglob("*") if path.is_file()}
    command = [*PROGRAM, "sort", str(home.album), str(result), "--config", str(home.config), "--json"]
    done = subprocess.run(
        command, check=True, capture_output=True, env=environment({"TMPDIR": str(scratch)}), text=True, timeout=120
    )
    summary = json.loads(done.stdout)
    assert {path: path.read_bytes() for path in home.album.rglob("*") if path.is_file()} == before
    assert not [*scratch.iterdir()]
    # by their bytes: copies may have numbers in their names
    by_daemon = [sorted((home.album / photo).read_bytes() for photo in photos) for photos in home.links().values()]
    by_us = [sorted(path.read_bytes() for path in folder.iterdir()) for folder in result.iterdir() if folder.is_dir()]
    assert len(by_us) == 8
    assert sorted(by_us) == sorted(by_daemon)
    assert [folder["folder"] for folder in summary["folders"]] == [f"person_{number}" for number in range(1, 9)]
    assert [folder["photos"] for folder in summary["folders"]] == [
        len(made_in(result)[f"person_{number}"]) for number in range(1, 9)
    ]
    assert (summary["photos"], summary["pack"], summary["failed"]) == (61, "builtin", [])
    assert summary["made"] == sum(map(len, by_us))
    times = {(content, path.stat().st_mtime_ns) for path, content in before.items()}
    assert {(path.read_bytes(), path.stat().st_mtime_ns) for path in result.glob("person_*/*")} <= times

    (result / "person_1" / "mine.txt").write_text("mine")
    again = run(command).json
    assert (again["made"], again["kept"], again["removed"]) == (0, summary["made"], 0)
    # other folders: what was made goes, what the user put there stays
    other = run([*command, "--names", "face {n}", "--min-faces", "12", "--link"]).json
    assert other["removed"] == summary["made"]
    assert made_in(result)["person_1"] == {"mine.txt"}
    assert set(made_in(result)) - {"_unknown"} == {"person_1", *(folder["folder"] for folder in other["folders"])}
    assert all(folder["faces"] >= 12 for folder in other["folders"])
    links = [*result.glob("face */*")]
    assert links
    assert all(link.is_symlink() and link.resolve().is_relative_to(home.album) for link in links)


def test_inside_the_photo_folder(home: Home, tmp_path: Path) -> None:
    """Copies, crops and a photo that cannot be read; what is sorted is not sorted again."""
    album = tmp_path / "album"
    album.mkdir()
    for photo in photos_in(home.album)[:20]:
        shutil.copy(photo, album)
    (album / "broken.jpg").write_bytes(jpeg()[:100])
    command = [*PROGRAM, "sort", str(album), str(album / "sorted"), "--config", str(home.config)]
    first = run([*command, "--crops", "--algorithm", "average_linkage", "--json"]).json
    assert first["photos"] == 21
    assert [os.path.basename(failed["photo"]) for failed in first["failed"]] == ["broken.jpg"]
    assert first["made"] == sum(folder["faces"] for folder in first["folders"]) + len(
        [*(album / "sorted" / "_unknown").glob("*")]
    )
    assert all(path.read_bytes()[:2] == b"\xff\xd8" for path in (album / "sorted").glob("*/*"))
    again = run([*command, "--algorithm", "average_linkage"])
    assert "21 photos with" in again.out
    assert f"{first['made']} removed" in again.out
    assert "broken.jpg" in again.out


def test_interrupted_while_it_reads(home: Home, tmp_path: Path) -> None:
    """One line; nothing is left, and it can be started again."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [*PROGRAM, "sort", str(home.album), str(tmp_path / "sorted"), "--config", str(home.config)]
    with subprocess.Popen(
        command, env=environment({"TMPDIR": str(scratch)}), stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: [*scratch.glob("*/state/facewatchd.sqlite")], 30, "a state")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1
    assert not [*scratch.iterdir()]
    assert not (tmp_path / "sorted").exists()


# --- what cannot be done


def facewatchd(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == code, ended.output
    return ended


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("SRC",), "a folder with photos and a folder for the result", id="no folder"),
        pytest.param(("SRC", "DST", "--copy", "--link"), "one of --copy, --link", id="two ways"),
        pytest.param(("SRC", "DST", "--iterations", "3"), "is for --algorithm chinese_whispers", id="iterations"),
        pytest.param(
            ("SRC", "DST", "--algorithm", "hdbscan", "--threshold", "0.5"), "has no threshold", id="threshold"
        ),
        pytest.param(("SRC", "--embeddings", "SRC"), "leave SRC, DST", id="both"),
        pytest.param(("SRC", "DST", "--min-faces", "1"), "'--min-faces'", id="one face"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: Sequence[str], said: str) -> None:
    paths = {"SRC": str(tmp_path), "DST": str(tmp_path / "dst")}
    ended = facewatchd("sort", *(paths.get(word, word) for word in arguments), code=2)
    (line,) = ended.stderr.splitlines()
    assert said in line
    assert not (tmp_path / "dst").exists()


@pytest.mark.parametrize("pattern", ["person", "{n}/x", ".{n}", "_{n}", "{n}{n}", "a:{n}", "{n} "])
def test_names_that_no_folder_can_have(tmp_path: Path, pattern: str) -> None:
    (line,) = facewatchd("sort", str(tmp_path), str(tmp_path / "dst"), "--names", pattern, code=1).stderr.splitlines()
    assert "Folders cannot be called" in line
    assert not (tmp_path / "dst").exists()


def test_folders_that_are_refused(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder that is not empty, one that holds the photos, a file, photos that are away, too few faces; nothing is touched."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=1)
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("dear")

    def line(source: Path, destination: Path) -> str:
        command = ("sort", str(source), str(destination), "--config", str(home.config))
        (said,) = facewatchd(*command, code=1).stderr.splitlines()
        return said

    assert f"The folder is not empty ({full}): It holds letter.txt" in line(home.album, full)
    assert "The photos lie in the folder for the result" in line(home.album, home.path)
    assert "The photos lie in the folder for the result" in line(home.album, home.album)
    assert "There is no such folder with photos" in line(tmp_path / "away", tmp_path / "dst")
    assert "It is a file" in line(full / "letter.txt", tmp_path / "dst")
    assert "cannot be put into folders" in line(home.album, full / "letter.txt")
    assert "There are too few faces to group" in line(home.album, tmp_path / "dst")
    assert [path.name for path in full.iterdir()] == ["letter.txt"]
    assert not (tmp_path / "dst").exists()


# --- the folder that is filled


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Some files, one of a name that is no UTF-8 and one that FAT does not take."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = [b"a.jpg", b"12:30?.jpg", b"caf\xe9.jpg", b"A.JPG", b"e.jpg"]
    found = [folder / os.fsdecode(name) for name in names]
    for number, path in enumerate(found):
        path.write_bytes(jpeg(number))
        os.utime(path, ns=(0, 1_500_000_001_123_456_789 + number))
    return found


def wanted(photos: Sequence[Path], folder: str = "person_1", *, plain: bool = False) -> list[Placed[PersonFace]]:
    found = []
    for number, path in enumerate(photos):
        face = PersonFace(number, os.fsencode(path), Box(1, 2, 20, 20))
        name = b"%d.jpg" % number if plain else os.fsencode(path.name)
        found.append(Placed(os.fsencode(folder), name, face))
    return found


def fill(destination: Path, what: Sequence[Placed[PersonFace]], way: Way = Way.COPY) -> Filled:
    def cut(faces: Sequence[PersonFace]) -> Mapping[PersonFace, bytes]:
        return dict.fromkeys(faces, b"\xff\xd8 face")

    with opened(os.fsencode(destination), b"/nowhere") as folder:
        return folder.fill(what, way, cut, lambda _done, _all: None)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()} - {".facewatchd.sort"}


@pytest.mark.parametrize("way", list(Way))
def test_each_way(photos: list[Path], tmp_path: Path, way: Way) -> None:
    """Made once, there the next time, and gone when another way is wanted."""
    result, what = tmp_path / "sorted", wanted(photos, plain=True)
    assert fill(result, what, way) == Filled(5, 0, 0, 0)
    first = result / "person_1" / "0.jpg"
    assert first.is_symlink() == (way is Way.LINK)
    assert os.path.samefile(first, photos[0]) == (way in {Way.LINK, Way.HARDLINK})
    assert (first.read_bytes() == photos[0].read_bytes()) == (way is not Way.CROPS)
    assert fill(result, what, way) == Filled(0, 5, 0, 0)
    other = Way.COPY if way is not Way.COPY else Way.LINK
    assert fill(result, what, other) == Filled(5, 0, 5, 0)
    assert all(photo.stat().st_size for photo in photos)


def test_what_the_user_did_there_stays(photos: list[Path], tmp_path: Path) -> None:
    """An edited copy, a file of their own, a copy that is the last one: none is replaced or removed, whatever is wanted next."""
    result = tmp_path / "sorted"
    fill(result, wanted(photos, plain=True))
    edited, last, own = (result / "person_1" / name for name in ("0.jpg", "1.jpg", "own.jpg"))
    edited.write_bytes(b"edited")
    own.write_bytes(b"own")
    photos[1].unlink()
    with opened(os.fsencode(result), b"/nowhere") as folder:
        assert folder.taken() == {b"person_1": {"0.jpg", "1.jpg", "own.jpg"}}
    done = fill(result, wanted(photos[2:], "person_2"))
    assert (done.made, done.removed) == (3, 3)
    assert names_in(result / "person_1") == {"0.jpg", "1.jpg", "own.jpg"}
    assert (edited.read_bytes(), own.read_bytes(), last.read_bytes()) == (b"edited", b"own", jpeg(1))
    # and a name that was taken after all is refused, not replaced
    with pytest.raises(FacewatchError, match="there is something with this name already"):
        fill(result, wanted(photos[2:3], plain=True))
    assert edited.read_bytes() == b"edited"


def test_a_photo_that_is_gone_is_left_out(photos: list[Path], tmp_path: Path) -> None:
    what = wanted(photos, plain=True)
    photos[0].unlink()
    assert fill(tmp_path / "sorted", what) == Filled(4, 0, 0, 1)


def test_a_disk_without_links(photos: list[Path], tmp_path: Path) -> None:
    """Copies work, with names that it takes and told apart without case, and are known again; links are refused in one line."""
    # the name of a photo is what the planner makes of it: see the unit tests
    with fat_disk(tmp_path / "fat") as disk:
        result = disk / "sorted"
        with opened(os.fsencode(result), b"/nowhere") as folder:
            assert folder.portable
        what = wanted(photos, plain=True)
        assert fill(result, what) == Filled(5, 0, 0, 0)
        assert fill(result, what) == Filled(0, 5, 0, 0)
        assert (result / "person_1" / "2.jpg").read_bytes() == photos[2].read_bytes()
        for way in (Way.LINK, Way.HARDLINK):
            with pytest.raises(FacewatchError, match=r"The photos cannot be linked .*--copy"):
                fill(disk / "links", what, way)
    with opened(os.fsencode(tmp_path / "usual"), b"/nowhere") as folder:
        assert not folder.portable


def test_the_command_on_a_disk_without_links(home: Home, tmp_path: Path) -> None:
    """Photos whose names the disk does not take are there under others."""
    album = tmp_path / "album"
    album.mkdir()
    for number, photo in enumerate(photos_in(home.album)[:12]):
        name = {0: b"12:30.jpg", 1: b"caf\xe9.jpg", 2: b"x.jpg", 3: b"X.JPG"}.get(number, b"%d.jpg" % number)
        shutil.copy2(photo, album / os.fsdecode(name))
    with fat_disk(tmp_path / "fat") as disk:
        command = [*PROGRAM, "sort", str(album), str(disk / "sorted"), "--config", str(home.config), "--min-faces", "2"]
        done = run([*command, "--copy", "--json"]).json
        there = {path.read_bytes() for path in (disk / "sorted").glob("*/*")}
        assert there <= {path.read_bytes() for path in album.iterdir()}
        assert len([*(disk / "sorted").glob("*/*")]) == done["made"] > 5


_KILLED = """
import os, sys
from facewatchd.core.tree.sorted_folders import Placed
from facewatchd.domain import Box
from facewatchd.pipeline.sorting.destination import Way, opened
from facewatchd.store import PersonFace
source, target = map(os.fsencode, sys.argv[1:])
faces = [PersonFace(n, os.path.join(source, b"%d.jpg" % n), Box(1, 2, 3, 4)) for n in range(30)]
with opened(target, b"/nowhere") as folder:
    folder.fill([Placed(b"p", os.path.basename(f.path), f) for f in faces], Way.COPY, lambda _: {}, lambda done, _: print(done, flush=True))
"""


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """At any moment each file that is there is whole; started again, it makes the rest, and nothing of ours is left."""
    source, result = tmp_path / "photos", tmp_path / "sorted"
    source.mkdir()
    content = os.urandom(4 << 20)
    for number in range(30):
        (source / f"{number}.jpg").write_bytes(bytes([number]) + content)
    for stop in (3, 12):
        with subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(source), str(result)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            while int(process.stdout.readline()) < stop:
                pass
            process.kill()
        made = [*(result / "p").iterdir()]
        assert stop <= len(made) < 30
        assert all(path.read_bytes() == (source / path.name).read_bytes() for path in made)
    left = {path.name for path in result.iterdir()}
    assert left <= {"p", ".facewatchd.sort", ".facewatchd.part"}
    photos = [source / f"{number}.jpg" for number in range(30)]
    done = fill(result, wanted(photos, "p"))
    assert done.kept >= 12
    assert done.made + done.kept == 30
    assert {path.name for path in result.iterdir()} == {"p", ".facewatchd.sort"}
    assert all(path.read_bytes() == (source / path.name).read_bytes() for path in (result / "p").iterdir())


def test_one_at_a_time(photos: list[Path], tmp_path: Path) -> None:
    """A second run on the same folder is refused while the first goes on."""
    with opened(os.fsencode(tmp_path / "sorted"), b"/nowhere"), pytest.raises(FacewatchError, match="in use"):
        fill(tmp_path / "sorted", wanted(photos))


# --- embeddings


@pytest.mark.parametrize("algorithm", ["ours", "average_linkage", "hdbscan", "dbscan", "chinese_whispers"])
def test_the_two_people_of_an_earlier_program(shared: Path, algorithm: str) -> None:
    """Its file of embeddings, with the path in the last column: exactly two people."""
    file = shared / "lineage" / "test_embeddings.csv"
    threshold = () if algorithm == "hdbscan" else ("--threshold", "0.7")
    whispers = ("--iterations", "50") if algorithm == "chinese_whispers" else ()
    ended = facewatchd("sort", "--embeddings", str(file), "--algorithm", algorithm, *threshold, *whispers)
    document = json.loads(ended.stdout)
    people = [
        {f"image_file_path_{number}" for number in numbers}
        for numbers in ((*range(1, 6), *range(16, 21)), range(6, 16))
    ]
    assert [set(group) for group in document["groups"]] == people
    assert document["unknown"] == []


def test_embeddings_with_labels_and_too_few(tmp_path: Path) -> None:
    """The path first, with or without a label; faces of no group are told apart; fewer than a group needs are refused."""
    file = tmp_path / "e.csv"
    lines = ["a,Ada,1,0,0", "b,Ada,0.99,0.1,0", "c,Bob,0,1,0", "d,Bob,0,0.9,0.1", "e,Bob,0,2,0.1", "f,Eve,0,0,1"]
    file.write_text("0,1,2,3,4\n" + "\n".join(lines))
    command = ("sort", "--embeddings", str(file), "--algorithm", "chinese_whispers")
    document = json.loads(facewatchd(*command, "--min-faces", "2").stdout)
    assert (document["groups"], document["unknown"]) == ([["c", "d", "e"], ["a", "b"]], ["f"])
    assert json.loads(facewatchd(*command, "--min-faces", "3").stdout)["unknown"] == ["a", "b", "f"]
    file.write_text("a,1,0,0\nb,0,1,0.5\n")
    (line,) = facewatchd(*command, code=1).stderr.splitlines()
    assert "too few faces to group: 2 were found, and a group needs 3 (--min-faces)" in line
