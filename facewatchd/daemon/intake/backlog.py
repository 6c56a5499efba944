"""
Which photo is taken in next: what just arrived before what has been waiting, and only a few in hand at a time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator

from facewatchd.daemon.folders.sources import Sources
from facewatchd.domain import PhotoState, RootId, SeenFile
from facewatchd.pipeline.intake.discover import Discovery
from facewatchd.store import Store

_CHUNK = 64
_MOST_RETRIES = 5


class Backlog:
    """
    The queue of photos to be taken in. It is in the state; only its next few are in memory.

    Args:
        store: The state.
        discovery: Whose gate holds photos back.
        sources: Which roots can be read.
        most_in_hand: Photos given out at a time.
    """

    def __init__(self, store: Store, discovery: Discovery, sources: Sources, most_in_hand: int) -> None:
        self._store = store
        self._discovery = discovery
        self._sources = sources
        self._most_in_hand = most_in_hand
        self._arrivals: deque[SeenFile] = deque()
        self._chunk: deque[SeenFile] = deque()
        self._in_hand: set[SeenFile] = set()
        self._retries: Counter[SeenFile] = Counter()
        self._copies: set[SeenFile] = set()
        self._aside: set[SeenFile] = set()

    def pending(self) -> int:
        """How many photos are not taken in yet; counts them in the index."""
        return self._store.photos.count_pending()

    def arrived(self, seen: SeenFile) -> None:
        """A photo that has just settled: its turn is next."""
        self._arrivals.append(seen)

    def next(self) -> Iterator[SeenFile]:
        """Photos to take in now; each counts as in hand until `ended`."""
        while len(self._in_hand) < self._most_in_hand:
            seen = self._draw()
            if seen is None:
                return
            self._in_hand.add(seen)
            yield seen

    def ended(self, seen: SeenFile) -> None:
        self._in_hand.discard(seen)

    def leave(self, roots: Collection[RootId]) -> list[SeenFile]:
        """These roots do not answer: the photos in hand there count as in hand no more. Returns which."""
        left = [seen for seen in self._in_hand if seen.root_id in roots]
        self._in_hand.difference_update(left)
        return left

    def set_aside(self, seen: SeenFile) -> None:
        """A photo that is done with, but is not to be stored yet: it stays pending, and does not come again in this run."""
        self._aside.add(seen)

    def take_for_itself(self, seen: SeenFile) -> None:
        """A photo looked like one known, and is another: its turn is next, and it is not compared again."""
        self._copies.add(seen)
        self._arrivals.append(seen)

    def is_for_itself(self, seen: SeenFile) -> bool:
        """Whether a photo is to be taken in whatever it looks like; asked once."""
        is_copy = seen in self._copies
        self._copies.discard(seen)
        return is_copy

    def may_retry(self, seen: SeenFile) -> bool:
        """Whether a photo that could not be read should be tried again; at some time an end must be made."""
        self._retries[seen] += 1
        return self._retries[seen] <= _MOST_RETRIES

    def is_empty(self) -> bool:
        """Whether there is nothing in hand and nothing to draw."""
        return not self._in_hand and not self._arrivals and not self._refill()

    def _draw(self) -> SeenFile | None:
        while self._arrivals:
            seen = self._arrivals.popleft()
            if self._is_next(seen):
                return seen
        while self._refill():
            seen = self._chunk.popleft()
            if self._is_next(seen):
                return seen
        return None

    def _refill(self) -> bool:
        """Whether there is something in the chunk, after fetching the next one where it was used up."""
        if not self._chunk:
            limit = _CHUNK + len(self._in_hand) + len(self._aside) + self._discovery.waiting()
            waiting = self._store.photos.pending(self._sources.online(), limit)
            self._chunk.extend(seen for seen in waiting if self._is_next(seen))
        return bool(self._chunk)

    def _is_next(self, seen: SeenFile) -> bool:
        if seen in self._in_hand or seen in self._aside or seen.root_id in self._sources.away:
            return False
        return not self._discovery.is_waiting(seen) and self.is_wanted(seen)

    def is_wanted(self, seen: SeenFile) -> bool:
        """Whether it still is to be taken in as it was seen: it may have been in the meantime, or have changed."""
        known = self._store.photos.find(seen.root_id, seen.path)
        return known is not None and known.state is PhotoState.PENDING and known.stat.same_content(seen.stat)
