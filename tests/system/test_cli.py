"""The commands, as the user types them: what they print, how they end, and what they leave behind."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import PROGRAM, Home, fresh, photos_in, portraits, prepared, retake, run

HEADER = "photo,face_id,x,y,w,h,score,quality,person_id,person,state,cluster_id,similarity"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in and grouped; only to be read."""
    return prepared(tmp_path_factory)


@pytest.fixture
def mine(home: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    return home.copy(tmp_path / "home")


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What tells whether anything in a tree was touched, the folders themselves included."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return found


# --- after `run --once`


def test_every_person_has_one_folder_with_working_links(home: Home) -> None:
    """Eight people, eight folders, each with a marker, a cover and a link per photo, and what the export says."""
    folders = home.links()
    people = home.run("people", "list", "--json").json["people"]
    assert len(people) == len(folders) == 8
    for person in people:
        links = folders[person["title"]]
        assert len(links) == person["photos"]
        assert (home.people / person["title"] / "folder.jpg").read_bytes()[:2] == b"\xff\xd8"
        assert f"person: {person['id']}\n" in (home.people / person["title"] / ".facewatchd").read_text()
        exported = {face["photo"] for face in home.faces() if face["person_id"] == str(person["id"])}
        assert links == {os.path.relpath(photo, home.album) for photo in exported}


def test_links_are_relative(home: Home) -> None:
    """The whole home can be moved."""
    links = [path for path in home.people.glob("*/*") if path.is_symlink()]
    assert links
    assert all(os.readlink(link).startswith("../../album/") for link in links)


def test_status_has_all_that_is_promised(home: Home) -> None:
    """The keys are the interface's, the figures those of the album and of the export."""
    status = home.status()
    assert set(status) >= {
        "version", "model", "photos", "faces", "people", "roots", "dates", "last_recluster", "next_recluster", "blocked",
    }  # fmt: skip
    assert status["photos"] == {"total": 61, "done": 61, "pending": 0, "failed": 0, "missing": 0}
    states = Counter(face["state"] for face in home.faces())
    assert set(status["faces"]) == {"total", "confirmed", "assigned", "unknown", "review", "ignored", "poor"}
    assert status["faces"]["total"] == sum(states.values())
    assert {state: count for state, count in status["faces"].items() if count and state != "total"} == states
    assert status["people"] == {"total": 8, "named": 0}
    assert status["model"]["pack"] == "builtin"
    assert status["model"]["dim"] == 128
    assert len(status["model"]["id"]) == 64
    assert status["model"]["provider"].endswith("ExecutionProvider")
    (root,) = status["roots"]
    assert root == {"path": str(home.album), "mode": "inotify", "health": "online", "reason": ""}
    assert set(status["dates"]) == {"right", "fixed", "reported"}
    assert sum(status["dates"].values()) == 61
    assert set(status["last_recluster"]) == {"at", "seconds", "faces", "people"}
    assert status["last_recluster"]["people"] == 8
    assert status["blocked"] == []


def test_export(home: Home, tmp_path: Path) -> None:
    """The header to the letter; each row a face within its photo, whose path may hold any bytes; rows match vectors."""
    table, vectors = tmp_path / "faces.csv", tmp_path / "faces.npy"
    home.run("faces", "export", "--csv", str(table), "--embeddings", str(vectors))
    assert table.read_bytes().splitlines()[0].decode() == HEADER
    faces = home.faces()
    embeddings = np.load(vectors)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(faces), 128)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)
    assert len({face["face_id"] for face in faces}) == len(faces)
    for face in faces:
        assert os.path.isabs(face["photo"])
        assert os.path.isfile(os.fsencode(face["photo"]))
        assert float(face["w"]) > 10
        assert float(face["h"]) > 10
        assert 0 <= float(face["score"]) <= 1
        assert 0 <= float(face["quality"]) <= 1
        assert face["state"] in {"confirmed", "assigned", "unknown", "review", "ignored", "poor"}
        assert bool(face["person_id"]) == (face["state"] in {"confirmed", "assigned"})
        if face["person_id"]:
            assert -1 <= float(face["similarity"]) <= 1
    assert any(os.fsencode(face["photo"]).endswith(b"/caf\xe9.jpg") for face in faces)


