"""
Carrying out a plan for the people tree: the contents of our small files, and the manifest, which says at any moment what
in the tree is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

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
from facewatchd.people.claims import HIDDEN
from facewatchd.people.markers import marker_text
from facewatchd.people.tree import Done, PeopleTree
from facewatchd.pipeline.tree.pictures import Cutter
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


def carry_out(store: Store, tree: PeopleTree, actions: list[Action]) -> None:
    """
    Do it, and write it down in batches; where the tree cannot be written any more, up to there.

    Raises:
        TreeError: The tree cannot be written.
    """
    tree.claim()
    with store.transaction():
        # After a crash nobody could tell an empty folder as ours, and what is half done must not be taken for the user's
        # doing.
        for action in actions:
            if isinstance(action, MakeFolder):
                store.manifest.made(action.owner, action.folder)
        store.manifest.begin({action.folder for action in actions})

    def write_down(done: list[Done], intended: list[Done]) -> None:
        if done or intended:
            with store.transaction():
                for deed in done:
                    _record(store, deed)
                for deed in intended:
                    _intend(store, deed)

    try:
        tree.carry_out(actions, write_down)
    except TreeError:
        # what was done is written down, and nothing else may be: what differs from now on is the user's doing
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
    """Write a deed into the manifest."""
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


def _intend(store: Store, deed: Done) -> None:
    """Write down that a file is about to be put in place."""
    match deed.action:
        case PutLink(folder, name, photo_id):
            store.manifest.intend(folder, name, photo_id, deed.signature)
        case PutFile(_, folder, name):
            store.manifest.intend(folder, name, None, deed.signature)
        case _:
            raise AssertionError("only files are put in place")
