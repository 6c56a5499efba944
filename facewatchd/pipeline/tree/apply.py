"""
The fourth stage: a plan for the people tree is carried out. The manifest says at any moment what in the tree is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from facewatchd.core.tree.entries import (
    MARKER,
    Action,
    Adopt,
    Forget,
    MakeFolder,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
    Written,
)
from facewatchd.core.tree.face_pictures import pictured
from facewatchd.core.tree.owners import Owner
from facewatchd.errors import TreeError
from facewatchd.people.claims import HIDDEN, Claim
from facewatchd.people.markers import marker_text
from facewatchd.people.tree import Done, PeopleTree
from facewatchd.pipeline.tree.given_names import keep_given_names
from facewatchd.pipeline.tree.pictures import Cutter
from facewatchd.pipeline.tree.plan import TreePlan
from facewatchd.pipeline.tree.read import TreeRead
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.store import Store


def content_maker(store: Store, cut: Cutter) -> Callable[[PutFile], bytes | None]:
    """Makes the content of small files of ours."""

    def content(action: PutFile) -> bytes | None:
        if action.name == MARKER:
            return marker_text(action.owner, action.version)
        if action.name == HIDDEN:
            return b""
        asked = pictured(action.version.encode())
        face = store.people.face(int(action.version) if asked is None else asked)
        return cut(action.owner, face) if face is not None else None

    return content


def apply_plan(
    store: Store,
    settings: TreeSettings,
    tree: PeopleTree,
    claim: Claim,
    read: TreeRead,
    plan: TreePlan,
    *,
    is_owned: bool,
) -> None:
    """
    Carry out a plan, and note that the tree was looked at.

    Args:
        store: The state; written to.
        settings: Of the tree.
        tree: The tree, open.
        claim: The files at its top.
        read: What the first stage found.
        plan: What is to be done.
        is_owned: Whether the files at the top say already that the tree belongs to this state, in this place.

    Raises:
        TreeError: The tree cannot be written. What was done is in the manifest.
    """
    keep_given_names(store, plan.given_names, settings.min_faces)
    if plan.actions:
        carry_out(store, tree, plan.actions)
    elif not claim.hidden and HIDDEN in read.present.names:
        tree.claim()
    if read.is_read or plan.actions:
        store.set_tree_seen(time.time_ns())
    is_settled = is_owned and store.tree_place() == settings.path and not store.is_restored()
    if (read.names or plan.actions) and not is_settled:
        tree.claim()
        with store.transaction():
            store.set_tree_place(settings.path)
            # the folders of a copy that was put back meant nothing until now
            store.manifest.end()


def carry_out(store: Store, tree: PeopleTree, actions: Sequence[Action]) -> None:
    """
    Carry out actions, and write them down in batches; where the tree cannot be written any more, up to there.

    Raises:
        TreeError: The tree cannot be written.
    """
    tree.claim()
    with store.transaction():
        # After a crash an empty folder could not be told as ours, and what is half done must not be taken for a gesture.
        for action in actions:
            if isinstance(action, MakeFolder):
                store.manifest.made(action.owner, action.folder)
        store.manifest.begin({action.folder for action in actions})

    def write_down(done: list[Done], intended: list[Done]) -> None:
        if done or intended:
            with store.transaction():
                for one in done:
                    _record(store, one)
                for one in intended:
                    _intend(store, one)

    try:
        tree.carry_out([*actions], write_down)
    except TreeError:
        # what was done is written down, and nothing else may be: what differs from now on is a gesture
        begun = {action.owner for action in actions if isinstance(action, MakeFolder)}
        names = store.manifest.names().items()
        _end(store, [owner for owner, name in names if owner in begun and not tree.has(name)])
        raise
    _end(store)


def _end(store: Store, unmade: Collection[Owner] = ()) -> None:
    with store.transaction():
        for owner in unmade:
            store.manifest.removed(owner)
        store.manifest.end()


def _record(store: Store, done: Done) -> None:
    """Write what was done into the manifest."""
    manifest = store.manifest
    match done.action:
        case MakeFolder():
            pass
        case RenameFolder(owner, _, to):
            manifest.renamed(owner, to)
        case RemoveFolder(owner, _):
            if owner is not None:
                manifest.removed(owner)
        case PutLink(folder, name, photo_id, target):
            manifest.put(folder, Written(name, photo_id, target, done.signature))
        case Adopt(folder, name, photo_id, target, signature):
            manifest.put(folder, Written(name, photo_id, target, signature))
        case PutFile(_, folder, name, version):
            manifest.put(folder, Written(name, None, version.encode(), done.signature))
        case RemoveLink(folder, name) | RemoveFile(folder, name) | Forget(folder, name):
            manifest.dropped(folder, name)


def _intend(store: Store, intended: Done) -> None:
    """Write down that a file is about to be put in place."""
    match intended.action:
        case PutLink(folder, name, photo_id):
            store.manifest.intend(folder, name, photo_id, intended.signature)
        case PutFile(_, folder, name):
            store.manifest.intend(folder, name, None, intended.signature)
        case _:
            raise AssertionError("only files are put in place")
