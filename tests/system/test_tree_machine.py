"""
The people tree as a state machine: photos come, move and go, everything is grouped anew, users do everything that they can
do in the tree, with the program running or not, and any file operation may fail. Afterwards tree and state agree, nothing
is left to do, no file of the user's has changed, and every word of theirs outlives three more reclusterings. With links,
with hard links and with copies.

`make soak` tries very many more histories.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers import DIM, MODEL, THRESHOLDS, Archive, broken_links, found_face, jpeg, open_archive, unit
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from plain import materialize
from trees import Failing

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import MARKER, LinkMode, Written
from facewatchd.core.tree.face_pictures import pictured
from facewatchd.corrections.undo import undo
from facewatchd.domain import FaceId, PersonId, Pool, TakenPhoto
from facewatchd.errors import TreeError
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.people.looked import Looked
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.pipeline.grouping.regroup import apply, compute, decide, take_snapshot
from facewatchd.pipeline.intake.ingest import keep
from facewatchd.pipeline.tree.materialize import Materialized
from facewatchd.store import StoredModel

EXAMPLES = int(os.environ.get("FACEWATCHD_SOAK", "12"))
STEPS = 25
PEOPLE = 4
SETTINGS = ((1, 0.6), (2, 0.8), (3, 0.7))


@dataclass(frozen=True)
class Word:
    """Something the user said: of a photo (by the number in its name) and a person, or of a person alone."""

    kind: str
    person: PersonId
    photo: int = -1
    name: str = ""


class TreeMachine(RuleBasedStateMachine):
    """One archive and its user."""

    mode = LinkMode.RELATIVE
    # of the newest unknown faces
    pictured = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="facewatchd-machine-"))
        self.archive = self.opened()
        self.looked = Looked()
        self.pictures: set[bytes] = set()
        self.photos = 0
        self.gone: set[int] = set()
        self.words: set[Word] = set()
        self.away: dict[PersonId, bytes] = {}
        self.mine: dict[str, bytes] = {}
        self.called: dict[int, bytes] = {}
        self.fresh = 0
        self.busy: set[object] = set()
        self.running = True
        self.told: dict[bytes, tuple[int, ...]] = {}

    def opened(self) -> Archive:
        archive = open_archive(self.folder)
        return replace(archive, tree=replace(archive.tree, links=self.mode, pictures=self.pictured))

    def teardown(self) -> None:
        try:
            self.look()
            self.check()
            for settings_ in SETTINGS:
                self.regroup(*settings_)
                self.look()
                self.check()
        finally:
            self.archive.store.close()
            shutil.rmtree(self.folder)

    # --- what the program does

    def look(self) -> Materialized:
        """Until nothing is left to do, which is at the second look."""
        self.busy.clear()
        self.tell()
        done = materialize(self.archive.store, self.archive.tree, looked=self.looked)
        again = materialize(self.archive.store, self.archive.tree, looked=self.looked)
        # a link to a photo that has gone meanwhile stays where the user put it, and says the same again
        gone = {self.ids[number] for number in self.gone}
        news = [gesture for gesture in again.gestures if getattr(gesture, "photo_id", None) not in gone]
        assert (news, again.actions) == ([], ()), (done, again)
        self.told = self.listed()
        return done

    def listed(self) -> dict[bytes, tuple[int, ...]]:
        """Everything in the tree, by what tells one thing from another."""
        top = self.archive.tree.path
        paths = [os.path.join(at, name) for at, folders, files in os.walk(top) for name in (*folders, *files)]
        stats = {path: os.lstat(path) for path in paths}
        return {
            os.path.relpath(path, top): (stat.st_mode, stat.st_ino, 0 if os.path.isdir(path) else stat.st_mtime_ns)
            for path, stat in stats.items()
        }

    def tell(self) -> None:
        """Where the tree is watched, every change to it is told."""
        now = self.listed()
        for path in {*now, *self.told}:
            if now.get(path) != self.told.get(path):
                self.looked.is_news(self.archive.tree.path, path)

    def regroup(self, min_samples: int, link: float) -> None:
        store = self.archive.store
        snapshot = take_snapshot(store, MODEL, ReclusterSettings(2, min_samples, link, 0.0))
        apply(store, decide(store, snapshot, compute(snapshot), THRESHOLDS), time.time(), 0.1)

    def path(self, number: int) -> bytes:
        photo = self.archive.store.photos.path_of(self.ids[number])
        assert photo is not None
        return photo

    @initialize()
    def begin(self) -> None:
        self.ids: dict[int, int] = {}
        store = self.archive.store
        with store.transaction():
            store.set_model(StoredModel("test", MODEL, DIM, "cpu"))
        for who in ([0], [0], [0], [1], [1], [1], [0, 1], [2], [3]):
            self.add(who)
        self.regroup(2, 0.7)
        self.look()

    def add(self, who: list[int]) -> None:
        number = self.photos
        self.photos += 1
        picture = jpeg(number)
        self.pictures.add(picture)
        seen = self.archive.write(b"p%03d.jpg" % number, picture)
        faces = tuple(found_face(unit(one, 0.05 * (number % 5), 8 + one), at) for at, one in enumerate(who))
        taken = TakenPhoto(seen, content_hash(picture), 48, 32, None, faces)
        keep(self.archive.store, taken, MODEL, DIM, THRESHOLDS)
        found = self.archive.store.photos.find(seen.root_id, seen.path)
        assert found is not None
        self.ids[number] = found.photo_id

    @rule(who=st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=3, unique=True))
    def a_photo_comes(self, who: list[int]) -> None:
        self.add(who)
        self.run()

    @rule(data=st.data())
    def a_photo_moves(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ids.keys() - self.gone)))
        old = self.path(number)
        self.fresh += 1
        new = b"sub%d/p%03d.jpg" % (self.fresh, number)
        os.makedirs(os.path.join(self.archive.photos, os.path.dirname(new)), exist_ok=True)
        os.rename(old, os.path.join(self.archive.photos, new))
        with self.archive.store.transaction():
            self.archive.store.photos.move(self.ids[number], self.archive.seen(new))
        self.run()

    @precondition(lambda self: len(self.ids) - len(self.gone) > 5)
    @rule(data=st.data())
    def a_photo_goes(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ids.keys() - self.gone)))
        self.gone.add(number)
        os.rename(self.path(number), self.folder / f"gone {number}")
        with self.archive.store.transaction():
            self.archive.store.photos.miss([self.ids[number]])
        self.run()

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def a_photo_comes_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.gone)))
        self.gone.discard(number)
        os.rename(self.folder / f"gone {number}", self.path(number))
        with self.archive.store.transaction():
            self.archive.store.photos.present([self.ids[number]])
        self.run()

    @rule(how=st.sampled_from(SETTINGS))
    def everything_is_grouped_anew(self, how: tuple[int, float]) -> None:
        # what the user did before is read before the result is carried into the state
        self.look()
        self.regroup(*how)
        self.run()

    @rule()
    def the_program_stops(self) -> None:
        self.look()
        self.running = False

    @rule(watched=st.booleans())
    def the_program_starts(self, watched: bool) -> None:
        self.archive.store.close()
        self.archive = self.opened()
        self.looked = Looked()
        self.looked.watched = watched
        self.running = True
        self.look()

    @rule(left=st.integers(0, 25), error=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS]))
    def something_fails(self, left: int, error: int) -> None:
        self.busy.clear()
        self.tell()
        try:
            with Failing(left, error):
                materialize(self.archive.store, self.archive.tree, looked=self.looked)
        except TreeError:
            pass

    def run(self) -> None:
        if self.running:
            self.look()

    # --- what the user does

    def where(self, number: int) -> bytes:
        """The file that a photo is in now."""
        return os.fsencode(self.folder / f"gone {number}") if number in self.gone else self.path(number)

    def stands_for(self, path: bytes) -> object:
        """By what an entry of the tree, or a photo, tells which photo it stands for; None where it stands for none."""
        if os.path.islink(path) or not os.path.isfile(path):
            return None
        if self.mode is LinkMode.HARDLINK:
            return os.lstat(path).st_ino
        with open(path, "rb") as file:
            return file.read()

    def numbers(self) -> dict[object, int]:
        """The photos, by what their links have in common with them."""
        if self.mode is LinkMode.RELATIVE:
            return {self.path(number): number for number in self.ids}
        return {self.stands_for(self.where(number)): number for number in self.ids}

    def number(self, link: bytes, numbers: dict[object, int]) -> int | None:
        """Which photo an entry of the tree stands for."""
        if self.mode is LinkMode.RELATIVE:
            return numbers.get(os.path.realpath(link)) if os.path.islink(link) else None
        return numbers.get(self.stands_for(link))

    def shown(self) -> dict[bytes, dict[int, bytes]]:
        """The photos linked to in every folder: number -> name of the link."""
        found: dict[bytes, dict[int, bytes]] = {}
        top = self.archive.tree.path
        numbers = self.numbers()
        hidden = [os.path.join(b"_ignored", name) for name in os.listdir(self.top("_ignored"))]
        for folder in (*os.listdir(top), *hidden):
            here = os.path.join(top, folder)
            if not os.path.isdir(here):
                continue
            found[folder] = {}
            for name in os.listdir(here):
                if (number := self.number(os.path.join(here, name), numbers)) is not None:
                    found[folder][number] = name
        return found

    def persons(self) -> dict[PersonId, bytes]:
        """People with a folder that nobody touched since the last look."""
        names = self.archive.store.manifest.names()
        there = self.shown()
        return {
            owner: name
            for owner, name in names.items()
            if isinstance(owner, int) and name in there and owner not in self.busy and b"/" not in name
        }

    def links(self, person: PersonId) -> dict[int, bytes]:
        """Links of a person that were written down and that nobody touched since the last look."""
        folder = self.persons()[person]
        (written,) = (one for one in self.archive.store.manifest.folders() if one.owner == person)
        ours = {entry.name for entry in written.entries}
        return {
            number: name
            for number, name in self.shown()[folder].items()
            if ("photo", number) not in self.busy and name in ours and number not in self.gone
        }

    def a_person(self, data: st.DataObject, *, with_links: bool = False) -> PersonId | None:
        people = sorted(person for person in self.persons() if not with_links or self.links(person))
        return data.draw(st.sampled_from(people)) if people else None

    def top(self, *parts: bytes | str) -> bytes:
        return os.path.join(self.archive.tree.path, *map(os.fsencode, parts))

    def forget(self, about: Callable[[Word], bool]) -> None:
        self.words = {word for word in self.words if not about(word)}

    def say(self, *words: Word) -> None:
        for word in words:
            self.forget(lambda old, new=word: old.person == new.person and old.photo == new.photo and new.photo >= 0)  # type: ignore[misc]
            self.words.add(word)

    @rule(data=st.data())
    def renames_a_folder(self, data: st.DataObject) -> None:
        person = self.a_person(data)
        if person is None:
            return
        self.fresh += 1
        name = f"Name {self.fresh}"
        os.rename(self.top(self.persons()[person]), self.top(name))
        self.busy |= {person}
        self.forget(lambda word: word.kind == "name" and word.person == person)
        self.words.add(Word("name", person, name=name))
        self.run()

    @rule(data=st.data())
    def deletes_a_link(self, data: st.DataObject) -> None:
        person = self.a_person(data, with_links=True)
        if person is None:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(person).items())))
        os.unlink(self.top(self.persons()[person], name))
        self.busy |= {person, ("photo", number)}
        self.say(Word("out", person, number))
        self.run()

    @rule(data=st.data())
    def renames_a_link(self, data: st.DataObject) -> None:
        """... which has that name from then on, whosever the face is."""
        person = self.a_person(data, with_links=True)
        if person is None:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(person).items())))
        faces = self.archive.store.faces.of_photo(self.ids[number])
        self.fresh += 1
        called = b"Called %d" % self.fresh
        os.rename(self.top(self.persons()[person], name), self.top(self.persons()[person], called))
        self.busy |= {person, ("photo", number)}
        self.called.update({face.face_id: called for face in faces if face.person_id == person})
        self.run()

    @rule(data=st.data())
    def moves_a_link(self, data: st.DataObject) -> None:
        source, to = self.a_person(data, with_links=True), self.a_person(data)
        if source is None or to is None or source == to:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(source).items())))
        if number in self.shown()[self.persons()[to]] or os.path.lexists(self.top(self.persons()[to], name)):
            return
        os.rename(self.top(self.persons()[source], name), self.top(self.persons()[to], name))
        self.busy |= {source, to, ("photo", number)}
        self.say(Word("out", source, number), Word("in", to, number))
        self.run()

    @rule(data=st.data(), deleted_first=st.booleans(), found=st.booleans())
    def moves_a_link_in_halves(self, data: st.DataObject, deleted_first: bool, found: bool) -> None:
        """A copy comes, and the original goes, or the other way round; the program looks in between if it runs."""
        source, to = self.a_person(data, with_links=True), self.a_person(data)
        if source is None or to is None or source == to:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(source).items())))
        self.fresh += 1
        place = f"New {self.fresh}" if found else self.persons()[to]
        old, kept = self.top(self.persons()[source], name), os.fsencode(self.folder / f"half {self.fresh}")
        if not found and (number in self.shown()[self.persons()[to]] or os.path.lexists(self.top(place, name))):
            return
        if self.mode is LinkMode.HARDLINK:
            os.link(old, kept)
        else:
            shutil.copy2(old, kept, follow_symlinks=False)
        self.look()
        for is_deletion in (deleted_first, not deleted_first):
            if not is_deletion:
                os.makedirs(self.top(place), exist_ok=True)
                os.rename(kept, self.top(place, name))
            elif os.path.lexists(old):
                os.unlink(old)
            self.busy |= {source, to, ("photo", number)}
            self.run()
        if found:
            self.look()
            (to,) = (one.person_id for one in self.archive.store.people.named() if one.name == place)
            self.words.add(Word("name", to, name=str(place)))
        self.say(Word("out", source, number), Word("in", to, number))

    @rule(data=st.data())
    def ignores_a_link(self, data: st.DataObject) -> None:
        person = self.a_person(data, with_links=True)
        if person is None:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(person).items())))
        if os.path.lexists(self.top("_ignored", name)):
            return
        os.rename(self.top(self.persons()[person], name), self.top("_ignored", name))
        self.busy |= {person, ("photo", number)}
        self.say(Word("out", person, number))
        self.run()

    @rule(data=st.data())
    def founds_somebody(self, data: st.DataObject) -> None:
        person = self.a_person(data, with_links=True)
        if person is None:
            return
        number, name = data.draw(st.sampled_from(sorted(self.links(person).items())))
        self.fresh += 1
        folder = f"New {self.fresh}"
        os.mkdir(self.top(folder))
        os.rename(self.top(self.persons()[person], name), self.top(folder, name))
        self.busy |= {person, ("photo", number)}
        self.look()
        (new,) = (one.person_id for one in self.archive.store.people.named() if one.name == folder)
        self.say(Word("out", person, number), Word("in", new, number))
        self.words.add(Word("name", new, name=folder))

    @rule(data=st.data())
    def merges_two(self, data: st.DataObject) -> None:
        one, into = self.a_person(data), self.a_person(data)
        if one is None or into is None or one == into:
            return
        os.rename(self.top(self.persons()[one]), self.top(self.persons()[into], self.persons()[one]))
        self.look()
        merged = self.archive.store.people.get(one)
        assert merged is not None
        assert merged.person_id == into
        # of photos of both one face is somebody else's by then, and refusals of one may be the other's
        kept = {word for word in self.words if word.person == into and word.kind in {"name", "in"}}
        self.forget(lambda word: word.person in {one, into})
        self.words |= kept

    @rule(data=st.data(), how=st.sampled_from(["deleted", "ignored", "moved out"]))
    def hides_somebody(self, data: st.DataObject, how: str) -> None:
        person = self.a_person(data)
        if person is None:
            return
        folder = self.persons()[person]
        below = [name for _, _, names in os.walk(os.fsdecode(self.top(folder))) for name in names]
        if any(name in self.mine for name in below):
            return  # what is deleted together with the user's own files is theirs to lose
        if how == "deleted":
            shutil.rmtree(self.top(folder))
        elif how == "ignored":
            os.rename(self.top(folder), self.top("_ignored", folder))
        else:
            self.fresh += 1
            self.away[person] = os.fsencode(self.folder / f"away {self.fresh}")
            os.rename(self.top(folder), self.away[person])
        self.look()
        self.words.add(Word("hidden", person))

    @rule(data=st.data())
    def shows_somebody_again(self, data: st.DataObject) -> None:
        """Under a new name. What the folder links to by now is another matter: its links are not taken along."""
        if not self.away:
            return
        person = data.draw(st.sampled_from(sorted(self.away)))
        self.fresh += 1
        name = f"Name {self.fresh}"
        os.mkdir(self.top(name))
        os.rename(os.path.join(self.away.pop(person), os.fsencode(MARKER)), self.top(name, MARKER))
        self.look()
        now = self.archive.store.people.get(person)
        if now is not None:
            self.forget(lambda word: word.kind in {"name", "hidden"} and word.person == person)
            self.words.add(Word("name", person, name=name))

    @rule(data=st.data())
    def drags_a_hidden_folder_back(self, data: st.DataObject) -> None:
        """Out of `_ignored`, under a new name."""
        self.look()
        names, hidden = self.archive.store.manifest.names(), self.archive.store.people.hidden()
        people = sorted(who for who, at in names.items() if isinstance(who, int) and who in hidden and b"/" in at)
        if not people:
            return
        person = data.draw(st.sampled_from(people))
        self.fresh += 1
        name = f"Name {self.fresh}"
        os.rename(self.top(names[person]), self.top(name))
        self.look()
        assert person not in self.archive.store.people.hidden()
        self.away.pop(person, None)
        self.forget(lambda word: word.kind in {"name", "hidden"} and word.person == person)
        self.words.add(Word("name", person, name=name))

    @rule(data=st.data(), place=st.sampled_from(["_review", "_unknown", "_together", "_ignored/deeper", "mine"]))
    def puts_a_folder_where_it_means_nothing(self, data: st.DataObject, place: str) -> None:
        person = self.a_person(data)
        if person is None:
            return
        self.look()
        before, folder = self.shown(), self.persons().get(person)
        if folder is None:
            return
        os.makedirs(self.top(place), exist_ok=True)
        os.rename(self.top(folder), self.top(place, folder))
        self.look()
        # a folder that was not there before is the user's
        own = {os.fsencode(place), os.fsencode(place.split("/", maxsplit=1)[0])} - before.keys()
        assert {at: links for at, links in self.shown().items() if at not in own} == {
            at: links for at, links in before.items() if at not in own
        }

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def takes_a_word_back(self, data: st.DataObject) -> None:
        """A name, at once."""
        person = self.a_person(data)
        if person is None:
            return
        self.look()
        before = self.shown()
        self.fresh += 1
        os.rename(self.top(self.persons()[person]), self.top(f"Mistake {self.fresh}"))
        self.look()
        undo(self.archive.store)
        self.look()
        assert self.shown() == before

    @rule(data=st.data(), stands_in_the_way=st.booleans())
    def keeps_a_file_there(self, data: st.DataObject, stands_in_the_way: bool) -> None:
        person = self.a_person(data)
        if person is None:
            return
        self.fresh += 1
        name = f"p{self.photos:03d}.jpg" if stands_in_the_way else f"note {self.fresh}"
        path = self.top(self.persons()[person], name)
        if not os.path.lexists(path) and name not in self.mine:
            self.mine[name] = b"mine %d" % self.fresh
            with open(path, "wb") as file:
                file.write(self.mine[name])
        self.run()

    # --- what must hold

    @invariant()
    def nothing_of_the_users_has_changed(self) -> None:
        found: dict[str, list[bytes]] = {}
        for folder, _, names in os.walk(os.fsdecode(self.archive.tree.path)):
            for name in names:
                path = os.path.join(folder, name)
                if name in self.mine and not os.path.islink(path):
                    with open(path, "rb") as file:
                        content = file.read()
                    # a photo of that name may be linked elsewhere
                    if content not in self.pictures:
                        found.setdefault(name, []).append(content)
        assert found == {name: [content] for name, content in self.mine.items()}

    def check(self) -> None:
        """Tree and state agree, and the user's words hold; after a look."""
        self.the_words_hold()
        self.the_names_hold()
        store = self.archive.store
        assert broken_links(self.archive.tree.path) == []
        shown, names = self.shown(), store.manifest.names()
        numbers, photos = {photo_id: number for number, photo_id in self.ids.items()}, self.numbers()
        hidden = store.people.hidden()
        for summary in store.people.summaries():
            person = summary.person
            wanted = {numbers[photo.photo_id] for photo in store.people.photos(person.person_id)}
            is_hidden = person.person_id in hidden
            has_folder = is_hidden or bool(person.name) or summary.faces >= 2
            assert (person.person_id in names) == has_folder
            if has_folder:
                assert names[person.person_id].startswith(b"_ignored/") == is_hidden
                # what the user copied there under another name is theirs
                assert wanted <= shown[names[person.person_id]].keys()
        for folder in store.manifest.folders():
            path = self.top(folder.name)
            for entry in folder.entries:
                if entry.photo_id is not None:
                    assert self.number(os.path.join(path, entry.name), photos) == numbers[entry.photo_id]
                else:
                    assert entry.name in {MARKER, COVER, HIDDEN} or (self.pictured and pictured(entry.content))

    def the_names_hold(self) -> None:
        """Every link that the user renamed is there under that name, where its face is shown."""
        shown, names, numbers = self.shown(), self.archive.store.manifest.names(), self.numbers()
        ids = {photo_id: number for number, photo_id in self.ids.items()}
        for face_id, called in self.called.items():
            face = self.archive.store.faces.get(face_id)
            owner = face.person_id if face is not None else None
            if face is None or owner is None or owner not in names or ids[face.photo_id] in self.gone:
                continue
            same = [
                self.called[other.face_id]
                for other in self.archive.store.faces.of_photo(face.photo_id)
                if other.person_id == owner and other.face_id in self.called
            ]
            if same == [called]:
                link = self.top(names[owner], called)
                assert os.path.lexists(link), (called, shown)
                assert self.number(link, numbers) == ids[face.photo_id]

    def the_words_hold(self) -> None:
        store = self.archive.store
        for word in self.words:
            person = store.people.get(word.person)
            assert person is not None, word
            if word.kind == "name":
                assert person.name == word.name, word
            elif word.kind == "hidden":
                assert word.person in store.people.hidden(), word
            elif word.photo not in self.gone:
                photos = {photo.photo_id for photo in store.people.photos(person.person_id)}
                assert (self.ids[word.photo] in photos) == (word.kind == "in"), word


