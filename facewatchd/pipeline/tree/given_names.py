"""
Keeps the names that the user gives to links in the people tree, see `core.tree.given_names`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from facewatchd.core.tree.entries import MARKER, Present, WantedFolder, WrittenFolder
from facewatchd.core.tree.given_names import GivenName, given_names, names_in, with_given_names
from facewatchd.core.tree.owners import Owner
from facewatchd.domain import PersonId, Pool
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.pipeline.tree.read import Ours, links_in
from facewatchd.store import Store

_RESERVED = frozenset({MARKER, COVER, HIDDEN})


def keep_given_names(
    store: Store,
    tree: bytes,
    wanted: Sequence[WantedFolder],
    written: Sequence[WrittenFolder],
    present: Present,
    ours: Ours,
    owners: Collection[Owner],
    least: int,
    *,
    dry_run: bool,
) -> list[WantedFolder]:
    """
    Keep the names that links got since the tree was written.

    Args:
        store: The state; written to unless `dry_run`.
        tree: The people directory.
        wanted: The folders to have.
        written: The whole tree as it was written before the user changed it.
        present: What is there now.
        ours: The links that were written.
        owners: Whose folders are not as they were left.
        least: See `GivenNames.of_owner`.
        dry_run: Only tell.

    Returns:
        The folders to have, with these names.
    """
    at, busy = store.manifest.names(), store.manifest.busy()
    before = {folder.owner: folder.entries for folder in written}
    called = names_in(written) if owners else {}
    folders = []
    for folder in wanted:
        path = at.get(folder.owner)
        there = present.folders.get(path) if path is not None and path not in busy else None
        names: list[GivenName] = []
        if folder.owner in owners and path is not None and there is not None and isinstance(folder.owner, int | Pool):
            found = links_in(store, tree, path, there, ours)
            names = given_names(folder.links, before.get(folder.owner, ()), found, called, _RESERVED)
            if names and not dry_run:
                _give(store, folder.owner, names, least)
        links = with_given_names(folder.links, {given.photo_id: given.name for given in names})
        folders.append(replace(folder, links=links) if names else folder)
    return folders


def _give(store: Store, owner: PersonId | Pool, names: Sequence[GivenName], least: int) -> None:
    with store.transaction():
        for given in names:
            store.given_names.give(owner, given.photo_id, given.name, least)
