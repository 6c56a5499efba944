"""
What commands print for people: tables and sentences. Takes finished results, decides nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from facewatchd.cli.times import local_time
from facewatchd.errors import displayable

if TYPE_CHECKING:
    from facewatchd.operations.corrections import Journal
    from facewatchd.operations.embeddings import Validated
    from facewatchd.operations.grouping import Evaluated
    from facewatchd.operations.health import Findings
    from facewatchd.operations.models import PackReports, Packs
    from facewatchd.operations.people import People, PersonShown, PhotoRow, TogetherShown
    from facewatchd.operations.photos import Identified
    from facewatchd.operations.roots import Roots
    from facewatchd.operations.sorting import Sorted
    from facewatchd.operations.tree import TreePlan

_MOST_FOLDERS = 30
"""So many folders, or photos that cannot be read, `sort` lists."""

_MOST_CONFUSED = 20
"""So many pairs of labels `validate` lists."""


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _show(*things: object, to_stderr: bool = False) -> None:
    console = Console(highlight=False, stderr=to_stderr)
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, str))


def show_findings(found: Findings) -> None:
    """`doctor`."""
    table = _table("", "what", "found", "what to do")
    for finding in found.findings:
        table.add_row(finding.verdict, finding.what, escape(finding.found), escape(finding.remedy))
    _show(table)


def show_people(found: People) -> None:
    """`people list`."""
    table = _table(">id", "name", ">faces", ">photos", ">confirmed", "")
    for person in found.people:
        figures = (str(number) for number in (person.faces, person.photos, person.confirmed))
        table.add_row(str(person.id), escape(person.title), *figures, "hidden" if person.hidden else "")
    _show(table)


def show_person(shown: PersonShown) -> None:
    """`people show`, of one person."""
    _show_alone(shown.title, shown.faces, shown.confirmed, shown.photos, shown.rows)


def show_together(shown: TogetherShown) -> None:
    """`people show`, of several people."""
    if len(shown.people) == 1:
        (person,), (confirmed,) = shown.people, shown.confirmed
        _show_alone(person.title, person.faces, confirmed, shown.photos, shown.rows)
        return
    titles = [displayable(person.title) for person in shown.people]
    together = f"{', '.join(titles[:-1])} and {titles[-1]}"
    _show(escape(f"{together}: together in {len(shown.photos)} {'photo' if len(shown.photos) == 1 else 'photos'}"))
    _show_photos([f"face of {title}" for title in titles], shown.photos, shown.rows)


def _show_alone(title: str, faces: int, confirmed: int, photos: Sequence[str], rows: Sequence[PhotoRow]) -> None:
    _show(f"{escape(displayable(title))}: {faces} faces ({confirmed} confirmed) in {len(photos)} photos")
    _show_photos(["face"], photos, rows)


def _show_photos(headings: Sequence[str], photos: Sequence[str], rows: Sequence[PhotoRow]) -> None:
    if not photos:
        return
    table = _table("date", "known from", *(f">{escape(heading)}" for heading in headings), "photo")
    for photo, row in zip(photos, rows, strict=True):
        faces = (", ".join(map(str, of_one)) for of_one in row.faces)
        table.add_row(row.day, row.source, *faces, escape(displayable(photo)))
    _show(table)


def show_plan(plan: TreePlan) -> None:
    """`tree --dry-run`."""
    for gesture in plan.gestures:
        _show(escape(f"you: {gesture}"))
    for action in plan.actions:
        _show(escape(action))
    count = len(plan.actions)
    _show(f"{count} {'change' if count == 1 else 'changes'}" if count else "The people tree is as it should be.")


def show_journal(journal: Journal) -> None:
    """`undo --list`."""
    if not journal.entries:
        _show("There are no corrections yet: nothing was renamed, moved or merged.")
        return
    table = _table("number", "when", "what", "")
    for entry in journal.entries:
        undone = "taken back" if entry.taken_back else ""
        table.add_row(str(entry.number), local_time(entry.at), escape(entry.what), undone)
    _show(table)


def show_roots(found: Roots) -> None:
    """`roots list`."""
    table = _table("folder", "watched", "there", ">photos", ">missing")
    for root in found.roots:
        table.add_row(
            escape(displayable(root.path)),
            "yes" if root.watched else "no",
            "yes" if root.there else "no",
            str(root.photos),
            str(root.missing),
        )
    _show(table)


def show_packs(found: Packs) -> None:
    """`models list`."""
    table = _table("pack", "installed", "in use", "licence")
    for pack in found.packs:
        table.add_row(
            escape(pack.name),
            "yes" if pack.installed else "no",
            "yes" if pack.in_use else "",
            escape(pack.licence),
        )
    _show(table)


def show_pack_reports(found: PackReports) -> None:
    """`models verify`."""
    table = _table("pack", "id", "result")
    for report in found.packs:
        table.add_row(escape(report.pack), report.id[:12], escape(report.problem) or "good")
    _show(table)


def show_identified(found: Identified) -> None:
    """`identify`."""
    if not found.faces:
        _show("There is no face in the photo.")
        return
    table = _table("who", ">similarity", ">gap", ">x", ">y", ">w", ">h", "remark")
    for face in found.faces:
        remark = face.poor or ("" if face.person or not face.nearest else f"nearest: {face.nearest}")
        numbers = ("" if number is None else f"{number:.2f}" for number in (face.similarity, face.gap))
        box = (f"{number:.0f}" for number in (face.x, face.y, face.w, face.h))
        table.add_row(escape(face.person) or "unknown", *numbers, *box, escape(remark))
    _show(table)


def show_all_identified(photos: Sequence[Identified]) -> None:
    """`identify`, of several photos."""
    table = _table("photo", "who", ">similarity", "remark")
    for photo in photos:
        for face in photo.faces:
            remark = face.poor or ("" if face.person or not face.nearest else f"nearest: {face.nearest}")
            similarity = "" if face.similarity is None else f"{face.similarity:.2f}"
            table.add_row(
                escape(displayable(photo.photo)),
                escape(displayable(face.person)) or "unknown",
                similarity,
                escape(remark),
            )
        if not photo.faces:
            table.add_row(escape(displayable(photo.photo)), "", "", "no face")
    _show(table)


def show_scores(found: Evaluated) -> None:
    """`evaluate`."""
    table = _table("", ">B-cubed P", ">R", ">F1", ">pairwise P", ">R", ">F1", ">groups")
    for name, scores in found.scores.items():
        *shares, groups = dict(scores).values()
        table.add_row(name, *(f"{share:.4f}" for share in shares), str(groups))
    _show(f"{found.faces} faces of {found.people} people who are known for sure", table)


def show_validated(found: Validated, *, to_stderr: bool) -> None:
    """`validate`."""
    sums = [f"{found.faces} faces compared, {found.unknown} of them unknown ({found.unknown_rate:.1%})"]
    if found.labelled:
        sums += [
            f"precision {_share(found.precision)}: {found.right} of {found.given} faces that were given a person",
            f"recall {_share(found.recall)}: {found.right} of {found.known} faces of people with a medoid",
            f"{found.strangers_accepted} of {found.strangers} faces of other people were given a person",
        ]
    else:
        sums.append("The faces have no labels: there is nothing to compare the result with")
    _show(*(f"{sentence}." for sentence in sums), to_stderr=to_stderr)
    wrong = [one for one in found.confusion if one.label != one.given]
    if wrong:
        table = _table("person", "was given", ">faces")
        for one in wrong[:_MOST_CONFUSED]:
            table.add_row(escape(displayable(one.label)), escape(displayable(one.given)), str(one.faces))
        _show(table, to_stderr=to_stderr)
    if len(wrong) > _MOST_CONFUSED:
        _show(f"... and {len(wrong) - _MOST_CONFUSED} pairs more: --json has all.", to_stderr=to_stderr)


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


def show_sorted(found: Sorted, destination: str) -> None:
    """`sort`."""
    table = _table("folder", ">photos", ">faces")
    for folder in found.folders[:_MOST_FOLDERS]:
        table.add_row(escape(folder.folder), str(folder.photos), str(folder.faces))
    if found.folders:
        _show(table)
    if len(found.folders) > _MOST_FOLDERS:
        _show(f"... and {len(found.folders) - _MOST_FOLDERS} folders more.")
    _show(
        f"{found.photos} photos with {found.faces} faces: {len(found.folders)} people; {found.unknown} photos with an unknown "
        f"face are in _unknown; {found.without} without a face that can be grouped and {len(found.failed)} that cannot be "
        "read are in no folder."
    )
    for failed in found.failed[:_MOST_FOLDERS]:
        _show(escape(f"{displayable(failed.photo)}: {failed.reason}"))
    changed = f", {found.changed} left out as the photo was changed meanwhile" if found.changed else ""
    _show(
        escape(
            f"{displayable(destination)}: {found.made} files made, {found.kept} there already, {found.removed} removed{changed}."
        )
    )


@contextlib.contextmanager
def counted(what: str, after: int = 0) -> Iterator[Callable[[int, int | None], None]]:
    """
    A progress bar on stderr, from when there is something to show; yields what to tell (files so far, files in all).

    Args:
        what: What goes on.
        after: So many files need no bar.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=None)

    def tell(done: int, total: int | None) -> None:
        if total is None or total > after:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield tell
    finally:
        bar.stop()


@contextlib.contextmanager
def download(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr; yields what to tell (bytes so far, bytes in all)."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
