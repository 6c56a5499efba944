"""
Gestures in the people tree -> corrections: what each means, by the state as the gestures before it have left it. Reads the
state, changes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from facewatchd.core.tree.folder_names import folder_name, is_variant, name_in
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
from facewatchd.core.tree.name_claims import Claimant, NameClaim, NameDecisions, decide_names
from facewatchd.core.tree.scope import with_unknown
from facewatchd.corrections import from_links
from facewatchd.corrections.from_links import Decision
from facewatchd.corrections.names import shown_names
from facewatchd.corrections.records import FirstHalf, FolderGesture, Hide, KeepApart, Merge, Rename, Show
from facewatchd.domain import Person, PersonId
from facewatchd.errors import displayable
from facewatchd.store import Store

_NO_NAMES = NameDecisions({}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class Look:
    """
    What holds for all gestures of one look at the tree.

    Attributes:
        names: Who gets the name that their folder has.
        allow_same_photo: Whether two faces of a photo may be one person.
    """

    names: NameDecisions = field(default_factory=lambda: _NO_NAMES)
    allow_same_photo: bool = False


def look_at(store: Store, gestures: Sequence[Gesture], *, allow_same_photo: bool) -> Look:
    """Decide what must be decided for all gestures together: a name that one person gives up is free for another."""
    claims = [claim for gesture in gestures if (claim := _claim(store, gesture)) is not None]
    if not claims:
        return Look(allow_same_photo=allow_same_photo)
    names = shown_names(store)
    renamed = {claim.claimant for claim in claims}
    leaving = {gesture.person_id for gesture in gestures if isinstance(gesture, Hidden)}
    moving = set[PersonId]()
    for gesture in gestures:
        person = store.people.get(gesture.person_id) if isinstance(gesture, Merged) else None
        into = store.people.get(gesture.into) if isinstance(gesture, Merged) else None
        if person is None or into is None or person == into:
            continue
        moving.add(person.person_id)
        if into.name or into.person_id in renamed:
            leaving.add(person.person_id)
        elif person.name:
            names[person.person_id] = person.name
    return Look(decide_names(claims, names, leaving, moving), allow_same_photo)


def _claim(store: Store, gesture: Gesture) -> NameClaim | None:
    """The name that a gesture would give."""
    match gesture:
        case Renamed(person_id, _, path):
            person = store.people.get(person_id)
            called = posixpath.basename(path)
            if person is None or is_variant(called, folder_name(person.title)):
                # what a crash left of our own renaming is no gesture
                return None
            is_hidden = person_id in store.people.hidden()
            return NameClaim(person_id, name_in(called), called, is_hidden=is_hidden, may_merge=True)
        case Shown(person_id, path):
            person = store.people.get(person_id)
            if person is None:
                return None
            is_named = not is_variant(path, folder_name(person.title))
            name = name_in(path) if is_named else person.name
            return NameClaim(person_id, name, path, otherwise=person.name) if name else None
        case Founded(path):
            return NameClaim(path, name_in(path), path)
        case _:
            return None


def decide(store: Store, gesture: Gesture | Several, look: Look, first: FirstHalf | None = None) -> Decision:
    """
    What a gesture means.

    Args:
        store: The state.
        gesture: The gesture, or several alike.
        look: See `look_at`.
        first: The first half, where links of `gesture` are the second half of a move.
    """
    match gesture:
        case Renamed(person_id):
            return _renamed(store, gesture, store.people.get(person_id), look)
        case Merged(person_id, into):
            return _merged(store, person_id, into, look)
        case Hidden(person_id, path):
            person = store.people.get(person_id)
            told = f"as their folder was {'deleted' if path is None else 'moved to _ignored'}"
            correction = Hide(person_id, FolderGesture(told)) if person is not None else None
            return Decision(correction, owners=with_unknown(person_id))
        case Shown():
            return _shown(store, gesture, look)
        case Misplaced(person_id, path):
            return _misplaced(person_id, path, store.people.get(person_id))
        case Kept(person_id):
            return _kept(person_id, store.people.get(person_id))
        case Displaced(owner):
            return Decision(owners=with_unknown(owner))
        case Parted(one, other):
            person, stranger = store.people.get(one), store.people.get(other)
            if person is None or stranger is None or person == stranger:
                return Decision()
            return Decision(KeepApart(one, other, FolderGesture()))
        case Founded(path):
            holder = look.names.refused.get(path)
            if holder is not None:
                return Decision(question=_is_it(path, _title(store, holder)))
            return from_links.founded(store, gesture, name_in(path), look.names.given_up)
        case Answered(person_id, photos, to):
            return from_links.answered(store, person_id, photos, to, allow_same_photo=look.allow_same_photo)
        case Moved(photo_id, source, to):
            return from_links.moved(store, (photo_id,), source, to, first, allow_same_photo=look.allow_same_photo)
        case Several(photos, source, to) if to is not None:
            return from_links.moved(store, photos, source, to, first, allow_same_photo=look.allow_same_photo)
        case Several(photos, source):
            assert source is not None
            return from_links.deleted(store, photos, source)
        case Joined(photo_id, source, to):
            return from_links.joined(store, photo_id, source, to)
        case Deleted(photo_id, source):
            return from_links.deleted(store, (photo_id,), source)
        case Pointed():
            return from_links.pointed(store, gesture, allow_same_photo=look.allow_same_photo)


def _renamed(store: Store, gesture: Renamed, person: Person | None, look: Look) -> Decision:
    called = posixpath.basename(gesture.to)
    owners = frozenset({gesture.person_id})
    if person is None or is_variant(called, folder_name(person.title)):
        return Decision(owners=owners)
    into = look.names.merges.get(gesture.person_id)
    if into is not None:
        merged = _merged(store, gesture.person_id, into, look)
        return replace(merged, owners=merged.owners | owners)
    holder = look.names.refused.get(gesture.person_id)
    if holder is None:
        told = f"as the folder {displayable(gesture.path)} was renamed"
        rename = Rename(gesture.person_id, name_in(called), FolderGesture(told), look.names.given_up)
        return Decision(rename, owners=owners)
    other = _title(store, holder)
    told = (
        f"The folder of {person.title} was renamed to {displayable(called)}, but {other} is called that already: "
        "case, blanks at the ends and Unicode form make no other name. It has its old name again. If the two are one "
        f"person, move it into the folder of {other}; if not, choose another name."
    )
    return Decision(owners=owners, told=told)


def _merged(store: Store, person_id: PersonId, into: PersonId, look: Look) -> Decision:
    person, other = store.people.get(person_id), store.people.get(into)
    if person is None or other is None or person == other:
        return Decision()
    source = FolderGesture("as their folders were merged")
    return Decision(Merge(person_id, into, source, look.allow_same_photo), owners=with_unknown(person_id))


def _shown(store: Store, gesture: Shown, look: Look) -> Decision:
    person = store.people.get(gesture.person_id)
    if person is None:
        return Decision()
    told = "as their folder is back"
    name = ""
    if not is_variant(gesture.path, folder_name(person.title)) and gesture.person_id not in look.names.refused:
        # what it is called now is the user's latest correction
        name = name_in(gesture.path)
        told += f", and is {name} now, as it is called"
    show = Show(gesture.person_id, name, FolderGesture(told), look.names.given_up)
    return Decision(show, owners=with_unknown(gesture.person_id))


def _misplaced(person_id: PersonId, path: bytes, person: Person | None) -> Decision:
    told = (
        ""
        if person is None
        else (
            f"The folder of {person.title} was moved to {displayable(path)}, where it means nothing: it is back. To hide "
            "somebody, move the folder into _ignored; to make two people one, move it into the other's folder."
        )
    )
    return Decision(owners=frozenset({person_id}), told=told)


def _kept(person_id: PersonId, person: Person | None) -> Decision:
    told = (
        ""
        if person is None
        else (
            f"The folder of {person.title} was deleted from _ignored: it is back, as {person.title} stays hidden. To have "
            "them shown again, move it out of _ignored."
        )
    )
    return Decision(owners=frozenset({person_id}), told=told)


def _title(store: Store, holder: Claimant) -> str:
    if isinstance(holder, bytes):
        return displayable(holder)
    person = store.people.get(holder)
    return person.title if person is not None else str(holder)


def _is_it(path: bytes, title: str) -> str:
    return (
        f"Is the new folder {displayable(path)} {title}? Case, blanks at the ends and Unicode form make no other name, so "
        f"nothing is done about it yet. If it is, move it into the folder of {title}; if not, give it another name."
    )
