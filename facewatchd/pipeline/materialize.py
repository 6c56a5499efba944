"""
State -> people tree: what is wanted is read from the state, the difference is decided by `core.tree`, and each deed is
written into the manifest.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from facewatchd.config import Config
from facewatchd.core.dates import date_prefix
from facewatchd.core.names import link_name
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
    Renamed,
    RenameFolder,
    WantedFile,
    WantedFolder,
    WantedLink,
    Written,
    WrittenFolder,
    gestures,
    plan,
)
from facewatchd.domain import PersonId
from facewatchd.errors import PhotoError, displayable
from facewatchd.people.covers import COVER, cut_cover
from facewatchd.people.tree import Done, PeopleTree, marker_text
from facewatchd.pipeline.pictures import read_picture
from facewatchd.store import PersonPhoto, Store

log = logging.getLogger(__name__)

Scope = set[PersonId | None]
"""Whose folders to look after; None stands for the unknown pool."""

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
    """

    path: bytes
    min_faces: int
    relative: bool
    max_megapixels: float

    @classmethod
    def of(cls, config: Config) -> TreeSettings:
        return cls(
            os.path.realpath(os.fsencode(config.people.dir)),
            config.people.min_faces,
            config.people.links == "relative",
            config.ingest.max_megapixels,
        )


@dataclass(frozen=True, slots=True)
class Materialized:
    """What was done, or in a dry run would be: the user's gestures first, then our actions."""

    gestures: tuple[Renamed, ...]
    actions: tuple[Action, ...]


def materialize(
    store: Store, settings: TreeSettings, scope: Scope | None = None, *, dry_run: bool = False
) -> Materialized:
    """
    Make the people tree as the state wants it, touching only what differs.

    Args:
        store: The state; written to unless `dry_run`.
        settings: See there.
        scope: Whose folders, all where None.
        dry_run: Only say what would be done.

    Raises:
        TreeError: The tree cannot be read or written. What was done is in the manifest.
    """
    if dry_run and not os.path.isdir(settings.path):
        return Materialized((), tuple(plan(_wanted(store, settings, scope), store.manifest.folders(scope), _NOTHING)))
    with PeopleTree(settings.path, store.state_id(), lambda action: _content(store, settings, action)) as tree:
        written = store.manifest.names()
        present = tree.look(None if scope is None else {written[who] for who in scope if who in written} | {UNKNOWN})
        found = gestures([WrittenFolder(who, name) for who, name in written.items()], present)
        if found and not dry_run:
            _obey(store, found)
            scope = None if scope is None else scope | {gesture.person_id for gesture in found}
            present = tree.look(None)
        actions = plan(_wanted(store, settings, scope), store.manifest.folders(scope), present)
        if not dry_run:
            done = tree.carry_out(actions)
            while batch := list(itertools.islice(done, _PER_TRANSACTION)):
                with store.transaction():
                    for deed in batch:
                        _record(store, deed)
    return Materialized(tuple(found), tuple(actions))


def _obey(store: Store, found: list[Renamed]) -> None:
    """Carry the user's gestures into the state."""
    with store.transaction():
        for gesture in found:
            name = gesture.to.decode("utf-8", "replace")
            person = store.people.get(gesture.person_id)
            if person is not None and name != person.title:
                store.people.rename(gesture.person_id, name)
                log.info("%s is %s now, as their folder was renamed", person.title, displayable(gesture.to))
            store.manifest.renamed(gesture.person_id, gesture.to)


def _wanted(store: Store, settings: TreeSettings, scope: Scope | None) -> list[WantedFolder]:
    target = _target_maker(store, settings)
    marker = WantedFile(MARKER, store.state_id())
    folders = []
    for summary in store.people.summaries():
        person = summary.person
        if scope is not None and person.person_id not in scope:
            continue
        if not person.name and summary.faces < settings.min_faces:
            continue
        cover = store.people.cover(person.person_id)
        files = (marker, WantedFile(COVER, str(cover))) if cover is not None else (marker,)
        links = _links(store.people.photos(person.person_id), target)
        folders.append(WantedFolder(person.person_id, person.title, links, files))
    if scope is None or None in scope:
        unknown = _links(store.people.unknown_photos(settings.min_faces), target)
        if unknown:
            folders.append(WantedFolder(None, UNKNOWN.decode(), unknown))
    return folders


def _links(photos: list[PersonPhoto], target: Callable[[bytes], bytes]) -> tuple[WantedLink, ...]:
    return tuple(
        WantedLink(
            photo.photo_id,
            link_name(date_prefix(photo.date) if photo.date else "", os.path.basename(photo.path)),
            target(photo.path),
        )
        for photo in photos
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
    assert action.person_id is not None
    if action.name == MARKER:
        return marker_text(action.person_id, action.version)
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
        case MakeFolder(person_id, folder):
            manifest.made(person_id, folder)
        case RenameFolder(person_id, _, to):
            manifest.renamed(person_id, to)
        case RemoveFolder(person_id, _):
            manifest.removed(person_id)
        case PutLink(folder, name, photo_id, target) | Adopt(folder, name, photo_id, target):
            manifest.put(folder, Written(name, photo_id, target))
        case PutFile(_, folder, name, version):
            manifest.put(folder, Written(name, None, version.encode(), done.signature))
        case RemoveLink(folder, name) | RemoveFile(folder, name) | Forget(folder, name):
            manifest.dropped(folder, name)