def test_embeddings_are_in_the_order_of_the_rows(home: Home, tmp_path: Path) -> None:
    """A face is nearest to one of its own person's, which it would not be in any other order."""
    vectors = tmp_path / "faces.npy"
    home.run("faces", "export", "--csv", str(tmp_path / "faces.csv"), "--embeddings", str(vectors))
    embeddings = np.load(vectors)
    people = [face["person_id"] for face in home.faces()]
    similar = embeddings @ embeddings.T - 2 * np.eye(len(people))
    agree = [people[row] == people[int(similar[row].argmax())] for row in range(len(people)) if people[row]]
    assert np.mean(agree) > 0.98


def test_a_person_is_shown_with_their_photos(home: Home) -> None:
    """`people show` as a document and as a table; a name that is no UTF-8 is one JSON string and one clean line."""
    accented = next(face for face in home.faces() if os.fsencode(face["photo"]).endswith(b"\xe9.jpg"))
    shown = home.run("people", "show", accented["person_id"], "--json").json
    assert set(shown) >= {"id", "name", "title", "faces", "photos"}
    assert accented["photo"] in shown["photos"]
    assert r"caf\xe9.jpg" in home.run("people", "show", accented["person_id"]).out


def test_tables_for_people(home: Home) -> None:
    """Without --json the same is said in words."""
    assert "61 total, 61 done" in home.run("status", "-v").out
    listed = home.run("people", "list").out
    assert all(f"Person {number} " in listed for number in range(1, 9))


def test_status_is_short(home: Home) -> None:
    """Whether all is well comes first: nothing runs, since when, and what to do; then what there is. Times are local."""
    lines = home.run("status").out.splitlines()
    ended = datetime.fromisoformat(home.status()["ended_at"]).astimezone()
    assert re.fullmatch(
        rf"Not running since (20..-..-.. )?{ended:%H:%M}\. Start it by 'facewatchd run', or by its service\.", lines[0]
    )
    assert lines[1] == f"61 photos with {home.status()['faces']['total']} faces of 8 people, 0 of them named."
    grouped = datetime.fromisoformat(home.status()["last_recluster"]["at"]).astimezone()
    assert lines[2].endswith(f"{grouped:%H:%M}.")
    assert lines[3:] == ["'facewatchd status -v' says more."]
    checked = home.run("status", "--check", code=1)
    assert (checked.out, checked.err) == (f"{lines[0]}\n", "")
    assert home.run("status", "-v").out.startswith(f"{lines[0]}\nversion")
    assert "--watch goes with neither --json nor --check" in home.run("status", "--watch", "--json", code=2).line


def test_a_second_run_changes_nothing(mine: Home) -> None:
    """Nothing is taken in again, no file or folder of the tree is touched, faces keep their ids and people."""
    tree, faces, album = snapshot(mine.people), mine.faces(), snapshot(mine.album)
    log = mine.once().err
    assert "photos with" not in log
    assert "(0 new)" in log
    assert "0 faces moved" in log
    assert snapshot(mine.people) == tree
    assert snapshot(mine.album) == album
    assert mine.faces() == faces


def test_plans_change_nothing(home: Home) -> None:
    """`--dry-run` of `tree` finds nothing to do, that of `recluster` the same people; nothing is written."""
    tree = snapshot(home.people)
    grouped = home.status()["last_recluster"]
    assert home.run("tree", "--dry-run").out == "The people tree is as it should be.\n"
    assert "8 people, 0 of them new; 0 faces would be moved" in home.run("recluster", "--dry-run").out
    assert home.status()["last_recluster"] == grouped
    assert snapshot(home.people) == tree


def test_recluster_without_a_daemon(mine: Home) -> None:
    """It is carried out there and then, and written down."""
    before = mine.status()["last_recluster"]
    assert "8 people, 0 of them new; 0 faces moved" in mine.run("recluster").out
    assert mine.status()["last_recluster"] != before


def test_a_damaged_tree_is_mended(mine: Home) -> None:
    """`tree --dry-run` says what is missing, `tree` puts it back; what is not ours stays."""
    before = mine.links()
    link = mine.people / "Person 1" / "folder.jpg"
    link.unlink()
    (link.parent / "notes.txt").write_text("mine")
    plan = mine.run("tree", "--dry-run").out
    assert plan == "write the file Person 1/folder.jpg\n1 change\n"
    assert mine.run("tree").out.startswith("1 change made")
    assert mine.links() == before
    assert (link.parent / "notes.txt").read_text() == "mine"


