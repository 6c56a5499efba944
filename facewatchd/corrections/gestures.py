"""
Carries the gestures of one look into the state: each becomes a correction (`corrections.from_gestures`), which is applied before
the next one is decided; the manifest learns where folders are now.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    Gesture,
    Hidden,
    Kept,
    Merged,
    Misplaced,
    Moved,
    Renamed,
    Several,
    Shown,
    at_once,
)
from facewatchd.core.tree.half_moves import HalfMove
from facewatchd.core.tree.owners import Owner, Review
from facewatchd.corrections.apply import Applied, apply
from facewatchd.corrections.from_gestures import Look, decide, look_at
from facewatchd.corrections.from_links import Decision
from facewatchd.corrections.half_moves import HalfMoves
from facewatchd.corrections.names import RefusedError
from facewatchd.corrections.records import FirstHalf, FolderGesture, Merge
from facewatchd.domain import PersonId, PhotoId
from facewatchd.store import Store

log = logging.getLogger(__name__)


@dataclass(slots=True)
class GesturesApplied:
    """
    What came of the gestures.

    Attributes:
        owners: The owners of the folders that change.
        told: What was put back, as sentences.
        questions: Folders about which nothing is done before the user answers, and what is asked.
        held: Links that went to such folders: the owner of the folder that they were in, and the photo.
        restored: Folders that are back from elsewhere.
        idle: Copies of links without a face that they may take: the photo, and the person or the folder that they came to.
    """

    owners: set[Owner] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    questions: list[tuple[bytes, str]] = field(default_factory=list)
    held: set[tuple[Owner, PhotoId]] = field(default_factory=set)
    restored: list[tuple[PersonId, bytes]] = field(default_factory=list)
    idle: list[tuple[PhotoId, PersonId | bytes]] = field(default_factory=list)


def apply_gestures(
    store: Store,
    gestures: Sequence[Gesture],
    now: float,
    *,
    allow_same_photo: bool = False,
    halves: Sequence[HalfMove] = (),
) -> GesturesApplied:
    """
    Carry out all gestures of a look, in their order; all of them, or nothing.

    Args:
        store: The state; written to.
        gestures: What the user did.
        now: Seconds since 1970.
        allow_same_photo: Whether two faces of a photo may be one person.
        halves: Halves of moves, carried out a while ago, that these gestures may complete.
    """
    with store.transaction():
        look = look_at(store, gestures, allow_same_photo=allow_same_photo)
        applying = _Applying(store, now, look, HalfMoves(store, now, halves))
        for gesture in at_once(gestures):
            applying.apply(gesture)
        return applying.outcome


class _Applying:
    def __init__(self, store: Store, now: float, look: Look, halves: HalfMoves) -> None:
        self._store = store
        self._now = now
        self._look = look
        self._halves = halves
        self.outcome = GesturesApplied()

    def apply(self, gesture: Gesture | Several) -> None:
        """Carry out one gesture; links of which one half was carried out before make the whole move, in one entry."""
        match gesture:
            case Moved(photo_id, source, to):
                self._links((photo_id,), source, to)
            case Several(photos, source, to) if to is not None:
                self._links(photos, source, to)
            case _:
                self._one(gesture)

    def _links(self, photos: Sequence[PhotoId], source: Owner | None, to: Owner) -> None:
        with_first: dict[FirstHalf | None, list[PhotoId]] = {}
        for photo_id in photos:
            with_first.setdefault(self._halves.complete(photo_id, source, to), []).append(photo_id)
        for first, some in with_first.items():
            self._one(Several(tuple(some), source, to), first)

    def _one(self, gesture: Gesture | Several, first: FirstHalf | None = None) -> None:
        if isinstance(gesture, Founded) and gesture.path not in self._look.names.refused:
            for photo_id, source in gesture.photos:
                self._halves.complete(photo_id, source, None)
        decision = decide(self._store, gesture, self._look, first)
        if isinstance(decision.correction, Merge):
            self._complete_merge(decision.correction)
        applied = self._carry_out(decision)
        self._note_folder(gesture, applied)
        if applied is not None:
            self._remember_half(gesture, decision.photos, applied)
        self._collect(gesture, decision, applied)

    def _carry_out(self, decision: Decision) -> Applied | None:
        correction = decision.correction
        if correction is None:
            return None
        try:
            applied = apply(self._store, correction, self._now)
        except RefusedError as refused:
            self.outcome.told.append(str(refused))
            return None
        told = correction.source.told if isinstance(correction.source, FolderGesture) else ""
        log.info("%s%s", applied.title, f", {told}" if told else "")
        return applied

    def _complete_merge(self, merge: Merge) -> None:
        person, into = self._store.people.get(merge.person_id), self._store.people.get(merge.into)
        # they may have been merged a moment ago, and then it is about the people that they are now
        if person is not None and into is not None and person != into:
            self._halves.complete_all(person.person_id, into.person_id)

    def _note_folder(self, gesture: Gesture | Several, applied: Applied | None) -> None:
        """Where an owner's folder is now."""
        manifest = self._store.manifest
        match gesture:
            case Renamed(owner, _, path) | Misplaced(owner, path) | Displaced(owner, path):
                manifest.renamed(owner, path)
            case Merged(owner, _, path) if path is not None:
                manifest.renamed(owner, path)
            case Kept(owner):
                manifest.removed(owner)
            case Hidden(owner, None) if applied is not None:
                manifest.removed(owner)
            case Hidden(owner, path) if applied is not None and path is not None:
                manifest.renamed(owner, path)
            case Shown(owner, path, is_restored) if applied is not None:
                if is_restored:
                    manifest.made(owner, path)
                    self.outcome.restored.append((owner, path))
                else:
                    manifest.renamed(owner, path)
            case Founded(path) if applied is not None:
                manifest.made(applied.people[0], path)

    def _remember_half(self, gesture: Gesture | Several, photos: Sequence[PhotoId], applied: Applied) -> None:
        """A copy or a deletion may be the first half of a move."""
        match gesture:
            case Several(_, None, int(to)):
                for photo_id in photos:
                    self._halves.came(photo_id, to, applied.entry_id)
            case Founded(_, links):
                copies = {photo_id for photo_id, source in links if source is None}
                for photo_id in photos:
                    if photo_id in copies:
                        self._halves.came(photo_id, applied.people[0], applied.entry_id, founded=True)
            case Answered(person_id, _, None):
                self._went(photos, Review(person_id), applied)
            case Several(_, source, None) | Deleted(_, source) if source is not None:
                self._went(photos, source, applied)

    def _went(self, photos: Sequence[PhotoId], source: Owner, applied: Applied) -> None:
        for photo_id in photos:
            self._halves.went(photo_id, source, applied.entry_id)

    def _collect(self, gesture: Gesture | Several, decision: Decision, applied: Applied | None) -> None:
        outcome = self.outcome
        outcome.owners |= decision.owners | (applied.owners if applied is not None else frozenset())
        outcome.idle += decision.idle
        if decision.told:
            outcome.told.append(decision.told)
        if decision.noted:
            log.info("%s", decision.noted)
        if isinstance(gesture, Founded) and decision.question:
            outcome.questions.append((gesture.path, decision.question))
            outcome.held |= {(source, photo) for photo, source in gesture.photos if source is not None}
