"""
What the user did to the people tree, told from what was written last and what is there now; `core.tree.gestures` has what
each means.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from facewatchd.core.tree.answers import MOVED_SHARE, Target, read_emptied, read_moved
from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Founded,
    FoundFolder,
    Gesture,
    Hidden,
    Joined,
    Kept,
    LeftFolder,
    Merged,
    Misplaced,
    Moved,
    Parted,
    Pointed,
    Reading,
    Renamed,
    Shown,
)
from facewatchd.core.tree.half_moves import OpenHalves, is_whole_copy
from facewatchd.core.tree.owners import IGNORED, Owner, Review, Suggestion, Together, owner_text
from facewatchd.core.tree.picture_gestures import read_pictures
from facewatchd.domain import PersonId, PhotoId, Pool


def read_gestures(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    hidden: Collection[PersonId],
    max_deletions: float,
    least_doubted: int = 50,
    halves: OpenHalves | None = None,
    copies: Mapping[bytes, bool] | None = None,
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
        halves: What was read a while ago and may be completed now.
        copies: Folders that were copies of people's folders at an earlier look, and whether that is a while ago: else one may
            be half of a move.
    """
    halves = halves or OpenHalves()
    copies = copies or {}
    homes, moves = _homes(left, found, hidden, {path for path, is_old in copies.items() if is_old})
    answers = read_moved(left, found, {home.path: owner for owner, home in homes.items() if isinstance(owner, int)})
    homes |= answers.homes
    shown = list(_shown(left, [folder for folder in found if folder.path not in copies], homes, hidden))
    gestures: list[Gesture] = [*moves, *shown]
    restored: set[Owner] = {gesture.person_id for gesture in shown}
    gone = [folder for folder in left if isinstance(folder.owner, int) and folder.owner not in homes]
    at = {folder.path: folder for folder in found}
    merged: dict[Owner, FoundFolder] = {
        move.person_id: at[move.path] for move in moves if isinstance(move, Merged) and move.path
    }
    gone = [folder for folder in gone if folder.owner not in merged]

    removed, added = _changes(left, found, {**homes, **merged}, answers.answered | restored)
    faces = read_pictures(left, found, homes, merged.keys() | answers.answered | restored, removed, added)
    deletions: list[Gesture] = []
    put_away: set[Owner] = set()
    theirs = {folder.owner: folder.photos for folder in left}
    for folder in gone:
        assert isinstance(folder.owner, int)
        into = _merged_into(folder, theirs, added, halves)
        if into is not None:
            gestures.append(Merged(folder.owner, into))
            for photo in folder.photos:
                removed[photo].discard(folder.owner)
                added[photo].discard(into)
        elif folder.owner in hidden:
            # what was deleted with the folder was not to be seen anyway
            gestures.append(Kept(folder.owner))
            for photo in folder.photos:
                if not added.get(photo):
                    removed[photo].discard(folder.owner)
        elif not _took_links(folder, added, halves):
            # a link that was moved out before is somebody else's, and the others say nothing
            deletions.append(Hidden(folder.owner, None))
            put_away.add(folder.owner)
    emptied = list(_emptied(left, homes, answers.answered, added))
    deletions += [gesture for gesture in emptied if isinstance(gesture, Parted)]
    said = [*answers.gestures, *(gesture for gesture in emptied if isinstance(gesture, Merged))]
    # what happened to a person's own folder counts for more
    fates = {g.person_id for g in (*gestures, *deletions) if isinstance(g, Renamed | Merged | Hidden)}
    gestures += [gesture for gesture in said if not (isinstance(gesture, Merged) and gesture.person_id in fates)]
    again = {photo: owner for owner, home in homes.items() if isinstance(owner, int) for photo in home.again}
    linked, founded, deleted = _links(removed, added, again, halves)
    deleted = [g for g in deleted if not (isinstance(g, Deleted) and g.source in put_away)]
    # what was done to single links of two folders comes before one became a part of the other
    joined: set[Owner] = {*merged, *(move.into for move in moves if isinstance(move, Merged))}
    before = [g for g in linked if isinstance(g, Moved | Joined) and {g.source, g.to} & joined]
    linked = [*faces.moved, *(gesture for gesture in linked if gesture not in before)]
    founded = [replace(gesture, faces=faces.founding.get(gesture.path, frozenset())) for gesture in founded]
    half = tuple(gesture for gesture in founded if is_whole_copy(gesture, left))
    founded = [gesture for gesture in founded if gesture not in half]
    deletions += [*faces.deleted, *_at_once(deleted, homes)]
    apart = [gesture for gesture in deletions if isinstance(gesture, Deleted) and gesture.source in joined]
    deletions = [gesture for gesture in deletions if gesture not in apart]
    doubles = _copies(found, homes, copies, {gesture.path for gesture in (*moves, *shown)})
    count = sum(_weight(gesture, left) for gesture in (*apart, *deletions))
    total = sum(len(folder.photos) for folder in left)
    if count > max(least_doubted, max_deletions * total):
        return Reading((*before, *gestures, *founded, *linked), count, half, doubles)
    return Reading((*before, *apart, *gestures, *founded, *linked, *deletions), half=half, copies=doubles)


