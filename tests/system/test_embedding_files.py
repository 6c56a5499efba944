"""Embeddings in CSV files: written, read in the layouts of other programs, and what is said where they cannot be used."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from running import PROGRAM, Home, prepared, run

from facewatchd.cli.main import main
from facewatchd.pipeline.embedding_files import read_embeddings

ADA = ((1.0, 0.0, 0.0), (0.9, 0.1, 0.0), (0.8, 0.2, 0.0))
BOB = ((0.0, 1.0, 0.0), (0.0, 0.9, 0.1))


def rows(layout: str = "labelled") -> list[list[object]]:
    """Ada and Bob, in one of the layouts."""
    faces = [("Ada", face) for face in ADA] + [("Bob", face) for face in BOB]
    table: list[list[object]] = []
    for at, (label, face) in enumerate(faces):
        path = f"{label}/{at}.jpg"
        table.append({"labelled": [path, label, *face], "first": [path, *face], "last": [*face, path]}[layout])
    return table


def write(path: Path, table: list[list[object]], header: int | None = None) -> str:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        if header is not None:
            writer.writerow(range(header, header + len(table[0])))
        writer.writerows(table)
    return str(path)


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


@pytest.fixture
def stateless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a configuration and without a state."""
    for key in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(key, str(tmp_path / "nothing"))
    monkeypatch.delenv("FACEWATCHD_CONFIG", raising=False)
    return tmp_path


