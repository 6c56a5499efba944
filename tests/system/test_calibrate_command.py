"""`calibrate`: thresholds from confirmed faces, as the user asks for them, and everybody who decides by them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from helpers import found_face, open_archive
from running import Home, prepared

from facewatchd.cli.main import main
from facewatchd.config import Config
from facewatchd.core.evaluation.calibration import MIN_PEOPLE, Calibration
from facewatchd.core.grouping.recluster import medoids
from facewatchd.core.matching.assign import NEAREST, assign, best_people, look
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.domain import (
    Assignment,
    Constraint,
    ConstraintKind,
    Embedding,
    Embeddings,
    FaceId,
    FileStat,
    PhotoState,
    SeenFile,
    TakenPhoto,
)
from facewatchd.faces.packs import open_engine
from facewatchd.photos.decoding.decode import decode
from facewatchd.pipeline.grouping.calibration import calibration_of
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces
from facewatchd.store import Store, StoredModel

DIM = 64
PEOPLE, EACH = 24, 6


def unit(random: np.random.Generator, count: int, dim: int) -> Embeddings:
    vectors = random.normal(size=(count, dim))
    found: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def put(store: Store, model: StoredModel, embeddings: Sequence[Embedding], path: bytes) -> list[FaceId]:
    """The faces of a photo that is not there; the photo of that path, where it is known already, gets more of them."""
    with store.transaction():
        root = next(iter(store.roots.all().values()), None) or store.roots.ensure(b"/photos")
        known = store.photos.known(root.root_id).get(path)
        if known is None:
            seen = SeenFile(root.root_id, path, FileStat(1, len(path), 1, 10**6 + hash(path) % 10**6, 1))
            photo = store.photos.take(TakenPhoto(seen, path, 48, 32, None, ()), model.id)
        else:
            photo = known.photo_id
        there = [face.face_id for face in store.faces.of_photo(photo)]
        found = tuple(found_face(embedding, 100 + at) for at, embedding in enumerate(embeddings))
        return store.faces.replace(photo, found, [None] * len(found), model.id, there)


def confirm(store: Store, model: StoredModel, faces: Mapping[bytes, list[tuple[str, Embedding]]]) -> None:
    """Faces that the user said whose they are, by photo."""
    owners = {name for theirs in faces.values() for name, _ in theirs}
    people = {name: store.people.add(name) for name in sorted(owners)}
    known: dict[str, list[FaceId]] = {}
    for path, theirs in faces.items():
        ids = put(store, model, [embedding for _, embedding in theirs], path)
        with store.transaction():
            for face, (name, _) in zip(ids, theirs, strict=True):
                store.faces.assign({face: Assignment(people[name], 0.9, 0.5)})
                store.people.say([Constraint(ConstraintKind.MUST_BE, face, people[name])])
                known.setdefault(name, []).append(face)
    with store.transaction():
        for name, ids in known.items():
            store.medoids.replace(people[name], ids[:3])


def made_up(dim: int, paths: Sequence[bytes]) -> dict[bytes, list[tuple[str, Embedding]]]:
    """24 people, all in each of these photos."""
    random = np.random.default_rng(0)
    centres = unit(random, PEOPLE, dim)
    found = {}
    for path in paths:
        faces = centres * 0.8 + unit(random, PEOPLE, dim) * 0.6
        faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
        found[path] = [(f"Number {number}", face) for number, face in enumerate(faces)]
    return found


class User:
    """Types commands on a state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.settings: dict[str, Any] = {"state": {"dir": str(folder / "state")}, "people": {"dir": str(folder / "P")}}

    def types(self, *arguments: str) -> Result:
        self.config.write_text(json.dumps(self.settings))
        return CliRunner().invoke(main, [*arguments, "--config", str(self.config)])

    def asks(self, *arguments: str) -> Any:
        done = self.types(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def state(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "state" / "facewatchd.sqlite")) as db:
            return list(db.iterdump())


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with 24 people, six confirmed faces each."""
    model = StoredModel("buffalo_l", "model-a", DIM, "CPU")
    with open_archive(tmp_path).store as store:
        with store.transaction():
            store.set_model(model)
        confirm(store, model, made_up(DIM, [b"%d.jpg" % number for number in range(EACH)]))
    return User(tmp_path)


def test_nothing_is_changed_without_being_told_to(user: User) -> None:
    """What to expect of both is said, for people and for programs, and the state stays as it is."""
    before = user.state()
    document = user.asks("calibrate")
    assert (document["people"], document["faces"], document["known"]) == (PEOPLE, PEOPLE * EACH, PEOPLE)
    shipped = shipped_thresholds("buffalo_l")
    assert document["present"] == {"assign": shipped.assign, "link": shipped.link}
    # few people are known, so that a stranger is less easily taken for one of them
    assert document["calibrated"]["assign"] < shipped.assign
    assert set(document["rates"]) == {"present", "calibrated"}
    assert document["rates"]["calibrated"]["missed"] <= document["rates"]["present"]["missed"]
    assert document["applied"] is False
    table = user.types("calibrate").stdout
    assert f"{PEOPLE * EACH} confirmed faces of {PEOPLE} people" in table
    assert f"{document['calibrated']['assign']:.4f}" in table
    assert "Nothing was changed" in table
    assert user.state() == before
    status = user.asks("status")["thresholds"]
    assert status["assign"] == {"value": shipped.assign, "from": "shipped"}
    assert status["calibrated"] is None


def test_applied_and_taken_back(user: User) -> None:
    """Everybody decides by the calibrated thresholds until they are taken back; what the configuration says stays."""
    document = user.asks("calibrate", "--apply")
    chosen = document["calibrated"]
    assert document["applied"] is True
    status = user.asks("status")["thresholds"]
    assert status["assign"] == {"value": pytest.approx(chosen["assign"], abs=1e-4), "from": "calibrated"}
    assert status["link"] == {"value": pytest.approx(chosen["link"], abs=1e-4), "from": "calibrated"}
    assert status["margin"]["from"] == "shipped"
    assert (status["calibrated"]["people"], status["calibrated"]["known"]) == (PEOPLE, PEOPLE)
    assert "(calibrated)" in user.types("status", "-v").stdout
    # it starts from what is shipped, so that doing it again comes to the same
    again = user.asks("calibrate")
    assert again["present"] == again["calibrated"] == chosen
    with Store(user.folder / "state", read_only=True) as store:
        stored, other = store.calibration("model-a"), store.calibration("model-b")
    assert other is None
    used = thresholds_for(Config(), "buffalo_l", stored)
    assert (round(used.assign, 4), round(used.link, 4)) == (chosen["assign"], chosen["link"])
    user.settings["assign"] = {"threshold": 0.6}
    status = user.asks("status")["thresholds"]
    assert status["assign"] == {"value": 0.6, "from": "configuration"}
    assert status["link"]["from"] == "calibrated"
    assert "assign.threshold is set in the configuration" in user.types("calibrate").stdout
    del user.settings["assign"]
    assert user.asks("calibrate", "--reset") == {"reset": True}
    assert user.asks("status")["thresholds"]["assign"]["from"] == "shipped"


def test_reclustering_goes_by_it(user: User) -> None:
    """A left-over face finds its person by the calibrated threshold, and did not by the shipped one."""
    least, most = user.asks("calibrate")["calibrated"]["assign"], shipped_thresholds("buffalo_l").assign
    model = StoredModel("buffalo_l", "model-a", DIM, "CPU")
    # nobody is grouped: whoever the user did not confirm is left over
    user.settings["recluster"] = {"threshold": 0.99}
    with Store(user.folder / "state") as store:
        user.types("recluster")
        gallery = store.medoids.gallery_index("model-a", DIM)
        person = int(gallery.people[0])
        direction = gallery.medoids[gallery.people == person].sum(axis=0)
        direction /= np.linalg.norm(direction)
        # away from everybody else
        away = np.linalg.svd(np.vstack([gallery.medoids[::NEAREST], direction]))[2][-1]
        between = (least + most) / 2
        put(store, model, [(direction * between + away * np.sqrt(1 - between**2)).astype(np.float32)], b"later.jpg")
        (face,) = [face for face in store.faces.good("model-a").faces.tolist() if face > PEOPLE * EACH]
        for arguments, expected in ((["calibrate"], 0), (["calibrate", "--apply"], person)):
            assert user.types(*arguments).exit_code == 0
            assert user.types("recluster").exit_code == 0
            assert (found := store.faces.get(face)) is not None
            assert (found.person_id or 0) == expected


def test_too_few_people(user: User) -> None:
    """One line that says how many there are and how many it takes; and nothing at all to go by."""
    with closing(sqlite3.connect(user.folder / "state" / "facewatchd.sqlite")) as db, db:
        db.execute("DELETE FROM constraints WHERE person_id > 11")
    done = user.types("calibrate")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert f"each of {MIN_PEOPLE} people are needed, and 11 people have that many" in line
    assert user.types("calibrate", "--apply", "--reset").exit_code == 2
    user.settings["state"] = {"dir": str(user.folder / "empty")}
    assert user.types("calibrate").exit_code == 1


def test_beside_the_daemon(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The daemon, which alone writes the state, is asked, and goes by it at once."""
    home: Home = prepared(tmp_path_factory).copy(tmp_path / "home")
    with Store(home.state) as store:
        model = store.model()
        assert model is not None
        photos = [path for path, one in store.photos.known(1).items() if one.state is PhotoState.DONE]
        confirm(store, model, made_up(model.dim, sorted(photos)[:EACH]))
    with home.watching():
        chosen = home.run("calibrate", "--apply", "--json").json["calibrated"]
        status = home.status()
        assert status["running"] is True
        assert status["thresholds"]["assign"] == {
            "value": pytest.approx(chosen["assign"], abs=1e-4),
            "from": "calibrated",
        }
        home.run("recluster")
        home.run("calibrate", "--reset")
        assert home.status()["thresholds"]["calibrated"] is None
    assert "Traceback" not in (home.path / "daemon.log").read_text()


