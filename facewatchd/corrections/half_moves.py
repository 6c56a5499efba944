"""
Moves of links that come in two halves (`core.tree.half_moves`): the first half is remembered with its entry in the journal. The
second half takes it back and completes it, in the same entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from facewatchd.core.tree.half_moves import WHILE_S, HalfKind, HalfMove
from facewatchd.core.tree.owners import Owner
from facewatchd.corrections.records import FirstHalf
from facewatchd.domain import PersonId, PhotoId
from facewatchd.store import Store


class HalfMoves:
    """
    The halves of a while.

    Args:
        store: The state; written to.
        now: Seconds since 1970.
        halves: The halves that may be completed now.
    """

    def __init__(self, store: Store, now: float, halves: Iterable[HalfMove] = ()) -> None:
        self._store = store
        self._now = now
        self._halves = list(halves)

    def came(self, photo_id: PhotoId, to: PersonId, entry_id: int, *, founded: bool = False) -> None:
        """A copy of a link came to a person, which may be the first half of a move."""
        self._remember(HalfMove(photo_id, HalfKind.CAME, to, self._now, entry_id, founded))

    def went(self, photo_id: PhotoId, source: Owner, entry_id: int) -> None:
        """An owner's link went, which may be the first half of a move."""
        self._remember(HalfMove(photo_id, HalfKind.WENT, source, self._now, entry_id))

    def _remember(self, half: HalfMove) -> None:
        self._store.half_moves.forget_before(self._now - WHILE_S)
        self._store.half_moves.remember(half)

    def complete(self, photo_id: PhotoId, source: Owner | None, to: Owner | None) -> FirstHalf | None:
        """
        A link went from one owner to another. Where half of that was carried out before, it is taken back.

        Args:
            photo_id: The photo.
            source: The owner of the folder that the link was in; None for a copy, which completes nothing.
            to: The owner of the folder that it is in; None for a new person.

        Returns:
            The entry that the whole move becomes a part of; None where it gets its own.
        """
        first = None
        faces = {face.face_id for face in self._store.faces.of_photo(photo_id)}
        for half in [half for half in self._halves if half.photo_id == photo_id and source is not None]:
            if (half.kind, half.owner) not in {(HalfKind.CAME, to), (HalfKind.WENT, source)}:
                continue
            self._halves.remove(half)
            if not self._store.journal.take_out(half.entry_id, faces):
                continue
            self._store.half_moves.forget(photo_id)
            if half.kind is HalfKind.CAME:
                first = FirstHalf(half.entry_id, half.founded)
            else:
                self._store.journal.strike_out(half.entry_id)
        return first

    def complete_all(self, person_id: PersonId, into: PersonId) -> None:
        """All links of a person went to another: what was made of those that came as copies is taken back."""
        for half in list(self._halves):
            if (half.kind, half.owner) == (HalfKind.CAME, into) and self._shows(half.photo_id, person_id):
                first = self.complete(half.photo_id, person_id, into)
                if first is not None and not first.keeps_title:
                    self._store.journal.strike_out(first.entry_id)

    def _shows(self, photo_id: PhotoId, person_id: PersonId) -> bool:
        return any(face.person_id == person_id for face in self._store.faces.of_photo(photo_id))
