"""
What a user does in a year: names people and corrects the program with plain `mv`, `cp`, `rm` and `mkdir`, while the daemon is
off and while it runs. The settings are too strict at first, so that there are two folders of one person, and then too
loose, so that there are wrong links. As many photos again come in, and everything is grouped twice with other settings:
no name may be lost, no correction undone, and the corrections must have made the grouping better.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from harness import DATABASE, WATCHING, Home, Trial, comes, environment

from facewatchd.core.evaluation.scores import score

SHARED = Path(os.environ.get("FACEWATCHD_SHARED") or Path(__file__).resolve().parents[3] / "shared")
SEED = 3
NAMES, CORRECTIONS = 30, 60
QUICK_NAMES, QUICK_CORRECTIONS = 12, 24
Settings = dict[str, dict[str, Any]]
STRICT: Settings = {
    "recluster": {"threshold": 0.75, "every_days": 1000, "when_new": 1000},
    "assign": {"threshold": 0.85},
}
LOOSE: Settings = {"recluster": {"threshold": 0.33, "min_samples": 1}, "assign": {"threshold": None}}
OTHERS: tuple[Settings, ...] = (
    {"recluster": {"threshold": 0.44, "min_samples": 1}},
    {"recluster": {"threshold": 0.56, "min_samples": 4}},
)
# seconds from a gesture to the state; two on a quiet machine
PATIENCE_S = 20


@dataclass(frozen=True)
class Seen:
    """A face as the state has it, with who it really is; empty where the album does not say."""

    face: int
    photo: str
    person: int | None
    who: str
    ignored: bool


@dataclass(frozen=True)
class Correction:
    """
    Something to do in the tree, and what must hold ever after.

    Attributes:
        kind: What sort it is.
        make: Does it.
        holds: Whether the state follows it.
    """

    kind: str
    make: Callable[[], object]
    holds: Callable[[], bool]


def main(trial: Trial) -> None:
    tool, pack = SHARED / "tools" / "make_album.py", SHARED / "models" / "testpack"
    if not tool.is_file():
        trial.figure("corrections", f"no album to be had: {SHARED} is missing", "is skipped", met=True)
        return
    half, names, corrections = (110, QUICK_NAMES, QUICK_CORRECTIONS) if trial.quick else (400, NAMES, CORRECTIONS)
    album = trial.folder / "made"
    sizes = ["--photos", str(2 * half), "--people", str(3 * names), "--width", "1600", "--height", "1200"]
    arguments = [tool, SHARED / "photos" / "lfw-dev", album, *sizes, "--strangers", "0.15", "--seed", str(SEED)]
    subprocess.run([sys.executable, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    truth = json.loads((album / "truth.json").read_text())["photos"]
    photos = random.Random(SEED).sample(sorted(truth), len(truth))
    settings = {"models": {"pack": str(pack)}, **STRICT}

    corrected = _Archive(trial.home("corrected", **settings), album, truth)
    corrected.put(photos[:half])
    corrected.home.once()
    plain = corrected.twin(trial.folder / "plain", settings)
    user = _User(corrected)
    user.name(names)
    user.correct(corrections // 2, live=False)
    for archive in (corrected, plain):
        archive.regroup(LOOSE)
    user.correct(corrections - len(user.words), live=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(user.made.items()))
    done = len(user.words)
    found = f"{len(user.names)} names; {user.understood} of {done} corrections"
    well = len(user.names) == names and user.understood == done == corrections
    trial.figure(f"understood of {names} names and {corrections} corrections ({kinds})", found, "all", well)

    for archive in (corrected, plain):
        archive.put(photos[half:])
        archive.home.once()
    _compare(trial, f"{half} photos more", corrected, plain, user)
    for other in OTHERS:
        for archive in (corrected, plain):
            archive.regroup(other)
        said = ", ".join(f"{key} {value}" for key, value in other["recluster"].items())
        _compare(trial, f"grouped with {said}", corrected, plain, user)


def _compare(trial: Trial, what: str, corrected: _Archive, plain: _Archive, user: _User) -> None:
    """The figures after something that may have undone what the user said."""
    lost, undone = user.lost_names(), user.undone()
    named, words = len(user.names), len(user.words)
    trial.figure(
        f"{what}: names, corrections",
        f"{lost} of {named} lost, {undone} of {words} undone",
        "none",
        not lost + len(undone),
    )
    ours, theirs = corrected.f1(), plain.f1()
    trial.figure(
        f"{what}: B-cubed F1 with and without the corrections",
        f"{ours:.4f}, {theirs:.4f}",
        "higher with, or nothing wrong",
        ours > theirs or ours == 1,
    )


class _Archive:
    """
    A home whose truth is known.

    Args:
        home: Of the test pack.
        made: Where its photos come from.
        truth: Who is where in each.
    """

    def __init__(self, home: Home, made: Path, truth: dict[str, Any]) -> None:
        self.home = home
        self._made = made
        self._truth = truth

    def put(self, photos: list[str]) -> None:
        for photo in photos:
            there = self.home.album / photo
            there.parent.mkdir(parents=True, exist_ok=True)
            if not there.exists():
                shutil.copy2(self._made / photo, there)

    def twin(self, path: Path, settings: dict[str, Any]) -> _Archive:
        """The same state for the same album, with a tree of its own, whose user says nothing."""
        other = Home(path, {**settings, "photos": [str(self.home.album)]})
        with (
            closing(sqlite3.connect(self.home.state / DATABASE)) as state,
            closing(sqlite3.connect(other.state / DATABASE)) as copy,
        ):
            state.backup(copy)
        shutil.copytree(self.home.state / "models", other.state / "models")
        subprocess.run(other.command("tree"), check=True, env=environment(), capture_output=True)
        twin = _Archive(other, self._made, self._truth)
        twin.home.album = self.home.album
        return twin

    def regroup(self, settings: Settings) -> None:
        """Group anew with other settings, whatever moves."""
        values = yaml.safe_load(self.home.config.read_text())
        for section, keys in settings.items():
            values[section] |= keys
        self.home.config.write_text(yaml.safe_dump(values))
        subprocess.run(self.home.command("recluster", "--force"), check=True, env=environment(), capture_output=True)

    def faces(self) -> list[Seen]:
        """All good faces, in order."""
        rows = self.home.query(
            "SELECT f.face_id, p.path, f.person_id, f.x, f.y, f.w, f.h, f.ignored FROM faces f JOIN photos p"
            " USING (photo_id) WHERE f.poor = '' AND p.state = 'done' ORDER BY f.face_id"
        )
        return [Seen(face, os.fsdecode(path), person, self._who(os.fsdecode(path), x, y, w, h), bool(ignored))
                for face, path, person, x, y, w, h, ignored in rows]  # fmt: skip

    def _who(self, photo: str, x: float, y: float, w: float, h: float) -> str:
        inside = (
            face["person"]
            for face in self._truth[photo]["faces"]
            if x < face["center"][0] < x + w and y < face["center"][1] < y + h
        )
        return str(next(inside, ""))

    def f1(self) -> float:
        """B-cubed, of all faces whose truth is known."""
        known = [face for face in self.faces() if face.who]
        labels = np.array([face.person or -1 for face in known], np.int64)
        return score([face.who for face in known], labels).bcubed_f1

    def folders(self) -> dict[int, Path]:
        """Where everybody's folder is who is not hidden."""
        rows = self.home.query(
            "SELECT CAST(owner AS INTEGER), name FROM tree_folders WHERE owner GLOB '[0-9]*'"
            " AND NOT CAST(name AS TEXT) GLOB '_ignored/*'"
        )
        return {person: self.home.people / os.fsdecode(name) for person, name in rows}

    def link(self, folder: Path, photo: str) -> Path | None:
        """The link to a photo in a folder."""
        wanted = (self.home.album / photo).resolve()
        return next(
            (entry for entry in sorted(folder.iterdir()) if entry.is_symlink() and entry.resolve() == wanted), None
        )


