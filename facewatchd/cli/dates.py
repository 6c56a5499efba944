"""
The commands `dates`: capture dates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FILE, asking, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facewatchd.operations.base import Write
    from facewatchd.operations.client import Client
    from facewatchd.operations.dates import BatchParameters, DatesDone


@click.group()
def dates() -> None:
    """Capture dates."""


@dates.command("report")
@click.option("--all", "everything", is_flag=True, help="Show folders without problems, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, everything.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write a table with a line per folder; - for standard output.")
@asking
def dates_report(client: Client, *, everything: bool, as_json: bool, csv_file: str | None) -> None:
    """
    Say of each folder from when to when its photos are, which are dated wrong or not at all, and what would be done about it
    and why.
    """
    if as_json and csv_file is not None:
        raise click.UsageError("Use --json or --csv, not both.")
    from facewatchd.cli import date_tables  # noqa: PLC0415
    from facewatchd.operations import dates as operations  # noqa: PLC0415

    report = client.call(operations.REPORT)
    if csv_file is not None:
        date_tables.write_csv(report, csv_file)
        return
    print_json(report) if as_json else date_tables.show_report(report, everything=everything)


@dates.command("fix")
@click.argument("photo", metavar="[PHOTO]...", type=FILE, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@asking
def dates_fix(client: Client, *, photo: tuple[Path, ...], dry_run: bool) -> None:
    """Put dates right, of all photos or of these, as dates.mode says."""
    from facewatchd.cli import date_tables  # noqa: PLC0415
    from facewatchd.operations import dates as operations  # noqa: PLC0415

    if dry_run:
        date_tables.show_plan(client.call(operations.REPORT), photo)
    else:
        date_tables.show_done(_done(client, operations.FIX, photo))


@dates.command("undo")
@click.argument("path", metavar="[PATH]...", type=FILE, nargs=-1)
@asking
def dates_undo(client: Client, *, path: tuple[Path, ...]) -> None:
    """Take back the dates that were written, of all photos, or of these photos and folders."""
    from facewatchd.cli import date_tables  # noqa: PLC0415
    from facewatchd.operations import dates as operations  # noqa: PLC0415

    date_tables.show_done(_done(client, operations.UNDO, path))


def giving(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what `dates set` and `dates shift` have in common."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--yes", is_flag=True, help="Do not ask before the dates are written."),
        click.option("--dry-run", is_flag=True, help="Only print which photo would get which date."),
        click.argument("path", metavar="PATH...", type=FILE, nargs=-1, required=True),
    ):
        command = decorate(command)
    return command


@dates.command("set")
@giving
@click.option("--date", required=True, metavar="DATE", help="Such as 2010-09-11 or 2010-09-11T14:00:00.")
@click.option("--spread", is_flag=True, help="A second between one photo and the next, so that they keep their order.")
@asking
def dates_set(client: Client, *, path: tuple[Path, ...], date: str, spread: bool, **how: bool) -> None:
    """Give photos a date, whatever they say: these photos, and all in these folders."""
    from facewatchd.cli import given_dates  # noqa: PLC0415
    from facewatchd.operations import given_dates as operations  # noqa: PLC0415
    from facewatchd.operations.paths import resolved  # noqa: PLC0415

    parameters = operations.SetParameters(paths=tuple(resolved(path)), date=date, spread=spread)
    given_dates.give(client, operations.SET_PLAN, parameters, operations.SET, given_dates.How(**how))


@dates.command("shift")
@giving
@click.option("--by", required=True, metavar="SPAN", help='What to add, such as "+365d 01:00:00" or "-00:30".')
@click.option("--camera", metavar="MODEL", help="Only photos of this camera, as they name it.")
@click.option("--from", "start", metavar="DATE", help="Only dates from this one on.")
@click.option("--to", "end", metavar="DATE", help="Only dates before this one.")
@asking
def dates_shift(
    client: Client,
    *,
    path: tuple[Path, ...],
    by: str,
    camera: str | None,
    start: str | None,
    end: str | None,
    **how: bool,
) -> None:
    """Put right the clock of a camera: add a difference to the dates of these photos, and of all in these folders."""
    from facewatchd.cli import given_dates  # noqa: PLC0415
    from facewatchd.operations import given_dates as operations  # noqa: PLC0415
    from facewatchd.operations.paths import resolved  # noqa: PLC0415

    parameters = operations.ShiftParameters(paths=tuple(resolved(path)), by=by, camera=camera, start=start, end=end)
    given_dates.give(client, operations.SHIFT_PLAN, parameters, operations.SHIFT, given_dates.How(**how))


def _done(client: Client, operation: Write[BatchParameters, DatesDone], photos: Sequence[Path]) -> list[DatesDone]:
    """Do it for these photos, or for all; a line is printed for each photo that is written, as soon as it is."""
    from facewatchd.operations.dates import BatchParameters  # noqa: PLC0415
    from facewatchd.operations.paths import resolved  # noqa: PLC0415

    asked = [BatchParameters(photo=photo) for photo in resolved(photos)] or [BatchParameters()]
    parts = []
    for parameters in asked:
        for part in client.parts(operation, parameters):
            parts.append(part)
            for line in part.said:
                click.echo(line)
    return parts
