"""
What the scanner and the watcher saw -> what is to be taken in, what has moved, what is gone.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from facewatchd.core.intake.disappearance import Absence, doubt, is_gone
from facewatchd.core.intake.roots import common_end
from facewatchd.core.intake.settle import Gate
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import FileStat, Health, KnownPhoto, PhotoId, PhotoState, PlacedPhoto, Root, RootId, SeenFile
from facewatchd.photos.formats import is_photo_name
from facewatchd.photos.metadata.beside import fingerprint, names_beside
from facewatchd.pipeline.intake.places import Place, Places
from facewatchd.pipeline.intake.stacks import leave, move
from facewatchd.store import Store
from facewatchd.watch.ignore import is_ignored_file
from facewatchd.watch.scanner import ScannedFolder, stat_photo
from facewatchd.watch.ways import WayKind


@dataclass(frozen=True, slots=True)
class Difference:
    """
    How a part of a scan differs from the index.

    Attributes:
        files: New, changed or reappeared files.
        missing: Photos that were not seen where they should be. Not those in folders that could not be looked into.
        beside: Paths relative to the root of sidecars that came, changed or went while their photos stayed as they were.
        problems: Why parts could not be looked at, and what to do: paths relative to the root, and a sentence each.
    """

    files: tuple[SeenFile, ...] = ()
    missing: tuple[tuple[PhotoId, bytes], ...] = ()
    problems: tuple[tuple[bytes, str], ...] = ()
    beside: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Recheck:
    """
    What another look for the photos that were not seen has come to.

    Attributes:
        scope: Whose folders change.
        doubt: Why a disappearance is not believed; empty where it is, or nothing is missing.
        hidden: Where nothing can be said of photos: paths relative to the root. A scan of them says why.
    """

    scope: Scope = field(default_factory=set)
    doubt: str = ""
    hidden: frozenset[bytes] = frozenset()


def differences(
    store: Store, root: Root, below: bytes, folders: Iterator[ScannedFolder], batch: int
) -> Iterator[Difference]:
    """
    Compare a scan with the index as it goes. Only reads the state.

    Args:
        store: The state.
        root: The root scanned.
        below: The folder scanned, "" for the whole root.
        folders: What the scanner yields.
        batch: Files to gather before they are handed on.

    Yields:
        Differences; the missing ones in the last, which comes only when the scan went to its end.
    """
    known = store.photos.under(root.root_id, below) if below else store.photos.known(root.root_id)
    files: list[SeenFile] = []
    beside: list[bytes] = []
    problems: dict[bytes, str] = {}
    for folder in folders:
        if folder.problem:
            problems[folder.path] = folder.problem
        around = {os.path.basename(seen.path): seen.stat for seen in folder.beside}
        for seen in folder.files:
            photo = known.pop(seen.path, None)
            if photo is None or not photo.is_up_to_date(seen.stat):
                files.append(seen)
            elif (around or photo.beside) and photo.state is PhotoState.DONE:
                beside += _changed_beside(seen.path, photo, around)
        if len(files) + len(beside) >= batch:
            yield Difference(tuple(files), beside=tuple(beside))
            files, beside = [], []
    missing, hidden = _missing(store, root, known, list(problems))
    yield Difference(tuple(files), tuple(missing), tuple({**hidden, **problems}.items()), tuple(beside))


def _changed_beside(path: bytes, photo: KnownPhoto, around: Mapping[bytes, FileStat]) -> Iterator[bytes]:
    """The sidecars of a photo, where they are not those by which it was dated; where they are gone, one that may be it."""
    folder, name = os.path.split(path)
    if fingerprint(name, around) != photo.beside:
        names = names_beside(name)
        for sidecar in [name for name in names if name in around] or names[:1]:
            yield os.path.join(folder, sidecar)


def _missing(
    store: Store, root: Root, unseen: Mapping[bytes, KnownPhoto], blind: list[bytes]
) -> tuple[list[tuple[PhotoId, bytes]], dict[bytes, str]]:
    """Of the photos that a scan did not see, those that are not there; and why nothing can be said of others, by path."""
    places = Places(store, root)
    missing: list[tuple[PhotoId, bytes]] = []
    hidden: dict[bytes, str] = {}
    for path, photo in unseen.items():
        if photo.state is PhotoState.MISSING or any(not top or path.startswith(top + b"/") for top in blind):
            continue
        # a scan tells of a file with several names under the first of them only
        place = places.look(path, photo.stat.device)
        if place.is_empty:
            missing.append((photo.photo_id, path))
        elif place.is_hidden and place.way.at not in hidden:
            hidden[place.way.at] = places.why_hidden(place.way)
    return missing, hidden


def is_there(store: Store, placed: PlacedPhoto) -> bool:
    """Whether a photo's file is seen where the index has it, as it was."""
    place = _place_of(store, placed)
    return place is not None and place.stat is not None and place.stat.same_content(placed.photo.stat)