# --- real faces ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path, testpack: Path, model_cache: Path) -> tuple[Embeddings, list[str]]:
    """Portraits of 62 people, by the test pack: their own faces, and whose each is."""
    engine = open_engine(str(testpack), Path("/nonexistent"), model_cache, "cpu")
    limits = IngestSettings.of(Config()).limits
    folders = sorted(folder for folder in (shared / "photos" / "lfw-dev").iterdir() if folder.is_dir())
    many = [folder for folder in folders if len(list(folder.glob("*.jpg"))) >= 5][:22]
    few = [folder for folder in folders if len(list(folder.glob("*.jpg"))) == 1][:40]
    embeddings, whose = [], []
    for folder in (*many, *few):
        for path in sorted(folder.glob("*.jpg"))[:5]:
            found = find_faces(engine, decode(path.read_bytes(), os.fsencode(path), 100).image, limits)
            largest = max(found, key=lambda face: face.detection.box.w * face.detection.box.h, default=None)
            if largest is not None and not largest.quality.poor:
                embeddings.append(largest.embedding)
                whose.append(folder.name)
    return np.stack(embeddings), whose


def test_real_people(real: tuple[Embeddings, list[str]], tmp_path: Path) -> None:
    """
    Of 22 people with portraits of others as strangers: no more strangers are let in than was said, and with few people
    known fewer faces of theirs are missed than by the shipped thresholds.
    """
    embeddings, whose = real
    names = [name for name in dict.fromkeys(whose) if whose.count(name) >= 4]
    known = np.array([name in names for name in whose])
    model = StoredModel("testpack", "model-a", embeddings.shape[1], "CPU")
    with Store(tmp_path) as store:
        with store.transaction():
            store.set_model(model)
        portraits = zip(whose, embeddings, strict=True)
        confirm(store, model, {b"%d" % at: [one] for at, one in enumerate(portraits) if one[0] in names})
        found: Calibration = calibration_of(Config(), store, model)
        gallery = store.medoids.gallery_index(model.id, model.dim)
    assert found.people == len(names) >= MIN_PEOPLE
    shipped = shipped_thresholds("testpack")
    assert 0.3 < found.calibrated.assign < shipped.assign
    assert abs(found.calibrated.link - shipped.link) < 0.05
    assert found.calibrated_rates.missed <= found.present_rates.missed
    let_in = [
        assign(face, replace(shipped, assign=found.calibrated.assign)).person_id
        for face in look(embeddings[~known], gallery)
    ]
    assert sum(person is not None for person in let_in) <= 1
    assert len(let_in) > 30


