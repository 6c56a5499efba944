"""
The user's answers in `_review`: what became of folders that only ask.

Such a folder is known by its marker. One that was moved or renamed is answered as a whole; one that is gone is told by
where its links are now.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from facewatchd.core.tree.gestures import Answered, Displaced, FoundFolder, Gesture, LeftFolder, Merged, Parted
from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together, place_of
from facewatchd.domain import PhotoId, Pool

MOVED_SHARE = 0.8
"""A folder with most of its links elsewhere was moved there, even if the file manager left out a few doubles."""

Target = Owner | bytes
"""An owner, or the path of a folder that the user made."""


@dataclass(frozen=True, slots=True)
class Answers:
    """
    Attributes:
        homes: Where the folders that only ask are now.
        gestures: What was said by moving and renaming them.
        answered: The owners that nothing else is to be told of.
    """

    homes: dict[Owner, FoundFolder] = field(default_factory=dict)
    gestures: list[Gesture] = field(default_factory=list)
    answered: set[Owner] = field(default_factory=set)


def read_moved(left: Sequence[LeftFolder], found: Sequence[FoundFolder], people_at: Mapping[bytes, Owner]) -> Answers:
    """
    What the user said by moving and renaming whole folders.

    Args:
        left: The tree as it was left.
        found: The folders that are there.
        people_at: The owner of the folder at a path.
    """
    at = {folder.path: folder for folder in found}
    answers = Answers()
    for folder in left:
        owner = folder.owner
        if not isinstance(owner, Review | Suggestion | Together):
            continue
        here = at.get(folder.path)
        if here is not None and here.marker in {None, owner}:
            answers.homes[owner] = here
            continue
        marked = [seen for seen in found if seen.marker == owner]
        now = min(marked, key=lambda seen: (posixpath.dirname(seen.path) != place_of(owner), seen.path), default=None)
        if now is None or (isinstance(owner, Review) and b"/" not in now.path):
            # gone, or a folder of the user's own by now: its links tell
            continue
        answers.homes[owner] = now
        answers.gestures.append(Displaced(owner, now.path))
        answer = _answer(folder, now, people_at)
        if answer is not None:
            answers.gestures.append(answer)
            answers.answered.add(owner)
    return answers


def _answer(folder: LeftFolder, now: FoundFolder, people_at: Mapping[bytes, Owner]) -> Gesture | None:
    """What a folder says by where it is now, and under which name."""
    place, name = posixpath.split(now.path)
    asked = posixpath.basename(folder.path)
    is_yes = place == place_of(folder.owner) and name != asked and name.strip() == asked.replace(b"?", b"").strip()
    into = Pool.IGNORED if place == Pool.IGNORED.encode() else people_at.get(place.split(b"/")[0])
    match folder.owner:
        case Review(person_id):
            to = person_id if is_yes else into
            if isinstance(to, int) or to is Pool.IGNORED:
                return Answered(person_id, tuple(sorted(now.photos & folder.photos)), to)
        case Suggestion(one, other):
            if into is Pool.IGNORED:
                return Parted(one, other)
            if is_yes or into == one:
                return Merged(other, one)
            if into == other:
                return Merged(one, other)
    return None


def read_emptied(
    folder: LeftFolder,
    now: FoundFolder | None,
    theirs: Mapping[Owner, Collection[PhotoId]],
    added: Mapping[PhotoId, set[Target]],
) -> Gesture | None:
    """
    What the user said of a suggestion by its links.

    Args:
        folder: The suggestion's, as it was left.
        now: ... as it is; None where it is gone.
        theirs: Per owner the photos in their folder as that was left.
        added: Per photo where new links are; those that were a part of the answer are taken out.

    Returns:
        Merged, where one's examples were put into the other's folder; Parted, where all are gone; else None.
    """
    assert isinstance(folder.owner, Suggestion)
    one, other = folder.owner.one, folder.owner.other
    if now is not None and folder.photos <= now.photos:
        return None
    for into, joined in ((one, other), (other, one)):
        examples = folder.photos - set(theirs.get(into, ()))
        moved = {photo for photo in examples if into in added.get(photo, ())}
        if moved and len(moved) >= MOVED_SHARE * len(examples):
            for photo in moved:
                added[photo].discard(into)
            return Merged(joined, into)
    elsewhere = sum(1 for photo in folder.photos if added.get(photo))
    is_gone = now is None or now.photos.isdisjoint(folder.photos)
    return Parted(one, other) if is_gone and elsewhere < MOVED_SHARE * len(folder.photos) else None