def _place_of(store: Store, placed: PlacedPhoto) -> Place | None:
    """None for a photo that had to make room."""
    return None if b"\0" in placed.path else Places(store, store.roots.all()[placed.root_id]).look(placed.path)


def is_gone_from(store: Store, placed: PlacedPhoto, away: Container[RootId] = ()) -> bool:
    """
    Whether a photo's file is not, or not any more as it was, where the index has it. Of a root that is not there, does not
    answer (`away`), or has another in its place, nothing is known, so that nothing is gone from it (R5). A root that is not
    watched any more holds nothing back (R39).
    """
    if b"\0" in placed.path or not store.roots.is_watched(placed.root_id):
        return True
    if placed.root_id in away:
        return False
    root = store.roots.all()[placed.root_id]
    try:
        found = os.lstat(root.path)
    except OSError:
        return False
    if store.roots.identity(placed.root_id) not in {None, (found.st_dev, found.st_ino)}:
        return False
    place = _place_of(store, placed)
    # behind a link the very bytes may be, and be looked at from elsewhere now; behind a closed door they are where they were
    return place is None or (place.way.kind is not WayKind.CLOSED and not is_there(store, placed))


def the_same_photo(candidates: Iterable[PlacedPhoto], path: bytes) -> PlacedPhoto | None:
    """Of several photos that a file may be, the one with the most similar path; the longest known among equals."""
    return max(candidates, key=lambda placed: common_end(placed.path, path), default=None)


