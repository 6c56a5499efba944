"""
The commands `roots`: which photo folders a state knows, and telling it that one is under another path now.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FILE, asking, print_json

if TYPE_CHECKING:
    from facewatchd.operations.client import Client


@click.group()
def roots() -> None:
    """The photo folders of this state."""


@roots.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def roots_list(client: Client, *, as_json: bool) -> None:
    """List the photo folders, those that are not watched any more too."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import roots as operations  # noqa: PLC0415

    found = client.call(operations.LIST)
    print_json(found) if as_json else tables.show_roots(found)


@roots.command("move")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@asking
def roots_move(client: Client, old: Path, new: Path) -> None:
    """
    Say that the photos of folder OLD are in folder NEW now. Facewatchd recognises most folders by itself when the
    configuration names the new path; this is for those that it does not.
    """
    from facewatchd.operations import roots as operations  # noqa: PLC0415

    moved = client.call(operations.MOVE, operations.MoveParameters(old=str(old), new=str(new)))
    click.echo(f"{moved.photos} photos of {old} are in {new} now.")
    if moved.advice:
        click.echo(moved.advice)
