"""
Orders of the user about the dates of many photos (`dates set`, `dates shift`): which photos are meant, which date each of them
gets, and the writing, a little at a time. An order that was broken off is known by its words, and goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from facewatchd.core.dates.given import (
    Candidate,
    Known,
    Unshifted,
    base_of,
    noon_if_day,
    shifted,
    spread,
    why_impossible,
)
from facewatchd.core.dates.plan import Act
from facewatchd.domain import DateFinding, DateSource, PhotoId, PhotoState, Precision, Root
from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.photos.decoding.date_evidence import read_evidence
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.dates.batches import BATCH_S, Batch, photo_at, refuse_to_write
from facewatchd.pipeline.dates.give import Order, give
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.recovery import recover
from facewatchd.pipeline.dates.writes import Outcome
from facewatchd.store import DatedPhoto, Store
from facewatchd.watch.scanner import scan

_WHAT_TO_DO = (
    "facewatchd takes photos in while it runs. When 'facewatchd status' says that they are done, repeat the command."
)


@dataclass(frozen=True, slots=True)
class Selected:
    """
    The photos that an order is about.

    Attributes:
        photos: Those taken in, by their paths, with the other files of their stacks.
        stacks: The primary photo of each.
        unknown: Absolute paths of photos that are there, and were not taken in.
    """

    photos: tuple[DatedPhoto, ...]
    stacks: dict[PhotoId, PhotoId]
    unknown: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What one photo gets.

    Attributes:
        photo: Which.
        had: The date that the new one starts from, or that it replaces. None if there is none.
        new: The new date. None if it gets none.
        why: Why it gets none, as a sentence without its full stop; empty if it gets one.
        is_done: Whether an earlier run of the same order has written it.
    """

    photo: DatedPhoto
    had: Known | None
    new: Known | None
    why: str = ""
    is_done: bool = False


def select(store: Store, settings: DateSettings, paths: Sequence[bytes], excluded: frozenset[bytes]) -> Selected:
    """
    Find the photos that are meant.

    Args:
        store: The state.
        settings: See there.
        paths: Absolute, of photos and folders.
        excluded: Folders with no photos, absolute: the people tree, the state.

    Raises:
        FacewatchError: Nothing may be written; a path is in no photo folder, or no photo there was taken in.
    """
    refuse_to_write(settings)
    found: dict[PhotoId, DatedPhoto] = {}
    unknown: set[bytes] = set()
    for path in paths:
        photo = photo_at(store, path)
        if photo is not None:
            found[photo.photo_id] = photo
            continue
        root, below = _place(store, path)
        settings.refuse_silent(path)
        if not os.path.isdir(path):
            raise _not_known(store, root, below, path)
        here = store.dates.dated_below(root.root_id, below)
        found |= {each.photo_id: each for each in here}
        unknown |= _not_among(root, below, {each.seen.path for each in here}, excluded)
    if not found:
        raise FacewatchError("No photo there is known", _WHAT_TO_DO, paths[0])
    shown = store.stacks.shown()
    stacks: dict[PhotoId, PhotoId] = {}
    for photo_id in [*found]:
        primary = shown.get(photo_id, photo_id)
        for member in {primary, *(each.photo_id for each in store.stacks.members(primary))}:
            mate = found.get(member) or store.dates.dated_photo(member)
            if mate is not None:
                found[member] = mate
                stacks[member] = primary
    photos = tuple(sorted(found.values(), key=lambda photo: photo.path))
    return Selected(photos, stacks, tuple(sorted(unknown - {photo.path for photo in photos})))


def _not_known(store: Store, root: Root, below: bytes, path: bytes) -> FacewatchError:
    """Why nothing is known of a photo that was named, and what to do."""
    if not os.path.lexists(path):
        return FacewatchError("There is no such photo or folder", "Check the path.", path)
    known = store.photos.find(root.root_id, below)
    if known is not None and known.state is PhotoState.FAILED:
        return FacewatchError("The photo could not be read", "'facewatchd status' says why.", path)
    return FacewatchError("The photo is not known", _WHAT_TO_DO, path)


def _place(store: Store, path: bytes) -> tuple[Root, bytes]:
    """The photo folder of a path, and the path relative to it."""
    for root in store.roots.all().values():
        if path == root.path or path.startswith(root.path + b"/"):
            return root, path[len(root.path) + 1 :]
    raise FacewatchError("It is in no photo folder", "'facewatchd roots list' lists the photo folders.", path)


def _not_among(root: Root, below: bytes, known: set[bytes], excluded: frozenset[bytes]) -> set[bytes]:
    """The photos on disk in a folder and below it that are not among the known ones, as absolute paths."""
    return {
        os.path.join(root.path, seen.path)
        for folder in scan(root, is_photo_name, below=below, excluded=excluded)
        for seen in folder.files
        if seen.path not in known
    }


