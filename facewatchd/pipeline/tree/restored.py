"""
The first look at a people tree after a copy of the state was put back: what differs from the copy is no gesture of the user's.
"""

from __future__ import annotations

from facewatchd.core.tree.entries import LinkMode
from facewatchd.people.looked import Looked
from facewatchd.people.tree import PeopleTree
from facewatchd.pipeline.tree.files import photo_files
from facewatchd.pipeline.tree.take_over import recover, take_over_all
from facewatchd.store import Store


def take_over_restored(store: Store, path: bytes, links: LinkMode) -> None:
    """
    What stands in the tree under the names that the copy knows is as good as written by us.

    Args:
        store: The state.
        path: The people folder, absolute, without symlinks.
        links: What stands for photos.

    Raises:
        TreeError: The tree cannot be read.
    """
    files = photo_files(store, links, Looked().compared)
    with PeopleTree(path, store.state_id(), lambda _: None, files) as tree:
        present = tree.look({*store.manifest.names().values()})
        recover(store, present)
        with store.transaction():
            take_over_all(store, path, present)
