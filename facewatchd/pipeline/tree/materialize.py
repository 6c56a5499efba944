"""
State -> people tree: what is wanted is read from the state, the difference is decided by `core.tree.entries`, and each deed is
written into the manifest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from facewatchd.config import Config
from facewatchd.core.tree.entries import (
    MARKER,
    UNKNOWN,
    Action,
    LinkMode,
    Present,
    PresentFolder,
    WantedFile,
    WantedFolder,
    WantedLink,
    WrittenFolder,
)
from facewatchd.core.tree.face_pictures import pictures_in
from facewatchd.core.tree.folder_names import is_numbered
from facewatchd.core.tree.gestures import Gesture
from facewatchd.core.tree.given_names import with_given_names
from facewatchd.core.tree.half_moves import WHILE_S, HalfMove, open_halves
from facewatchd.core.tree.link_names import USUAL, Template, template
from facewatchd.core.tree.owners import Owner
from facewatchd.core.tree.plan import leave, narrowed, plan, set_aside
from facewatchd.core.tree.scope import NO_PHOTO, PICTURES, InPool, Scope, concerns, scope_of
from facewatchd.corrections.gestures import apply_gestures
from facewatchd.domain import PersonId, PhotoId, Pool
from facewatchd.errors import TreeError, displayable
from facewatchd.people.claims import HIDDEN, SIGNS, Claim
from facewatchd.people.covers import COVER
from facewatchd.people.kept_pictures import KeptPictures
from facewatchd.people.looked import Looked, last_changed
from facewatchd.people.markers import tree_owner_text
from facewatchd.people.tree import PeopleTree
from facewatchd.photos.decoding.read import PlainReader
from facewatchd.pipeline.tree.apply import carry_out, content_maker
from facewatchd.pipeline.tree.files import deeper, photo_files, target_maker
from facewatchd.pipeline.tree.given_names import keep_given_names
from facewatchd.pipeline.tree.idle_copies import Undone, due_foundings, is_idle, next_due, undo_idle
from facewatchd.pipeline.tree.notices import has_questions, known_copies, tell
from facewatchd.pipeline.tree.owner import is_ours, owner_of, refuse_other
from facewatchd.pipeline.tree.pictures import Cutter, cut_now, let_go
from facewatchd.pipeline.tree.read import (
    TreeReading,
    read_tree,
    recover,
    restore,
    somebody_is_lost,
    take_over,
)
from facewatchd.pipeline.tree.restored import take_over_restored
from facewatchd.pipeline.tree.shown import wanted_reviews, wanted_together, wanted_unknown
from facewatchd.pipeline.tree.wanted_links import links_by_year, links_to
from facewatchd.store import PersonPhoto, Store

log = logging.getLogger(__name__)


_NOTHING = Present(frozenset(), {})


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """
    Attributes:
        path: The people directory, absolute, without symlinks.
        min_faces: An unnamed person must be in so many pictures that differ to get a folder.
        links: What stands for a photo.
        max_megapixels: For the photos that covers are cut out of.
        max_deletions: More links than this share of the tree are not deleted by the user at once.
        allow_same_photo: Whether two faces of a photo may be one person.
        years: Whether people's links are in a folder per year.
        together: Two people with so many photos in common have a folder of these; 0 for none.
        name: How links are named.
        pictures: So many of the newest unknown faces have a picture beside their link, and so has every face in `_review`;
            0: none has.
    """

    path: bytes
    min_faces: int
    links: LinkMode
    max_megapixels: float
    max_deletions: float = 0.2
    allow_same_photo: bool = False
    years: bool = False
    together: int = 0
    name: Template = field(default_factory=lambda: template(USUAL))
    pictures: int = 0

    @classmethod
    def of(cls, config: Config) -> TreeSettings:
        return cls(
            os.path.realpath(os.fsencode(config.people.dir)),
            config.people.min_faces,
            LinkMode(config.people.links),
            config.ingest.max_megapixels,
            config.people.max_deletions,
            config.people.allow_same_photo,
            config.people.years,
            config.people.together,
            template(config.people.link_name),
            config.people.face_pictures,
        )


@dataclass(frozen=True, slots=True)
class Materialized:
    """
    What was done, or in a dry run would be.

    Attributes:
        gestures: What the user did to the tree, which was obeyed first.
        actions: What was done to the tree.
        doubted: Links deleted at once that were too many to be believed; they come back.
        told: What the user did that was undone, each as a sentence.
        look_again_at: When something that waits has waited long enough, seconds since 1970; None where nothing does.
    """

    gestures: tuple[Gesture, ...]
    actions: tuple[Action, ...]
    doubted: int = 0
    told: tuple[str, ...] = ()
    look_again_at: float | None = None


def materialize(
    store: Store,
    settings: TreeSettings,
    scope: Scope | None = None,
    *,
    dry_run: bool = False,
    anew: bool = False,
    looked: Looked | None = None,
    cut: Cutter | None = None,
    now: float | None = None,
) -> Materialized:
    """
    Obey what the user did to the people tree, then make it as the state wants it, touching only what differs.

    Args:
        store: The state; written to unless `dry_run`.
        settings: See there.
        scope: Whose folders, all where None; those that gestures are about are looked after in any case.
        dry_run: Only say what would be done.
        anew: Build the tree even where none of it is left.
        looked: What was found at earlier looks, kept by the caller.
        cut: Cuts covers; None: here and now.
        now: Seconds since 1970; None for the clock's.

    Raises:
        TreeError: The tree cannot be read or written, or is not there. What was done is in the manifest.
    """
    owner_said = refuse_other(store, settings.path)
    if dry_run and not os.path.isdir(settings.path):
        return Materialized((), tuple(plan(_wanted(store, settings, scope), _written(store, scope), _NOTHING)))
    looked = looked if looked is not None else Looked()
    now = time.time() if now is None else now
    if not dry_run:
        if _leave_old_tree(store, settings):
            scope = None
        if store.is_restored() and os.path.isdir(settings.path):
            take_over_restored(store, settings.path, settings.links)
    names = store.manifest.names()
    if names and not anew and not os.path.isdir(settings.path):
        raise _lost(settings)
    files = photo_files(store, settings.links, looked.compared)
    kept = KeptPictures(store.folder)
    content = content_maker(store, cut or cut_now(PlainReader(settings.max_megapixels), kept))
    owner = owner_of(store) if not dry_run else None
    claim = Claim(
        settings.links is not LinkMode.COPY,
        store.kept_out(),
        store.set_kept_out,
        tree_owner_text(owner) if owner is not None else b"",
    )
    with PeopleTree(settings.path, store.state_id(), content, files, looked, claim) as tree:
        needed = {*names.values()}
        present = tree.look(needed)
        if somebody_is_lost(names, present):
            present = tree.look(needed, deeper=True)
        if names and not anew and present.names.isdisjoint(SIGNS.union(names.values())):
            raise _lost(settings)
        if not dry_run:
            recover(store, present)
        read, undone, halves = TreeReading(), Undone(present), list[HalfMove]()
        is_due = (due := next_due(store)) is not None and due <= now
        is_read = tree.changed or is_due or has_questions(store, now)
        written = store.manifest.folders() if is_read or scope is None else []
        if is_read:
            # where nobody looked for longer, what came or went did so when the tree was last changed, or before
            halves = store.half_moves.since(min(now, last_changed(settings.path)) - WHILE_S)
            read = read_tree(
                store,
                settings.path,
                present,
                written,
                settings.max_deletions,
                open_halves(halves),
                known_copies(store, now),
            )
        # folders that wait for an answer, and whose links went there
        asked, held = set[bytes](), set[tuple[Owner, PhotoId]]()
        left_behind: list[Action] = []
        gestures = read.reading.gestures
        changed = {*read.changed}
        is_told = is_read and (read.reading.copies or store.notices.all(now))
        if not dry_run and (
            read.changed or read.reading.gestures or read.reading.half or (is_read and due is not None) or is_told
        ):
            with store.transaction():
                foundings, waiting = due_foundings(store, read.reading.half, now)
                read = read.with_gestures(foundings)
                gestures = read.reading.gestures
                corrected = apply_gestures(
                    store, gestures, now, allow_same_photo=settings.allow_same_photo, halves=halves
                )
                gestures = tuple(one for one in gestures if not is_idle(one, corrected.idle))
                idle = {(_place(store, to), photo) for photo, to in corrected.idle}
                if is_read:
                    undone = undo_idle(store, settings.path, present, read.ours, files, idle, waiting, now)
                for person_id, path in corrected.restored:
                    restore(store, settings.path, present, path, read.ours, files)
                    for old in (folder for folder in written if folder.owner == person_id and folder.name != path):
                        left_behind += leave(old, present, None)
                tell(store, read.reading, corrected.told, corrected.questions, now)
                held = corrected.held
                asked = {path for path, _ in corrected.questions}
                present = take_over(store, settings.path, undone.present, written, read.ours)
            changed |= corrected.owners
            if scope is not None:
                scope = scope | scope_of(corrected.owners | read.changed)
        if scope:
            # the reason of a number may go with anybody's folder
            scope = scope | {who for who, at in names.items() if isinstance(who, int) and is_numbered(at)}
        few = _few_of_pool(store, settings, scope, present) if scope is not None else None
        if few is _ALL and scope is not None:
            scope = scope | {None}
        left = written
        if scope is not None or read.changed or read.reading.gestures:
            written = _written(store, scope)
        wanted = _wanted(store, settings, scope)
        if read.ours:
            wanted = keep_given_names(
                store, settings.path, wanted, left, present, read.ours, changed, settings.min_faces, dry_run=dry_run
            )
        if asked:
            # ... and what they are about stands in the way of nobody
            wanted, written = set_aside(wanted, written, held)
            present = replace(present, names=present.names - asked)
        if isinstance(few, _FewOfPool):
            wanted, written = [*wanted, few.wanted], [*written, few.written]
            present = Present(present.names, {**present.folders, UNKNOWN: few.present})
        actions = [*undone.actions, *left_behind, *plan(wanted, written, present)]
        if not dry_run and actions:
            carry_out(store, tree, actions)
        elif not dry_run and not claim.hidden and HIDDEN in present.names:
            tree.claim()
        if not dry_run and (is_read or actions):
            store.set_tree_seen(time.time_ns())
        is_settled = owner_said == owner and store.tree_place() == settings.path and not store.is_restored()
        if not dry_run and (names or actions) and not is_settled:
            tree.claim()
            with store.transaction():
                store.set_tree_place(settings.path)
                # those of a copy that was put back said nothing until now
                store.manifest.end()
    if not dry_run and scope is None:
        let_go(store, kept)
    for sentence in undone.told:
        log.warning("%s", sentence)
    return Materialized(
        gestures,
        tuple(actions),
        read.reading.doubted,
        undone.told,
        next_due(store) if not dry_run else None,
    )


def _place(store: Store, to: PersonId | bytes) -> bytes:
    """The path of the folder that a link came to."""
    return to if isinstance(to, bytes) else store.manifest.names().get(to, b"")


@dataclass(frozen=True, slots=True)
class _FewOfPool:
    """The unknown pool, as far as a few photos matter."""

    wanted: WantedFolder
    written: WrittenFolder
    present: PresentFolder


_ALL: Final = "all"


def _few_of_pool(
    store: Store, settings: TreeSettings, scope: Scope, present: Present
) -> _FewOfPool | Literal["all"] | None:
    """What single photos are about; `_ALL` where the whole pool is to be looked after for them, None where nothing."""
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
        return _ALL
    on_photo = store.pictures.photos({*shown.values()})
    stale = [
        entry
        for entry in store.manifest.pictures_of(Pool.UNKNOWN)
        if shown[entry.name] in changed or on_photo.get(shown[entry.name]) in photos
    ]
    written = WrittenFolder(written.owner, written.name, (*written.entries, *stale))
    near = tuple(picture for picture in pictures if picture.photo_id in photos)
    wanted = WantedFolder(Pool.UNKNOWN, UNKNOWN.decode(), links, pictures=near)
    return _FewOfPool(wanted, written, narrowed(there, links, written.entries))


def _has_name(store: Store, person_id: PersonId) -> bool:
    person = store.people.get(person_id)
    return person is not None and bool(person.name)


def _leave_old_tree(store: Store, settings: TreeSettings) -> bool:
    """
    Where the user has chosen another people folder, or the state was put back on a machine that has no tree, the tree is made
    from nothing; what was said in the old one before is obeyed first.

    Returns:
        Whether it is so.
    """
    place = store.tree_place()
    if (place in {None, settings.path} and not store.is_restored()) or is_ours(store, settings.path):
        return False
    if place is not None and place != settings.path and is_ours(store, place):
        with contextlib.suppress(TreeError):
            materialize(store, replace(settings, path=place), set())
        log.info(
            "The people tree is made in %s; the one in %s is not looked after any more: delete it when you do not need it",
            displayable(settings.path),
            displayable(place),
        )
    with store.transaction():
        store.manifest.clear()
        # from now on the old one says nothing
        store.set_tree_place(settings.path)
    return True


def _lost(settings: TreeSettings) -> TreeError:
    return TreeError(
        "The people tree is not there",
        "Mount its disk; if it is gone for good, 'facewatchd tree' makes it again from the state.",
        settings.path,
    )


def _written(store: Store, scope: Scope | None) -> list[WrittenFolder]:
    return store.manifest.folders(None if scope is None else lambda owner: concerns(scope, owner))


def _wanted(store: Store, settings: TreeSettings, scope: Scope | None) -> list[WantedFolder]:
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
