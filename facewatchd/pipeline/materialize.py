"""
State -> people tree: what is wanted is read from the state, the difference is decided by `core.tree`, and each deed is
written into the manifest.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from facewatchd.config import Config
from facewatchd.core.dates import date_prefix
from facewatchd.core.gestures import Gesture
from facewatchd.core.names import link_name
from facewatchd.core.owners import Owner, Review, Suggestion, Together
from facewatchd.core.tree import (
    MARKER,
    UNKNOWN,
    Action,
    Adopt,
    Forget,
    MakeFolder,
    Present,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
    WantedFile,
    WantedFolder,
    WantedLink,
    Written,
    WrittenFolder,
)
from facewatchd.core.tree_plan import plan
from facewatchd.domain import PersonId, Pool
from facewatchd.errors import PhotoError, TreeError, displayable
from facewatchd.people.covers import COVER, cut_cover
from facewatchd.people.tree import KEPT_OUT, Done, Looked, PeopleTree, marker_text
from facewatchd.pipeline.obey import Obedience
from facewatchd.pipeline.pictures import read_picture
from facewatchd.pipeline.shown import wanted_reviews, wanted_together
from facewatchd.pipeline.tree_reading import TreeReading, read_tree, recover, take_over
from facewatchd.store import PersonPhoto, Store

log = logging.getLogger(__name__)

Scope = set[PersonId | None]
"""Whose folders to look after, with those of several people that they are among; None stands for the pools."""

# how many folders deep links of ours may lie: a review's or a year's, moved into another folder
_DEEPEST = 3

_NOTHING = Present(frozenset(), {})

# deeds between two commits: a crash in between leaves links that the next plan adopts
_PER_TRANSACTION = 256


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """
    Attributes:
        path: The people directory, absolute, without symlinks.
        min_faces: An unnamed person needs this many faces to get a folder.
        relative: Whether links are relative.
        max_megapixels: For the photos that covers are cut out of.
        max_deletions: More links than this share of the tree are not deleted by the user at once.
        allow_same_photo: Whether two faces of a photo may be one person.
        years: Whether people's links are in a folder per year.
        together: Two people with so many photos in common have a folder of these; 0 for none.
    """

    path: bytes
    min_faces: int
    relative: bool
    max_megapixels: float
    max_deletions: float = 0.2
    allow_same_photo: bool = False
    years: bool = False
    together: int = 0

    @classmethod
    def of(cls, config: Config) -> TreeSettings:
        return cls(
            os.path.realpath(os.fsencode(config.people.dir)),
            config.people.min_faces,
            config.people.links == "relative",
            config.ingest.max_megapixels,
            config.people.max_deletions,
            config.people.allow_same_photo,
            config.people.years,
            config.people.together,
        )


@dataclass(frozen=True, slots=True)
class Materialized:
    """
    What was done, or in a dry run would be.

    Attributes:
        gestures: What the user did to the tree, which was obeyed first.
        actions: What was done to the tree.
        doubted: Links deleted at once that were too many to be believed; they come back.
    """

    gestures: tuple[Gesture, ...]
    actions: tuple[Action, ...]
    doubted: int = 0


def materialize(
    store: Store,
    settings: TreeSettings,
    scope: Scope | None = None,
    *,
    dry_run: bool = False,
    anew: bool = False,
    looked: Looked | None = None,
) -> Materialized:
    """
    Obey what the user did to the people tree, then make it as the state wants it, touching only what differs.

    Args:
        store: The state; written to unless `dry_run`.
        settings: See there.
        scope: Whose folders, all where None; those that gestures are about are looked after in any case.
        dry_run: Only say what would be done.
        anew: Build the tree even where none of it is left.
        looked: See `PeopleTree`.

    Raises:
        TreeError: The tree cannot be read or written, or is not there. What was done is in the manifest.
    """
    if dry_run and not os.path.isdir(settings.path):
        return Materialized((), tuple(plan(_wanted(store, settings, scope), _written(store, scope), _NOTHING)))
    names = store.manifest.names()
    if names and not anew and not os.path.isdir(settings.path):
        raise _lost(settings)
    with PeopleTree(settings.path, store.state_id(), lambda action: _content(store, settings, action), looked) as tree:
        present = tree.look({*names.values()})
        if names and not anew and KEPT_OUT not in present.names and present.names.isdisjoint(names.values()):
            raise _lost(settings)
        if not dry_run:
            recover(store, present)
        read = TreeReading()
        if tree.changed:
            read = read_tree(store, settings.path, present, settings.max_deletions)
        if not dry_run and (read.changed or read.reading.gestures):
            obedience = Obedience(store, time.time(), read.reading.gestures, allow_same_photo=settings.allow_same_photo)
            with store.transaction():
                for gesture in read.reading.gestures:
                    obedience.obey(gesture)
                present = take_over(store, present, read.ours)
            if scope is not None:
                scope = scope.union(*map(_whom, obedience.scope | read.changed))
        actions = plan(_wanted(store, settings, scope), _written(store, scope), present)
        if not dry_run and actions:
            tree.claim()
            _announce(store, actions)
            _carry_out(store, tree, actions)
            with store.transaction():
                store.manifest.end()
    return Materialized(read.reading.gestures, tuple(actions), read.reading.doubted)


def _lost(settings: TreeSettings) -> TreeError:
    return TreeError(
        "The people tree is not there",
        "Mount its disk; if it is gone for good, 'facewatchd tree' builds it anew from the state.",
        settings.path,
    )


def _written(store: Store, scope: Scope | None) -> list[WrittenFolder]:
    return store.manifest.folders(None if scope is None else lambda owner: _concerns(scope, owner))


def _concerns(scope: Scope, owner: Owner) -> bool:
    """Whether a folder may change when something about these people does."""
    match owner:
        case Pool():
            return None in scope
        case Together(people):
            return not scope.isdisjoint(people)
        case Review(person_id):
            return None in scope or person_id in scope
        case Suggestion(one, other):
            return not scope.isdisjoint({None, one, other})
        case _:
            return owner in scope


def _whom(owner: Owner) -> Scope:
    """Whom to look after when an owner's folder changed."""
    match owner:
        case int():
            return {owner}
        case Together(people):
            return {*people}
        case _:
            return {None}


