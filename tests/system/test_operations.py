"""
Every operation, carried out by this process and by a running daemon, on two copies of the same archive: the answers are the
same, and so are the archives afterwards. And what happens where a daemon starts or stops meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from helpers import open_archive
from running import Home, photos_in, prepared, wait_until

from facewatchd.cli.main import main
from facewatchd.config import Config, load_config
from facewatchd.daemon.process.start import process_all
from facewatchd.errors import FacewatchError, NotAnsweringError, RunningError
from facewatchd.operations import client as client_module
from facewatchd.operations import (
    corrections,
    dates,
    embeddings,
    faces,
    given_dates,
    grouping,
    models,
    people,
    photos,
    roots,
    sorting,
    state,
    vitals,
)
from facewatchd.operations.base import Ask, Nothing, OtherVersionError, Read, Record, Sole
from facewatchd.operations.client import Client
from facewatchd.operations.registry import OPERATIONS
from facewatchd.processes.control import ControlServer, ask
from facewatchd.processes.lock import single_instance

SETTINGS = {"dates": {"mode": "sidecar"}, "people": {"face_pictures": False}}

Given = Callable[[Home], Record]


def client(home: Home) -> Client:
    return Client(load_config(home.config, {}), process_all)


def person(home: Home, at: int) -> people.PersonEntry:
    """Those with most faces first."""
    return client(home).call(people.LIST).people[at]


def face(home: Home, at: int = 0) -> int:
    """A face of the person who has most of them."""
    shown = client(home).call(people.SHOW, people.ShowParameters(person=f"id:{person(home, 0).id}"))
    return shown.face_ids[at]


def photo(home: Home, at: int = 0) -> str:
    return str(photos_in(home.album)[at])


def wrong(home: Home) -> str:
    """A photo with a date that is written on request."""
    changes = [change for folder in client(home).call(dates.REPORT).folders for change in folder.changes]
    return next(change.photo for change in changes if change.action == "sidecar")


def backup_of(home: Home) -> str:
    """A copy of the state, made once."""
    file = home.path / "kept"
    if not file.exists():
        client(home).call(state.BACKUP, state.FileParameters(file=str(file)))
    return str(file)


def exported(home: Home) -> str:
    """The embeddings of the archive."""
    file = str(home.path / "embeddings.csv")
    client(home).call(faces.EXPORT, faces.ExportParameters(csv=file, layout="embeddings"))
    return file


def to_set(home: Home) -> given_dates.SetParameters:
    return given_dates.SetParameters(paths=(photo(home), photo(home, 1)), date="2010-09-11T14:00", spread=True)


def to_shift(home: Home) -> given_dates.ShiftParameters:
    return given_dates.ShiftParameters(paths=(photo(home), photo(home, 1)), by="-1d 01:00:00", start="2010-09-11")


def given(home: Home, plan: Read[Any, given_dates.DatesPlan], parameters: Record) -> given_dates.GiveParameters:
    """What is confirmed of a plan."""
    planned = client(home).call(plan, parameters)
    return given_dates.GiveParameters(order=planned.order, photos=planned.photos)


# in this order; what is asked of both archives finds in both what those before it have left
CASES: dict[str, Given] = {
    "people.list": lambda _: Nothing(),
    "people.show": lambda home: people.ShowParameters(person=str(person(home, 0).id)),
    "people.together": lambda home: people.TogetherParameters(people=(person(home, 0).title, person(home, 1).title)),
    "people.rename": lambda home: corrections.RenameParameters(person=person(home, 0).title, name="Zoë"),
    "people.hide": lambda home: corrections.PersonParameters(person="zoë"),
    "people.unhide": lambda _: corrections.PersonParameters(person="Zoë"),
    "people.split": lambda home: corrections.SplitParameters(person="Zoë", faces=(face(home),)),
    "people.merge": lambda home: corrections.MergeParameters(person=person(home, -1).title, into="Zoë"),
    "faces.confirm": lambda home: corrections.FaceParameters(face=face(home)),
    "faces.reject": lambda home: corrections.FaceParameters(face=face(home, -1), person="Zoë"),
    "undo.list": lambda _: Nothing(),
    "undo": lambda _: corrections.UndoParameters(),
    "dates.undo": lambda _: dates.BatchParameters(),
    "dates.report": lambda _: Nothing(),
    "dates.fix": lambda home: dates.BatchParameters(photo=wrong(home)),
    "dates.set.plan": to_set,
    "dates.set": lambda home: given(home, given_dates.SET_PLAN, to_set(home)),
    "dates.shift.plan": to_shift,
    "dates.shift": lambda home: given(home, given_dates.SHIFT_PLAN, to_shift(home)),
    "tree.plan": lambda _: Nothing(),
    "tree": lambda _: Nothing(),
    "recluster.plan": lambda _: Nothing(),
    "recluster": lambda _: grouping.ReclusterParameters(force=True),
    "calibrate": lambda _: Nothing(),
    "calibrate.use": lambda _: grouping.UseParameters(assign=0.61, link=0.52, people=20, known=30),
    "evaluate": lambda _: grouping.EvaluateParameters(algorithms=("dbscan",)),
    "faces.export": lambda home: faces.ExportParameters(csv=str(home.path / "faces.csv")),
    "people.medoids": lambda home: embeddings.MedoidsParameters(csv=str(home.path / "medoids.csv")),
    "validate": lambda home: embeddings.ValidateParameters(
        medoids=str(home.path / "medoids.csv"),
        faces=exported(home),
        csv=str(home.path / "validated.csv"),
        threshold=0.95,
    ),
    "sort": lambda home: sorting.SortParameters(
        source=str(home.album), destination=str(home.path / "sorted"), way="link", algorithm="dbscan"
    ),
    "sort.embeddings": lambda home: sorting.GroupParameters(embeddings=exported(home), threshold=0.95),
    "identify": lambda home: photos.IdentifyParameters(photo=photo(home)),
    "identify.all": lambda home: photos.IdentifyAllParameters(
        paths=(photo(home), photo(home, 1)), csv=str(home.path / "identified.csv")
    ),
    "verify": lambda home: photos.VerifyParameters(photo_a=photo(home), photo_b=photo(home)),
    "models.list": lambda _: Nothing(),
    "models.fetch": lambda _: models.FetchParameters(pack="builtin"),
    "models.verify": lambda _: Nothing(),
    "roots.list": lambda _: Nothing(),
    "retry": lambda _: Nothing(),
    "status": lambda _: Nothing(),
    "doctor": lambda _: Nothing(),
    "backup": lambda home: state.FileParameters(file=str(home.path / "copy")),
}

REFUSED: dict[str, tuple[Given, Any]] = {
    "roots.move": (
        lambda home: roots.MoveParameters(old=str(home.album), new=str(home.path)),
        "The folder cannot be moved (HOME): One of the two folders lies in the other.",
    ),
    "models.use": (lambda _: models.UseParameters(pack="builtin"), {}),
    "restore": (
        lambda home: state.FileParameters(file=backup_of(home)),
        {"kept": "HOME/state/facewatchd.sqlite.before-restore-1", "photos": [], "people": ""},
    ),
}
"""Not while a daemon runs; and what comes of each where none does."""

OF_THE_DAEMON = {
    "running", "answers", "well", "needs_you", "blocked", "ended_at", "last_sign_at", "next_recluster", "progress", "roots",
}  # fmt: skip
"""What `status` says of the daemon, and not of the archive."""


@dataclass(frozen=True)
class Both:
    """Two copies of an archive: of one this process looks after, of the other a daemon does."""

    alone: Home
    served: Home


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("operations")
    homes = [prepared(tmp_path_factory).copy(folder / name) for name in ("alone", "served")]
    for home in homes:
        home.configure(**SETTINGS)
    # the first has seen a daemon, too, which may have had something to do
    with homes[0].watching() as daemon:
        daemon.stop()
    with homes[1].watching() as daemon:
        yield Both(*homes)
        daemon.stop()


def plain(home: Home, value: object) -> Any:
    """The same for both homes: without their paths, and without times."""
    text = json.dumps(value).replace(str(home.path), "HOME")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME", text)
    return json.loads(re.sub(r"\d+\.\d+ s\b", "N s", text))


def answer(home: Home, name: str, given: Given) -> Any:
    """All of the result, or the sentence of the error."""
    try:
        result = client(home).call(OPERATIONS[name], given(home))
    except FacewatchError as error:
        return plain(home, str(error))
    document = result.model_dump(mode="json", by_alias=True)
    if name == "status":
        document = {key: value for key, value in document.items() if key not in OF_THE_DAEMON}
        document["model"].pop("reason")
        document["last_recluster"].pop("seconds")
    if name == "doctor":
        document["findings"] = [finding for finding in document["findings"] if finding["what"] != "daemon"]
    return plain(home, document)


def archive(home: Home) -> Any:
    """What is known, what the user said, what stands in the tree, and every file of the album."""
    asked = client(home)
    table = home.path / "table.csv"
    asked.call(faces.EXPORT, faces.ExportParameters(csv=str(table)))
    known = [asked.call(people.LIST).document(), asked.call(corrections.UNDO_LIST).document()]
    tree = {folder: sorted(links) for folder, links in sorted(home.links().items())}
    files = {
        os.path.relpath(path, home.album): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.album.rglob("*"))
        if path.is_file() and not path.name.endswith(".xmp")
    }
    sidecars = sorted(str(path.relative_to(home.album)) for path in home.album.rglob("*.xmp"))
    return plain(home, [known, table.read_text(errors="surrogateescape"), tree, files, sidecars])


def test_every_operation_is_tried() -> None:
    """A new one has to be put into a table above. Each has the name that it is found by."""
    kinds = {name: type(operation) for name, operation in OPERATIONS.items()}
    assert {name for name, kind in kinds.items() if kind is Sole} == set(REFUSED)
    assert {name for name, kind in kinds.items() if kind is Ask} == {vitals.VITALS.name}
    assert set(kinds) == {*CASES, *REFUSED, vitals.VITALS.name}
    assert all(operation.name == name for name, operation in OPERATIONS.items())


def commands(command: click.Command = main, path: str = "") -> Iterator[str]:
    """Every command, as operations are named: "people.list"."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path}.{name}")
    else:
        yield path.lstrip(".")