def facewatchd(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == code, ended.output
    return ended


def line(ended: Result) -> str:
    """The one line that it wrote to stderr."""
    (said,) = ended.stderr.splitlines()
    return said


# --- of the state


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in and grouped; only to be read."""
    return prepared(tmp_path_factory)


def test_export_and_its_own_medoids(home: Home, tmp_path: Path) -> None:
    """The header counts the columns; each line is a face with its person; compared with its own medoids it gets its label."""
    exported, medoids, out = tmp_path / "e.csv", tmp_path / "m.csv", tmp_path / "out.csv"
    vectors = tmp_path / "faces.npy"
    home.run("faces", "export", "--csv", str(exported), "--layout", "embeddings")
    home.run("faces", "export", "--csv", str(tmp_path / "faces.csv"), "--embeddings", str(vectors))
    header, *lines = read(exported)
    assert header == [str(column) for column in range(130)]
    faces = home.faces()
    assert [one[0] for one in lines] == [face["photo"] for face in faces]
    people = {person["id"]: person["title"] for person in home.run("people", "list", "--json").json["people"]}
    assert [one[1] for one in lines] == [
        people[int(face["person_id"])] if face["person_id"] else face["cluster_id"] or "unknown" for face in faces
    ]
    # to the last bit
    assert np.array_equal(np.array([one[2:] for one in lines], np.float32), np.load(vectors))

    home.run("people", "medoids", "--csv", str(medoids))
    home.run("people", "medoids", "--csv", str(tmp_path / "same.csv"), "--from", str(exported))
    assert medoids.read_bytes() == (tmp_path / "same.csv").read_bytes()
    assert sorted(one[0] for one in read(medoids)) == sorted(people.values())
    assert {len(one) for one in read(medoids)} == {129}

    assigned = tmp_path / "assigned.csv"
    write(assigned, [[*one] for one in lines if one[1] != "unknown"], header=0)
    report = home.run(
        *("validate", "--medoids", str(medoids), "--faces", str(assigned), "--csv", str(out), "--json")
    ).json
    assert read(out) == [one[:2] for one in lines if one[1] != "unknown"]
    assert (report["precision"], report["recall"], report["unknown"]) == (1.0, 1.0, 0)


def test_the_models_go_with_the_file(home: Home, tmp_path: Path) -> None:
    """Embeddings of other models with as many numbers are refused, where the file system has extended attributes."""
    exported, medoids = tmp_path / "e.csv", tmp_path / "m.csv"
    home.run("faces", "export", "--csv", str(exported), "--layout", "embeddings")
    home.run("people", "medoids", "--csv", str(medoids), "--from", str(exported))
    try:
        os.setxattr(medoids, "user.facewatchd.model", b"0123456789abcdef %d" % medoids.stat().st_size)
    except OSError:
        pytest.skip("the file system has no extended attributes")
    arguments = ("validate", "--medoids", str(medoids), "--faces", str(exported), "--csv", str(tmp_path / "out.csv"))
    said = home.run(*arguments, code=1).line
    model = home.status()["model"]["id"][:12]
    assert "of different models" in said
    assert (
        f"m.csv have 128 numbers (model 0123456789ab) and those in {exported} have 128 numbers (model {model})" in said
    )
    assert not (tmp_path / "out.csv").exists()
    # written by another program since: what is known of the old content does not count
    first, *others = medoids.read_text().splitlines()
    medoids.write_text("\n".join([*others, f"New{first}"]))
    home.run(*arguments)


# --- of other programs


@pytest.mark.parametrize("header", [None, 0, 1], ids=["no header", "from 0", "from 1"])
@pytest.mark.parametrize("layout", ["labelled", "first", "last"])
def test_layouts_of_other_programs(tmp_path: Path, layout: str, header: int | None) -> None:
    """The path first, with or without a label, or last; and a header or none."""
    found = read_embeddings(write(tmp_path / "e.csv", rows(layout), header))
    assert found.paths == ("Ada/0.jpg", "Ada/1.jpg", "Ada/2.jpg", "Bob/3.jpg", "Bob/4.jpg")
    assert found.labels == (("Ada", "Ada", "Ada", "Bob", "Bob") if layout == "labelled" else None)
    assert np.array_equal(found.vectors, np.array([*ADA, *BOB], np.float32))


def test_the_file_of_an_earlier_program(shared: Path) -> None:
    found = read_embeddings(str(shared / "lineage" / "test_embeddings.csv"))
    assert found.vectors.shape == (20, 128)
    assert found.paths is not None
    assert found.paths[0] == "image_file_path_1"
    assert found.labels is None


def test_medoids_and_validation_without_a_state(stateless: Path) -> None:
    """From files alone, with no configuration; strange names come through."""
    table = [*rows(), [b"caf\xe9\n.jpg".decode(errors="surrogateescape"), "Zoë, 2", 0, 0, 1]]
    faces, medoids, out = (str(stateless / name) for name in ("e.csv", "m.csv", "out.csv"))
    write(Path(faces), table, header=0)
    facewatchd("people", "medoids", "--csv", medoids, "--from", faces)
    assert read(Path(medoids)) == [
        ["Ada", *(f"{number:.9g}" for number in np.array(ADA[1], np.float32).tolist())],
        ["Bob", "0", "1", "0"],
        ["Zoë, 2", "0", "0", "1"],
    ]
    ended = facewatchd("validate", "--medoids", medoids, "--faces", faces, "--csv", out, "--json")
    report = json.loads(ended.stdout)
    # the last of Ada's: 0.9 * 0.8 + 0.1 * 0.2 = 0.74
    assert [label for _, label in read(Path(out))] == ["Ada", "Ada", "unknown", "Bob", "Bob", "Zoë, 2"]
    assert read(Path(out))[5][0] == "caf\udce9\n.jpg"
    assert (report["faces"], report["unknown"], report["precision"], report["recall"]) == (6, 1, 1.0, 0.8333)
    assert {"label": "Ada", "given": "unknown", "faces": 1} in report["confusion"]
    assert (report["threshold"], report["measure"]) == (0.75, "correlation")
    said = facewatchd("validate", "--medoids", medoids, "--faces", faces, "--csv", out, "--threshold", "0.73")
    assert "precision 100.0%: 6 of 6" in said.stdout
    assert not (stateless / "nothing").exists()


def test_on_standard_output(stateless: Path) -> None:
    """The table alone is there; the report goes to stderr."""
    faces = write(stateless / "e.csv", rows())
    state = ("--state", str(stateless / "nothing"))
    medoids = run([*PROGRAM, "people", "medoids", "--csv", "-", "--from", faces, *state])
    assert [one.split(",")[0] for one in medoids.out.splitlines()] == ["Ada", "Bob"]
    (stateless / "m.csv").write_text(medoids.out)
    arguments = ("validate", "--medoids", str(stateless / "m.csv"), "--faces", faces, "--csv", "-", *state)
    ended = run([*PROGRAM, *arguments])
    assert ended.out.splitlines()[0] == "Ada/0.jpg,Ada"
    assert "recall 80.0%" in ended.err
    assert "--json prints on standard output" in line(facewatchd(*arguments, "--json", code=2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "There are no embeddings in the file", id="empty"),
        pytest.param("0,1,2,3\n", "It has a header only", id="a header"),
        pytest.param("1.5,0.2,0.3\n0.1,0.2,0.3\n", "Line 2, with 3 columns, has numbers only", id="no path"),
        pytest.param("a.jpg,0.2\n", "Line 1, with 2 columns, has numbers only, or too few of them", id="too few"),
        pytest.param("0,1,2,3\na,A,1,0\nb,B,1\n", "Line 3 has 3 columns, and others have 4.", id="ragged"),
        pytest.param("0,1,2,3\na,A,1,0\nb,B,1,zero\n", "Line 3, column 4: 'zero' is no number", id="text"),
        pytest.param("a,A,1,zero\nb,B,1,0\n", "Line 1, column 4: 'zero' is no number", id="text in the first line"),
        pytest.param("0,1,2,3\na,A,1,nan\n", "Line 2, column 4: 'nan' is no number", id="nan"),
        pytest.param("0,1,2,3\na,A,1e99,0\n", "Line 2, column 3: '1e99' is no number", id="too large"),
        pytest.param("0,1,2,3\na,A,1,\n", "Line 2, column 4: '' is no number", id="empty number"),
        pytest.param('a,A,1,0\n"' + "x" * 200_000 + "\n", "Line 2 is no CSV", id="no CSV"),
    ],
)
def test_wrong_columns_are_one_line(stateless: Path, text: str, said: str) -> None:
    """Which, and where; nothing is written."""
    faces = stateless / "e.csv"
    faces.write_text(text)
    told = line(facewatchd("people", "medoids", "--csv", str(stateless / "m.csv"), "--from", str(faces), code=1))
    assert said in told
    assert f"({faces})" in told
    assert not (stateless / "m.csv").exists()


def test_what_cannot_be_compared(stateless: Path) -> None:
    """Another number of numbers, no labels, none that is a person, a file that is away, a result that would replace its source."""
    faces = write(stateless / "e.csv", rows())
    plain = write(stateless / "plain.csv", rows("last"))
    strangers = write(stateless / "strangers.csv", [["a.jpg", "unknown", 1, 0], ["b.jpg", "-1", 0, 1]])
    medoids = write(stateless / "m.csv", [["Ada", 1, 0], ["Bob", 0, 1]])
    out = str(stateless / "out.csv")

    def validated(medoids: str, faces: str, out: str) -> str:
        return line(facewatchd("validate", "--medoids", medoids, "--faces", faces, "--csv", out, code=1))

    def chosen(faces: str, out: str) -> str:
        return line(facewatchd("people", "medoids", "--from", faces, "--csv", out, code=1))

    assert f"of different models: Those in {medoids} have 2 numbers and those in {faces} have 3" in validated(
        medoids, faces, out
    )
    assert "Line 1, column 2: 'Ada' is no number of an embedding. A line has a label and numbers" in validated(
        faces, faces, out
    )
    assert "would be replaced" in validated(medoids, strangers, str(stateless / "." / "strangers.csv"))
    assert "The embeddings have no labels" in chosen(plain, out)
    assert "There is no labelled face" in chosen(strangers, out)
    assert "No such file or directory" in chosen(str(stateless / "away.csv"), out)
    assert "would be replaced" in chosen(faces, faces)
    assert "The table cannot be written" in chosen(faces, str(stateless / "away" / "m.csv"))
    assert not (stateless / "out.csv").exists()
    assert read(Path(faces))[0][0] == "Ada/0.jpg"


def test_a_state_without_embeddings(stateless: Path) -> None:
    """There is nothing to export, and no file that looks as if there were."""
    told = line(facewatchd("faces", "export", "--layout", "embeddings", "--csv", str(stateless / "e.csv"), code=1))
    assert "state" in told
    assert not (stateless / "e.csv").exists()
    both = ("faces", "export", "--layout", "embeddings", "--csv", "-", "--embeddings", "x.npy")
    assert "leave --embeddings out" in line(facewatchd(*both, code=2))
