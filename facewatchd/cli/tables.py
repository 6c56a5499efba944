"""
What commands print for people: tables and sentences. Takes finished results, decides nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from facewatchd.cli.times import local_time
from facewatchd.core.tree.plan_words import action_said, gesture_said
from facewatchd.domain import Face, Person, PersonId
from facewatchd.errors import displayable

if TYPE_CHECKING:
    from facewatchd.doctor import Finding
    from facewatchd.faces.packs import PackReport
    from facewatchd.offline import PackEntry
    from facewatchd.pipeline.tree.materialize import Materialized
    from facewatchd.store import PersonPhoto, PersonSummary
    from facewatchd.store.journal import Entry
    from facewatchd.store.roots import RootFigures


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _show(*things: object) -> None:
    console = Console(highlight=False)
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, str))


def show_findings(findings: Sequence[Finding]) -> None:
    """`doctor`."""
    table = _table("", "what", "found", "what to do")
    for finding in findings:
        table.add_row(finding.verdict, finding.what, escape(finding.found), escape(finding.remedy))
    _show(table)


def show_people(summaries: Sequence[PersonSummary], hidden: Collection[PersonId]) -> None:
    """`people list`."""
    table = _table(">id", "name", ">faces", ">photos", ">confirmed", "")
    for summary in summaries:
        person = summary.person
        figures = (str(number) for number in (summary.faces, summary.photos, summary.confirmed))
        table.add_row(
            *(str(person.person_id), escape(person.title), *figures), "hidden" if person.person_id in hidden else ""
        )
    _show(table)


def show_photos_of(people: Sequence[Person], photos: Sequence[PersonPhoto], faces: Sequence[Sequence[Face]]) -> None:
    """
    `people show`.

    Args:
        people: Of whom, one or more.
        photos: Those that all of them are in.
        faces: Of each of them.
    """
    titles = [displayable(person.title) for person in people]
    if len(people) == 1:
        confirmed = sum(face.confirmed for face in faces[0])
        _show(f"{escape(titles[0])}: {len(faces[0])} faces ({confirmed} confirmed) in {len(photos)} photos")
    else:
        together = f"{', '.join(titles[:-1])} and {titles[-1]}"
        _show(escape(f"{together}: together in {len(photos)} {'photo' if len(photos) == 1 else 'photos'}"))
    if not photos:
        return
    headings = ["face"] if len(people) == 1 else [f"face of {title}" for title in titles]
    table = _table("date", "known from", *(f">{escape(heading)}" for heading in headings), "photo")
    faces_in: list[dict[int, list[str]]] = [defaultdict(list) for _ in people]
    for found, theirs in zip(faces_in, faces, strict=True):
        for face in theirs:
            found[face.photo_id].append(str(face.face_id))
    for photo in photos:
        date = photo.date
        table.add_row(
            f"{date.value:%Y-%m-%d}" if date else "",
            date.source if date else "",
            *(", ".join(found[photo.photo_id]) for found in faces_in),
            escape(displayable(photo.path)),
        )
    _show(table)


def show_plan(plan: Materialized) -> None:
    """`tree --dry-run`."""
    for gesture in plan.gestures:
        _show(escape(f"you: {gesture_said(gesture)}"))
    for action in plan.actions:
        _show(escape(action_said(action)))
    count = len(plan.actions)
    _show(f"{count} {'change' if count == 1 else 'changes'}" if count else "The people tree is as it should be.")


def show_journal(entries: Sequence[Entry]) -> None:
    """`undo --list`."""
    if not entries:
        _show("There are no corrections yet: nothing was renamed, moved or merged.")
        return
    table = _table("number", "when", "what", "")
    for entry in entries:
        undone = "taken back" if entry.undone else ""
        table.add_row(str(entry.entry_id), local_time(entry.at), escape(entry.title), undone)
    _show(table)


def journal_entry(entry: Entry) -> dict[str, int | str | bool | None]:
    """A word as `undo --list --json` has it."""
    at = dt.datetime.fromtimestamp(entry.at, dt.UTC).isoformat(timespec="seconds")
    return {
        "number": entry.entry_id,
        "at": at,
        "what": entry.title,
        "taken_back": entry.undone,
        "takes_back": entry.undoes,
    }


def show_roots(figures: Sequence[RootFigures]) -> None:
    """`roots list`."""
    table = _table("folder", "watched", "there", ">photos", ">missing")
    for one in figures:
        path = one.root.path
        table.add_row(
            escape(displayable(path)),
            "yes" if one.watched else "no",
            "yes" if os.path.isdir(path) else "no",
            str(one.photos),
            str(one.missing),
        )
    _show(table)


def show_packs(entries: Sequence[PackEntry]) -> None:
    """`models list`."""
    table = _table("pack", "installed", "in use", "licence")
    for entry in entries:
        table.add_row(
            escape(entry.name),
            "yes" if entry.installed else "no",
            "yes" if entry.in_use else "",
            escape(entry.licence),
        )
    _show(table)


def show_pack_reports(reports: Sequence[PackReport]) -> None:
    """`models verify`."""
    table = _table("pack", "id", "result")
    for report in reports:
        table.add_row(escape(report.pack), report.info.id[:12] if report.info else "", escape(report.problem) or "good")
    _show(table)


def show_identified(found: dict[str, Any]) -> None:
    """`identify`."""
    if not found["faces"]:
        _show("There is no face in the photo.")
        return
    table = _table("who", ">similarity", ">gap", ">x", ">y", ">w", ">h", "remark")
    for face in found["faces"]:
        remark = face["poor"] or ("" if face["person_id"] or not face["nearest"] else f"nearest: {face['nearest']}")
        numbers = ("" if face[key] is None else f"{face[key]:.2f}" for key in ("similarity", "gap"))
        box = (f"{face[key]:.0f}" for key in "xywh")
        table.add_row(escape(face["person"]) or "unknown", *numbers, *box, escape(remark))
    _show(table)


@contextlib.contextmanager
def download(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr; yields what to tell (bytes so far, bytes in all)."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
