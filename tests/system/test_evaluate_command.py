"""`evaluate`: how well the faces are grouped, by the user's word or by folders of portraits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers import DIM, MODEL, Archive, open_archive, unit

from facewatchd.cli.main import main
from facewatchd.config import Config
from facewatchd.domain import Constraint, ConstraintKind
from facewatchd.errors import FacewatchError
from facewatchd.operations.client import Client
from facewatchd.operations.grouping import EVALUATE, EvaluateParameters
from facewatchd.pipeline.grouping.evaluation import PRESENT
from facewatchd.store import StoredModel


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Ada and Bob in a folder of portraits each, four of them each; one of Bob's was taken for Ada's."""
    made = open_archive(tmp_path)
    with made.store as store:
        with store.transaction():
            store.set_model(StoredModel("builtin", MODEL, DIM, "CPU"))
            ada, bob = store.people.add(), store.people.add()
        for number in range(4):
            made.add(b"Ada/%d.jpg" % number, [(ada, unit(1, 0.05 * number))])
            made.add(b"Bob/%d.jpg" % number, [(bob if number else ada, unit(2, 0.05 * number))])
        yield made


def config_of(archive: Archive) -> Config:
    return Config.model_validate(
        {"state": {"dir": str(archive.folder / "state")}, "people": {"min_faces": 2}, "recluster": {"threshold": 0.7}}
    )


def evaluate(config: Config, algorithms: tuple[str, ...], folders: Path | None) -> dict[str, Any]:
    """The document of `evaluate --json`."""
    portraits = None if folders is None else str(folders)
    return Client(config).call(EVALUATE, EvaluateParameters(algorithms=algorithms, portraits=portraits)).document()


def test_by_folders_of_portraits(archive: Archive) -> None:
    """The one mistake is seen in the present grouping, and an algorithm that does not make it is right."""
    document = evaluate(config_of(archive), ("ours", "dbscan"), Path(os.fsdecode(archive.photos)))
    assert (document["faces"], document["people"]) == (8, 2)
    assert list(document["scores"]) == [PRESENT, "ours", "dbscan"]
    assert document["scores"][PRESENT]["bcubed_f1"] < 1
    assert document["scores"]["ours"]["bcubed_f1"] == document["scores"]["dbscan"]["pairwise_f1"] == 1


def test_by_the_users_word(archive: Archive) -> None:
    """Only confirmed faces have a truth; without any there is nothing to say."""
    config = config_of(archive)
    with pytest.raises(FacewatchError, match="nothing to compare the grouping with"):
        evaluate(config, (), None)
    faces = archive.faces_of(1)
    archive.store.people.say([Constraint(ConstraintKind.MUST_BE, face, 1) for face in faces[:3]])
    document = evaluate(config, (), None)
    assert (document["truth"], document["faces"], document["people"]) == ("confirmed", 3, 1)
    assert document["scores"][PRESENT]["bcubed_recall"] == 1


def test_two_faces_of_a_photo_may_be_one_person(archive: Archive) -> None:
    """Where the configuration says so, ours groups them as a reclustering would."""
    with archive.store.transaction():
        eve = archive.store.people.add()
    for number in range(2):
        archive.add(b"twice/%d.jpg" % number, [(eve, unit(3)), (eve, unit(3))])
    faces = archive.faces_of(eve)
    archive.store.people.say([Constraint(ConstraintKind.MUST_BE, face, eve) for face in faces])
    config = config_of(archive)
    assert evaluate(config, ("ours",), None)["scores"]["ours"]["bcubed_recall"] == 0.5
    config = config.model_copy(update={"people": config.people.model_copy(update={"allow_same_photo": True})})
    assert evaluate(config, ("ours", "average_linkage"), None)["scores"]["ours"]["bcubed_recall"] == 1


def test_by_folders_without_portraits(archive: Archive, tmp_path: Path) -> None:
    """A folder that is missing, or whose photos are not in folders of people: which one, and what is expected."""
    for folder in (tmp_path / "missing", Path(os.fsdecode(archive.photos), "Ada")):
        with pytest.raises(FacewatchError, match=f"No photo in a folder of {folder} was taken in"):
            evaluate(config_of(archive), (), folder)


def test_the_command(archive: Archive, tmp_path: Path) -> None:
    """A table for people, one document for programs."""
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"state": {"dir": str(archive.folder / "state")}, "recluster": {"threshold": 0.7}}))
    arguments = [
        "evaluate",
        "--config",
        str(config),
        "--portraits",
        os.fsdecode(archive.photos),
        "--algorithm",
        "hdbscan",
    ]
    table = CliRunner().invoke(main, arguments)
    assert table.exit_code == 0
    assert "8 faces of 2 people" in table.output
    assert "hdbscan" in table.output
    document = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert set(document) == {"truth", "faces", "people", "scores"}
