"""
A run that is to end when everything is done says what was not.
"""

from __future__ import annotations

from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.errors import FacewatchError, InterruptedRunError
from facewatchd.store import Store


def refuse_unfinished(store: Store, sources: Sources, grouping: Grouping, tree: TreeKeeper, *, stopped: bool) -> None:
    """
    Args:
        store: The state.
        sources: The photo folders.
        grouping: Reclusters.
        tree: Looks after the people tree.
        stopped: Whether the run was told to stop.

    Raises:
        FacewatchError: Not everything was done; why.
    """
    if stopped:
        pending = store.photos.count_pending()
        raise InterruptedRunError(
            "The run was interrupted",
            f"{pending} photos are not taken in yet, and the faces are not grouped. Start it again: it continues from here.",
        )
    if not sources.online():
        status = sources.statuses()[0]
        raise FacewatchError("No photo folder can be read", status.reason, status.path)
    if grouping.problem:
        raise FacewatchError("The faces were not grouped", grouping.problem)
    if tree.failure is not None:
        raise tree.failure
