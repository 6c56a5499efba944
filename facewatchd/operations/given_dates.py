"""
Dates that the user gives: which photos get which date, and the writing of what was confirmed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from facewatchd.core.dates.given import Known, typed_date, typed_limit, why_impossible
from facewatchd.core.dates.rules import rule_date, shift_by
from facewatchd.core.dates.words import date_words
from facewatchd.errors import FacewatchError, TreeError
from facewatchd.operations.base import Read, Record, Text, Write
from facewatchd.operations.context import Reading, Writing
from facewatchd.operations.dates import DatesDone, date_text
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.orders import Item, Selected, Shift, Wanted, give_batch, plan_set, plan_shift, select

if TYPE_CHECKING:
    from facewatchd.operations.client import Client

Value = TypeVar("Value")

_PER_REQUEST = 200
"""Photos that are asked for at a time. Each is some hundred bytes, and a request has a limit."""


class SetParameters(Record):
    """
    Attributes:
        paths: Absolute paths of photos and folders.
        date: `2010-09-11`, `2010-09-11T14:00` or `2010-09-11T14:00:00`.
        spread: Whether the photos follow each other, a second apart, from this date on.
    """

    paths: tuple[Text, ...]
    date: Text
    spread: bool = False


class ShiftParameters(Record):
    """
    Attributes:
        paths: Absolute paths of photos and folders.
        by: What to add, such as `+365d 01:00:00` or `-00:30`.
        camera: Only photos of this camera, as they name it. None for all.
        start: Only dates from this one on, such as `2010-09-11`. None for all.
        end: Only dates before this one. None for all.
    """

    paths: tuple[Text, ...]
    by: Text
    camera: Text | None = None
    start: Text | None = None
    end: Text | None = None


class GivenDate(Record):
    """
    A photo and the date that it gets. Dates are ISO 8601, as fine as they are known, and empty if there is none.

    Attributes:
        photo: Absolute path.
        found: What is known of its date now.
        old: The date that the new one replaces, or starts from.
        new: The new date.
        action: "set"; "nothing" if it was set by an earlier run; "report" if it gets none.
        why: Why it gets none, as a sentence without a full stop; empty if it gets one.
    """

    photo: Text
    found: str
    old: str
    new: str
    action: Literal["set", "nothing", "report"]
    why: str


class DatesPlan(Record):
    """
    Which photos get which date.

    Attributes:
        order: What was ordered. The same order has the same text.
        photos: In the order in which they are written.
        unknown: Paths of photos that are there, and were not taken in.
        others: How many photos the order is not for: they are of another camera or another time.
    """

    order: str
    photos: tuple[GivenDate, ...]
    unknown: tuple[str, ...]
    others: int


class GiveParameters(Record):
    """
    What is written, after it was confirmed.

    Attributes:
        order: See `DatesPlan`.
        photos: Those that get a date.
        ends: Whether the order ends with these.
        complete: Whether all before could be written.
    """

    order: Text
    photos: tuple[GivenDate, ...]
    ends: bool = True
    complete: bool = True


# --- plans


def _plan_set(reading: Reading, parameters: SetParameters) -> DatesPlan:
    date = _typed(typed_date, parameters.date)
    now = time.time()
    if why := why_impossible(*date, now):
        raise FacewatchError(f"The date {date_words(*date)} {why}", "Give another one.")
    selected = _selected(reading, parameters.paths)
    order = json.dumps(["set", *sorted(parameters.paths), date_words(*date), parameters.spread])
    try:
        wanted = plan_set(reading.store, selected, order, date, now, is_spread=parameters.spread)
    except ValueError as error:
        raise FacewatchError("The dates cannot be spread", f"{error}.") from error
    return _plan(order, wanted, selected, 0)


def _plan_shift(reading: Reading, parameters: ShiftParameters) -> DatesPlan:
    by = _typed(shift_by, parameters.by)
    if by == timedelta():
        raise FacewatchError("The dates cannot be shifted by nothing", "Give a difference, such as +365d 01:00:00.")
    limits = [None if text is None else _typed(typed_limit, text) for text in (parameters.start, parameters.end)]
    shift = Shift(by, parameters.camera or "", *limits)
    selected = _selected(reading, parameters.paths)
    what = [parameters.camera, *(limit and limit.isoformat() for limit in limits)]
    order = json.dumps(["shift", *sorted(parameters.paths), by.total_seconds(), *what])
    settings = DateSettings.of(reading.config)
    wanted, others = plan_shift(reading.store, settings, selected, order, shift, time.time(), reading.progress)
    return _plan(order, wanted, selected, others)


def _typed(read: Callable[[str], Value], text: str) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise FacewatchError(f"{error}.") from error


def _selected(reading: Reading, paths: tuple[str, ...]) -> Selected:
    config = reading.config
    excluded = frozenset(os.fsencode(folder) for folder in (config.people.dir, config.state.dir))
    return select(reading.store, DateSettings.of(config), [os.fsencode(path) for path in paths], excluded)


def _plan(order: str, wanted: list[Wanted], selected: Selected, others: int) -> DatesPlan:
    unknown = tuple(os.fsdecode(path) for path in selected.unknown)
    return DatesPlan(order=order, photos=tuple(map(_given, wanted)), unknown=unknown, others=others)


def _given(wanted: Wanted) -> GivenDate:
    date = wanted.photo.date
    action: Literal["set", "nothing", "report"] = "nothing" if wanted.is_done else "set"
    return GivenDate(
        photo=os.fsdecode(wanted.photo.path),
        found="" if date is None else date_text(date),
        old=_text(wanted.had),
        new=_text(wanted.new),
        action="report" if wanted.new is None else action,
        why=wanted.why,
    )


def _text(known: Known | None) -> str:
    return "" if known is None else date_words(*known).replace(" ", "T")


def _known(text: str) -> Known | None:
    return rule_date(text) if text else None


SET_PLAN = Read("dates.set.plan", SetParameters, DatesPlan, _plan_set)
SHIFT_PLAN = Read("dates.shift.plan", ShiftParameters, DatesPlan, _plan_shift)


# --- writing


def _set(writing: Writing, parameters: GiveParameters) -> DatesDone:
    return _give(writing, parameters, is_shift=False)


def _shift(writing: Writing, parameters: GiveParameters) -> DatesDone:
    return _give(writing, parameters, is_shift=True)


def _give(writing: Writing, parameters: GiveParameters, *, is_shift: bool) -> DatesDone:
    items = []
    for photo in parameters.photos:
        new = _typed(_known, photo.new)
        if new is not None:
            items.append(Item(os.fsencode(photo.photo), photo.found, _typed(_known, photo.old), new))
    settings = DateSettings.of(writing.config, writing.checker(), writing.answers)
    batch = give_batch(
        writing.store,
        settings,
        parameters.order,
        items,
        date_text,
        is_shift=is_shift,
        ends=parameters.ends and parameters.complete,
    )
    writing.record(batch.said)
    if parameters.ends and batch.next is None:
        # what cannot be done to the tree now is told by 'status', and the dates are written
        with contextlib.suppress(TreeError):
            writing.bring_up_to_date(batch.scope)
    else:
        writing.look_after(batch.scope)
    return DatesDone(counts=dict(batch.counts), troubles=tuple(batch.troubles), said=tuple(batch.said), next=batch.next)


def _following(parameters: GiveParameters, done: DatesDone) -> GiveParameters | None:
    if done.next is None:
        return None
    left = tuple(photo for photo in parameters.photos if photo.new)[done.next :]
    return parameters.model_copy(update={"photos": left, "complete": parameters.complete and not _failed(done)})


def _failed(done: DatesDone) -> bool:
    return bool(done.counts.get("report"))


SET = Write("dates.set", GiveParameters, DatesDone, _set, _following)
SHIFT = Write("dates.shift", GiveParameters, DatesDone, _shift, _following)


def carry_out(client: Client, operation: Write[GiveParameters, DatesDone], plan: DatesPlan) -> Iterator[DatesDone]:
    """
    Write all that a plan says, some photos at a time.

    Args:
        client: Carries operations out.
        operation: `SET` or `SHIFT`.
        plan: What was confirmed.

    Yields:
        What came of each part, as soon as it is done.

    Raises:
        FacewatchError: It could not be done. What was done until then stays, and the same order goes on with the rest.
    """
    photos = [photo for photo in plan.photos if photo.action == "set"]
    if not photos and any(photo.action == "nothing" for photo in plan.photos):
        # the run before was broken off behind its last photo
        yield from client.parts(operation, GiveParameters(order=plan.order, photos=()))
    # an order with photos that get no date ends all the same: the next run finds the same
    complete = True
    for at in range(0, len(photos), _PER_REQUEST):
        part = tuple(photos[at : at + _PER_REQUEST])
        ends = at + _PER_REQUEST >= len(photos)
        for done in client.parts(
            operation, GiveParameters(order=plan.order, photos=part, ends=ends, complete=complete)
        ):
            complete = complete and not _failed(done)
            yield done
