"""
The names that the user gives to links in the people tree, see `core.tree.given_names`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from facewatchd.core.tree.entries import MARKER, Present, WantedFolder, WrittenFolder
from facewatchd.core.tree.given_names import GivenName, given_names, names_in, with_given_names
from facewatchd.core.tree.owners import Owner
from facewatchd.domain import PersonId, Pool
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.pipeline.tree.links import Ours, links_in
from facewatchd.store import Store

_RESERVED = frozenset({MARKER, COVER, HIDDEN})


@dataclass(frozen=True, slots=True)
class NamesGiven:
    """
    Attributes:
        folders: The folders to have, with the names that the user gave.
        names: These names, by the owner of the folder.
    """

    folders: list[WantedFolder]
    names: tuple[tuple[PersonId | Pool, tuple[GivenName, ...]], ...] = ()


def read_given_names(
    store: Store,
    tree: bytes,
    wanted: Sequence[WantedFolder],
    written: Sequence[WrittenFolder],
    present: Present,
    ours: Ours,
    owners: Collection[Owner],
) -> NamesGiven:
    """
    The names that links got since the tree was written.

    Args:
        store: The state; only read.
        tree: The people directory.
        wanted: The folders to have.
        written: The whole tree as it was written before the user changed it.
        present: What is there now.
        ours: The links that were written.
        owners: The owners of the folders that are not as they were left.
    """
    at, busy = store.manifest.names(), store.manifest.busy()
    before = {folder.owner: folder.entries for folder in written}
    called = names_in(written) if owners else {}
    folders = []
    new: list[tuple[PersonId | Pool, tuple[GivenName, ...]]] = []
    for folder in wanted:
        path = at.get(folder.owner)
        there = present.folders.get(path) if path is not None and path not in busy else None
        names: list[GivenName] = []
        if folder.owner in owners and path is not None and there is not None and isinstance(folder.owner, int | Pool):
            found = links_in(store, tree, path, there, ours)
            names = given_names(folder.links, before.get(folder.owner, ()), found, called, _RESERVED)
            if names:
                new.append((folder.owner, tuple(names)))
        links = with_given_names(folder.links, {given.photo_id: given.name for given in names})
        folders.append(replace(folder, links=links) if names else folder)
    return NamesGiven(folders, tuple(new))


def keep_given_names(store: Store, names: Sequence[tuple[PersonId | Pool, Sequence[GivenName]]], least: int) -> None:
    """
    Store these names.

    Args:
        store: The state; written to.
        names: By the owner of the folder.
        least: See `GivenNames.of_owner`.
    """
    if not names:
        return
    with store.transaction():
        for owner, given in names:
            for one in given:
                store.given_names.give(owner, one.photo_id, one.name, least)
