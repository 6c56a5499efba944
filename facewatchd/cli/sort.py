"""
The command `sort`: photos into a folder per person, once, or embeddings of a file into groups.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FILE, asking, print_json

if TYPE_CHECKING:
    from facewatchd.operations.client import Client

_ALGORITHMS = ("ours", "average_linkage", "hdbscan", "dbscan", "chinese_whispers")


@click.command()
@click.argument("source", metavar="[SRC]", type=FILE, required=False)
@click.argument("destination", metavar="[DST]", type=FILE, required=False)
@click.option("--embeddings", metavar="FILE", help="Group the embeddings of a CSV file, and print the groups as JSON.")
@click.option("--copy", "ways", flag_value="copy", multiple=True, help="Copy the photos (also without this option).")
@click.option("--link", "ways", flag_value="link", multiple=True, help="Make symbolic links.")
@click.option("--hardlink", "ways", flag_value="hardlink", multiple=True, help="Make hard links.")
@click.option("--crops", "ways", flag_value="crops", multiple=True, help="Cut the faces out.")
@click.option("--algorithm", type=click.Choice(_ALGORITHMS), default="ours", show_default=True, help="How to group.")
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    help="The least similarity; as fits the models without it, 0.7 for --embeddings.",
)
@click.option("--iterations", type=click.IntRange(1, 10_000), help="Of chinese_whispers; 50 without it.")
@click.option(
    "--min-faces", type=click.IntRange(2, 1_000_000), help="The smallest group; people.min_faces (3) without it."
)
@click.option("--names", metavar="PATTERN", help="How folders are called; person_{n} without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@asking
def sort(
    client: Client,
    source: Path | None,
    destination: Path | None,
    embeddings: str | None,
    *,
    ways: tuple[str, ...],
    algorithm: str,
    threshold: float | None,
    iterations: int | None,
    min_faces: int | None,
    names: str | None,
    as_json: bool,
) -> None:
    """
    Put the photos of SRC into DST, a folder per person, in one go and without keeping a state. DST must be empty, or made by
    this command. With --embeddings: group the embeddings of a file.
    """
    if threshold is not None and algorithm == "hdbscan":
        raise click.UsageError("hdbscan has no threshold: leave --threshold out.")
    if iterations is not None and algorithm != "chinese_whispers":
        raise click.UsageError("--iterations is for --algorithm chinese_whispers.")
    given = {"algorithm": algorithm, "threshold": threshold, "rounds": iterations, "min_faces": min_faces}
    given = {key: value for key, value in given.items() if value is not None}
    if embeddings is not None:
        if source is not None or ways or names is not None:
            raise click.UsageError("--embeddings prints groups: leave SRC, DST and the options for them out.")
        _group(client, {**given, "embeddings": embeddings})
        return
    if source is None or destination is None:
        raise click.UsageError("Name a folder with photos and a folder for the result, or a file by --embeddings.")
    if len(set(ways)) > 1:
        raise click.UsageError("Choose one of --copy, --link, --hardlink and --crops.")
    given |= {"way": ways[0]} if ways else {}
    given |= {"names": names} if names is not None else {}
    _sort(client, {**given, "source": str(source), "destination": str(destination)}, as_json=as_json)


def _group(client: Client, given: dict[str, object]) -> None:
    from facewatchd.operations.sorting import GROUP, GroupParameters  # noqa: PLC0415

    print_json(client.call(GROUP, GroupParameters.model_validate(given)))


def _sort(client: Client, given: dict[str, object], *, as_json: bool) -> None:
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.daemon.process.start import process_all  # noqa: PLC0415
    from facewatchd.operations.client import Client  # noqa: PLC0415
    from facewatchd.operations.sorting import SORT, SortParameters  # noqa: PLC0415

    # so that what is kept meanwhile is removed, as by Ctrl-C
    signal.signal(signal.SIGTERM, _end)
    with tables.counted("putting photos into folders") as progress:
        done = Client(client.config, process_all).call(SORT, SortParameters.model_validate(given), progress)
    print_json(done) if as_json else tables.show_sorted(done, str(given["destination"]))


def _end(_number: int, _frame: object) -> None:
    sys.exit(1)
