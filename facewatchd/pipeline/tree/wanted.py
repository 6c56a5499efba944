"""
What the state wants in the people tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from facewatchd.core.tree.entries import MARKER, UNKNOWN, LinkMode, WantedFile, WantedFolder, WantedLink, WrittenFolder
from facewatchd.core.tree.given_names import with_given_names
from facewatchd.core.tree.owners import Owner
from facewatchd.core.tree.scope import Scope, concerns
from facewatchd.domain import Pool
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.pipeline.tree.files import deeper, target_maker
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.pipeline.tree.shown import wanted_reviews, wanted_together, wanted_unknown
from facewatchd.pipeline.tree.wanted_links import links_by_year, links_to
from facewatchd.store import PersonPhoto, Store


def written_folders(store: Store, scope: Scope | None) -> list[WrittenFolder]:
    """The folders in scope as they were written last; all where None."""
    return store.manifest.folders(None if scope is None else lambda owner: concerns(scope, owner))


def wanted_folders(store: Store, settings: TreeSettings, scope: Scope | None) -> list[WantedFolder]:
    """The folders in scope as the state wants them; all where None."""
    target = target_maker(store, settings.path, settings.links)
    marker = WantedFile(MARKER, store.state_id())
    hidden = store.people.hidden()
    hidden_files = (WantedFile(HIDDEN, ""),) if settings.links is LinkMode.COPY else ()
    folders = []

    def one_level_down(photo: PersonPhoto) -> bytes:
        return deeper(target(photo))

    for summary in store.people.summaries(None if scope is None else {who for who in scope if isinstance(who, int)}):
        person = summary.person
        is_hidden = person.person_id in hidden
        if not is_hidden and not person.name and not store.people.is_in(person.person_id, settings.min_faces):
            continue
        # nobody wants to see the face of who is hidden
        cover = store.people.cover(person.person_id) if not is_hidden else None
        files = (marker, WantedFile(COVER, str(cover))) if cover is not None else (marker,)
        photos = store.people.photos(person.person_id)
        links = (links_by_year if settings.years else links_to)(
            settings.name, photos, one_level_down if is_hidden else target
        )
        links = with_given_names(links, store.given_names.of_owner(person.person_id, settings.min_faces))
        folders.append(WantedFolder(person.person_id, person.title, links, files, hidden=is_hidden))
    if scope is None or None in scope:
        unknown = links_to(settings.name, store.people.unknown_photos(settings.min_faces), target)
        unknown = with_given_names(unknown, store.given_names.of_owner(Pool.UNKNOWN, settings.min_faces))
        if unknown:
            pictures = wanted_unknown(store, settings.min_faces, settings.pictures)
            folders.append(WantedFolder(Pool.UNKNOWN, UNKNOWN.decode(), unknown, hidden_files, pictures))
        ignored = links_to(settings.name, store.people.ignored_photos(), target)
        ignored = with_given_names(ignored, store.given_names.of_owner(Pool.IGNORED, settings.min_faces))
        if ignored or hidden_files or Pool.IGNORED in store.manifest.names():
            folders.append(WantedFolder(Pool.IGNORED, Pool.IGNORED.value, ignored, hidden_files))

    def below(photos: Sequence[PersonPhoto]) -> tuple[WantedLink, ...]:
        return links_to(settings.name, photos, one_level_down)

    def concerned(owner: Owner) -> bool:
        return scope is None or concerns(scope, owner)

    several = wanted_reviews(store, below, concerned, hidden_files, pictures=settings.pictures > 0)
    if settings.together:
        people = None if scope is None else {who for who in scope if isinstance(who, int)}
        several += wanted_together(store, below, settings.together, people)
    return folders + [folder for folder in several if concerned(folder.owner)]