def _copies(
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    known: Collection[bytes],
    moved: Collection[bytes | None],
) -> tuple[tuple[bytes, PersonId], ...]:
    """The folders with the marker of somebody whose folder is another one, or was when they were last looked at."""
    return tuple(
        (folder.path, folder.marker)
        for folder in sorted(found, key=lambda folder: folder.path)
        if isinstance(folder.marker, int) and folder.path not in moved
        if (homes[folder.marker].path != folder.path if folder.marker in homes else folder.path in known)
    )


def _emptied(
    left: Sequence[LeftFolder],
    homes: Mapping[Owner, FoundFolder],
    done: Collection[Owner],
    added: Mapping[PhotoId, set[Target]],
) -> Iterable[Gesture]:
    """What the links of suggestions say that are not done with."""
    theirs = {folder.owner: folder.photos for folder in left}
    for folder in left:
        if isinstance(folder.owner, Suggestion) and folder.owner not in done:
            said = read_emptied(folder, homes.get(folder.owner), theirs, added)
            if said is not None:
                yield said


def _homes(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    hidden: Collection[PersonId],
    copies: Collection[bytes],
) -> tuple[dict[Owner, FoundFolder], list[Renamed | Hidden | Shown | Merged | Misplaced]]:
    """Where each owner's folder is now, and the moves of whole folders that this tells of; none of `copies` is one."""
    at = {folder.path: folder for folder in found}
    marked: dict[PersonId, list[FoundFolder]] = defaultdict(list)
    for seen in sorted(found, key=lambda seen: seen.path):
        if isinstance(seen.marker, int) and seen.path not in copies:
            marked[seen.marker].append(seen)
    homes: dict[Owner, FoundFolder] = {}
    moves: list[Renamed | Hidden | Shown | Merged | Misplaced] = []
    lost: list[LeftFolder] = []
    for folder in left:
        here = at.get(folder.path)
        if here is not None and _is_home(folder, here, marked):
            homes[folder.owner] = here
        else:
            lost.append(folder)
    owner_at = {home.path: owner for owner, home in homes.items() if isinstance(owner, int)}
    moved = [
        # of several copies of a folder that is gone itself, the one at the top is the one that was renamed
        (min(marked[folder.owner], key=lambda seen: (seen.path.count(b"/"), seen.path)), folder, folder.owner)
        for folder in lost
        if isinstance(folder.owner, int) and marked[folder.owner]
    ]
    # from the top down: what a folder was moved into may have been renamed or moved itself
    for now, folder, person in sorted(moved, key=lambda move: (move[0].path.count(b"/"), move[1].path)):
        parent = posixpath.dirname(now.path)
        if (into := owner_at.get(parent)) is not None:
            owner_at[now.path] = into
            moves.append(Merged(person, into, now.path))
            continue
        homes[person], owner_at[now.path] = now, person
        is_hidden = person in hidden
        if parent == (IGNORED if is_hidden else b""):
            moves.append(Renamed(person, folder.path, now.path))
        elif parent in {b"", IGNORED}:
            moves.append(Shown(person, now.path) if is_hidden else Hidden(person, now.path))
        else:
            moves.append(Misplaced(person, now.path))
    return homes, moves