def test_every_command_is_an_operation() -> None:
    """But `run`, which is the daemon itself."""
    assert set(commands()) - set(OPERATIONS) == {"run"}


@pytest.mark.parametrize("name", CASES)
def test_the_same_answer_and_the_same_archive(both: Both, name: str) -> None:
    """Whoever carries it out. What the daemon does when there is time, it has done in a moment."""
    by_daemon, by_us = answer(both.served, name, CASES[name]), answer(both.alone, name, CASES[name])
    assert by_daemon == by_us
    ours = archive(both.alone)
    wait_until(lambda: archive(both.served) == ours, 20, "the same archive")


def test_only_a_daemon_knows_how_it_is(both: Both) -> None:
    """... and says so; without one there is a sentence."""
    said = client(both.served).call(vitals.VITALS)
    assert [root.path for root in said.roots] == [str(both.served.album)]
    assert said.progress is not None
    with pytest.raises(RunningError, match="does not answer"):
        client(both.alone).call(vitals.VITALS)


def test_photos_are_done_a_part_at_a_time(both: Both) -> None:
    """One named photo is a part, and all of it: nothing else is touched, however long it takes."""
    for home in (both.alone, both.served):
        named = dates.BatchParameters(photo=wrong(home))
        (done,) = client(home).parts(dates.FIX, named)
        assert sum(done.counts.values()) == 1
        (undone,) = client(home).parts(dates.UNDO, named)
        assert undone.counts == {"undone": 1}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("people.lost", {}, "has no operation 'people.lost': Is it of another version? Restart it."),
        ("rename", {"person": "1", "name": "A"}, "has no operation 'rename': Is it of another version? Restart it."),
        ("people.list", {}, "does not do 'people.list' for others"),
        ("restore", {"file": "/etc/passwd"}, "does not do 'restore' for others"),
        ("people.rename", {"person": "1"}, "request: people.rename, name: Field required. Is it of another version?"),
        ("people.rename", {"person": 1, "name": "A"}, "people.rename, person: Input should be a valid string"),
        ("people.hide", {"person": "1", "why": "x"}, "people.hide, why: Extra inputs are not permitted"),
        ("faces.confirm", {"face": 1 << 70}, "faces.confirm, face: Input should be less than"),
        ("calibrate.use", {"model": "\udcff"}, "calibrate.use, model: "),
        ("people.hide", {"person": "\ud800"}, "people.hide, person: Value error, it cannot be written as bytes"),
        ("dates.fix", {"photo": "\ud800"}, "dates.fix, photo: Value error, it cannot be written as bytes"),
        ("dates.fix", {"photo": "\0"}, "The photo is not known"),
        ("faces.confirm", {"face": "x"}, "faces.confirm, face: Input should be a valid integer"),
    ],
)
def test_a_request_that_is_not_understood(both: Both, name: str, arguments: Any, said: str) -> None:
    """One sentence, which names what is wrong; the daemon goes on."""
    with pytest.raises(FacewatchError) as caught:
        ask(both.served.state, name, arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert client(both.served).call(vitals.VITALS).roots


STRANGE = ("\udcff", "\0", "\U0010ffff", "x" * 100_000, "")


@pytest.mark.parametrize("text", STRANGE, ids=["undecodable", "zero", "last", "long", "empty"])
def test_strange_text_harms_nobody(both: Both, text: str) -> None:
    """What no terminal prints and no database stores is a name of nobody: the same sentence from both."""
    given = (
        (corrections.RENAME, corrections.RenameParameters(person="Zoë", name=text)),
        (corrections.HIDE, corrections.PersonParameters(person=text)),
        (corrections.CONFIRM, corrections.FaceParameters(face=1, person=text)),
    )
    for operation, parameters in given:
        given_to_both = functools.partial(_same, parameters)
        assert answer(both.served, operation.name, given_to_both) == answer(both.alone, operation.name, given_to_both)
        assert client(both.served).call(vitals.VITALS).roots


def _same(parameters: Record, _: Home) -> Record:
    return parameters


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_state_for_itself(both: Both, name: str) -> None:
    """Is refused while a daemon runs, and changes nothing; else it is done. The last, as then the archives differ."""
    given, expected = REFUSED[name]
    before = archive(both.served)
    assert "facewatchd is running already on this state" in answer(both.served, name, given)
    assert archive(both.served) == before
    assert answer(both.alone, name, given) == expected


# --- a daemon that starts or stops meanwhile


@dataclass(frozen=True)
class Place:
    """A state on which no daemon runs."""

    config: Config

    @property
    def path(self) -> Path:
        return self.config.state.dir


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with open_archive(tmp_path).store as store:
        path = store.path.parent
    return Place(Config.model_validate({"state": {"dir": str(path)}, "people": {"dir": str(tmp_path / "People")}}))


def listen(stack: ExitStack, place: Place, result: dict[str, Any]) -> None:
    """A daemon that answers everything in the same way, until the stack is left."""
    stack.enter_context(single_instance(place.path))
    stack.callback(ControlServer(place.path, lambda _name, _arguments: result).stop)


def test_a_daemon_that_has_ended_is_not_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when it was looked for: then this process does it."""
    with ExitStack() as stack:
        stack.enter_context(single_instance(place.path))

        def ends(*arguments: Any) -> Any:
            stack.close()
            return ask(*arguments)

        monkeypatch.setattr(client_module, "ask", ends)
        assert Client(place.config).call(state.RETRY).photos == 0


def test_a_daemon_that_has_begun_is_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not there when it was looked for: then this process cannot hold the state, and asks it."""
    with ExitStack() as stack:

        def begins(_config: Config, _folders: object) -> None:
            raise AssertionError("the state is not ours")

        def held_by_another(path: Path) -> Any:
            monkeypatch.setattr(client_module, "single_instance", single_instance)
            listen(stack, place, {"photos": 3})
            return single_instance(path)

        monkeypatch.setattr(client_module, "single_instance", held_by_another)
        monkeypatch.setattr(client_module, "tell_other_people_folder", begins)
        assert Client(place.config).call(state.RETRY).photos == 3


def test_one_that_holds_the_state_and_does_not_listen(place: Place) -> None:
    """It starts, or stops, or is another command: one sentence; nothing was done."""
    with (
        single_instance(place.path),
        pytest.raises(NotAnsweringError, match=r"does not answer .*Try again in a moment"),
    ):
        Client(place.config).call(state.RETRY)


def test_one_that_ends_before_it_answers(place: Place) -> None:
    """It may have done it: it is not done a second time, and that is said."""
    with ExitStack() as stack:
        stack.enter_context(single_instance(place.path))

        def ends(_name: str, _arguments: object) -> Any:
            stack.close()
            raise OSError

        server = ControlServer(place.path, ends)
        with pytest.raises(RunningError, match=r"ended before it answered .*It may have done what you asked for"):
            Client(place.config).call(state.RETRY)
        server.stop()


@pytest.mark.parametrize("result", [{}, {"photos": "many"}, {"photos": 1, "more": 2}, []])
def test_an_answer_that_is_not_understood(place: Place, result: Any) -> None:
    """A daemon of another version: one sentence."""
    with ExitStack() as stack:
        listen(stack, place, result)
        with pytest.raises(OtherVersionError, match="gives an answer that cannot be read: Is it of another version"):
            Client(place.config).call(state.RETRY)
