"""
Questions about photos that are not taken in: `identify`, `verify`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FILE, asking, print_json
from facewatchd.errors import displayable

if TYPE_CHECKING:
    from facewatchd.operations.client import Client

STANDARD_OUTPUT = "-"


@click.command()
@click.argument("paths", metavar="PHOTO...", type=FILE, nargs=-1, required=True)
@click.option("--csv", "csv_file", metavar="FILE", help="Write a line per face; '-' for standard output.")
@click.option("--database", type=FILE, metavar="DIR", help="Compare with a folder of named portraits, without a state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def identify(
    client: Client, paths: tuple[Path, ...], *, csv_file: str | None, database: Path | None, as_json: bool
) -> None:
    """Say who is in photos, or in the photos of folders, without taking them in."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations.paths import resolved  # noqa: PLC0415
    from facewatchd.operations.photos import IDENTIFY_ALL, IdentifyAllParameters  # noqa: PLC0415

    if as_json and csv_file == STANDARD_OUTPUT:
        raise click.UsageError("--json and --csv - both print on standard output: name a file for --csv.")
    parameters = IdentifyAllParameters(
        paths=tuple(map(str, paths)), csv=csv_file, database=None if database is None else str(database)
    )
    with tables.counted("looking for faces", after=1) as progress:
        found = client.call(IDENTIFY_ALL, parameters, progress)
    # one photo has always been a document of its own
    is_one = len(paths) == len(found.photos) == 1 and [found.photos[0].photo] == resolved(paths)
    if as_json:
        print_json(found.photos[0] if is_one else found)
    elif csv_file is None:
        tables.show_identified(found.photos[0]) if is_one else tables.show_all_identified(found.photos)
    for photo in (*found.left_out, *found.failed):
        click.echo(f"{displayable(photo.photo)}: {photo.reason}", err=True)
    if csv_file not in {None, STANDARD_OUTPUT} and not as_json:
        faces = sum(len(photo.faces) for photo in found.photos)
        click.echo(f"{faces} faces in {len(found.photos)} photos written to {displayable(str(csv_file))}.", err=True)


@click.command()
@click.argument("photo_a", type=FILE)
@click.argument("photo_b", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def verify(client: Client, photo_a: Path, photo_b: Path, *, as_json: bool) -> None:
    """Say whether the largest faces of two photos are the same person's, and how often such an answer is wrong."""
    from facewatchd.operations.photos import VERIFY, VerifyParameters  # noqa: PLC0415

    answer = client.call(VERIFY, VerifyParameters(photo_a=str(photo_a), photo_b=str(photo_b)))
    if as_json:
        print_json(answer)
    else:
        verdict = "the same person" if answer.same else "different people"
        click.echo(
            f"{verdict} (similarity {answer.similarity:.3f}, the same from {answer.threshold:.2f}; chance of error "
            f"{_percent(answer.chance_of_error)})"
        )


def _percent(chance: float) -> str:
    from facewatchd.operations.photos import LEAST_TOLD  # noqa: PLC0415

    return f"below {LEAST_TOLD:.2%}" if chance <= LEAST_TOLD else f"{chance:.1%}" if chance >= 0.01 else f"{chance:.2%}"