def _is_home(folder: LeftFolder, here: FoundFolder, marked: Mapping[PersonId, Sequence[FoundFolder]]) -> bool:
    """
    Whether the folder at an owner's path is still theirs. Without its marker it is, unless their folder is elsewhere, or it has
    none of their links: a new folder got the name of one that was renamed, moved or deleted.
    """
    if isinstance(folder.owner, Pool) or here.marker == folder.owner:
        return True
    if here.marker is not None or not isinstance(folder.owner, int):
        return here.marker is None
    return not marked.get(folder.owner) and (not folder.photos or not folder.photos.isdisjoint(here.photos))


def _shown(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    hidden: Collection[PersonId],
) -> Iterable[Shown]:
    """The people with a folder that is back from elsewhere: deleted and restored, or moved out of the tree and in again."""
    shown: set[PersonId] = set()
    # hidden by command, and the folder has not gone yet: nobody moved it
    still = {(folder.owner, folder.path) for folder in left}
    for folder in sorted(found, key=lambda folder: folder.path):
        person = folder.marker
        is_new = person in hidden and person not in shown and b"/" not in folder.path
        is_new = is_new and (person, folder.path) not in still
        if (
            isinstance(person, int)
            and is_new
            and (person not in homes or posixpath.dirname(homes[person].path) == IGNORED)
        ):
            shown.add(person)
            yield Shown(person, folder.path, is_restored=True)


def _changes(
    left: Sequence[LeftFolder],
    found: Sequence[FoundFolder],
    homes: Mapping[Owner, FoundFolder],
    done: Collection[Owner],
) -> tuple[dict[PhotoId, set[Owner]], dict[PhotoId, set[Target]]]:
    """Per photo, the owners of the folders that its links are gone from, and where new ones are; of owners that are not done with yet."""
    removed: dict[PhotoId, set[Owner]] = defaultdict(set)
    added: dict[PhotoId, set[Target]] = defaultdict(set)
    parked: set[PhotoId] = set()
    owned = {home.path for home in homes.values()}
    for folder in left:
        if folder.owner in done:
            continue
        now = homes[folder.owner].photos if folder.owner in homes else frozenset()
        if not isinstance(folder.owner, Together):
            for photo in folder.photos - now:
                removed[photo].add(folder.owner)
        if isinstance(folder.owner, int | Pool):
            for photo in now - folder.photos:
                added[photo].add(folder.owner)
        else:
            # there is nothing to say by putting a link where links only ask or show
            parked |= now - folder.photos
    for photo in parked:
        removed.pop(photo, None)
    pools = {pool.encode(): pool for pool in Pool}
    for seen in found:
        if seen.is_the_users(owned):
            for photo in seen.photos:
                added[photo].add(seen.path)
        elif seen.path in pools and seen.path not in owned:
            for photo in seen.photos:
                added[photo].add(pools[seen.path])
        elif isinstance(seen.marker, int) and seen.path not in owned:
            # a copy of a person's folder, which says nothing: what was moved there from where links only ask is not put away
            for photo in seen.photos:
                removed[photo] -= {
                    owner for owner in removed[photo] if owner is Pool.UNKNOWN or isinstance(owner, Review)
                }
    return removed, added


def _merged_into(
    folder: LeftFolder,
    theirs: Mapping[Owner, Collection[PhotoId]],
    added: Mapping[PhotoId, set[Target]],
    halves: OpenHalves,
) -> PersonId | None:
    """The person with a folder that has nearly all links of a folder that is gone, but for those that it had before."""
    votes: dict[PersonId, int] = defaultdict(int)
    for photo in folder.photos:
        for target in _now_at(photo, added, halves):
            if isinstance(target, int) and target != folder.owner:
                votes[target] += 1
    best = max(votes, key=lambda person: (votes[person], -person), default=None)
    if best is None:
        return None
    doubles = sum(1 for photo in folder.photos if photo in theirs.get(best, ()))
    return best if votes[best] >= MOVED_SHARE * (len(folder.photos) - doubles) else None


def _now_at(photo: PhotoId, added: Mapping[PhotoId, set[Target]], halves: OpenHalves) -> set[Target]:
    """Where a photo's links came to, now or a while ago."""
    came = halves.came.get(photo)
    return added.get(photo, set()) | ({came} if came is not None else set())