def test_people_are_named_and_merged(mine: Home) -> None:
    """A name is the folder's name; merged people share it, and either number means them from then on."""
    before = mine.links()
    assert mine.run("people", "rename", "3", "Zoë O'Neill").out == "Person 3 is Zoë O'Neill now.\n"
    assert mine.run("people", "merge", "Person 5", "zoë o'neill").out == "Person 5 is Zoë O'Neill now.\n"
    assert mine.named()[3] == "Zoë O'Neill"
    assert 5 not in mine.named()
    after = mine.links()
    assert after["Zoë O'Neill"] == before["Person 3"] | before["Person 5"]
    # in a photo of both one of the two faces is nobody's now
    assert set(after) - {"_unknown"} == set(before) - {"Person 3", "Person 5"} | {"Zoë O'Neill"}
    assert mine.run("people", "show", "5", "--json").json["id"] == 3
    assert mine.status()["people"] == {"total": 7, "named": 1}


def test_people_are_meant_by_their_names(mine: Home) -> None:
    """Every command takes a name; one that a folder cannot have is kept, and the folder's name is said."""
    said = mine.run("people", "rename", "Person 3", "AC/DC").out
    assert said == "Person 3 is AC/DC now. The folder is called AC_DC, as the name of a folder cannot hold a /.\n"
    assert set(mine.links()) >= {"AC_DC"}
    assert mine.run("people", "show", "ac/dc", "--json").json["id"] == 3
    assert mine.run("people", "hide", "AC_DC/").out == "AC/DC is hidden.\n"
    mine.run("people", "rename", "4", "ac/dc")  # the name of a hidden person is free
    said = mine.run("people", "unhide", "AC/DC").out
    assert said.startswith(
        "AC/DC is shown again. The folder is called AC_DC (2), as there is something else of that name"
    )
    assert "AC/DC (id 3) and ac/dc (id 4)" in mine.run("people", "hide", "Ac/Dc", code=1).line
    face_id = str(mine.run("people", "show", "AC/DC", "--json").json["face_ids"][0])
    assert mine.run("faces", "reject", face_id, "AC/DC").out == f"Face {face_id} is not AC/DC.\n"
    line = mine.run("people", "merge", "1", "ACDC", code=1).line
    assert "Nobody is called 'ACDC': did you mean AC/DC (id 3) or ac/dc (id 4)?" in line
    # a name that is another's id
    mine.run("people", "rename", "AC/DC", "1")
    line = mine.run("people", "split", "1", code=1).line
    assert "'1' can mean 2 people: 1 (id 3) and Person 1 (id 1). Say which: id:3 or id:1." in line
    assert mine.run("people", "show", "id:1", "--json").json["id"] == 1
    assert mine.run("people", "rename", "id:3", "Oma").out == "1 is Oma now.\n"


def test_photos_of_two_people(home: Home) -> None:
    """`people show A B`: what both are in, and nothing else; as a document and as a table."""
    photos: dict[str, set[str]] = {}
    for face in home.faces():
        if face["person_id"]:
            photos.setdefault(face["person_id"], set()).add(face["photo"])
    pairs = [(a, b) for a, b in itertools.combinations(sorted(photos), 2) if photos[a] & photos[b]]
    for one, other in pairs[:2]:
        both = photos[one] & photos[other]
        shown = home.run("people", "show", one, f"Person {other}", "--json").json
        assert set(shown["photos"]) == both
        assert [str(person["id"]) for person in shown["people"]] == [one, other]
        assert all(len(person["face_ids"]) == person["faces"] >= len(both) for person in shown["people"])
        table = home.run("people", "show", one, other).out
        assert f"Person {one} and Person {other}: together in {len(both)} photo" in table
    apart = [(a, b) for a, b in itertools.combinations(sorted(photos), 2) if not photos[a] & photos[b]]
    assert pairs
    assert apart
    assert home.run("people", "show", *apart[0]).out.endswith("together in 0 photos\n")
    assert home.run("people", "show", *sorted(photos), "--json").json["photos"] == []
    assert "Nobody is called 'Nemo'" in home.run("people", "show", pairs[0][0], "Nemo", code=1).line


