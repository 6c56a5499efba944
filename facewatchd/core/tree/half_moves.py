"""
Moves of links that arrive in two halves. Syncthing, rclone and many file managers copy a link first and delete the original
later, or the other way round, and either half may be read before the other is there.

The first half is taken for what it looks like, so that nobody waits for an answer. The second one completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from facewatchd.core.tree.answers import MOVED_SHARE
from facewatchd.core.tree.gestures import Founded, LeftFolder
from facewatchd.core.tree.owners import Owner, owner_text
from facewatchd.domain import PersonId, PhotoId, Pool

WHILE_S = 120.0
"""
So long after one half the other is believed to belong to it. Syncthing sends what came after ten seconds and what went
after up to a minute (`fsWatcherDelayS`, and six times that), and then it is on its way. A user who copies a link, and
deletes another of the same photo for another reason, seldom does both within two minutes.
"""


class HalfKind(StrEnum):
    CAME = "came"
    WENT = "went"


@dataclass(frozen=True, slots=True)
class HalfMove:
    """
    Half of what may be a move, which was carried out.

    Attributes:
        owner: The owner of the folder that the link came to or went from.
        at: Seconds since 1970.
        entry_id: What it came to, in the journal.
        founded: Whether the link came to a folder that became somebody new by it.
    """

    photo_id: PhotoId
    kind: HalfKind
    owner: Owner
    at: float
    entry_id: int
    founded: bool = False


@dataclass(frozen=True, slots=True)
class OpenHalves:
    """
    The halves that may be completed yet.

    Attributes:
        came: Per photo the person that a copy of its link came to.
        went: Per photo the owners that its links went from; people before pools.
    """

    came: Mapping[PhotoId, PersonId] = field(default_factory=dict)
    went: Mapping[PhotoId, tuple[Owner, ...]] = field(default_factory=dict)


def open_halves(halves: Iterable[HalfMove]) -> OpenHalves:
    """The halves by their photos; of two copies of one link the later one counts."""
    came: dict[PhotoId, PersonId] = {}
    went: dict[PhotoId, tuple[Owner, ...]] = {}
    for half in sorted(halves, key=lambda half: (half.at, half.photo_id)):
        if half.kind is HalfKind.WENT:
            owners = (*went.get(half.photo_id, ()), half.owner)
            went[half.photo_id] = tuple(sorted(owners, key=lambda owner: (isinstance(owner, Pool), owner_text(owner))))
        elif isinstance(half.owner, int):
            came[half.photo_id] = half.owner
    return OpenHalves(came, went)


def is_whole_copy(founded: Founded, left: Sequence[LeftFolder]) -> bool:
    """
    Whether a folder holds copies only, of nearly all that is in a person's folder: half of the move or of the renaming of that
    folder, which its marker tells when it comes.
    """
    if any(source is not None for _, source in founded.photos):
        return False
    photos = {photo for photo, _ in founded.photos}
    return any(
        isinstance(folder.owner, int)
        and len(folder.photos) > 1
        and len(photos & folder.photos) >= MOVED_SHARE * len(folder.photos)
        for folder in left
    )