def _announce(store: Store, actions: list[Action]) -> None:
    """
    Write into the manifest which folders are about to be made or changed: after a crash nobody could tell an empty one
    as ours, and what is half done must not be taken for the user's doing.
    """
    with store.transaction():
        for action in actions:
            if isinstance(action, MakeFolder):
                store.manifest.made(action.owner, action.folder)
        store.manifest.begin({action.folder for action in actions})


def _carry_out(store: Store, tree: PeopleTree, actions: list[Action]) -> None:
    """Do it, and write it down in batches; where the tree cannot be written any more, up to there."""
    done: list[Done] = []
    try:
        for deed in tree.carry_out(actions):
            done.append(deed)
            # of a cover that is not written down nobody could tell that it is ours
            if isinstance(deed.action, PutFile) or len(done) >= _PER_TRANSACTION:
                _write_down(store, done)
                done = []
    finally:
        _write_down(store, done)


def _write_down(store: Store, done: list[Done]) -> None:
    with store.transaction():
        for deed in done:
            _record(store, deed)


def _wanted(store: Store, settings: TreeSettings, scope: Scope | None) -> list[WantedFolder]:
    target = _target_maker(store, settings)
    marker = WantedFile(MARKER, store.state_id())
    hidden = store.people.hidden()
    folders = []
    for summary in store.people.summaries(None if scope is None else {who for who in scope if who is not None}):
        person = summary.person
        if person.person_id in hidden:
            continue
        if not person.name and summary.faces < settings.min_faces:
            continue
        cover = store.people.cover(person.person_id)
        files = (marker, WantedFile(COVER, str(cover))) if cover is not None else (marker,)
        links = (_links_by_year if settings.years else _links)(store.people.photos(person.person_id), target)
        folders.append(WantedFolder(person.person_id, person.title, links, files))
    if scope is None or None in scope:
        unknown = _links(store.people.unknown_photos(settings.min_faces), target)
        if unknown:
            folders.append(WantedFolder(Pool.UNKNOWN, UNKNOWN.decode(), unknown))
        ignored = _links(store.people.ignored_photos(), target)
        if ignored or Pool.IGNORED in store.manifest.names():
            folders.append(WantedFolder(Pool.IGNORED, Pool.IGNORED.value, ignored))

    def deeper(photos: Sequence[PersonPhoto]) -> tuple[WantedLink, ...]:
        return _links(photos, lambda photo: _deeper(target(photo)))

    several = wanted_reviews(store, deeper)
    if settings.together:
        people = None if scope is None else {who for who in scope if who is not None}
        several += wanted_together(store, deeper, settings.together, people)
    return folders + [folder for folder in several if scope is None or _concerns(scope, folder.owner)]


