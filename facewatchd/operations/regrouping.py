"""
All faces grouped by this process, which waits for it.
"""

from __future__ import annotations

from facewatchd.config import Config
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.grouping.regroup import Regrouping, compute, decide, regroup_settings, take_snapshot
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.processes.isolate import run_isolated
from facewatchd.store import Store


def regrouped(config: Config, store: Store, *, keep: bool) -> Regrouping:
    """
    What a grouping comes to; nothing is stored.

    Args:
        config: The configuration.
        store: The state.
        keep: Whether the graph of neighbours may be written down.

    Raises:
        FacewatchError: There is nothing to group, or it failed.
    """
    model = store.model()
    if model is None:
        raise FacewatchError("There is nothing to group yet", "Run 'facewatchd run' first.", config.state.dir)
    thresholds = thresholds_in_use(config, store, model)
    snapshot = take_snapshot(store, model.id, regroup_settings(config, thresholds), keep=keep)
    return decide(store, snapshot, run_isolated("recluster", compute, snapshot), thresholds)
