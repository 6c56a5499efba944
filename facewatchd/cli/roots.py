"""
The commands `roots`: which photo folders a state knows, and telling it that one is under another path now.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from facewatchd.cli.command import FILE, configured, print_json
from facewatchd.config import Config


@click.group()
def roots() -> None:
    """The photo folders of this state."""


@roots.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def roots_list(config: Config, *, as_json: bool) -> None:
    """List the photo folders, those that are not watched any more too."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        figures = store.roots.figures()
    if as_json:
        print_json(
            {
                "roots": [
                    {
                        "path": os.fsdecode(one.root.path),
                        "watched": one.watched,
                        "there": os.path.isdir(one.root.path),
                        "photos": one.photos,
                        "missing": one.missing,
                    }
                    for one in figures
                ]
            }
        )
    else:
        tables.show_roots(figures)


@roots.command("move")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@configured
def roots_move(config: Config, old: Path, new: Path) -> None:
    """
    Say that the photos of folder OLD are in folder NEW now. Facewatchd recognises most folders by itself when the
    configuration names the new path; this is for those that it does not.
    """
    from facewatchd import offline  # noqa: PLC0415

    count, advice = offline.move_root(config, old, new)
    click.echo(f"{count} photos of {old} are in {new} now.")
    if advice:
        click.echo(advice)
