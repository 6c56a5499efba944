"""
What the user can mean, as records. The command line and gestures in the people tree make them; `corrections.apply` carries them
out, each with one entry in the journal.

A person's id may be of somebody who was merged: that is the person whom they were merged into.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from facewatchd.core.tree.owners import Owner
from facewatchd.domain import FaceId, PersonId, PhotoId

# --- where a correction comes from ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the user typed."""


@dataclass(frozen=True, slots=True)
class FolderGesture:
    """What the user did to a whole folder of the people tree; `told` says what, as the end of a sentence for the log."""

    told: str = ""


@dataclass(frozen=True, slots=True)
class FirstHalf:
    """
    The journal's entry of the first half of a move (`core.tree.half_moves`), which the second half becomes a part of.

    Attributes:
        keeps_title: Whether the entry says more than that a link came.
    """

    entry_id: int
    keeps_title: bool


@dataclass(frozen=True, slots=True)
class LinkGesture:
    """
    What the user did to links of photos.

    Attributes:
        photos: The photos.
        source: The owner of the folder that the links were in; None for copies.
        to: The owner of the folder that they are in now; None where they are gone.
        first: The first half, where this is the second half of a move.
    """

    photos: tuple[PhotoId, ...]
    source: Owner | None
    to: Owner | None
    first: FirstHalf | None = None


@dataclass(frozen=True, slots=True)
class PictureGesture:
    """What the user did to pictures of faces; `source` is the owner of the folder that they were in, None for copies."""

    source: Owner | None


Source = Command | FolderGesture | LinkGesture | PictureGesture

# --- people ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rename:
    """
    A person has this name.

    Attributes:
        given_up: People who leave their names to others: they get another name, or are hidden, in the same transaction.
    """

    person_id: PersonId
    name: str
    source: Source = field(default_factory=Command)
    given_up: frozenset[PersonId] = frozenset()


@dataclass(frozen=True, slots=True)
class Merge:
    """
    Two people are one, and all faces of the first are the second's.

    Attributes:
        allow_same_photo: Whether two faces of a photo may be one person; else the second keeps one of them.
    """

    person_id: PersonId
    into: PersonId
    source: Source = field(default_factory=Command)
    allow_same_photo: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """
    A person is several people.

    Attributes:
        faces: The faces of one other person; empty for the groups that the person came together from
            (`core.grouping.split.parts`): the largest stays the person.
    """

    person_id: PersonId
    faces: tuple[FaceId, ...] = ()
    source: Source = field(default_factory=Command)


@dataclass(frozen=True, slots=True)
class Hide:
    """The user does not want to see a person."""

    person_id: PersonId
    source: Source = field(default_factory=Command)


@dataclass(frozen=True, slots=True)
class Show:
    """
    A hidden person is to be seen again.

    Attributes:
        name: The name that the person has from now on; empty to keep the name.
        given_up: See `Rename`.
    """

    person_id: PersonId
    name: str = ""
    source: Source = field(default_factory=Command)
    given_up: frozenset[PersonId] = frozenset()


@dataclass(frozen=True, slots=True)
class KeepApart:
    """Two people who might be one are two."""

    one: PersonId
    other: PersonId
    source: Source = field(default_factory=Command)


# --- faces ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """
    A face that is confirmed as a person's.

    Attributes:
        face_id: The face.
        not_of: The person that it was believed to be, and is not.
        photo_not_of: The person who is in none of the other faces of the photo either: one of them that is like the person
            would bring the link back with the next grouping.
    """

    face_id: FaceId
    not_of: PersonId | None = None
    photo_not_of: PersonId | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """
    These faces are a person's.

    Attributes:
        both: Whether the person's other faces in the same photos are confirmed, too: a mirror, a collage.
        allow_same_photo: Whether they stay the person's unconfirmed; else they are the person's no more.
    """

    faces: tuple[ChosenFace, ...]
    person_id: PersonId
    source: Source = field(default_factory=Command)
    both: bool = False
    allow_same_photo: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """
    These faces are not a person's.

    Attributes:
        whole_photo: Whether the person is in none of the other faces of their photos either.
    """

    faces: tuple[FaceId, ...]
    person_id: PersonId
    source: Source = field(default_factory=Command)
    whole_photo: bool = False


@dataclass(frozen=True, slots=True)
class Ignore:
    """
    The user does not want to see these faces.

    Attributes:
        photo_not_of: The person who is in none of the other faces of their photos.
    """

    faces: tuple[FaceId, ...]
    source: Source = field(default_factory=Command)
    photo_not_of: PersonId | None = None


@dataclass(frozen=True, slots=True)
class StopIgnoring:
    """The user wants to see these faces again."""

    faces: tuple[FaceId, ...]
    source: Source = field(default_factory=Command)


@dataclass(frozen=True, slots=True)
class Found:
    """
    These faces are a new person's.

    Attributes:
        given_up: See `Rename`.
    """

    name: str
    faces: tuple[ChosenFace, ...]
    source: Source = field(default_factory=Command)
    given_up: frozenset[PersonId] = frozenset()


Correction = Rename | Merge | Split | Hide | Show | KeepApart | Confirm | Reject | Ignore | StopIgnoring | Found