def test_a_merged_person_survives_a_run(mine: Home) -> None:
    """What was merged stays so, whatever the next grouping says; here two who are never in one photo."""
    before = mine.links()
    pairs = itertools.combinations(sorted(mine.named()), 2)
    into, one = next(pair for pair in pairs if not before[f"Person {pair[0]}"] & before[f"Person {pair[1]}"])
    mine.run("people", "merge", str(one), str(into))
    links = mine.links()
    assert links[f"Person {into}"] == before[f"Person {into}"] | before[f"Person {one}"]
    mine.once()
    assert mine.links() == links
    assert mine.status()["faces"]["confirmed"] >= len(before[f"Person {one}"])


def test_a_name_survives_any_encoding_of_the_terminal(mine: Home) -> None:
    """What the terminal cannot show is escaped; it does not end the command."""
    mine.run("people", "rename", "3", "Zoë")
    plain = ["env", "PYTHONIOENCODING=ascii", *mine.command("people", "list")]
    assert r"Zo\xeb" in run(plain).out


# --- questions about a photo


def test_identify_and_verify(home: Home, tmp_path: Path) -> None:
    """Who is in a new photo of a known person; whether two photos show the same one; nobody is taken in."""
    (one, its), (_, others) = list(portraits(home).items())[:2]
    new = tmp_path / "new.jpg"
    new.write_bytes(retake(its[0]))
    (face,) = home.run("identify", str(new), "--json").json["faces"]
    assert face["person_id"] == one
    assert f"Person {one}" in home.run("identify", str(new)).out
    assert home.run("verify", str(its[0]), str(its[1]), "--json").json["same"] is True
    assert home.run("verify", str(its[0]), str(others[0])).out.startswith("different people")
    assert home.status()["photos"]["total"] == 61