class HardLinks(TreeMachine):
    mode = LinkMode.HARDLINK


class Copies(TreeMachine):
    mode = LinkMode.COPY
    pictured = 5

    def a_picture(self, data: st.DataObject) -> tuple[Written, int, FaceId] | None:
        """Of a face that is unknown, also by now, with its photo, which nobody touched since the last look."""
        pictures = []
        for written in self.archive.store.manifest.pictures_of(Pool.UNKNOWN):
            face = self.archive.store.faces.get(pictured(written.content) or 0)
            number = {photo_id: number for number, photo_id in self.ids.items()}.get(face.photo_id if face else 0, -1)
            if face is None or face.person_id is not None:
                continue
            if number not in self.gone and ("photo", number) not in self.busy:
                pictures.append((written, number, face.face_id))
        standing = [one for one in pictures if os.path.isfile(self.top("_unknown", one[0].name))]
        return data.draw(st.sampled_from(sorted(standing))) if standing else None

    @rule(data=st.data(), with_link=st.booleans(), copied=st.booleans())
    def moves_a_picture(self, data: st.DataObject, with_link: bool, copied: bool) -> None:
        """... of a face to somebody who is not in the photo yet: it is them."""
        picture, to = self.a_picture(data), self.a_person(data)
        if picture is None or to is None or picture[1] in self.shown()[self.persons()[to]]:
            return
        written, number, face_id = picture
        source, target = self.top("_unknown", written.name), self.top(self.persons()[to], b"face %d.jpg" % face_id)
        (shutil.copy if copied else os.rename)(source, target)
        link = self.shown()[b"_unknown"].get(number)
        if with_link and link is not None and not copied:
            os.rename(self.top("_unknown", link), self.top(self.persons()[to], link))
        self.busy |= {to, ("photo", number)}
        self.say(Word("in", to, number))
        self.run()

    @rule(data=st.data(), with_link=st.booleans())
    def deletes_a_picture(self, data: st.DataObject, with_link: bool) -> None:
        """... of an unknown face, which is not to be shown."""
        picture = self.a_picture(data)
        if picture is None:
            return
        written, number, face_id = picture
        os.unlink(self.top("_unknown", written.name))
        link = self.shown()[b"_unknown"].get(number)
        if with_link and link is not None:
            os.unlink(self.top("_unknown", link))
        self.busy.add(("photo", number))
        self.run()
        if self.running:
            face = self.archive.store.faces.get(face_id)
            assert face is not None
            assert face.ignored


@pytest.mark.filterwarnings("ignore:.*sys.setprofile.*")
@pytest.mark.parametrize("machine", [TreeMachine, HardLinks, Copies])
def test_tree_and_state_agree_whatever_happens(machine: type[TreeMachine]) -> None:
    """... in whichever order."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            database=None,
            # shrinking a history takes minutes; the steps are printed anyway
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
