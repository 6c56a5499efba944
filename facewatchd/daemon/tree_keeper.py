"""
When the people tree is looked after: soon after a change, all changes of a moment at once, and never for most of the
time.
"""

from __future__ import annotations

import contextlib
import logging
import time

from facewatchd.core.owners import Owner
from facewatchd.errors import TreeError, displayable
from facewatchd.people.looked import Looked
from facewatchd.pipeline.materialize import Materialized, Scope, TreeSettings, materialize
from facewatchd.pipeline.tree_deeds import Cutter
from facewatchd.store import Store

log = logging.getLogger(__name__)

# while photos stream in, looking after the tree takes at most this share of the time
_SHARE = 0.2
_RETRY_S = 30.0
# file managers move and delete many links one after the other: after such a pause they have finished, or after so long
_FINISHED_S = 0.7
_LONGEST_S = 10.0


class TreeKeeper:
    """
    Belongs to the thread that owns the state.

    Args:
        store: The state.
        settings: Of the tree.
        cut: Cuts covers.
    """

    def __init__(self, store: Store, settings: TreeSettings, cut: Cutter) -> None:
        self._store = store
        self.settings = settings
        self._cut = cut
        # everything: the tree may have changed in any way while nobody looked
        self._scope: Scope | None = None
        self._dirty = True
        self._not_before = 0.0
        # when the user began to do something, and when they have probably finished
        self._began = self._finished = 0.0
        self.failure: TreeError | None = None
        self._looked = Looked()
        self.notice = ""

    @property
    def problem(self) -> str:
        """Why the tree could not be looked after when that was last tried; empty where it could."""
        return str(self.failure) if self.failure is not None else ""

    def touch(self, scope: Scope | None) -> None:
        """These people's folders are to be looked after; all where None."""
        if scope is None or self._scope is None:
            self._scope = None
        else:
            self._scope = self._scope | scope
        self._dirty = True

    def is_watched(self) -> None:
        """Every change to the tree is going to be told by `touched`."""
        self._looked.watched = True

    def touched(self, path: bytes) -> None:
        """Something changed in the tree, by its path there: if not by us, see what, soon, when the user has finished."""
        if not self._looked.is_news(self.settings.path, path):
            return
        now = time.monotonic()
        if not self._dirty:
            self._not_before = now
        if now >= self._finished:
            self._began = now
        self._finished = min(now + _FINISHED_S, self._began + _LONGEST_S)
        self.touch(set())

    def touch_people(self, scope: Scope) -> None:
        """As `touch`, but nothing to do for nobody."""
        if scope:
            self.touch(scope)

    def covered(self, owner: Owner) -> None:
        """The cover of an owner's folder has been cut."""
        self.touch({owner if isinstance(owner, int) else None})

    def next_due(self) -> float | None:
        """When to call `tend`, by the monotonic clock; None while there is nothing to do."""
        return max(self._not_before, self._finished) if self._dirty else None

    def tend(self, *, idle: bool) -> None:
        """Do what is due; with nothing else to do, do not wait for the share of the time."""
        now = time.monotonic()
        if not self._dirty or now < self._finished or (now < self._not_before and (not idle or self.problem)):
            return
        try:
            self.materialize()
        except TreeError as error:
            if str(error) != self.problem:
                log.warning("%s", error)
            self.failure = error
            self._not_before = time.monotonic() + _RETRY_S
        else:
            seconds = time.monotonic() - now
            self._not_before = now + seconds / _SHARE

    def catch_up(self) -> None:
        """What the user did to the tree comes before what is said by command after it, and is what `undo` takes back."""
        if self._dirty:
            # whoever brings the tree up to date afterwards hears of it
            with contextlib.suppress(TreeError):
                self.materialize()

    def materialize(self, *, anew: bool = False) -> Materialized:
        """
        Do what is to be done now; `anew`: even where nothing is left of the tree.

        Raises:
            TreeError: It cannot be; it stays to be done.
        """
        done = materialize(self._store, self.settings, self._scope, anew=anew, looked=self._looked, cut=self._cut)
        if done.doubted:
            self.notice = (
                f"{done.doubted} links were deleted at once in {displayable(self.settings.path)}, which is not believed: "
                "they are back. Delete fewer at a time, or raise people.max_deletions."
            )
            log.warning("%s", self.notice)
        if self.problem:
            log.info("The people tree can be written again")
        self.failure = None
        self._scope, self._dirty = set(), False
        self._finished = 0.0
        if done.actions:
            log.debug("%d changes in %s", len(done.actions), displayable(self.settings.path))
        return done