def test_identify_without_anybody(home: Home, tmp_path: Path) -> None:
    """A photo without faces is no error for `identify`."""
    photo = tmp_path / "wall.png"
    shutil.copy(_wall(tmp_path / "wall.jpg"), photo)
    assert home.run("identify", str(photo)).out == "There is no face in the photo.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["identify", "{}/none.jpg"], "none.jpg"),
        (["verify", "{}", "{}/wall.jpg"], "{}"),
        (["identify", "{}/text.jpg"], "text.jpg"),
        (["identify", "{}/empty.jpg"], "empty.jpg"),
        (["verify", "{}/wall.jpg", "{}/wall.jpg"], "There is no face in the photo ({}/wall.jpg): "),
        (["verify", "{}/none.jpg", "{}/wall.jpg"], "none.jpg"),
        (["people", "show", "99"], "There is no person 99: 'facewatchd people list' shows who there is."),
        (["people", "rename", "99", "Ann"], "There is no person 99"),
        (["people", "merge", "1", "99"], "There is no person 99"),
        (
            ["people", "merge", "1", "1"],
            "There is nothing to merge: Person 1 and person 1 are the same person: Person 1.",
        ),
        (["people", "show", "0"], "Nobody is called '0'"),
        (["people", "merge", "1", "Nemo"], "Nobody is called 'Nemo': 'facewatchd people list' shows who there is."),
        (["people", "hide", "99999999999999999999"], "Nobody is called '99999999999999999999'"),
        (["people", "rename", "1", "_Ada"], "This is no name for a person: '_Ada': Let it begin with a letter"),
        (["people", "rename", "1", " "], "This is no name"),
        (["people", "rename", "1", "a\nb"], "This is no name"),
        (["faces", "export", "--csv", "{}/none/faces.csv"], "{}/none/faces.csv"),
        (
            ["faces", "export", "--csv", "{}/faces.csv", "--embeddings", "{}"],
            "({}): Is a directory; it is a folder: name a file.",
        ),
        (["models", "fetch", "nonsense"], "There is no known place to download nonsense from"),
        (["models", "use", "nonsense"], "The face models are not installed"),
        (["models", "use", "{}"], "({})"),
    ],
    ids=lambda value: "-".join(value[:2]).replace("{}/", "") if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line(home: Home, tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 1, and one line on stderr that names the thing."""
    _wall(tmp_path / "wall.jpg")
    (tmp_path / "text.jpg").write_text("not a photo at all")
    (tmp_path / "empty.jpg").touch()
    ended = home.run(*(argument.format(tmp_path) for argument in arguments), code=1)
    assert ended.line.startswith("facewatchd: ")
    assert said.format(tmp_path) in ended.line
    assert ended.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["faces", "confirm", "Grandma", "17"], "'Grandma' is no face; give its number, as 'facewatchd people show'"),
        (["faces", "reject", "99999999999999999999"], "'99999999999999999999' is no face"),
        (["faces", "confirm", "0"], "'0' is no face"),
        (["people", "split", "1", "--faces", "1,x"], "'x' is no face"),
        (["people", "show"], "Missing argument 'PERSON...'. See 'facewatchd people show --help'."),
        (["people", "shwo"], "Did you mean 'show'? See 'facewatchd people --help'."),
        (["status", "--jsn"], "Did you mean '--json'?"),
        (["statsu"], "Did you mean 'status'? See 'facewatchd --help'."),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 2, and one line that says where to look."""
    line = run([*PROGRAM, *arguments, "--state", str(tmp_path)], code=2).line
    assert line.startswith("facewatchd: ")
    assert said.replace("facewatchd ", "python -m facewatchd ") in line.replace(
        "'facewatchd ", "'python -m facewatchd "
    )


def _wall(path: Path) -> Path:
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(path)
    return path


# --- what a user can get wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photos: [unclosed\n", ("config.yaml", "not valid YAML", "ine ")),
        ("people:\n  dri: /x\n", ("people.dri", "no such key", "config.example.yaml")),
        ("phtos: [/x]\n", ("phtos", "no such key")),
        ("people: {min_faces: 1}\n", ("people.min_faces",)),
        ("recluster: {every_days: soon}\n", ("recluster.every_days",)),
        ("photos: [{0}/a, {0}/a/b]\n", ("{0}/a/b", "overlap", "{0}/a.")),
        ("photos: [{0}/a]\npeople: {{dir: {0}}}\n", ("{0}/a", "lies in the people tree")),
        ("photos: [{0}/a]\npeople: {{dir: {0}/p}}\nstate: {{dir: {0}/p/s}}\n", ("The state lies in the people tree",)),
        ("people: {{dir: {0}/p}}\nstate: {{dir: {0}/s}}\n", ("There is no photo folder to watch", "--photos")),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_used(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    """Exit code 2, and one line that names the key or the path, and the remedy."""
    config = tmp_path / "config.yaml"
    config.write_text(text.format(tmp_path) if "{0}" in text else text)
    line = run([*PROGRAM, "run", "--once", "--config", str(config)], code=2).line
    for part in said:
        assert part.format(tmp_path) in line


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    """It was named, so it is not passed over."""
    line = run([*PROGRAM, "status", "--config", str(tmp_path / "none.yaml")], code=2).line
    assert str(tmp_path / "none.yaml") in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["people", "list"],
        ["people", "rename", "1", "Ann"],
        ["people", "merge", "1", "2"],
        ["tree"],
        ["tree", "--dry-run"],
        ["recluster"],
        ["recluster", "--dry-run"],
        ["faces", "export", "--csv", "faces.csv"],
        ["identify", "photo.jpg"],
    ],
    ids="-".join,
)
def test_before_the_first_run(tmp_path: Path, arguments: list[str]) -> None:
    """There is nothing yet: one line says what to do, and no stray state is made. Each command loads what it needs."""
    home = Home(tmp_path / "home")
    assert "There is no state yet" in home.run(*arguments, code=1, started=True).line
    assert not home.state.exists()


def test_a_state_of_a_newer_version(mine: Home) -> None:
    """It is left alone, and the line says which versions there are."""
    with closing(sqlite3.connect(mine.state / "facewatchd.sqlite")) as state:
        state.execute("PRAGMA user_version = 99")
    for arguments in (["run", "--once"], ["status"], ["people", "rename", "1", "Ann"]):
        line = mine.run(*arguments, code=1).line
        assert "made by a newer facewatchd" in line
        assert "99" in line
        assert str(mine.state / "facewatchd.sqlite") in line


