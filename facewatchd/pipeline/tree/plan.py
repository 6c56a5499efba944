"""
The third stage: what makes the people tree as the state wants it, touching only what differs. Reads the state, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facewatchd.core.tree.entries import UNKNOWN, Action, Present, WrittenFolder
from facewatchd.core.tree.folder_names import is_numbered
from facewatchd.core.tree.given_names import GivenName
from facewatchd.core.tree.plan import plan, set_aside
from facewatchd.core.tree.scope import Scope, scope_of
from facewatchd.domain import PersonId, Pool
from facewatchd.pipeline.tree.correct import Corrected
from facewatchd.pipeline.tree.given_names import read_given_names
from facewatchd.pipeline.tree.pool_part import PoolPart, part_of_pool
from facewatchd.pipeline.tree.read import TreeRead
from facewatchd.pipeline.tree.settings import TreeSettings
from facewatchd.pipeline.tree.wanted import wanted_folders, written_folders
from facewatchd.store import Store

_NOTHING = Present(frozenset(), {})


@dataclass(frozen=True, slots=True)
class TreePlan:
    """
    What is to be done.

    Attributes:
        actions: Changes to the tree, in their order.
        given_names: Names that the user gave to links, by the owner of the folder, to be kept.
    """

    actions: tuple[Action, ...]
    given_names: tuple[tuple[PersonId | Pool, tuple[GivenName, ...]], ...] = ()


def plan_new_tree(store: Store, settings: TreeSettings, scope: Scope | None) -> TreePlan:
    """The plan where there is no tree yet."""
    return TreePlan(tuple(plan(wanted_folders(store, settings, scope), written_folders(store, scope), _NOTHING)))


def plan_tree(
    store: Store, settings: TreeSettings, read: TreeRead, corrected: Corrected, scope: Scope | None
) -> TreePlan:
    """
    Plan what differs.

    Args:
        store: The state; only read.
        settings: Of the tree.
        read: What the first stage found.
        corrected: What the second stage made of it.
        scope: What has to be looked after, all where None; what the gestures are about comes to it.
    """
    present = corrected.present
    scope, part = _whole_scope(store, settings, read, corrected, scope)
    wanted = wanted_folders(store, settings, scope)
    written: Sequence[WrittenFolder] = read.written
    if scope is not None or corrected.is_written:
        written = written_folders(store, scope)
    given: tuple[tuple[PersonId | Pool, tuple[GivenName, ...]], ...] = ()
    if read.changes.ours:
        named = read_given_names(
            store, settings.path, wanted, read.written, present, read.changes.ours, corrected.changed
        )
        wanted, given = named.folders, named.names
    if corrected.asked:
        # what a question is about stands in the way of no folder
        wanted, written = set_aside(wanted, written, corrected.held)
        present = replace(present, names=present.names - corrected.asked)
    if part is not None:
        wanted, written = [*wanted, part.wanted], [*written, part.written]
        present = Present(present.names, {**present.folders, UNKNOWN: part.present})
    return TreePlan((*corrected.actions, *plan(wanted, written, present)), given)


def _whole_scope(
    store: Store, settings: TreeSettings, read: TreeRead, corrected: Corrected, scope: Scope | None
) -> tuple[Scope | None, PoolPart | None]:
    """All that has to be looked after, and the part of the unknown pool, where a few photos of it are enough."""
    if scope is None:
        return None, None
    scope = scope | scope_of(corrected.changed)
    if scope:
        # the reason of a number may go with the folder of any other person
        scope = scope | {who for who, at in read.names.items() if isinstance(who, int) and is_numbered(at)}
    part = part_of_pool(store, settings, scope, corrected.present)
    return (scope, part) if part is None or isinstance(part, PoolPart) else (scope | {None}, None)
