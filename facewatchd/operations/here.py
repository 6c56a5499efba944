"""
Operations that write, in this process: no daemon runs, and the state is held.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from facewatchd.config import Config
from facewatchd.core.tree.scope import Scope
from facewatchd.errors import TreeError
from facewatchd.operations.context import Reclustered, Writing
from facewatchd.operations.regrouping import regrouped
from facewatchd.operations.vitals import Vitals
from facewatchd.photos.writing.verify import Checker
from facewatchd.pipeline.grouping.guarded import apply_guarded
from facewatchd.pipeline.tree.materialize import Materialized, TreeSettings, materialize
from facewatchd.store import Store
from facewatchd.watch.answering import Answers


class Here(Writing):
    """
    Args:
        config: The configuration, with the folders that the state knows.
        store: The state, held and opened by this process.
        checker: Makes what looks at changed photos before their dates are written.
    """

    def __init__(self, config: Config, store: Store, checker: Callable[[], Checker]) -> None:
        self._checker = checker
        self.config = config
        self.store = store
        self.answers = Answers()
        self._settings = TreeSettings.of(config, self.answers)

    def catch_up(self) -> None:
        # it is raised again when the tree is brought up to date afterwards
        with contextlib.suppress(TreeError):
            materialize(self.store, self._settings, set())

    def bring_up_to_date(self, scope: Scope | None, *, rebuild: bool = False) -> Materialized:
        return materialize(self.store, self._settings, scope, rebuild=rebuild)

    def look_after(self, scope: Scope) -> None:
        if scope:
            self.bring_up_to_date(scope)

    def regroup(self, *, force: bool) -> Reclustered:
        self.catch_up()
        started = time.time()
        regrouping = regrouped(self.config, self.store, keep=True)
        most = self.config.recluster.max_moved
        held = apply_guarded(self.store, regrouping, started, time.time() - started, most, force=force)
        self.bring_up_to_date(None)
        return Reclustered.of(regrouping, held)

    def checker(self) -> Checker:
        return self._checker()

    def recalibrated(self) -> None:
        pass  # nothing is in use here

    def record(self, lines: Iterable[str]) -> None:
        pass  # the command prints them

    def vitals(self) -> Vitals:
        said = self.store.vitals()
        return Vitals.model_validate_json(said) if said else Vitals()
