"""
What the user did to the people tree, told from what was written last and what is there now. Folders are sets of photos
here; how a link leads to a photo is the shell's business.

| the user | means |
|---|---|
| renames a person's folder | that is the name |
| moves a person's folder into another's, or lets the file manager merge them | the two are one |
| moves a person's folder into `_ignored` | stop showing this person |
| deletes a person's folder, or moves it out of the tree | hide the person; back in the tree it is shown again |
| moves a link from A to B | it is B and not A |
| moves a link from A to B beside B's own of the same photo | both faces are B: a mirror, a collage |
| moves a link to a folder of their own making | a new person with the folder's name |
| copies a link to B | B is in the photo too |
| moves a link to `_ignored` | stop showing this face |
| deletes a link, or moves it to `_unknown` | it is not this person |
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from facewatchd.core.tree import owner_text
from facewatchd.domain import Owner, PersonId, PhotoId, Pool

# a folder whose links went to one other folder was merged into it, even if the file manager left out a few doubles
_MERGED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class LeftFolder:
    """A folder as it was left: whose, where (relative to the tree), and the photos that it surely linked to."""

    owner: Owner
    path: bytes
    photos: frozenset[PhotoId]


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """
    A folder as it is found.

    Attributes:
        marker: Whose it says to be.
        photos: Those that it links to.
        again: Of these, those with more links than the person has faces in them.
    """

    path: bytes
    marker: Owner | None
    photos: frozenset[PhotoId]
    again: frozenset[PhotoId] = frozenset()


@dataclass(frozen=True, slots=True)
class Renamed:
    person_id: PersonId
    path: bytes
    to: bytes


@dataclass(frozen=True, slots=True)
class Merged:
    """`path` is where the folder is now, inside the other's; None where it is gone."""

    person_id: PersonId
    into: PersonId
    path: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hidden:
    """`path` is where the folder is now, inside `_ignored`; None where it is gone."""

    person_id: PersonId
    path: bytes | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A hidden person's folder is back."""

    person_id: PersonId
    path: bytes


@dataclass(frozen=True, slots=True)
class Moved:
    """A photo's link went from one owner's folder to another's; `source` is None for a copy."""

    photo_id: PhotoId
    source: Owner | None
    to: Owner


@dataclass(frozen=True, slots=True)
class Joined:
    """A photo's link went from a person's folder to another's, beside the one that is there: both faces are theirs."""

    photo_id: PhotoId
    source: PersonId
    to: PersonId


@dataclass(frozen=True, slots=True)
class Deleted:
    photo_id: PhotoId
    source: Owner


@dataclass(frozen=True, slots=True)
class Founded:
    """A folder of the user's making with links in it; each photo with the owner whose link it was, if it was one."""

    path: bytes
    photos: tuple[tuple[PhotoId, Owner | None], ...]


Gesture = Renamed | Merged | Hidden | Shown | Moved | Joined | Deleted | Founded


@dataclass(frozen=True, slots=True)
class Reading:
    """
    Attributes:
        gestures: What to obey, in this order.
        doubted: Deletions that were too many at once to be believed.
    """

    gestures: tuple[Gesture, ...]
    doubted: int = 0


def read_gestures(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    hidden: Collection[PersonId],
    max_deletions: float,
    least_doubted: int = 50,
) -> Reading:
    """
    Tell what the user did.

    Args:
        left: The tree as it was left.
        found: The folders that are there: at the top, and one level down inside `_ignored` and people's folders.
        hidden: People who are not shown.
        max_deletions: Share of all links, 0..1. More deletions at once are doubted: a disk is more often lost than
            a fifth of an archive's people.
        least_doubted: So many deletions are believed in any tree.
    """
    homes, moves = _homes(left, found)
    gestures: list[Gesture] = [*moves, *_shown(left, found, homes, hidden)]
    gone = [folder for folder in left if isinstance(folder.owner, int) and folder.owner not in homes]
    merged: set[Owner] = {move.person_id for move in moves if isinstance(move, Merged)}
    gone = [folder for folder in gone if folder.owner not in merged]

    removed, added = _changes(left, found, homes, merged)
    deletions: list[Gesture] = []
    for folder in gone:
        assert isinstance(folder.owner, int)
        into = _merged_into(folder, added)
        if into is not None:
            gestures.append(Merged(folder.owner, into))
            for photo in folder.photos:
                removed[photo].discard(folder.owner)
                added[photo].discard(into)
        elif not _took_links(folder, added):
            deletions.append(Hidden(folder.owner, None))
            for photo in folder.photos:
                removed[photo].discard(folder.owner)
    again = {photo: owner for owner, home in homes.items() if isinstance(owner, int) for photo in home.again}
    linked, founded, deleted = _links(removed, added, again)
    deletions += deleted
    count = sum(_weight(gesture, left) for gesture in deletions)
    total = sum(len(folder.photos) for folder in left)
    if count > max(least_doubted, max_deletions * total):
        return Reading((*gestures, *founded, *linked), count)
    return Reading((*gestures, *founded, *linked, *deletions))


_Target = Owner | bytes
"""An owner, or the path of a folder that the user made."""


