"""`facewatchd models`: what is installed, whether it works, and changing over without losing a name."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from running import Home, fresh, portraits, wait_until

PHOTOS = 16
"""Fewer than in the other tests, as each change of models takes all of them in again."""


@pytest.fixture(scope="module")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in with the built-in models; two people are named. Only to be copied."""
    home = fresh(tmp_path_factory, tmp_path_factory.mktemp("model") / "home", PHOTOS, people={"min_faces": 2})
    home.once()
    (one, _), (two, _), *_ = portraits(home).items()
    home.run("people", "rename", str(one), "Ann")
    home.run("people", "rename", str(two), "Bob")
    return home


@pytest.fixture
def home(model_home: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    return model_home.copy(tmp_path / "home")


@pytest.fixture
def pack(home: Home, testpack: Path) -> Path:
    """Another pack, installed under the name "other"."""
    there = home.path / "models" / "models" / "other"
    shutil.copytree(testpack, there)
    return there


def owners(home: Home) -> dict[str, str]:
    """Whose each face is, by ids; the poor ones and nobody's left out."""
    return {face["face_id"]: face["person_id"] for face in home.faces() if face["person_id"]}


def embedded(home: Home) -> dict[str, int]:
    """How many faces each model has embedded."""
    with closing(sqlite3.connect(home.state / "facewatchd.sqlite")) as state:
        return dict(state.execute("SELECT model_id, count(*) FROM embeddings GROUP BY model_id").fetchall())


def agreement(before: dict[str, str], after: dict[str, str]) -> float:
    """The share of faces that are whose they were."""
    return sum(after.get(face) == person for face, person in before.items()) / len(before)


def test_list_and_verify(home: Home, pack: Path) -> None:
    """Which there are, which is used, and that both work."""
    listed = [line.split() for line in home.run("models", "list").out.splitlines()]
    rows = {line[0]: line[1:3] for line in listed[1:]}
    assert rows["builtin"] == ["yes", "yes"]
    assert rows["other"][0] == "yes"
    assert rows["buffalo_l"][0] == "no"
    assert [line.split()[-1] for line in home.run("models", "verify").out.splitlines()[1:]] == ["good", "good"]
    (pack / "broken.onnx").write_bytes(b"no model")
    (pack / next(pack.glob("mobile*")).name).write_bytes(b"no model either")
    assert "damaged" in home.run("models", "verify", code=1).out


def test_changing_over(home: Home, pack: Path) -> None:
    """
    Every face is embedded anew; people keep ids, names and folders, faces their ids, status shows the new models. Where
    the configuration says otherwise the command says so, and a run is refused until that is put right.
    """
    old, before, links = home.status()["model"], owners(home), home.links()
    said = home.run("models", "use", str(pack)).out
    assert f"Every photo was processed with {pack}; people keep" in said
    assert f"Set models.pack to {pack} in the configuration, which still says builtin." in said
    status = home.status()
    assert status["model"]["pack"] == str(pack)
    assert status["model"]["id"] != old["id"]
    assert status["photos"] == {"total": PHOTOS, "done": PHOTOS, "pending": 0, "failed": 0, "missing": 0}
    assert list(embedded(home)) == [status["model"]["id"]]
    assert agreement(before, owners(home)) > 0.9
    assert {"Ann", "Bob"} <= set(home.links())
    for folder in ("Ann", "Bob"):
        assert len(home.links()[folder] & links[folder]) >= 0.8 * len(links[folder])
    assert f"Set models.pack to {pack}" in home.once(code=1).err
    home.configure(models={"pack": str(pack)})
    assert "taken in, in" not in home.once().err
    assert home.status()["model"] == status["model"]


def test_killed_and_continued(home: Home, pack: Path) -> None:
    """Where it is broken off the next run goes on; in the end it is as if nothing had happened."""
    before = owners(home)
    home.configure(models={"pack": "auto"})
    with home.daemon_of("models", "use", "other") as changing:
        wait_until(lambda: len(embedded(home)) == 2, 30)
        changing.kill()
    assert home.status()["photos"]["pending"] > 0
    assert home.status()["model"]["pack"] == "other"
    home.once()
    assert home.status()["photos"]["done"] == PHOTOS
    assert list(embedded(home)) == [home.status()["model"]["id"]]
    assert agreement(before, owners(home)) > 0.9
    assert {"Ann", "Bob"} <= set(home.named().values())


def test_told_to_stop(home: Home, pack: Path) -> None:
    """It does not say that all is done; it says what is to do."""
    home.configure(models={"pack": "auto"}, ingest={"workers": 1})
    with home.daemon_of("models", "use", "other") as changing:
        wait_until(lambda: len(embedded(home)) == 2, 30)
        changing.process.terminate()
        assert changing.process.wait(timeout=5) == 1
    assert "photos are not processed with other yet" in changing.log
    assert "'facewatchd run' goes on with them" in changing.log
    assert "Traceback" not in changing.log


def test_a_pack_that_cannot_be_used_changes_nothing(home: Home) -> None:
    """It is tried out first."""
    empty = home.path / "empty"
    empty.mkdir()
    before, status = owners(home), home.status()
    for pack in ("nonsense", str(empty), os.devnull):
        assert (
            home.run("models", "use", pack, code=1).err.splitlines()[-1].startswith("facewatchd: The face models are")
        )
    assert home.status() == status
    assert owners(home) == before


def test_the_same_models_again(home: Home) -> None:
    """Nothing is embedded anew."""
    assert "taken in, in" not in home.run("models", "use", "builtin").err
    assert home.status()["photos"]["done"] == PHOTOS
