"""
A few photos of the unknown pool, which may hold very many others: what is about them alone is looked after without the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from facewatchd.core.tree.entries import UNKNOWN, Present, PresentFolder, WantedFolder, WrittenFolder
from facewatchd.core.tree.face_pictures import pictures_in
from facewatchd.core.tree.given_names import with_given_names
from facewatchd.core.tree.plan import narrowed
from facewatchd.core.tree.scope import NO_PHOTO, PICTURES, InPool, Scope
from facewatchd.domain import PersonId, PhotoId, Pool
from facewatchd.pipeline.tree.files import target_maker
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.pipeline.tree.shown import wanted_unknown
from facewatchd.pipeline.tree.wanted_links import links_to
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class PoolPart:
    """The unknown pool, as far as a few photos matter."""

    wanted: WantedFolder
    written: WrittenFolder
    present: PresentFolder


WHOLE_POOL: Final = "all"


def part_of_pool(
    store: Store, settings: TreeSettings, scope: Scope, present: Present
) -> PoolPart | Literal["all"] | None:
    """The part of the unknown pool that single photos in scope are about; `WHOLE_POOL` where all of it is, None where none is."""
    photos: set[PhotoId] = {one.photo_id for one in scope if isinstance(one, InPool)}
    if not photos or None in scope:
        return None
    # somebody who gets a folder of their own takes their photos out of the pool
    for person_id in scope:
        if isinstance(person_id, int) and not _has_name(store, person_id):
            photos |= {photo.photo_id for photo in store.people.photos(person_id)}
    pictures = wanted_unknown(store, settings.min_faces, settings.pictures)
    shown = pictures_in(store.manifest.pictures_of(Pool.UNKNOWN))
    # the newest faces are others now; of those that are not about these photos, pictures are made when all is settled
    new = [p for p in pictures if p.face_id not in shown.values() and (PICTURES in scope or p.photo_id in photos)]
    changed = {p.face_id for p in new} | ({*shown.values()} - {p.face_id for p in pictures})
    photos |= {p.photo_id for p in new if p.photo_id is not None}
    photos.discard(NO_PHOTO)
    there, written = present.folders.get(UNKNOWN), store.manifest.of_photos(Pool.UNKNOWN, photos)
    target = target_maker(store, settings.path, settings.links)
    links = links_to(settings.name, store.people.unknown_photos(settings.min_faces, photos), target)
    links = with_given_names(links, store.given_names.of_owner(Pool.UNKNOWN, settings.min_faces))
    if not changed and not links and (written is None or not written.entries):
        return None
    if written is None or there is None or (photos and not links):
        # the pool may begin or end with them
        return WHOLE_POOL
    on_photo = store.pictures.photos({*shown.values()})
    stale = [
        entry
        for entry in store.manifest.pictures_of(Pool.UNKNOWN)
        if shown[entry.name] in changed or on_photo.get(shown[entry.name]) in photos
    ]
    written = WrittenFolder(written.owner, written.name, (*written.entries, *stale))
    near = tuple(picture for picture in pictures if picture.photo_id in photos)
    wanted = WantedFolder(Pool.UNKNOWN, UNKNOWN.decode(), links, pictures=near)
    return PoolPart(wanted, written, narrowed(there, links, written.entries))


def _has_name(store: Store, person_id: PersonId) -> bool:
    person = store.people.get(person_id)
    return person is not None and bool(person.name)