def _homes(left: Sequence[LeftFolder], found: Sequence[FoundFolder]) -> tuple[dict[Owner, FoundFolder], list[Gesture]]:
    """Where each owner's folder is now, and the moves of whole folders that this tells of."""
    at = {folder.path: folder for folder in found}
    marked: dict[PersonId, list[FoundFolder]] = defaultdict(list)
    for seen in sorted(found, key=lambda seen: seen.path):
        if isinstance(seen.marker, int):
            marked[seen.marker].append(seen)
    homes: dict[Owner, FoundFolder] = {}
    moves: list[Gesture] = []
    lost: list[LeftFolder] = []
    for folder in left:
        here = at.get(folder.path)
        if here is not None and (isinstance(folder.owner, Pool) or here.marker in {None, folder.owner}):
            homes[folder.owner] = here
        else:
            lost.append(folder)
    by_path = {home.path: owner for owner, home in homes.items()}
    for folder in sorted(lost, key=lambda folder: folder.path):
        if not isinstance(folder.owner, int) or not marked[folder.owner]:
            continue
        # of several copies of a folder that is gone itself, the one at the top is the one that was renamed
        now = min(marked[folder.owner], key=lambda seen: (seen.path.count(b"/"), seen.path))
        parent = posixpath.dirname(now.path)
        if not parent:
            homes[folder.owner] = now
            moves.append(Renamed(folder.owner, folder.path, now.path))
        elif parent == Pool.IGNORED.encode():
            homes[folder.owner] = now
            moves.append(Hidden(folder.owner, now.path))
        elif isinstance(into := by_path.get(parent), int):
            moves.append(Merged(folder.owner, into, now.path))
    return homes, moves


def _shown(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    hidden: Collection[PersonId],
) -> Iterable[Gesture]:
    shown: set[PersonId] = set()
    # hidden by command, and the folder has not gone yet: nobody moved it
    still = {(folder.owner, folder.path) for folder in left}
    for folder in sorted(found, key=lambda folder: folder.path):
        person = folder.marker
        is_new = person in hidden and person not in shown and b"/" not in folder.path
        is_new = is_new and (person, folder.path) not in still
        if isinstance(person, int) and is_new and (person not in homes or homes[person] is folder):
            shown.add(person)
            yield Shown(person, folder.path)


def _changes(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    merged: Collection[Owner],
) -> tuple[dict[PhotoId, set[Owner]], dict[PhotoId, set[_Target]]]:
    """Per photo, whose links are gone and where new ones are."""
    removed: dict[PhotoId, set[Owner]] = defaultdict(set)
    added: dict[PhotoId, set[_Target]] = defaultdict(set)
    owned = {home.path for home in homes.values()}
    for folder in left:
        if folder.owner in merged:
            continue
        now = homes[folder.owner].photos if folder.owner in homes else frozenset()
        for photo in folder.photos - now:
            removed[photo].add(folder.owner)
        for photo in now - folder.photos:
            added[photo].add(folder.owner)
    pools = {pool.encode(): pool for pool in Pool}
    for seen in found:
        is_ours = seen.path in owned or seen.marker is not None or b"/" in seen.path
        if not is_ours and not seen.path.startswith((b"_", b".")):
            for photo in seen.photos:
                added[photo].add(seen.path)
        elif seen.path in pools and seen.path not in owned:
            for photo in seen.photos:
                added[photo].add(pools[seen.path])
    return removed, added


def _merged_into(folder: LeftFolder, added: Mapping[PhotoId, set[_Target]]) -> PersonId | None:
    """The person whose folder has nearly all links of a folder that is gone."""
    votes: dict[PersonId, int] = defaultdict(int)
    for photo in folder.photos:
        for target in added.get(photo, ()):
            if isinstance(target, int):
                votes[target] += 1
    best = max(votes, key=lambda person: (votes[person], -person), default=None)
    return best if best is not None and votes[best] >= _MERGED_SHARE * len(folder.photos) else None


def _took_links(folder: LeftFolder, added: Mapping[PhotoId, set[_Target]]) -> bool:
    """Whether most links of a folder that is gone are elsewhere now, so that these are what the user meant."""
    moved = sum(1 for photo in folder.photos if added.get(photo))
    return bool(folder.photos) and moved >= _MERGED_SHARE * len(folder.photos)


def _links(
    removed: Mapping[PhotoId, set[Owner]], added: Mapping[PhotoId, set[_Target]], again: Mapping[PhotoId, PersonId]
) -> tuple[list[Gesture], list[Gesture], list[Gesture]]:
    """What became of single links: moves and copies, folders founded, deletions."""
    linked: list[Gesture] = []
    deleted: list[Gesture] = []
    founded: dict[bytes, list[tuple[PhotoId, Owner | None]]] = defaultdict(list)
    for photo in sorted({*removed, *added}):
        # a person's link says more than one of the unknown pool's
        sources = sorted(removed.get(photo, ()), key=_order)
        for target in sorted(added.get(photo, ()), key=_order):
            source = sources.pop(0) if sources else None
            if isinstance(target, bytes):
                founded[target].append((photo, source))
            elif target is Pool.UNKNOWN:
                if source is not None:
                    deleted.append(Deleted(photo, source))
            elif target is Pool.IGNORED and source is None:
                # what was put there before, or a copy: nothing tells which face is meant
                continue
            else:
                linked.append(Moved(photo, source, target))
        beside = again.get(photo)
        first = sources[0] if sources else None
        if beside is not None and isinstance(first, int) and first != beside:
            linked.append(Joined(photo, first, beside))
            sources.remove(first)
        deleted += [Deleted(photo, source) for source in sources]
    return linked, [Founded(path, tuple(photos)) for path, photos in sorted(founded.items())], deleted


def _order(target: _Target) -> tuple[int, int, bytes]:
    if isinstance(target, bytes):
        return (1, 0, target)
    return (0, target, b"") if isinstance(target, int) else (2, 0, owner_text(target).encode())


def _weight(gesture: Gesture, left: Sequence[LeftFolder]) -> int:
    """How many links a deletion takes away."""
    if isinstance(gesture, Hidden):
        return next(len(folder.photos) for folder in left if folder.owner == gesture.person_id)
    return 1
