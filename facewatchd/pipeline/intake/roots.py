"""
The photo folders that are to be watched, told to the state. What is known under another path carries on: a folder that was
renamed, mounted elsewhere or copied to another disk keeps its photos with faces, names and corrections, and none is decoded.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

from facewatchd.core.intake.roots import Carry, KnownRoot, Likeness, is_inside, plan_carries
from facewatchd.domain import Root, RootId
from facewatchd.errors import FacewatchError, displayable
from facewatchd.store import Store
from facewatchd.watch.answering import Answers
from facewatchd.watch.roots import RootIdentity, is_another
from facewatchd.watch.scanner import stat_photo

log = logging.getLogger(__name__)

SAMPLE = 20
"""So many photos of a folder are asked for to recognise it."""


def settle_roots(store: Store, paths: Sequence[bytes], answers: Answers | None = None) -> list[Root]:
    """
    Tell the state which folders are watched, in one transaction.

    Args:
        store: The state.
        paths: The folders, absolute, without symlinks; they need not be there now.
        answers: Tells whether the file systems answer. One that does not is taken for what it was.

    Returns:
        The roots, in this order.
    """
    answers = Answers() if answers is None else answers
    with store.transaction():
        carries = plan_carries(paths, *_evidence(store, paths, answers))
        # at once, as folders may have changed places
        moved = {carry.root.root_id: carry.to for carry in carries if carry.is_whole}
        store.roots.readdress(moved)
        for carry in carries:
            if carry.is_whole:
                _say(carry, store.photos.count_all(carry.root.root_id))
            else:
                carry_out(store, carry)
        roots = [store.roots.ensure(path) for path in paths]
        store.roots.watch([root.root_id for root in roots])
    return roots


def carry_out(store: Store, carry: Carry) -> int:
    """
    Photos are under another path now. To be called in a transaction.

    Returns:
        How many photos.
    """
    at = next((root for root in store.roots.all().values() if root.path == carry.to), None)
    if carry.is_whole and (at is None or not store.photos.count_all(at.root_id)):
        store.roots.readdress({carry.root.root_id: carry.to})
        count = store.photos.count_all(carry.root.root_id)
    else:
        to = store.roots.ensure(carry.to)
        count = store.roots.carry(carry.root.root_id, carry.below, to.root_id, carry.into)
    _say(carry, count)
    return count


def _say(carry: Carry, count: int) -> None:
    if count:
        log.info(
            "%d photos of %s are in %s now: they keep faces, names and corrections",
            count,
            displayable(os.path.join(carry.root.path, carry.below) if carry.below else carry.root.path),
            displayable(os.path.join(carry.to, carry.into) if carry.into else carry.to),
        )


def move_root(store: Store, old: bytes, new: bytes) -> int:
    """
    The user says that a photo folder, or a folder in one, is under another path now.

    Args:
        store: The state.
        old: What it was, absolute, without symlinks.
        new: What it is.

    Returns:
        How many photos carry on there.

    Raises:
        FacewatchError: Nothing is known of the old folder, its photos are not in the new one, or one lies in the other.
    """
    if is_inside(old, new) or is_inside(new, old) or old == new:
        raise FacewatchError("The folder cannot be moved", "One of the two folders lies in the other.", new)
    whole = [root for root in store.roots.all().values() if root.path == old]
    carries = [Carry(root, b"", new, b"") for root in whole]
    carries += [Carry(root, below, new, b"") for root, below in store.roots.holding(old)]
    # the new place may be a part of a folder that is known
    outer = next(((root, into) for root, into in store.roots.holding(new) if root not in whole), None)
    if outer is not None:
        carries = [Carry(carry.root, carry.below, outer[0].path, outer[1]) for carry in carries]
    if not any(store.photos.under(carry.root.root_id, carry.below) for carry in carries):
        known = ", ".join(displayable(root.path) for root in store.roots.all().values())
        raise FacewatchError(
            "No photos of this folder are known", f"The photo folders of this state are: {known or 'none'}.", old
        )
    if not any(_is_any_there(store, carry, new) for carry in carries):
        raise FacewatchError(
            "None of the known photos is in the new folder", "Check both paths, and that the disk is mounted.", new
        )
    with store.transaction():
        return sum(carry_out(store, carry) for carry in carries)


def _is_any_there(store: Store, carry: Carry, new: bytes) -> bool:
    """Whether a photo that is to be carried is where it would be."""
    start = len(carry.below) + 1 if carry.below else 0
    return any(
        (there := stat_photo(os.path.join(new, path[start:]))) is not None and there.size == known.stat.size
        for path, known in store.photos.under(carry.root.root_id, carry.below).items()
    )


def _evidence(
    store: Store, paths: Sequence[bytes], answers: Answers
) -> tuple[list[KnownRoot], dict[tuple[RootId, bytes], Likeness]]:
    """What is known, and how far each configured folder that holds none of it looks like one that is not at home."""
    roots = [root for root in store.roots.all().values() if store.photos.count_all(root.root_id)]
    strangers = {root for root in roots if answers.answers(root.path) and _is_stranger_there(store, root)}
    known = [KnownRoot(root, root.path in paths and root not in strangers) for root in roots]
    homes = {one.root.path for one in known if one.is_home}
    places = [path for path in paths if path not in homes and answers.answers(path) and os.path.isdir(path)]
    away = [one.root for one in known if not one.is_home]
    return known, {(root.root_id, path): _likeness(store, root, path) for root in away for path in places}


def _is_stranger_there(store: Store, root: Root) -> bool:
    """Whether something else is where a known folder was."""
    recorded = store.roots.identity(root.root_id)
    sample = store.photos.sample(root.root_id, SAMPLE)
    return is_another(root, RootIdentity(*recorded) if recorded else None, sample)


def _likeness(store: Store, root: Root, path: bytes) -> Likeness:
    sample = store.photos.sample(root.root_id, SAMPLE) or store.photos.sample(root.root_id, SAMPLE, missing=True)
    found = sum(
        (there := stat_photo(os.path.join(path, name))) is not None and there.size == known.size
        for name, known in sample
    )
    now = os.stat(path)
    return Likeness(store.roots.identity(root.root_id) == (now.st_dev, now.st_ino), len(sample), found)


def unwatched(store: Store) -> dict[Root, int]:
    """How many photos are known of each folder that is not watched any more."""
    return {one.root: one.photos for one in store.roots.figures() if not one.watched and one.photos}


def leave_out(store: Store, before: Mapping[Root, int]) -> bool:
    """
    Everything has been looked through: what is known of folders that are not watched any more, and did not turn up in others,
    is shown no more. Both is said.

    Args:
        store: The state.
        before: What `unwatched` said when the looking began.

    Returns:
        Whether there was something to leave out.
    """
    left = unwatched(store)
    for root, count in before.items():
        if count > left.get(root, 0):
            log.info(
                "%d photos of %s were found in other folders: they keep faces, names and corrections",
                count - left.get(root, 0),
                displayable(root.path),
            )
    for root in left:
        with store.transaction():
            count = store.photos.miss_all(root.root_id)
        log.info("%d photos of %s are not shown: the folder is not configured", count, displayable(root.path))
    return bool(left)
