"""
When the people tree is looked after: soon after a change, all changes of a moment at once, and never for most of the
time.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from facewatchd.core.tree.owners import Owner
from facewatchd.core.tree.scope import PICTURES, Scope
from facewatchd.errors import TreeError, displayable
from facewatchd.people.looked import Looked, last_changed
from facewatchd.pipeline.tree.materialize import Materialized, TreeSettings, materialize
from facewatchd.pipeline.tree.pictures import Cutter
from facewatchd.store import Store

log = logging.getLogger(__name__)

# while photos stream in, looking after the tree takes at most this share of the time
_SHARE = 0.2
_RETRY_S = 30.0
_TOLD_S = 86_400.0
# Whoever moves, copies and deletes many links does it one after the other, slowly over a network: after such a pause, or after
# so many times the longest pause until then, they have finished, or after so long (200 links at 1.5 s each).
_FINISHED_S = 3.0
_PAUSES = 2.5
_LONGEST_PAUSE_S = 4.0
_LONGEST_S = 300.0


class TreeKeeper:
    """
    Belongs to the thread that owns the state.

    Args:
        store: The state.
        settings: Of the tree.
        cut: Cuts covers.
        clock: Seconds since whenever.
        wall: Seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        settings: TreeSettings,
        cut: Cutter,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._store = store
        self.settings = settings
        self._cut = cut
        # everything: the tree may have changed in any way while nobody looked
        self._scope: Scope | None = None
        self._dirty = True
        self._not_before = 0.0
        # when the user began to do something, did the last thing, and has probably finished
        self._began = self._last = self._finished = 0.0
        self._pause = 0.0
        # when the tree was last changed by anybody, as far as that was looked at; None before the first look
        self._changed: float | None = None
        # when something in the tree has waited long enough
        self._due = float("inf")
        self.failure: TreeError | None = None
        # whether it is not looked after because its file system does not answer
        self._waits = False
        self._looked = Looked()
        # what the user did that was undone, and since when; until they do something else, or for a day
        self._doubted = self._told = ""
        self._told_at = 0.0

    @property
    def notice(self) -> str:
        """What the user did in the tree that was not carried out, and what to do; empty where there is nothing."""
        told = self._told if self._wall() - self._told_at < _TOLD_S else ""
        return " ".join(sentence for sentence in (self._doubted, told) if sentence)

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
        # what does not answer is not looked at: it may be any change
        if self._answers() and not self._looked.is_news(self.settings.path, path):
            return
        now = self._clock()
        if not self._dirty:
            self._not_before = now
        if now >= self._finished:
            self._began, self._pause = now, 0.0
        else:
            self._pause = max(self._pause, min(now - self._last, _LONGEST_PAUSE_S))
        self._last = now
        self._finished = min(now + max(_FINISHED_S, self._pause * _PAUSES), self._began + _LONGEST_S)
        self.touch(set())

    def touch_people(self, scope: Scope) -> None:
        """As `touch`, but nothing to do for nobody."""
        if scope:
            self.touch(scope)

    def covered(self, owner: Owner) -> None:
        """The cover of a person's folder, or a picture of a face that is asked about, has been cut."""
        self.touch({owner if isinstance(owner, int) else PICTURES})

    def look_for_pictures(self) -> None:
        """It is settled which faces are asked about, so that pictures of them can be cut."""
        self.touch({PICTURES})

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do, now or as soon as the user has finished."""
        return self._dirty

    def next_due(self) -> float | None:
        """When to call `tend`, by the monotonic clock; None while there is nothing to do."""
        if self._dirty:
            return max(self._not_before, self._finished)
        return self._due if self._due < float("inf") else None

    def tend(self, *, idle: bool) -> None:
        """Do what is due; with nothing else to do, do not wait for the share of the time."""
        now = self._clock()
        if now >= self._due:
            self.touch(set())
        if self._dirty and (self._changed is None or not self._looked.watched) and self._answers():
            self._see_changes(now)
        if self._waits and self._answers():
            self._waits, self._not_before = False, now
        if not self._dirty or now < self._finished or (now < self._not_before and (not idle or self.problem)):
            return
        try:
            self.materialize()
        except TreeError as error:
            if str(error) != self.problem:
                log.warning("%s", error)
            self.failure = error
            self._waits = not self._answers()
            self._not_before = self._clock() + _RETRY_S
        else:
            seconds = self._clock() - now
            self._not_before = now + seconds / _SHARE

    def _answers(self) -> bool:
        return self.settings.answers.answers(self.settings.path)

    def _see_changes(self, now: float) -> None:
        """What is being done while the program starts, and in a tree that cannot be watched, is not told of."""
        changed = last_changed(self.settings.path)
        if self._changed is None:
            age = self._wall() - changed
            wait = _FINISHED_S - age if 0 <= age < _FINISHED_S else 0.0
        else:
            # by comparing: the clock of a file server may be any
            wait = _FINISHED_S if changed != self._changed else 0.0
        self._changed = changed
        if wait:
            if self._finished == 0.0:
                self._began = now
            self._last = now
            self._finished = max(self._finished, min(now + wait, self._began + _LONGEST_S))

    def left(self) -> None:
        """A thread that may have been at work here is left behind: what it has seen is not known, and all is to be done again."""
        watched, self._looked = self._looked.watched, Looked()
        self._looked.watched = watched
        self.touch(None)

    def catch_up(self) -> None:
        """What the user did to the tree comes before what is said by command after it, and is what `undo` takes back."""
        if self._dirty:
            # whoever brings the tree up to date afterwards hears of it
            with contextlib.suppress(TreeError):
                self.materialize()

    def materialize(self, *, rebuild: bool = False) -> Materialized:
        """
        Do what is to be done now; `rebuild`: even where nothing is left of the tree.

        Raises:
            TreeError: It cannot be; it stays to be done.
        """
        done = materialize(
            self._store,
            self.settings,
            self._scope,
            rebuild=rebuild,
            looked=self._looked,
            cut=self._cut,
            now=self._wall(),
        )
        if done.doubted:
            self._doubted = (
                f"{done.doubted} links were deleted at once in {displayable(self.settings.path)}. That looks like an accident: "
                "they were put back. To delete so many, delete fewer at a time, or raise people.max_deletions."
            )
            log.warning("%s", self._doubted)
        if done.told or done.gestures:
            self._told, self._told_at = " ".join(done.told), self._wall()
        if self.problem:
            log.info("The people tree can be written again")
        self.failure = None
        self._due = float("inf")
        if done.look_again_at is not None:
            self._due = self._clock() + max(0.0, done.look_again_at - self._wall())
        self._scope, self._dirty = set(), False
        self._finished = 0.0
        self._changed = self._changed if self._looked.watched else last_changed(self.settings.path)
        if done.actions:
            log.debug("%d changes in %s", len(done.actions), displayable(self.settings.path))
        return done
