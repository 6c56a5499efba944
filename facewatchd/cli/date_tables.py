"""
What the commands of `dates` print.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from facewatchd.core.dates.words import SOURCE_WORDS, ZONE_WORDS
from facewatchd.domain import DateSource, ZoneSource
from facewatchd.errors import FacewatchError, displayable, remedy
from facewatchd.operations.dates import DateChange, DatesDone, DatesReport, UnreadableDate
from facewatchd.operations.paths import refuse_silent, resolved

_Change = DateChange | UnreadableDate

_MOST_LINES = 20
_WHY_NOT = "'facewatchd dates report' says of each why not."
_FIGURES = ("photos", "right", "fixed", "wrong", "missing")
_STATES = ("right", "fixed", "wrong", "missing", "unreadable")
_WRITTEN = ("patch", "extend", "exif", "set", "sidecar")


def show_report(report: DatesReport, *, everything: bool) -> None:
    """`dates report`: the sums, then root by root the folders with something to tell, or all of them."""
    console = Console(highlight=False)
    console.print(_sentence(report), soft_wrap=True)
    if not report.known:
        console.print("The configuration has changed: this is what the next run of the daemon finds.", soft_wrap=True)
    shown = [folder for folder in report.folders if everything or folder.changes]
    for root in report.roots:
        folders = [folder for folder in shown if folder.root == root]
        if not folders:
            continue
        console.print(f"\n{escape(displayable(root))}", soft_wrap=True)
        table = Table("folder", *_FIGURES, "from", "to", "to write", box=None, pad_edge=False)
        for folder in folders:
            figures = (str(getattr(folder, key)) for key in _FIGURES)
            name = escape(displayable(_below(folder.folder, root) or "."))
            table.add_row(name, *figures, folder.first or "", folder.last or "", str(folder.writable))
        console.print(table)
        changes = [change for folder in folders for change in folder.changes]
        for line in _changes(changes, root):
            console.print(escape(line), soft_wrap=True)
    if left := len(report.folders) - len(shown):
        which = "1 folder has" if left == 1 else f"{left} folders have"
        console.print(f"\n{which} nothing to tell; --all shows {'it' if left == 1 else 'them'}, too.", soft_wrap=True)


def write_csv(report: DatesReport, csv_file: str) -> None:
    """
    `dates report --csv`: a line per folder.

    Args:
        report: What is known of all dates.
        csv_file: The file; "-" for standard output.

    Raises:
        FacewatchError: It cannot be written.
    """
    figures = ("photos", *_STATES)
    is_printed = csv_file == "-"
    if not is_printed:
        refuse_silent(csv_file, "The table cannot be written")
    try:
        target = sys.stdout.fileno() if is_printed else csv_file
        with open(target, "w", newline="", encoding="utf-8", errors="surrogateescape", closefd=not is_printed) as file:
            writer = csv.writer(file)
            writer.writerow(["root", "folder", *figures, "from", "to", "to_write"])
            for folder in report.folders:
                counts = (getattr(folder, key) for key in figures)
                days = (folder.first or "", folder.last or "")
                writer.writerow([folder.root, folder.folder, *counts, *days, folder.writable])
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FacewatchError("The table cannot be written", remedy(error), error.filename or csv_file) from error


def _below(path: str, root: str) -> str:
    """A path relative to a root."""
    return path[len(root) :].lstrip("/") if path == root or path.startswith(root.rstrip("/") + "/") else path


def show_plan(report: DatesReport, photos: Sequence[Path]) -> None:
    """`dates fix --dry-run`, of these photos or of all."""
    named = {*resolved(photos)}
    console = Console(highlight=False)
    changes = [
        change
        for folder in report.folders
        for change in folder.changes
        if change.action not in {"report", "nothing"} and (not named or change.photo in named)
    ]
    for line in _changes(changes):
        console.print(escape(line), soft_wrap=True)
    console.print(_plan_sentence(report, changes, named), soft_wrap=True)


def _plan_sentence(report: DatesReport, changes: Sequence[_Change], named: Collection[str]) -> str:
    """How many dates are wrong, how many would be written, and where to see the rest."""
    wrong = [
        change
        for folder in report.folders
        for change in folder.changes
        if change.state != "right" and (not named or change.photo in named)
    ]
    if not wrong and not changes:
        return "Every date is right: there is nothing to write."
    are = f"{_dates(len(wrong))} {'is' if len(wrong) == 1 else 'are'} wrong or missing"
    if report.mode in {"report", "off"}:
        return f"{are}, 0 would be written, as dates.mode is {report.mode}."
    if not changes:
        return f"Nothing certain enough to write: {are}, 0 would be written. {_WHY_NOT}"
    rest = f" {_WHY_NOT}" if any(change.action == "report" for change in wrong) else ""
    return f"{are}, {_dates(len(changes))} would be written.{rest}"


def _dates(count: int) -> str:
    return f"{count} {'date' if count == 1 else 'dates'}"


def show_done(parts: Sequence[DatesDone]) -> None:
    """`dates fix` and `dates undo`: what came of all batches."""
    console = Console(highlight=False)
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    words = {
        "patch": "written into the photo's date fields",
        "extend": "added to the photo's Exif block",
        "exif": "written into a new Exif block",
        "set": "set in all that states it",
        "sidecar": "written beside the photo",
        "undone": "taken back",
        "kept": "not taken back",
    }
    for key, word in words.items():
        if counts.get(key):
            console.print(f"{_dates(counts[key])} {word}", soft_wrap=True)
    has_written = any(counts.get(key) for key in _WRITTEN)
    if left := counts.get("report", 0):
        begin = "" if has_written else "Nothing certain enough to write: "
        console.print(
            f"{begin}{_dates(left)} {'is' if left == 1 else 'are'} not right, and left alone. {_WHY_NOT}",
            soft_wrap=True,
        )
    if has_written:
        console.print("To take back what was written: facewatchd dates undo", soft_wrap=True)
    if not any(counts.get(key) for key in ("report", *words)):
        console.print("There is nothing to do.")
    if counts.get("kept"):
        troubles = [trouble for part in parts for trouble in part.troubles]
        for path, why in troubles[:_MOST_LINES]:
            console.print(escape(f"  {path}: {why}"), soft_wrap=True)


def _changes(changes: Sequence[_Change], root: str = "") -> Iterator[str]:
    """A photo's path, relative to the root, and below it what it has, what was found and what is done."""
    for change in changes:
        yield displayable(_below(change.photo, root) if root else change.photo)
        if isinstance(change, DateChange):
            found = f"{change.date} ({SOURCE_WORDS[DateSource(change.source)]}{_zone(change)})"
            if between := change.between:
                found += f", by its neighbours {between.earliest} to {between.latest}"
            yield f"    {change.action}: {found}: {change.why}"
        else:
            yield f"    {change.action}: {change.why}"


def _zone(change: DateChange) -> str:
    """Where the zone came from, as far as any is known."""
    return f"; zone {change.zone} {ZONE_WORDS[ZoneSource(change.zone_source)]}" if change.zone else ""


def _sentence(report: DatesReport) -> str:
    figures = ", ".join(f"{getattr(report, key)} {key}" for key in _STATES)
    actions = ", ".join(f"{count} {act}" for act, count in report.actions.items() if count)
    photos = f"{report.photos} {'photo' if report.photos == 1 else 'photos'}"
    return f"{photos}: {figures}. dates.mode is {report.mode}: {actions or 'nothing to do'}."