# --- which date each photo gets


@dataclass(frozen=True, slots=True)
class Shift:
    """
    A clock is put right.

    Attributes:
        by: What to add.
        camera: Only for photos of this camera, as they name it; case does not matter. Empty for all.
        start: Only for dates from this one on. None for all.
        end: Only for dates before this one. None for all.
    """

    by: timedelta
    camera: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def is_for(self, base: Known) -> bool:
        """Whether it is for a photo with this date."""
        return not (self.start and base[0] < self.start) and not (self.end and base[0] >= self.end)


def plan_set(store: Store, selected: Selected, words: str, date: Known, now: float, *, is_spread: bool) -> list[Wanted]:
    """
    All photos get one date, or one after the other from this date on.

    Args:
        store: The state.
        selected: The photos.
        words: Of the order; see `DateJournal.begin_order`.
        date: The date.
        now: Seconds since 1970.
        is_spread: Whether they follow each other, a second apart.

    Returns:
        In the order of their new dates.

    Raises:
        ValueError: The day is too short for so many.
    """
    done = _done_before(store, words)
    wanted: list[Wanted] = []
    candidates = [_candidate(photo, selected, done) for photo in selected.photos]
    dates = spread(candidates, date) if is_spread else {}
    for photo, candidate in zip(selected.photos, candidates, strict=True):
        new = (dates[candidate.stack], Precision.SECOND) if is_spread else date
        had = None if candidate.old is None or candidate.old.source is DateSource.MTIME else _known(candidate.old)
        wanted.append(_checked(Wanted(photo, had, new), done, now))
    return sorted(wanted, key=lambda each: (each.new or date)[0])


def plan_shift(
    store: Store,
    settings: DateSettings,
    selected: Selected,
    words: str,
    shift: Shift,
    now: float,
    progress: Callable[[int, int], None],
) -> tuple[list[Wanted], int]:
    """
    All photos that a shift is for get their date and the difference.

    Args:
        store: The state.
        settings: See there.
        selected: The photos.
        words: Of the order; see `DateJournal.begin_order`.
        shift: The shift.
        now: Seconds since 1970.
        progress: Is told how many photos of how many were looked at.

    Returns:
        What each photo gets, and how many photos the shift is not for.
    """
    done = _done_before(store, words)
    bases: dict[PhotoId, Known | Unshifted] = {}
    others: set[PhotoId] = set()
    for at, photo in enumerate(selected.photos):
        progress(at, len(selected.photos))
        base, is_other = _base(settings, photo, _candidate(photo, selected, done), shift)
        bases[photo.photo_id] = base
        if is_other:
            others.add(photo.photo_id)
    wanted = []
    for photo in selected.photos:
        primary = selected.stacks[photo.photo_id]
        if primary in others or (primary not in bases and photo.photo_id in others):
            continue
        base = bases[photo.photo_id]
        if isinstance(base, Unshifted):
            # the files of a stack share their date
            base = bases.get(primary, base)
        if isinstance(base, Unshifted):
            wanted.append(Wanted(photo, None, None, base.why))
            continue
        new = shifted(base, shift.by)
        if new is None:
            wanted.append(Wanted(photo, base, None, "the new date is beyond the calendar"))
        else:
            wanted.append(_checked(Wanted(photo, base, new), done, now))
    return wanted, len(selected.photos) - len(wanted)


def _base(
    settings: DateSettings, photo: DatedPhoto, candidate: Candidate, shift: Shift
) -> tuple[Known | Unshifted, bool]:
    """What a photo's new date starts from, and whether the shift is not for it. The file is read only if it must be."""
    base = base_of(candidate, shift.by)
    if shift.camera or isinstance(base, Unshifted):
        try:
            settings.refuse_silent(photo.path)
            tags = read_evidence(photo.path, photo.seen.path, photo.seen.stat).tags
        except PhotoError as error:
            return Unshifted(error.message.rstrip(".")), False
        if shift.camera and tags.model.casefold() != shift.camera.strip().casefold():
            return base, True
        base = base_of(replace(candidate, own=tags.original), shift.by)
    return base, not isinstance(base, Unshifted) and not shift.is_for(base)


def _candidate(photo: DatedPhoto, selected: Selected, done: dict[PhotoId, Done]) -> Candidate:
    """A photo as it was before the order, if a part of it was carried out."""
    old = photo.date
    if photo.photo_id in done:
        had = done[photo.photo_id].had
        old = None if had is None or old is None else replace(old, value=had[0], precision=had[1])
    stack = selected.stacks[photo.photo_id]
    return Candidate(photo.path, old, "", stack, stack == photo.photo_id)