def test_a_damaged_state(mine: Home) -> None:
    """Whether the file is damaged at its start or in the middle: one line names it and the remedy."""
    database = mine.state / "facewatchd.sqlite"
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    database.write_bytes(content)
    for arguments in (["run", "--once"], ["status"], ["people", "list"], ["faces", "export", "--csv", os.devnull]):
        line = mine.run(*arguments, code=1).err.splitlines()[-1]
        assert line.startswith("facewatchd: ")
        assert "damaged" in line
        assert "restore it from a backup" in line.lower()
    database.write_text("no database at all, but long enough to be held for one by its size" * 100)
    assert "damaged" in mine.run("status", code=1).line


def test_a_state_of_other_models(mine: Home, testpack: Path) -> None:
    """It is refused, and the line names the command that changes over."""
    mine.configure(models={"pack": str(testpack)})
    line = mine.once(code=1).err.splitlines()[-1]
    assert line.startswith("facewatchd: ")
    assert f"facewatchd models use {testpack}" in line
    assert "builtin" in line
    assert "facewatchd models use" in mine.run("identify", str(photos_in(mine.album)[0]), code=1).line
    assert mine.status()["photos"]["done"] == 61


def test_a_state_folder_that_cannot_be_written(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """One line names it and what to do."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=1)
    home.state.chmod(0o500)
    line = home.once(code=1, strict=True).err.splitlines()[-1]
    assert str(home.state) in line
    assert "Make it writable, or choose another folder with --state" in line


def test_a_state_folder_that_cannot_be_read(mine: Home) -> None:
    """To look only is refused in one line as well."""
    mine.state.chmod(0o000)
    for arguments in (["status"], ["people", "list"], ["people", "rename", "1", "Ann"], ["doctor"]):
        ended = mine.run(*arguments, code=1, strict=True)
        assert str(mine.state) in ended.out + ended.err
    mine.state.chmod(0o700)


def test_a_state_folder_that_is_a_file(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """One line names it."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=1)
    shutil.rmtree(home.state)
    home.state.touch()
    assert str(home.state) in home.once(code=1).line
    assert str(home.state) in home.run("status", code=1).line


def test_folders_given_on_the_command_line(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """No file is needed; names may hold any bytes."""
    model = fresh(tmp_path_factory, tmp_path / "model", photos=2)
    album = tmp_path / os.fsdecode(b"\xe9t\xe9")
    shutil.copytree(model.album, album)
    config = tmp_path / "config.yaml"
    config.write_text("models: {pack: builtin}\nwatch: {settle_open_s: 0}\n")
    folders = ["--photos", str(album), "--people", str(tmp_path / "people"), "--state", str(model.state)]
    run([*PROGRAM, "run", "--once", "--config", str(config), *folders])
    status = run([*PROGRAM, "status", "--json", "--state", str(model.state)]).json
    assert status["photos"]["done"] == 2
    assert status["roots"][0]["path"] == str(tmp_path) + r"/\xe9t\xe9"


# --- bad photos


def test_bad_photos_are_named_and_counted_and_stop_nothing(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Each gets one line with its path; a photo without faces is none of them; all others are taken in."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=3)
    good = photos_in(home.album)[0].read_bytes()
    (home.album / "empty.jpg").touch()
    (home.album / "cut.jpg").write_bytes(good[: len(good) // 2])
    (home.album / "text.jpg").write_text("Dear diary")
    (home.album / "unreadable.jpg").write_bytes(good)
    (home.album / "unreadable.jpg").chmod(0)
    (home.album / "notes.txt").write_text("no photo, and none of our business")
    (home.album / "dangling.jpg").symlink_to("nowhere")
    bad = os.fsencode(home.album) + b"/bad\xff\n.jpg"
    with open(bad, "wb"):
        pass
    _wall(home.album / "wall.jpg")
    locked = home.album / "locked"
    locked.mkdir()
    shutil.copy(photos_in(home.album)[0], locked / "inside.jpg")
    locked.chmod(0)
    log = home.once(strict=True).err
    locked.chmod(0o755)
    for name in ("empty.jpg", "cut.jpg", "text.jpg", "unreadable.jpg", r"bad\xff\x0a.jpg"):
        (line,) = [line for line in log.splitlines() if f"{home.album}/{name}" in line]
        assert "WARNING" in line
    (line,) = [line for line in log.splitlines() if str(locked) in line]
    assert "ermission" in line
    status = home.status()
    assert status["photos"] == {"total": 9, "done": 4, "pending": 0, "failed": 5, "missing": 0}
    failed = {os.path.basename(failure["path"]) for failure in status["failures"]}
    assert failed == {"empty.jpg", "cut.jpg", "text.jpg", "unreadable.jpg", r"bad\xff\x0a.jpg"}
    assert all(failure["reason"] for failure in status["failures"])
    assert any("5 photos could not be taken in" in sentence for sentence in status["blocked"])
    assert "5 failed" in home.run("status", "-v").out
    assert "- 5 photos could not be taken in ('facewatchd status -v' says why); " in home.run("status").out
    # a bad photo is tried again when it changes, and only then
    (home.album / "empty.jpg").write_bytes(retake(photos_in(home.album)[0]))
    (home.album / "unreadable.jpg").chmod(0o644)
    log = home.once(strict=True).err
    assert "cut.jpg" not in log
    assert home.status()["photos"] == {"total": 10, "done": 7, "pending": 0, "failed": 3, "missing": 0}


def test_a_people_folder_that_cannot_be_written(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Everything else is done, then one line says what to do; when it can be written the next run completes it."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=4, people={"min_faces": 2})
    home.people.mkdir(mode=0o500)
    line = home.once(code=1, strict=True).err.splitlines()[-1]
    assert line.startswith("facewatchd: The people tree cannot be written")
    assert str(home.people) in line
    assert "make it writable" in line
    status = home.status()
    assert status["photos"]["done"] == 4
    assert any(str(home.people) in sentence for sentence in status["blocked"])
    home.people.chmod(0o755)
    home.once()
    assert home.status()["blocked"] == []
    assert home.links()


def test_a_people_folder_that_is_a_file(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Nothing is put in its place."""
    home = fresh(tmp_path_factory, tmp_path / "home", photos=1)
    home.people.write_text("mine")
    assert str(home.people) in home.once(code=1).err.splitlines()[-1]
    assert home.people.read_text() == "mine"


def test_one_of_two_roots_is_missing(mine: Home) -> None:
    """The other is taken care of; the missing one is named with its reason, and its photos are kept."""
    other = mine.path / "other"
    other.mkdir()
    shutil.copy(photos_in(mine.album)[0], other / "a.jpg")
    mine.configure(photos=[str(mine.album), str(other)])
    mine.once()
    gone = mine.album.rename(mine.path / "away")
    log = mine.once().err
    (line,) = [line for line in log.splitlines() if f"{mine.album} is offline" in line]
    assert "ount the disk" in line
    status = mine.status()
    assert [root["health"] for root in status["roots"]] == ["offline", "online"]
    assert status["photos"]["done"] == 62
    assert any(str(mine.album) in sentence for sentence in status["blocked"])
    assert sum(path.is_symlink() for path in mine.people.glob("*/*")) > 62
    gone.rename(mine.album)
    mine.once()
    assert mine.status()["blocked"] == []


def test_the_only_root_is_missing(mine: Home) -> None:
    """There is nothing to do: one line and exit code 1; nothing is removed."""
    tree = snapshot(mine.people)
    mine.album.rename(mine.path / "away")
    line = mine.once(code=1).err.splitlines()[-1]
    assert line.startswith("facewatchd: No photo folder can be read")
    assert str(mine.album) in line
    assert snapshot(mine.people) == tree
    assert mine.status()["photos"]["done"] == 61


# --- coming at once


@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["people", "list"]])
def test_quick_commands_load_nothing_heavy(home: Home, arguments: list[str]) -> None:
    """The face models' and the grouping's libraries take long to load, and these commands need none of them."""
    script = (
        "import json, sys\n"
        "from facewatchd.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    ending = [] if arguments == ["--help"] else ["--config", str(home.config)]
    ended = run([sys.executable, "-c", script, *arguments, *ending])
    loaded = {name.partition(".")[0] for name in json.loads(ended.err)}
    assert not loaded & {
        "insightface", "onnxruntime", "onnx", "hdbscan", "sklearn", "scipy", "cv2", "PIL", "apscheduler", "watchdog",
    }  # fmt: skip


def test_doctor(home: Home) -> None:
    """All is well here; both as a document and as a table."""
    findings = home.run("doctor", "--json").json["findings"]
    assert {finding["verdict"] for finding in findings} <= {"ok", "warning"}
    assert {"facewatchd", "OpenCV", "LibRaw", "models", "provider", "photos", "people tree", "state"} <= {
        finding["what"] for finding in findings
    }
    assert "builtin" in home.run("doctor").out


def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    """Exit code 1; every problem has its remedy. Folders behind a closed door are no accident."""
    home = Home(tmp_path / "home")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    home.configure(
        photos=[str(tmp_path / "none"), str(closed / "photos")],
        people={"dir": str(closed / "people")},
        models={"pack": "nonsense"},
    )
    findings = home.run("doctor", "--json", code=1, strict=True).json["findings"]
    wrong = [finding for finding in findings if finding["verdict"] == "problem"]
    found = " ".join(f"{finding['found']} {finding['remedy']}" for finding in wrong)
    assert len(wrong) >= 4
    for part in (str(tmp_path / "none"), str(closed / "photos"), str(closed), "nonsense"):
        assert part in found


def test_a_reader_that_goes_away(home: Home) -> None:
    """`facewatchd ... | head` is no accident."""
    command = " ".join(home.command("people", "show", "1", "--json"))
    ended = run(["bash", "-c", f"{command} | true"])
    assert ended.err == ""


# --- the folders of a state


def bare(home: Home, *arguments: str) -> list[str]:
    """A command line that names the state, the built-in models' folder, and nothing else."""
    plain = home.path / "plain.yaml"
    plain.write_text(f"models: {{pack: builtin, root: {home.path / 'models'}}}\n")
    return [*PROGRAM, *arguments, "--state", str(home.state), "--config", str(plain)]


def test_folders_that_were_said_once_are_used_by_every_command(mine: Home) -> None:
    """Without options and without a configuration that names them; no second tree appears in ~/People."""
    mine.once()
    before = mine.links()
    shutil.rmtree(mine.people)
    assert str(mine.people) in run(bare(mine, "tree")).out
    assert mine.links() == before
    shown = run(bare(mine, "roots", "list", "--json")).json["roots"]
    assert [(root["path"], root["watched"], root["there"]) for root in shown] == [(str(mine.album), True, True)]
    assert "Watching" in run(bare(mine, "run", "--once")).err


def test_a_photo_folder_that_never_was_ends_the_run(mine: Home) -> None:
    """With a sentence that says what may be meant; nothing is forgotten for it."""
    line = run(bare(mine, "run", "--once", "--photos", str(mine.path / "albun")), code=2).line
    assert "There is no such photo folder" in line
    assert f"did you mean {mine.album}?" in line
    assert mine.status()["photos"]["missing"] == 0


def test_a_second_state_on_the_same_people_folder_is_refused(mine: Home, tmp_path: Path) -> None:
    """Whoever starts it is told which state the folder belongs to, before anything is taken in."""
    mine.once()
    other = Home(tmp_path / "other", {"people": {"dir": str(mine.people)}})
    line = other.once(code=1).line
    assert "The people folder belongs to another state" in line
    assert str(mine.state) in line


def test_a_folder_is_moved_by_hand(mine: Home) -> None:
    """The state is told, and says what else names the old path; a running daemon is not disturbed."""
    moved = mine.path / "Bilder"
    mine.album.rename(moved)
    said = mine.run("roots", "move", str(mine.album), str(moved)).out
    assert f"photos of {mine.album} are in {moved} now." in said
    assert f"name {moved} instead" in said
    assert [root["path"] for root in mine.run("roots", "list", "--json").json["roots"]] == [str(moved)]
    assert "there" in mine.run("roots", "list").out
    assert "No photos of this folder are known" in mine.run("roots", "move", str(mine.album), str(moved), code=1).line


def test_a_copy_is_put_back_with_advice(mine: Home) -> None:
    """... about folders that are not on this machine."""
    mine.once()
    mine.run("backup", str(mine.path / "copy"))
    mine.album.rename(mine.path / "Bilder")
    said = mine.run("restore", str(mine.path / "copy")).out
    assert f"The photo folder {mine.album} is not on this machine" in said
    assert "--photos" in said
    assert "--people" not in said