class Discovery:
    """
    The gate, with the state behind it. Belongs to the thread that owns the state.

    Args:
        store: The state.
        roots: The roots watched.
        settle_s: See `watch.settle_s`.
        settle_open_s: See `watch.settle_open_s`.
        trusted: Roots with ctimes that no program can set.
        away: Roots that do not answer, in which nothing may be touched.
    """

    def __init__(
        self,
        store: Store,
        roots: Mapping[RootId, Root],
        settle_s: float,
        settle_open_s: float,
        trusted: set[RootId],
        away: Container[RootId] = (),
    ) -> None:
        self._store = store
        self._roots = roots
        self._trusted = trusted
        self._away = away
        self._gate: Gate[tuple[RootId, bytes]] = Gate(settle_s, settle_open_s)

    def waiting(self) -> int:
        """Files that are not settled yet."""
        return len(self._gate)

    def settling(self) -> bool:
        """Whether a file may be settled soon."""
        return self._gate.settling()

    def is_waiting(self, seen: SeenFile) -> bool:
        """Whether the gate holds this file back."""
        return (seen.root_id, seen.path) in self._gate

    def next_due(self, now: float) -> float | None:
        return self._gate.next_due(now)

    def see(self, seen: SeenFile, *, closed: bool, now: float, again: bool = False) -> tuple[SeenFile | None, Scope]:
        """
        A file was seen.

        Args:
            seen: The file as it is now.
            closed: Whether a writer has just closed it.
            now: Seconds since 1970.
            again: Whether it could not be read a moment ago, so that it must wait even if it looks settled.

        Returns:
            The file where it is settled and to be taken in (it is marked so), else None; and whose folders change,
            where it is a photo that moved or came back.
        """
        key = (seen.root_id, seen.path)
        known = self._store.photos.find(*key)
        if known is not None and known.state is not PhotoState.PENDING and known.is_up_to_date(seen.stat):
            self._gate.forget(key)
            return None, set()
        trust_ctime = seen.root_id in self._trusted and not again
        if not self._gate.observe(key, seen.stat, closed=closed, now=now, trust_ctime=trust_ctime):
            return None, set()
        photos = self._store.photos
        if (
            known is not None
            and known.stat.same_content(seen.stat)
            and (known.absent or known.state is PhotoState.MISSING)
        ):
            photos.present([known.photo_id])
            returned = photos.find(*key)
            is_pending = returned is not None and returned.state is PhotoState.PENDING
            return (seen if is_pending else None), {*photos.people_in([known.photo_id]), None}
        others = [placed for placed in photos.same_file(seen.stat) if (placed.root_id, placed.path) != key]
        # the very file is here: that its old folder cannot be looked into does not make it two
        gone = [
            placed for placed in others if not (self._store.roots.is_watched(placed.root_id) and self._is_there(placed))
        ]
        if known is None and len(gone) < len(others):
            return None, set()  # a hard link, or a second way to the same folder: one name is enough (R8)
        moved = the_same_photo(gone, seen.path)
        if moved is not None:
            photo_id = moved.photo.photo_id
            move(self._store, photo_id, seen)
            return None, {*photos.people_in([photo_id]), None}
        photos.wait(seen)
        return seen, set()

    def _is_there(self, placed: PlacedPhoto) -> bool:
        """... as far as is known: what does not answer is where it was."""
        return placed.root_id in self._away or is_there(self._store, placed)

    def look_at(
        self, root: Root, path: bytes, *, closed: bool, now: float, again: bool = False
    ) -> tuple[SeenFile | None, Scope]:
        """A hint about one file, or its turn at the gate; `path` is relative to the root."""
        name = os.path.basename(path)
        if not is_photo_name(name) or is_ignored_file(name):
            return None, set()
        stat = stat_photo(os.path.join(root.path, path))
        if stat is None:
            self._gate.forget((root.root_id, path))
            if Places(self._store, root).look(path).is_empty:
                self.went(root, path, now)
            return None, set()
        return self.see(SeenFile(root.root_id, path, stat), closed=closed, now=now, again=again)

    def is_link_instead(self, root: Root, path: bytes) -> bool:
        """Whether a symbolic link is where a photo, or a folder of photos, was."""
        return os.path.islink(os.path.join(root.path, path)) and self._store.photos.are_in(root.root_id, path)

    def hidden_at(self, root: Root, path: bytes) -> bytes | None:
        """Where the way to a photo is closed; None where it is not."""
        place = Places(self._store, root).look(path)
        return place.way.at if place.is_hidden else None

    def is_settled(self, root: Root, path: bytes, *, closed: bool, now: float) -> bool:
        """A hint about a file that is no photo, or its turn at the gate: whether it is settled, or gone."""
        key = (root.root_id, path)
        stat = stat_photo(os.path.join(root.path, path))
        if stat is None:
            self._gate.forget(key)
            return Places(self._store, root).look(path).is_empty
        return self._gate.observe(key, stat, closed=closed, now=now, trust_ctime=root.root_id in self._trusted)

    def forget(self, root: Root, path: bytes) -> None:
        """A file that waits is of no interest any more."""
        self._gate.forget((root.root_id, path))

    def due(self, now: float) -> list[tuple[Root, bytes]]:
        """The files to look at again."""
        return [(self._roots[root_id], path) for root_id, path in self._gate.due(now)]

    # --- what is gone

    def went(self, root: Root, path: bytes, now: float) -> None:
        """A hint that a file, or a folder with all in it, is gone: to be looked for again after a while."""
        photos = self._store.photos
        known = photos.find(root.root_id, path)
        gone = [known] if known is not None else list(photos.under(root.root_id, path).values())
        photos.absent([photo.photo_id for photo in gone if photo.state is not PhotoState.MISSING], now, 1)

    def missed(self, root: Root, missing: Iterable[tuple[PhotoId, bytes]], now: float) -> None:
        """A scan did not see photos where they should be; those that are known elsewhere by now have moved meanwhile."""
        photos = self._store.photos
        known = ((photo_id, photos.find(root.root_id, path)) for photo_id, path in missing)
        photos.absent([photo_id for photo_id, there in known if there and there.photo_id == photo_id], now, 1)

    def recheck(self, root: Root, health: Health, now: float) -> Recheck:
        """Look once more for the photos that were not seen."""
        photos = self._store.photos
        places = Places(self._store, root)
        back: list[PhotoId] = []
        still: list[tuple[PhotoId, Absence]] = []
        hidden: set[bytes] = set()
        for photo_id, path, device, absence in photos.absences(root.root_id):
            place = places.look(path, device)
            if place.is_empty:
                still.append((photo_id, absence))
            elif place.way.kind is WayKind.CLOSED:
                hidden.add(place.way.at)
            else:
                back.append(photo_id)
                hidden |= {place.way.at} if place.is_hidden else set()
        photos.present(back)
        if not still:
            return Recheck(hidden=frozenset(hidden))
        # a clock that has been set back must not keep them
        photos.absent([photo_id for photo_id, absence in still if absence.since > now], now, 0)
        latest = max(min(absence.since, now) for _, absence in still)
        why = doubt(health, photos.count(root.root_id), len(still), now - latest)
        if why:
            return Recheck(doubt=why, hidden=frozenset(hidden))
        photos.absent([photo_id for photo_id, _ in still], now, 1)
        gone = [photo_id for photo_id, absence in still if is_gone(absence, now)]
        photos.miss(gone)
        scope: Scope = {*photos.people_in(gone), None, *leave(self._store, gone)} if gone else set()
        return Recheck(scope, "", frozenset(hidden))
