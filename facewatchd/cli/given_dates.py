"""
What `dates set` and `dates shift` have in common: the table of old and new dates, the question, the writing, and its end.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from facewatchd.cli.command import UsageLine, print_json
from facewatchd.errors import FacewatchError, displayable
from facewatchd.operations.base import P, Read, Record, Write
from facewatchd.operations.client import Client
from facewatchd.operations.dates import DatesDone
from facewatchd.operations.given_dates import DatesPlan, GivenDate, GiveParameters, carry_out

_MOST_ROWS = 40
_MOST_PATHS = 3


@dataclass(frozen=True, slots=True)
class How:
    """
    What was typed.

    Attributes:
        dry_run: Whether nothing is written.
        yes: Whether it is written without a question.
        as_json: Whether JSON is printed.
    """

    dry_run: bool
    yes: bool
    as_json: bool


class Printed(Record):
    """
    What `--json` prints.

    Attributes:
        photos: Which photo gets which date.
        unknown: See `DatesPlan`.
        others: See `DatesPlan`.
        dry_run: Whether nothing was written.
        counts: How many photos, by what was done: "set" in the photo, "sidecar", "nothing" if it said the date already, or
            "report" if it could not be done.
        troubles: Path and reason of those that could not be done.
    """

    photos: tuple[GivenDate, ...]
    unknown: tuple[str, ...]
    others: int
    dry_run: bool
    counts: dict[str, int]
    troubles: tuple[tuple[str, str], ...]


def give(
    client: Client,
    planning: Read[P, DatesPlan],
    parameters: P,
    operation: Write[GiveParameters, DatesDone],
    how: How,
) -> None:
    """
    Show which photo gets which date, ask, and write them.

    Args:
        client: Carries operations out.
        planning: Tells which photo gets which date.
        parameters: What was typed.
        operation: Writes them.
        how: See there.

    Raises:
        FacewatchError: It could not be done, or not for all photos.
    """
    with _progress("Looked at", how) as progress:
        plan = client.call(planning, parameters, progress)
    count = sum(photo.action == "set" for photo in plan.photos)
    if not how.as_json:
        _show(plan, everything=how.dry_run)
    if how.dry_run:
        if how.as_json:
            print_json(_printed(plan, [], dry_run=True))
        return
    if count and not how.yes and not _is_agreed(count):
        raise FacewatchError("No date was written", "You did not agree.")
    parts: list[DatesDone] = []
    try:
        with _progress("Done", how) as progress:
            for part in carry_out(client, operation, plan):
                parts.append(part)
                progress(sum(sum(each.counts.values()) for each in parts), count)
                if not how.as_json:
                    for line in part.said:
                        click.echo(line)
    except KeyboardInterrupt:
        done = sum(sum(each.counts.values()) for each in parts)
        raise FacewatchError(
            f"Interrupted: about {done:,} of {count:,} dates were written",
            "The same command goes on with the rest; 'facewatchd dates undo PATH' takes them back.",
        ) from None
    if how.as_json:
        print_json(_printed(plan, parts, dry_run=False))
    _end(plan, parts, how)


def _printed(plan: DatesPlan, parts: list[DatesDone], *, dry_run: bool) -> Printed:
    return Printed(
        photos=plan.photos,
        unknown=plan.unknown,
        others=plan.others,
        dry_run=dry_run,
        counts=dict(_counts(parts)),
        troubles=tuple(trouble for part in parts for trouble in part.troubles),
    )


def _counts(parts: list[DatesDone]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return counts


def _is_agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageLine(
            "Nothing can be asked here: repeat the command with --yes to write the dates, or with --dry-run"
        )
    return click.confirm(f"Write {_dates(count)}?", err=True)


@contextmanager
def _progress(what: str, how: How) -> Iterator[Callable[[int, int | None], None]]:
    """Takes how many photos of how many; shown on a terminal."""
    console = Console(stderr=True)
    shown = console.is_terminal and not how.as_json
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("photos"))
    with Progress(
        *columns, console=console, transient=True, disable=not shown, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(plan: DatesPlan, *, everything: bool) -> None:
    """The table, and what is left out."""
    console = Console(highlight=False)
    shown = plan.photos if everything else plan.photos[:_MOST_ROWS]
    if shown:
        folder = os.path.commonpath([os.path.dirname(photo.photo) for photo in plan.photos])
        console.print(escape(f"In {displayable(folder)}:"), soft_wrap=True)
        table = Table("photo", "old", "new", box=None, pad_edge=False)
        table.columns[0].overflow = "fold"
        for photo in shown:
            new = photo.new.replace("T", " ")
            if photo.why:
                new = f"left as it is: {photo.why}"
            elif photo.action == "nothing":
                new += " (done before)"
            name = escape(displayable(os.path.relpath(photo.photo, folder)))
            table.add_row(name, photo.old.replace("T", " ") or "no date", escape(new))
        console.print(table)
    if left := len(plan.photos) - len(shown):
        console.print(f"... and {left:,} more; --dry-run shows all.", soft_wrap=True)
    if plan.others:
        console.print(
            f"{_photos(plan.others)} of another camera or time {_are(plan.others)} left as they are.", soft_wrap=True
        )
    if plan.unknown:
        names = ", ".join(displayable(path) for path in plan.unknown[:_MOST_PATHS])
        more = ", ..." if len(plan.unknown) > _MOST_PATHS else ""
        is_one = len(plan.unknown) == 1
        told = (
            f"{_photos(len(plan.unknown))} {_are(len(plan.unknown))} left out, as facewatchd has not taken "
            f"{'it' if is_one else 'them'} in ({names}{more}). It does so while it runs. When 'facewatchd status' says that "
            f"{'it is' if is_one else 'they are'} done, repeat the command."
        )
        console.print(escape(told), soft_wrap=True)
    if any(photo.action == "nothing" for photo in plan.photos):
        count = sum(photo.action == "nothing" for photo in plan.photos)
        console.print(
            f"{_dates(count)} {_are(count)} written already by an earlier run of this command, which was broken off."
        )


def _end(plan: DatesPlan, parts: list[DatesDone], how: How) -> None:
    """The sum, and an error if something could not be done."""
    counts = _counts(parts)
    console = Console(highlight=False, stderr=how.as_json, quiet=how.as_json)
    for key, words in (
        ("set", "written into the photo"),
        ("sidecar", "written into a sidecar"),
        ("nothing", "there already"),
    ):
        if counts[key]:
            console.print(f"{_dates(counts[key])} {words}", soft_wrap=True)
    if counts["set"] or counts["sidecar"]:
        console.print("To take them back: facewatchd dates undo PATH", soft_wrap=True)
    if not any(photo.action == "set" for photo in plan.photos):
        console.print("There is nothing to write.")
    if failed := counts["report"]:
        for part in parts:
            for path, why in part.troubles:
                console.print(escape(f"  {path}: {why}"), soft_wrap=True)
        raise FacewatchError(
            f"{_dates(failed)} could not be written",
            "Put right what is said of each, and repeat the command: it goes on with these.",
        )


def _dates(count: int) -> str:
    return f"{count:,} {'date' if count == 1 else 'dates'}"


def _photos(count: int) -> str:
    return f"{count:,} {'photo' if count == 1 else 'photos'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
