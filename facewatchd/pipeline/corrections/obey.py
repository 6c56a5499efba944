"""
Gestures -> the state: each becomes constraints and a journal entry, in one transaction, so that it holds for good and can
be taken back.
"""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Collection, Sequence

from facewatchd.core.grouping.suggestions import EXAMPLES
from facewatchd.core.tree.corrections import meant_together
from facewatchd.core.tree.folder_names import folder_name, is_same_name, is_variant, name_in
from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    Gesture,
    Hidden,
    Joined,
    Kept,
    Merged,
    Misplaced,
    Moved,
    Parted,
    Pointed,
    Renamed,
    Several,
    Shown,
)
from facewatchd.core.tree.half_moves import HalfMove
from facewatchd.core.tree.owners import Owner, Suggestion
from facewatchd.domain import Constraint, ConstraintKind, FaceId, Person, PersonId, PhotoId
from facewatchd.errors import displayable
from facewatchd.pipeline.corrections.confirming import confirm
from facewatchd.pipeline.corrections.face_gestures import FaceWords, losing_of, whose_was, with_unknown
from facewatchd.pipeline.corrections.pointing import Pointing
from facewatchd.store import Store

log = logging.getLogger(__name__)


class Obedience(FaceWords):
    """
    Carries gestures into the state.

    Args:
        store: The state.
        now: Seconds since 1970.
        gestures: All that are going to be obeyed: whose folder went elsewhere by one of them has left its name to others.
        allow_same_photo: Whether two faces of a photo may be one person.
        halves: What was obeyed a while ago and may be completed by them.
    """

    def __init__(
        self,
        store: Store,
        now: float,
        gestures: Sequence[Gesture] = (),
        *,
        allow_same_photo: bool = False,
        halves: Sequence[HalfMove] = (),
    ) -> None:
        super().__init__(store, now, allow_same_photo=allow_same_photo, halves=halves)
        self.told: list[str] = []
        """What was put back, as sentences."""
        self.questions: list[tuple[bytes, str]] = []
        """Folders that nothing is done about before the user answers, and what is asked."""
        self.held: set[tuple[Owner, PhotoId]] = set()
        """Links that went to such folders: whose, and the photo."""
        self.restored: list[tuple[PersonId, bytes]] = []
        """Folders that are back from elsewhere."""
        self._elsewhere: set[PersonId] = {g.person_id for g in gestures if isinstance(g, Renamed | Merged | Hidden)}

    def obey(self, gesture: Gesture | Several) -> None:
        """Carry one gesture, or several alike, into the state; `scope` has whose folders change by it."""
        with self._store.transaction():
            self._first = None
            title = self._carry_out(gesture)
        if title:
            log.info("%s", title)

    def _carry_out(self, gesture: Gesture | Several) -> str:
        match gesture:
            case Renamed(person_id, path, to):
                return self._rename(person_id, path, to)
            case Merged(person_id, into, path):
                return self._merge(person_id, into, path)
            case Hidden(person_id, path):
                return self._hide(person_id, path)
            case Shown(person_id, path, is_restored):
                return self._show(person_id, path, is_restored=is_restored)
            case Misplaced(person_id, path):
                return self._put_back(person_id, path)
            case Kept(person_id):
                return self._keep(person_id)
            case Displaced(owner, path):
                self._store.manifest.renamed(owner, path)
                self.scope |= with_unknown(owner)
                return ""
            case Answered(person_id, photos, to):
                return self._answer(person_id, photos, to)
            case Parted(one, other):
                return self._part(one, other)
            case Moved(photo_id, source, to):
                return self._moved((photo_id,), source, to)
            case Joined(photo_id, source, to):
                return self._join(photo_id, source, to)
            case Deleted(photo_id, source):
                return self._went(source, self._delete((photo_id,), source))
            case Several(photos, source, None):
                assert source is not None
                return self._went(source, self._delete(photos, source))
            case Several(photos, source, to):
                assert to is not None
                return self._moved(photos, source, to)
            case Pointed():
                return self._point(gesture)
            case Founded(path, photos, faces):
                return self._found(path, photos, faces)

    # --- people

    def _rename(self, person_id: PersonId, path: bytes, to: bytes) -> str:
        store = self._store
        person = store.people.get(person_id)
        store.manifest.renamed(person_id, to)
        self.scope.add(person_id)
        called = posixpath.basename(to)
        if person is None or is_variant(called, folder_name(person.title)):
            # what a crash left of our own renaming, not the user's word
            return ""
        name = name_in(called)
        other = self._namesake(name, person_id)
        if other is not None and called == folder_name(other.title) and person_id not in store.people.hidden():
            return self._merge(person_id, other.person_id)
        if other is not None:
            self.told.append(
                f"The folder of {person.title} was renamed to {displayable(called)}, but {other.title} is called that already: "
                "case, blanks at the ends and Unicode form make no other name. It has its old name again. If the two are one "
                f"person, move it into the folder of {other.title}; if not, choose another name."
            )
            return ""
        self._elsewhere.discard(person_id)
        store.journal.remember(self._now, f"{person.title} is {name}", (), (person_id,))
        store.people.rename(person_id, name)
        return f"{displayable(path)} is {displayable(to)} now, as its folder was renamed"

    def _namesake(self, name: str, but: PersonId | None = None) -> Person | None:
        """
        Who has this name already, however it is written, and is to be seen: a folder that gets a name is not that of somebody
        who is not.
        """
        away = self._elsewhere | self._store.people.hidden() | {but}
        named = (person for person in self._store.people.named() if is_same_name(person.name, name))
        return next((person for person in named if person.person_id not in away), None)

    def _merge(self, person_id: PersonId, into: PersonId, path: bytes | None = None) -> str:
        store = self._store
        if path is not None:
            store.manifest.renamed(person_id, path)
        person, other = store.people.get(person_id), store.people.get(into)
        if person is None or other is None or person.person_id == other.person_id:
            return ""
        title = f"{person.title} is {other.title}"
        # they may have been merged a moment ago, and then it is about whom they are now
        one, two = person.person_id, other.person_id
        self._halves.complete_all(one, two)
        faces = store.people.faces_concerned(one) | store.people.faces_concerned(two)
        self._remember(title, faces, (one, two))
        store.people.merge(one, two, allow_same_photo=self._allow_same_photo)
        self.scope |= with_unknown(person_id, one, two)
        return f"{title}, as their folders were merged"

    def _hide(self, person_id: PersonId, path: bytes | None) -> str:
        store = self._store
        person = store.people.get(person_id)
        if person is None:
            return ""
        store.journal.remember(self._now, f"{person.title} is hidden", (), (person_id,))
        store.people.hide(person_id, hidden=True)
        if path is None:
            store.manifest.removed(person_id)
        else:
            store.manifest.renamed(person_id, path)
        self.scope |= with_unknown(person_id)
        return f"{person.title} is hidden, as their folder was {'deleted' if path is None else 'moved to _ignored'}"

    def _put_back(self, person_id: PersonId, path: bytes) -> str:
        store = self._store
        store.manifest.renamed(person_id, path)
        self.scope.add(person_id)
        person = store.people.get(person_id)
        if person is not None:
            self.told.append(
                f"The folder of {person.title} was moved to {displayable(path)}, where it means nothing: it is back. To hide "
                "somebody, move the folder into _ignored; to make two people one, move it into the other's folder."
            )
        return ""

    def _keep(self, person_id: PersonId) -> str:
        store = self._store
        store.manifest.removed(person_id)
        self.scope.add(person_id)
        person = store.people.get(person_id)
        if person is not None:
            self.told.append(
                f"The folder of {person.title} was deleted from _ignored: it is back, as {person.title} stays hidden. To have "
                "them shown again, move it out of _ignored."
            )
        return ""

    def _show(self, person_id: PersonId, path: bytes, *, is_restored: bool) -> str:
        store = self._store
        person = store.people.get(person_id)
        if person is None:
            return ""
        store.journal.remember(self._now, f"{person.title} is shown again", (), (person_id,))
        store.people.hide(person_id, hidden=False)
        if is_restored:
            store.manifest.made(person_id, path)
            self.restored.append((person_id, path))
        else:
            store.manifest.renamed(person_id, path)
        self.scope |= with_unknown(person_id)
        name = name_in(path)
        if is_variant(path, folder_name(person.title)) or self._namesake(name, person_id) is not None:
            return f"{person.title} is shown again, as their folder is back"
        # what it is called now is the user's latest word
        store.people.rename(person_id, name)
        return f"{person.title} is shown again, as their folder is back, and is {name} now, as it is called"

    def _found(
        self, path: bytes, photos: tuple[tuple[PhotoId, Owner | None], ...], pointed: Collection[FaceId] = ()
    ) -> str:
        store = self._store
        if (other := self._namesake(name_in(path))) is not None:
            self.questions.append((path, _is_it(path, other)))
            self.held |= {(source, photo) for photo, source in photos if source is not None}
            return ""
        for photo, source in photos:
            self._halves.complete(photo, source, None)
        chosen = meant_together({photo: (self._candidates(photo, pointed), source) for photo, source in photos})
        taken = [photo for photo, source in photos if source is None and photo not in chosen]
        self.idle += [(photo, path) for photo in taken if self._store.faces.of_photo(photo)]
        if not chosen:
            return ""
        name = name_in(path)
        # before the name: taken back, there must be nobody of that name left
        person_id = store.people.add(founded=True)
        faces = [face.face_id for face in chosen.values()]
        sources = dict(photos)
        losing = {whose for photo, face in chosen.items() for whose in losing_of(face, sources[photo])}
        rest = {photo: self._rest(photo, sources[photo], faces) for photo in chosen}
        concerned = [*faces, *(other for among in rest.values() for other in among)]
        self._entry_id = store.journal.remember(
            self._now, f"{name} is somebody new", concerned, {person_id, *losing}, made=(person_id,)
        )
        store.people.rename(person_id, name)
        for photo, face in chosen.items():
            confirm(store, face.face_id, whose_was(face, sources[photo]), person_id)
            self._refuse_rest(rest[photo], sources[photo])
            if sources[photo] is None:
                self._halves.came(photo, person_id, self._entry_id, founded=True)
        fit = [face for face in chosen.values() if not face.poor]
        store.medoids.replace(person_id, [face.face_id for face in sorted(fit, key=lambda face: -face.quality)[:1]])
        store.manifest.made(person_id, path)
        self.scope |= with_unknown(person_id, *sources.values(), *losing)
        return f"{displayable(path)} is somebody new, with {len(faces)} faces"

    def _part(self, one: PersonId, other: PersonId) -> str:
        """What was shown of either is not the other's: that keeps them apart, and outlives both as they are now."""
        store = self._store
        person, stranger = store.people.get(one), store.people.get(other)
        if person is None or stranger is None or person == stranger:
            return ""
        words = [
            Constraint(ConstraintKind.CANNOT_BE, face, not_this)
            for whose, not_this in ((one, other), (other, one))
            for face in store.reviews.examples(whose, not_this, EXAMPLES)
        ]
        title = f"{person.title} and {stranger.title} are two people"
        store.journal.remember(self._now, title, [word.face_id for word in words], ())
        store.people.say(words)
        self.scope |= {Suggestion(one, other), *with_unknown()}
        return title

    def _point(self, gesture: Pointed) -> str:
        pointing = Pointing(self._store, self._now, gesture, allow_same_photo=self._allow_same_photo)
        two = pointing.two_in_one()
        title = self._merge(*two) if two is not None else pointing.carry_out()
        self.scope |= pointing.scope
        return title


def _is_it(path: bytes, other: Person) -> str:
    return (
        f"Is the new folder {displayable(path)} {other.title}? Case, blanks at the ends and Unicode form make no other name, so "
        f"nothing is done about it yet. If it is, move it into the folder of {other.title}; if not, give it another name."
    )