def test_real_faces_are_decided_as_by_definition(real: tuple[Embeddings, list[str]]) -> None:
    """Among real people, of whom some are much alike: who fits best, and by how much, to the sixth digit."""
    embeddings, whose = real
    names = list(dict.fromkeys(whose))
    owner = np.array([names.index(name) for name in whose]) + 1
    learned = np.random.default_rng(0).random(len(owner)) < 0.7
    rows: list[int] = []
    for person in np.unique(owner[learned]):
        members = np.flatnonzero(learned & (owner == person))
        rows += members[medoids(embeddings[members], 3)].tolist()
    gallery = GalleryIndex(owner[rows], embeddings[rows])
    rest = embeddings[~learned]
    thresholds = replace(shipped_thresholds("testpack"), cohort=None)
    for face, looked in zip(rest, look(rest, gallery), strict=True):
        fits = {}
        for person in best_people(face, gallery)[0][:16].tolist():
            direction = gallery.medoids[gallery.people == person].astype(np.float64).sum(axis=0)
            fits[person] = float(face @ direction / np.linalg.norm(direction))
        first, second = sorted(fits, key=lambda person: -fits[person])[:2]
        found = assign(looked, thresholds)
        accepted = fits[first] >= thresholds.assign and fits[first] - fits[second] >= thresholds.margin
        assert found.person_id == (first if accepted else None)
        assert found.gap == pytest.approx(fits[first] - fits[second], abs=1e-6)
