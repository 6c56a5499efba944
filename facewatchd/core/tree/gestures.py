"""
What the user can do to the people tree, as records; `core.tree.reading` tells it from what was written last and what is there
now. Folders are sets of photos here; how a link leads to a photo is the shell's business.

| the user | means |
|---|---|
| renames a person's folder | that is the name |
| moves a person's folder into another's, or lets the file manager merge them | the two are one |
| moves a person's folder into `_ignored` | stop showing this person |
| deletes a person's folder, or moves it out of the tree | hide the person; the folder is in `_ignored` then |
| moves a hidden person's folder out of `_ignored`, or brings one back | show them again, by the name that it has then |
| renames a hidden person's folder in `_ignored` | that is the name |
| deletes a hidden person's folder in `_ignored` | nothing: it comes back |
| moves a person's folder anywhere else | nothing: it comes back |
| copies a person's folder | nothing: the copy is the user's own |
| moves a link from A to B | it is B and not A |
| moves a link from A to B beside B's own of the same photo | both faces are B: a mirror, a collage |
| moves a link from `_unknown` to B beside B's own of the same photo, or over it | the unknown face is B, too, if there is just one |
| moves a link to a folder of their own making | a new person with the folder's name |
| copies a link to B | B is in the photo too: a face of no person, or of an unnamed one, is B |
| copies a link, and deletes the original a while before or after | as if it was moved, see `core.tree.half_moves` |
| moves a link to `_ignored` | stop showing this face |
| deletes a link, or moves it to `_unknown` | it is not this person |
| renames a link | it has that name, see `core.tree.given_names` |
| deletes a link in `_ignored` | show this face again |
| moves a link from `_review/Anna?` to Anna | it is Anna |
| deletes it, or moves it to `_unknown` | it is not Anna |
| moves it elsewhere | as any other link, and it is not Anna |
| does one of these with the whole folder, or renames it to `Anna` | the same for all that is in it |
| moves `_review/Anna + Person 7?` into the folder of one of them, or renames it to `Anna + Person 7` | the two are one |
| deletes it, or moves it to `_ignored` | the two are two, for good |
| moves, copies or deletes the picture of a face, alone or with its link | the same about this very face |
| moves a link into a folder in `_review` or `_together`, deletes one that is only an example there | nothing: it comes back |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together
from facewatchd.domain import FaceId, PersonId, PhotoId, Pool


@dataclass(frozen=True, slots=True)
class LeftFolder:
    """
    A folder as it was left: its owner, where (relative to the tree), the photos that it surely linked to, and the faces that it
    had pictures of, each with its photo.
    """

    owner: Owner
    path: bytes
    photos: frozenset[PhotoId]
    faces: Mapping[FaceId, PhotoId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """
    A folder as it is found.

    Attributes:
        marker: The owner that it names.
        photos: Those that it links to.
        again: Of these, those with more links than the person has faces in them, and those with a link that the user put there in
            the place of ours.
        faces: Those that there are pictures of, each with its photo; of folders that are as they were left, none.
    """

    path: bytes
    marker: Owner | None
    photos: frozenset[PhotoId]
    again: frozenset[PhotoId] = frozenset()
    faces: Mapping[FaceId, PhotoId] = field(default_factory=dict)

    def is_the_users(self, owned: Collection[bytes]) -> bool:
        """Whether it is a folder of the user's making, where somebody new may be; `owned` are the paths of ours."""
        is_marked = self.marker is not None and not isinstance(self.marker, Review)
        return not (self.path in owned or is_marked or b"/" in self.path or self.path.startswith((b"_", b".")))


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
    """
    A hidden person's folder is back: out of `_ignored`, or from elsewhere while the one in `_ignored` is still there
    (`is_restored`), and then its links say nothing: they are as old as it is.
    """

    person_id: PersonId
    path: bytes
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A person's folder is where it means nothing."""

    person_id: PersonId
    path: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The folder of somebody who is hidden is gone, which says nothing new."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class Moved:
    """A photo's link went from one owner's folder to another's; `source` is None for a copy."""

    photo_id: PhotoId
    source: Owner | None
    to: Owner


@dataclass(frozen=True, slots=True)
class Joined:
    """
    A photo's link went from an owner's folder to a person's, beside the one that is there or in its place: both faces are
    theirs.
    """

    photo_id: PhotoId
    source: PersonId | Pool | Review
    to: PersonId


@dataclass(frozen=True, slots=True)
class Deleted:
    photo_id: PhotoId
    source: Owner


@dataclass(frozen=True, slots=True)
class Pointed:
    """
    Pictures of faces went from one owner's folder to another's, alone or with their links: these faces are meant, each given
    with its photo. `source` is None for copies, `to` for what is gone.
    """

    faces: tuple[tuple[PhotoId, FaceId], ...]
    source: Owner | None
    to: Owner | None


@dataclass(frozen=True, slots=True)
class Founded:
    """
    A folder of the user's making with links in it; each photo with the owner of the folder that the link was in, if any. `faces` are
    those with pictures in it.
    """

    path: bytes
    photos: tuple[tuple[PhotoId, Owner | None], ...]
    faces: frozenset[FaceId] = frozenset()


@dataclass(frozen=True, slots=True)
class Answered:
    """
    One answer for all faces that may be a person's: who they are; `_ignored`; None for not the person's.
    """

    person_id: PersonId
    photos: tuple[PhotoId, ...]
    to: PersonId | Pool | None


@dataclass(frozen=True, slots=True)
class Parted:
    """Two people who might be one are two."""

    one: PersonId
    other: PersonId


@dataclass(frozen=True, slots=True)
class Displaced:
    """A folder of `_review` or `_together` is elsewhere now."""

    owner: Review | Suggestion | Together
    path: bytes


@dataclass(frozen=True, slots=True)
class Several:
    """Links of several photos that went from one folder to another, or (`to` is None) were deleted, at once."""

    photos: tuple[PhotoId, ...]
    source: Owner | None
    to: Owner | None


Gesture = (
    Displaced
    | Misplaced
    | Kept
    | Renamed
    | Merged
    | Hidden
    | Shown
    | Moved
    | Joined
    | Pointed
    | Deleted
    | Founded
    | Answered
    | Parted
)


@dataclass(frozen=True, slots=True)
class Reading:
    """
    Attributes:
        gestures: What to carry out, in this order.
        doubted: Deletions that were too many at once to be believed.
        half: Folders that may be half of a move: to carry out when nothing else came of them for a while.
        copies: Folders with the marker of a person who has another one, and that person.
    """

    gestures: tuple[Gesture, ...]
    doubted: int = 0
    half: tuple[Founded, ...] = ()
    copies: tuple[tuple[bytes, PersonId], ...] = ()


def at_once(gestures: Sequence[Gesture]) -> list[Gesture | Several]:
    """The gestures in their order, those that say the same of several photos as one, where the first of them was."""
    together: dict[tuple[Owner | None, Owner | None], list[PhotoId]] = {}
    order: list[Gesture | tuple[Owner | None, Owner | None]] = []
    for gesture in gestures:
        if not isinstance(gesture, Moved | Deleted):
            order.append(gesture)
            continue
        way = (gesture.source, gesture.to if isinstance(gesture, Moved) else None)
        if way not in together:
            order.append(way)
        together.setdefault(way, []).append(gesture.photo_id)
    return [Several(tuple(together[one]), *one) if isinstance(one, tuple) else one for one in order]
