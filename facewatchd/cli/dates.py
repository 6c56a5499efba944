"""
The commands `dates`: capture dates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FILE, asking, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

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
@click.argument("photo", metavar="[PHOTO]...", type=FILE, nargs=-1)
@asking
def dates_undo(client: Client, *, photo: tuple[Path, ...]) -> None:
    """Take back the dates that were written, of all photos or of these."""
    from facewatchd.cli import date_tables  # noqa: PLC0415
    from facewatchd.operations import dates as operations  # noqa: PLC0415

    date_tables.show_done(_done(client, operations.UNDO, photo))


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
