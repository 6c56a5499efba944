"""
State -> people tree, in four stages: read what is there, correct the state by what the user did, plan what differs, apply it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass, replace

from facewatchd.core.tree.entries import Action, LinkMode
from facewatchd.core.tree.gestures import Gesture
from facewatchd.core.tree.scope import Scope
from facewatchd.errors import TreeError, displayable
from facewatchd.people.claims import Claim
from facewatchd.people.kept_pictures import KeptPictures
from facewatchd.people.looked import Looked
from facewatchd.people.markers import tree_owner_text
from facewatchd.people.tree import PeopleTree
from facewatchd.photos.decoding.isolated import DecodeLimits, own_reader
from facewatchd.pipeline.tree.apply import apply_plan, content_maker
from facewatchd.pipeline.tree.correct import as_read, correct
from facewatchd.pipeline.tree.files import photo_files
from facewatchd.pipeline.tree.idle_copies import next_due
from facewatchd.pipeline.tree.owner import is_ours, owner_of, refuse_other, refuse_silent
from facewatchd.pipeline.tree.pictures import Cutter, cut_now, let_go
from facewatchd.pipeline.tree.plan import plan_new_tree, plan_tree
from facewatchd.pipeline.tree.read import lost_tree, read_tree
from facewatchd.pipeline.tree.restored import take_over_restored
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.store import Store

__all__ = ["Materialized", "TreeSettings", "materialize"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Materialized:
    """
    What was done, or in a dry run would be.

    Attributes:
        gestures: What the user did to the tree, which was carried out first.
        actions: What was done to the tree.
        doubted: Links deleted at once that were too many to be believed; they come back.
        told: What the user did that was put back, each as a sentence.
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
    rebuild: bool = False,
    looked: Looked | None = None,
    cut: Cutter | None = None,
    now: float | None = None,
) -> Materialized:
    """
    Carry out what the user did to the people tree, then make it as the state wants it, touching only what differs.

    Args:
        store: The state; written to unless `dry_run`.
        settings: See there.
        scope: What has to be looked after, all where None; what the gestures are about is looked after in any case.
        dry_run: Only say what would be done.
        rebuild: Build the tree even where none of it is left.
        looked: What was found at earlier looks, kept by the caller.
        cut: Cuts covers; None: here and now.
        now: Seconds since 1970; None for the clock's.

    Raises:
        TreeError: The tree cannot be read or written, or is not there. What was done is in the manifest.
    """
    refuse_silent(store, settings.path, settings.answers, copies=settings.links in {LinkMode.COPY, LinkMode.HARDLINK})
    known_owner = refuse_other(store, settings.path)
    if dry_run and not os.path.isdir(settings.path):
        return Materialized((), plan_new_tree(store, settings, scope).actions)
    looked = looked if looked is not None else Looked()
    now = time.time() if now is None else now
    if not dry_run:
        scope = _prepare(store, settings, scope)
    if not rebuild and not os.path.isdir(settings.path) and store.manifest.names():
        raise lost_tree(settings)
    files = photo_files(store, settings.links, looked.compared)
    kept = KeptPictures(store.folder)
    limits = DecodeLimits(settings.max_megapixels, settings.max_seconds, settings.max_memory)
    owner = owner_of(store) if not dry_run else None
    claim = Claim(
        settings.links is not LinkMode.COPY,
        store.kept_out(),
        store.set_kept_out,
        tree_owner_text(owner) if owner is not None else b"",
    )
    with contextlib.ExitStack() as opened:
        content = content_maker(store, cut or cut_now(opened.enter_context(own_reader(limits)), kept, settings.answers))
        tree = opened.enter_context(PeopleTree(settings.path, store.state_id(), content, files, looked, claim))
        read = read_tree(store, settings, tree, now, everything=scope is None, rebuild=rebuild, dry_run=dry_run)
        corrected = as_read(read) if dry_run else correct(store, settings, files, read, now)
        plan = plan_tree(store, settings, read, corrected, scope)
        if not dry_run:
            apply_plan(store, settings, tree, claim, read, plan, is_owned=known_owner == owner)
    if not dry_run and scope is None:
        let_go(store, kept)
    for sentence in corrected.told:
        log.warning("%s", sentence)
    return Materialized(
        corrected.gestures,
        plan.actions,
        read.changes.reading.doubted,
        corrected.told,
        next_due(store) if not dry_run else None,
    )


def _prepare(store: Store, settings: TreeSettings, scope: Scope | None) -> Scope | None:
    """Deal with another people folder than before, and with a state that was put back; all is looked after where it is so."""
    if _leave_old_tree(store, settings):
        scope = None
    if store.is_restored() and os.path.isdir(settings.path):
        take_over_restored(store, settings.path, settings.links)
    return scope


def _leave_old_tree(store: Store, settings: TreeSettings) -> bool:
    """
    Where the user has chosen another people folder, or the state was put back on a machine that has no tree, the tree is made
    from nothing; what the user did in the old one before is carried out first.

    Returns:
        Whether it is so.
    """
    place = store.tree_place()
    if (place in {None, settings.path} and not store.is_restored()) or is_ours(store, settings.path):
        return False
    if place is not None and place != settings.path and settings.answers.answers(place) and is_ours(store, place):
        with contextlib.suppress(TreeError):
            materialize(store, replace(settings, path=place), set())
        log.info(
            "The people tree is made in %s; the one in %s is not looked after any more: delete it when you do not need it",
            displayable(settings.path),
            displayable(place),
        )
    with store.transaction():
        store.manifest.clear()
        # from now on the old one means nothing
        store.set_tree_place(settings.path)
    return True
