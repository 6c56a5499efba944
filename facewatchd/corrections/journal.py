"""
The journal's entry of a correction, made in one place: before the change, with what is needed to undo it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from facewatchd.core.tree.owners import owner_text
from facewatchd.corrections.records import LinkGesture, Source
from facewatchd.corrections.titles import Title
from facewatchd.domain import FaceId, PersonId
from facewatchd.store import Store

GOES_ON_S = 5.0
"""
The same gesture with other photos, so many seconds after it was read, is the rest of it: a file manager moves and deletes one
after the other, and the tree is read after three quiet seconds.
"""


@dataclass(frozen=True, slots=True)
class Entries:
    """
    Makes entries.

    Args:
        store: The state; written to.
        now: Seconds since 1970.
    """

    store: Store
    now: float

    def add(
        self,
        source: Source,
        title: Title,
        faces: Collection[FaceId],
        people: Collection[PersonId],
        made: Collection[PersonId] = (),
    ) -> int:
        """
        Note what is about to be changed, in a new entry or in the one that this correction is a part of.

        Args:
            source: Where the correction comes from.
            title: What it says.
            faces: The faces that it changes.
            people: The people with rows or medoids that it changes.
            made: The people who come into being by it.

        Returns:
            The entry's number.
        """
        journal = self.store.journal
        if not isinstance(source, LinkGesture):
            return journal.remember(self.now, title.text, faces, people, made=made)
        count = len(source.photos)
        if source.first is not None:
            text = None if source.first.keeps_title else title.text
            journal.extend(source.first.entry_id, text, faces, people, photos=count)
            return source.first.entry_id
        kind = " > ".join(owner_text(owner) if owner is not None else "" for owner in (source.source, source.to))
        newest = journal.newest()
        if (
            newest is not None
            and (newest.kind, newest.undone) == (kind, False)
            and 0 <= self.now - newest.at <= GOES_ON_S
        ):
            whole = f"{newest.photos + count} photos{title.of_several}"
            journal.extend(newest.entry_id, whole, faces, people, photos=count, whole=True, at=self.now)
            return newest.entry_id
        return journal.remember(self.now, title.text, faces, people, kind=kind, photos=count)