def _known(date: DateFinding) -> Known:
    return date.value.replace(microsecond=0), date.precision


@dataclass(frozen=True, slots=True)
class Done:
    """
    What an earlier run of an order did to a photo: the date before, and the date that was written. None if it was broken off
    between two files.
    """

    had: Known | None
    written: Known | None


def _done_before(store: Store, words: str) -> dict[PhotoId, Done]:
    order_id = store.date_journal.open_order(words)
    if order_id is None:
        return {}
    writes = store.date_journal.of_order(order_id)
    return {
        photo_id: Done(write.had, None if write.is_part else (write.value, write.precision))
        for photo_id, write in writes.items()
    }


def _checked(wanted: Wanted, done: dict[PhotoId, Done], now: float) -> Wanted:
    assert wanted.new is not None
    value, precision = wanted.new
    if why := why_impossible(value, precision, now):
        return replace(wanted, new=None, why=f"{value:%Y-%m-%d %H:%M:%S} {why}")
    before = done.get(wanted.photo.photo_id)
    return replace(wanted, is_done=before is not None and before.written == (noon_if_day(value, precision), precision))


# --- writing


@dataclass(frozen=True, slots=True)
class Item:
    """
    A photo of an order that gets a date.

    Attributes:
        path: Absolute.
        found: What was known of its date when the order was made, as `date_text` has it; empty if nothing was.
        had: See `Wanted.had`.
        new: The new date.
    """

    path: bytes
    found: str
    had: Known | None
    new: Known


def give_batch(
    store: Store,
    settings: DateSettings,
    words: str,
    items: Sequence[Item],
    found: Callable[[DateFinding], str],
    *,
    is_shift: bool,
    ends: bool,
) -> Batch:
    """
    Write dates that the user confirmed.

    Args:
        store: The state.
        settings: See there.
        words: Of the order.
        items: What is left of it, or a part of that.
        found: A finding as a text, for `Item.found`.
        is_shift: Whether clocks are put right.
        ends: Whether these are the last, and all before were written.

    Returns:
        What came of them; `next` is how many items of the list were done, None if all were.

    Raises:
        FacewatchError: Nothing may be written.
    """
    refuse_to_write(settings)
    recover(store, settings.answers)
    order_id = store.date_journal.open_order(words)
    if order_id is None:
        with store.transaction():
            order_id = store.date_journal.begin_order(words, time.time())
    batch = Batch()
    for at, item in _while_there_is_time(items):
        outcome = _give_one(store, settings, item, order_id, found, is_shift=is_shift)
        batch.add(item.path, outcome, outcome.act.value, most_troubles=len(items))
        batch.next = at + 1 if at + 1 < len(items) else None
    if ends and batch.next is None and not batch.counts[Act.REPORT.value]:
        with store.transaction():
            store.date_journal.end_order(order_id)
    return batch


def _while_there_is_time(items: Sequence[Item]) -> Iterator[tuple[int, Item]]:
    """At least one."""
    deadline = time.monotonic() + BATCH_S
    for at, item in enumerate(items):
        yield at, item
        if time.monotonic() >= deadline:
            return


def _give_one(
    store: Store,
    settings: DateSettings,
    item: Item,
    order_id: int,
    found: Callable[[DateFinding], str],
    *,
    is_shift: bool,
) -> Outcome:
    photo = photo_at(store, item.path)
    if photo is None:
        return Outcome(
            Act.REPORT, "It is not known any more: it was moved, or has changed and is not taken in yet.", set()
        )
    has = "" if photo.date is None else found(photo.date)
    is_there = photo.date is not None and (photo.date.value, photo.date.precision) == item.new
    # a sidecar that it shares with another file of its stack may say the new date already
    if has != item.found and not is_there:
        return Outcome(Act.REPORT, "Another date was found for it meanwhile. Repeat the command to see it.", set())
    if why := why_impossible(*item.new, time.time()):
        return Outcome(Act.REPORT, f"The date {why}.", set())
    order = Order(*item.new, order_id, item.had, is_shift=is_shift, mates=_mates(store, photo))
    return give(store, settings, photo, order, time.time())


def _mates(store: Store, photo: DatedPhoto) -> frozenset[bytes]:
    """Names of the other files of a photo's stack. They get the same date."""
    stacked = store.stacks.get(photo.photo_id)
    primary = photo.photo_id if stacked is None or stacked.shown_as is None else stacked.shown_as
    members = store.stacks.members(primary)
    if primary != photo.photo_id and (first := store.stacks.get(primary)) is not None:
        members = [*members, first]
    return frozenset(os.path.basename(each.member.path) for each in members if each.photo_id != photo.photo_id)