def _took_links(folder: LeftFolder, added: Mapping[PhotoId, set[Target]], halves: OpenHalves) -> bool:
    """Whether most links of a folder that is gone are elsewhere now, so that these are what the user meant."""
    moved = sum(1 for photo in folder.photos if _now_at(photo, added, halves) - {folder.owner})
    return bool(folder.photos) and moved >= MOVED_SHARE * len(folder.photos)


def _links(
    removed: Mapping[PhotoId, set[Owner]],
    added: Mapping[PhotoId, set[Target]],
    again: Mapping[PhotoId, PersonId],
    halves: OpenHalves,
) -> tuple[list[Gesture], list[Founded], list[Gesture]]:
    """What became of single links: moves and copies, folders founded, deletions."""
    linked: list[Gesture] = []
    deleted: list[Gesture] = []
    founded: dict[bytes, list[tuple[PhotoId, Owner | None]]] = defaultdict(list)
    for photo in sorted({*removed, *added}):
        # a person's link says more than one of the unknown pool's
        sources = sorted(removed.get(photo, ()), key=_order)
        earlier = list(halves.went.get(photo, ()))
        for target in sorted(added.get(photo, ()), key=_order):
            source = _source(sources, target)
            if source is None and target is not Pool.UNKNOWN:
                source = _source(earlier, target)
            if isinstance(target, bytes):
                founded[target].append((photo, source))
            elif target is Pool.UNKNOWN:
                if source is not None and not isinstance(source, Suggestion):
                    deleted.append(Deleted(photo, source))
            elif target is Pool.IGNORED and source is None:
                # what was put there before, or a copy: nothing tells which face is meant
                continue
            else:
                linked.append(Moved(photo, source, target))
        beside = again.get(photo)
        first = sources[0] if sources else None
        if beside is not None and isinstance(first, int | Pool | Review) and first not in {beside, Pool.IGNORED}:
            linked.append(Joined(photo, first, beside))
            sources.remove(first)
        came = halves.came.get(photo)
        if came is not None and came not in sources and (source := _source(sources, came)) is not None:
            # the copy of a while ago was this one's
            linked.append(Moved(photo, source, came))
        # an example that is gone says nothing
        deleted += [Deleted(photo, source) for source in sources if not isinstance(source, Suggestion)]
    return linked, [Founded(path, tuple(photos)) for path, photos in sorted(founded.items())], deleted


def _source(sources: list[Owner], target: Target) -> Owner | None:
    """The owner of the link that became the one at the target, taken from those that are gone: the person that was asked about,
    else the first.
    """
    asked = next((source for source in sources if isinstance(source, Review) and source.person_id == target), None)
    source = asked or (sources[0] if sources else None)
    if source is not None:
        sources.remove(source)
    return source


def _at_once(deleted: Sequence[Gesture], homes: Mapping[Owner, FoundFolder]) -> list[Gesture]:
    """The deletions; those of a folder that only asked and is gone as one answer."""
    single: list[Gesture] = []
    whole: dict[Review, list[PhotoId]] = defaultdict(list)
    for gesture in deleted:
        if isinstance(gesture, Deleted) and isinstance(gesture.source, Review) and gesture.source not in homes:
            whole[gesture.source].append(gesture.photo_id)
        else:
            single.append(gesture)
    return [*single, *(Answered(review.person_id, tuple(photos), None) for review, photos in whole.items())]


def _order(target: Target) -> tuple[int, int, bytes]:
    if isinstance(target, bytes):
        return (1, 0, target)
    return (0, target, b"") if isinstance(target, int) else (2, 0, owner_text(target).encode())


def _weight(gesture: Gesture, left: Sequence[LeftFolder]) -> int:
    """How many links a deletion takes away."""
    match gesture:
        case Hidden(person_id):
            return next(len(folder.photos) for folder in left if folder.owner == person_id)
        case Parted(one, other):
            return next(len(folder.photos) for folder in left if folder.owner == Suggestion(one, other))
        case Answered(_, photos):
            return len(photos)
        case Pointed(faces):
            return len(faces)
        case _:
            return 1
