"""
The commands about embeddings in CSV files that need no state: `validate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import asking, print_json

if TYPE_CHECKING:
    from facewatchd.operations.client import Client

STANDARD_OUTPUT = "-"


@click.command()
@click.option("--medoids", required=True, metavar="FILE", help="Medoids: a label and numbers in each line.")
@click.option("--faces", required=True, metavar="FILE", help="Embeddings: a path, a label and numbers in each line.")
@click.option(
    "--csv",
    "csv_file",
    required=True,
    metavar="OUT",
    help="Where to write a path and a label, or 'unknown', in each line; '-' for standard output.",
)
@click.option(
    "--threshold",
    type=float,
    default=0.75,
    show_default=True,
    help="Least product of a face and a medoid; for euclidean the largest distance.",
)
@click.option(
    "--measure",
    type=click.Choice(["correlation", "cosine", "euclidean"]),
    default="correlation",
    show_default=True,
    help="How they are compared.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@asking
def validate(
    client: Client, medoids: str, faces: str, *, csv_file: str, threshold: float, measure: str, as_json: bool
) -> None:
    """Give each face the label of the nearest medoid, and say how often that is right. It needs no state."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations.embeddings import VALIDATE, ValidateParameters  # noqa: PLC0415

    if as_json and csv_file == STANDARD_OUTPUT:
        raise click.UsageError("--json prints on standard output: name a file for --csv.")
    parameters = ValidateParameters.model_validate(
        {"medoids": medoids, "faces": faces, "csv": csv_file, "threshold": threshold, "measure": measure}
    )
    found = client.call(VALIDATE, parameters)
    if as_json:
        print_json(found)
    else:
        tables.show_validated(found, to_stderr=csv_file == STANDARD_OUTPUT)