def _deeper(target: bytes) -> bytes:
    """How a link reads one level further down."""
    return target if target.startswith(b"/") else b"../" + target


def _links(photos: Sequence[PersonPhoto], target: Callable[[bytes], bytes]) -> tuple[WantedLink, ...]:
    return tuple(
        WantedLink(
            photo.photo_id,
            link_name(date_prefix(photo.date) if photo.date else "", os.path.basename(photo.path)),
            target(photo.path),
        )
        for photo in photos
    )


def _links_by_year(photos: Sequence[PersonPhoto], target: Callable[[bytes], bytes]) -> tuple[WantedLink, ...]:
    """Those with a date in a folder per year."""
    prefixes = {photo.photo_id: date_prefix(photo.date) if photo.date else "" for photo in photos}
    return tuple(
        replace(link, name=b"%s/%s" % (prefixes[link.photo_id][:4].encode(), link.name), target=_deeper(link.target))
        if prefixes[link.photo_id]
        else link
        for link in _links(photos, target)
    )


def _target_maker(store: Store, settings: TreeSettings) -> Callable[[bytes], bytes]:
    """How a link to a photo reads. Relative ones share their beginning per root, which is worked out once."""
    roots = sorted((root.path for root in store.photos.roots().values()), key=len, reverse=True)
    # a person's folder lies directly in the tree, whatever its name
    starts = {root: os.path.relpath(root, os.path.join(settings.path, b"x")) for root in roots}

    def target(photo: bytes) -> bytes:
        if settings.relative:
            for root, start in starts.items():
                if photo.startswith(root + b"/"):
                    return start + photo[len(root) :]
        return photo

    return target


def _content(store: Store, settings: TreeSettings, action: PutFile) -> bytes | None:
    """The content of a small file of ours, None where it cannot be made."""
    if action.name == MARKER:
        return marker_text(action.owner, action.version)
    face = store.people.face(int(action.version))
    if face is None:
        return None
    try:
        return cut_cover(read_picture(face.path, settings.max_megapixels), face.box)
    except PhotoError as error:
        log.warning("No cover for %s: %s", displayable(action.folder), error)
        return None


def _record(store: Store, done: Done) -> None:
    """Write a deed into the manifest."""
    manifest = store.manifest
    match done.action:
        case MakeFolder():
            pass
        case RenameFolder(owner, _, to):
            manifest.renamed(owner, to)
        case RemoveFolder(owner, _):
            manifest.removed(owner)
        case PutLink(folder, name, photo_id, target) | Adopt(folder, name, photo_id, target):
            manifest.put(folder, Written(name, photo_id, target))
        case PutFile(_, folder, name, version):
            manifest.put(folder, Written(name, None, version.encode(), done.signature))
        case RemoveLink(folder, name) | RemoveFile(folder, name) | Forget(folder, name):
            manifest.dropped(folder, name)