class _User:
    """
    Knows everybody, and has a file manager.

    Args:
        archive: What is theirs.
    """

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive
        self.names: dict[int, str] = {}
        self.words: list[Correction] = []
        self.made: Counter[str] = Counter()
        self._others: set[str] = set()
        self.understood = 0

    def name(self, most: int) -> None:
        """Rename the folders of those with most faces, while the daemon is off."""
        folders = self._archive.folders()
        for person, faces in self._crowds():
            who = _majority(faces)
            if len(self.names) < most and who and who not in self.names.values() and person in folders:
                folders[person].rename(self._archive.home.people / who)
                self.names[person] = who
        self._archive.home.once()

    def correct(self, most: int, *, live: bool) -> None:
        """Put right what is wrong, every kind in turn, while the daemon runs or while it is off."""
        if live:
            with self._archive.home.daemon() as daemon:
                daemon.wait_for(WATCHING)
                for word in self._plan(most):
                    self._make(word)
                    comes(word.holds, PATIENCE_S)
                daemon.stop()
        else:
            for word in self._plan(most):
                self._make(word)
            self._archive.home.once()
        self.understood = len(self.words) - len(self.undone())

    def _make(self, word: Correction) -> None:
        word.make()
        self.words.append(word)
        self.made[word.kind] += 1

    def lost_names(self) -> int:
        """Names that nobody has any more, or nobody's faces."""
        rows = self._archive.home.query(
            "SELECT n.person_id, n.name FROM people n WHERE merged_into IS NULL"
            " AND EXISTS (SELECT 1 FROM faces f WHERE f.person_id = n.person_id)"
        )
        return len(self.names.items() - set(rows))

    def undone(self) -> list[str]:
        """The kinds of the corrections that do not hold any more."""
        return [word.kind for word in self.words if not word.holds()]

    # --- what there is to do

    def _crowds(self) -> list[tuple[int, list[Seen]]]:
        """Everybody's faces, those with most first."""
        crowds = defaultdict(list)
        for face in self._archive.faces():
            if face.person is not None:
                crowds[face.person].append(face)
        return sorted(crowds.items(), key=lambda group: (-len(group[1]), group[0]))

    def _plan(self, most: int) -> list[Correction]:
        """So many corrections, of every kind that there is cause for in turn; no photo and no person in two of them."""
        faces, folders = self._archive.faces(), self._archive.folders()
        # what says little about who is who is not to be most of what is said
        seldom = max(most // 6, 1)
        kinds = [
            self._merged(faces, folders),
            self._wrong(faces, folders),
            self._unknown(faces, folders),
            *(islice(kind(faces, folders), seldom) for kind in (self._hidden, self._founded, self._ignored)),
        ]
        found: list[Correction] = []
        used: set[object] = set()
        while kinds and len(found) < most:
            for kind in list(kinds):
                for correction, about in kind:
                    if used.isdisjoint(about):
                        used |= about
                        found.append(correction)
                        break
                else:
                    kinds.remove(kind)
        return found[:most]

    def _merged(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """Somebody has two folders: one into the other."""
        for person, crowd in self._crowds():
            into = self._named(_majority(crowd))
            if person in folders and into is not None and into not in {person, None} and into in folders:
                yield (
                    Correction(
                        "folders moved into others",
                        _moving(folders[person], folders[into]),
                        partial(self._is, "SELECT merged_into FROM people WHERE person_id = ?", person, into),
                    ),
                    {person, into, *(face.photo for face in crowd)},
                )

    def _hidden(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """Somebody whom nobody knows: the folder goes."""
        for person, crowd in reversed(self._crowds()):
            if person in folders and person not in self.names and len(crowd) < 6:
                yield (
                    Correction(
                        "folders deleted",
                        partial(shutil.rmtree, folders[person]),
                        partial(self._is, "SELECT hidden FROM people WHERE person_id = ?", person, 1),
                    ),
                    {person, *(face.photo for face in crowd)},
                )

    def _founded(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """Somebody without a folder: a new one, with links out of _unknown."""
        known = {*self.names.values(), *(_majority(crowd) for _, crowd in self._crowds())}
        unknown = defaultdict(list)
        for face in self._lonely(faces):
            if face.who and face.who not in known:
                unknown[face.who].append(face)
        for who, its in sorted(unknown.items(), key=lambda item: (-len(item[1]), item[0])):
            if who in self._others:
                continue
            links = [self._archive.link(self._archive.home.people / "_unknown", face.photo) for face in its[:3]]
            if all(links):
                self._others.add(who)
                yield (
                    Correction(
                        "folders founded",
                        partial(_found, self._archive.home.people / who, [link for link in links if link]),
                        partial(self._are_named, [face.face for face in its[:3]], who),
                    ),
                    {face.photo for face in its},
                )

    def _wrong(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """A link in the wrong folder: into the right one, or, where there is none, away."""
        for face in faces:
            if face.person is None or face.person not in folders or face.person not in self.names:
                continue
            right, link = self._named(face.who), self._archive.link(folders[face.person], face.photo)
            if link is None or right == face.person:
                continue
            if right is not None:
                yield self._moved("links moved", face, link, folders[right], right)
            else:
                yield (
                    Correction("links deleted", link.unlink, partial(self._is_not, face.face, face.person)),
                    {face.photo},
                )

    def _unknown(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """Somebody in _unknown is somebody with a name: moved there, or every third time copied."""
        for number, face in enumerate(face for face in faces if face.person is None and self._named(face.who)):
            person = self._named(face.who)
            link = self._archive.link(self._archive.home.people / "_unknown", face.photo)
            if person in folders and link is not None:
                kind = "links copied" if number % 3 == 2 else "links moved out of _unknown"
                yield self._moved(kind, face, link, folders[person], person)

    def _ignored(self, faces: list[Seen], folders: dict[int, Path]) -> Iterator[_Cause]:
        """A passer-by."""
        ignored = self._archive.home.people / "_ignored"
        for face in self._lonely(faces):
            link = self._archive.link(self._archive.home.people / "_unknown", face.photo)
            if not face.who and link is not None:
                yield (
                    Correction(
                        "links moved to _ignored",
                        _moving(link, ignored),
                        partial(self._is, "SELECT ignored FROM faces WHERE face_id = ?", face.face, 1),
                    ),
                    {face.photo},
                )

    def _moved(self, kind: str, face: Seen, link: Path, folder: Path, person: int) -> _Cause:
        make = partial(_copy, link, folder) if "copied" in kind else _moving(link, folder)
        return Correction(kind, make, partial(self._are_named, [face.face], self.names[person])), {face.photo}

    def _lonely(self, faces: list[Seen]) -> list[Seen]:
        """Unknown faces in whose photos there is no other."""
        unknown = [face for face in faces if face.person is None and not face.ignored]
        often = Counter(face.photo for face in unknown)
        return [face for face in unknown if often[face.photo] == 1]

    def _named(self, who: str) -> int | None:
        return next((person for person, name in self.names.items() if name == who), None)

    # --- what holds

    def _is(self, query: str, about: int, wanted: int) -> bool:
        return self._archive.home.query(query, about) == [(wanted,)]

    def _is_not(self, face: int, person: int) -> bool:
        return self._archive.home.query("SELECT person_id FROM faces WHERE face_id = ?", face) != [(person,)]

    def _are_named(self, faces: list[int], who: str) -> bool:
        query = "SELECT name FROM faces JOIN people USING (person_id) WHERE face_id = ?"
        return all(self._archive.home.query(query, face) == [(who,)] for face in faces)


_Cause = tuple[Correction, AbstractSet[object]]
"""A correction, and the photos and people that no other must be about."""


def _majority(faces: list[Seen]) -> str:
    """Who most of them really are; nobody where it is less than half."""
    who, count = Counter(face.who for face in faces).most_common(1)[0]
    return who if 2 * count > len(faces) else ""


def _moving(path: Path, folder: Path) -> Callable[[], object]:
    """`mv`, as a file manager does it: what is there is not overwritten."""
    return lambda: path.rename(_free(folder, path.name))


def _copy(link: Path, folder: Path) -> None:
    os.symlink(os.readlink(link), _free(folder, link.name))


def _found(folder: Path, links: list[Path]) -> None:
    folder.mkdir()
    for link in links:
        link.rename(folder / link.name)


def _free(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / name if not os.path.lexists(folder / name) else folder / f"{Path(name).stem} (2){Path(name).suffix}"
