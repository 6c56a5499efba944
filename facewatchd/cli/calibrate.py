"""
`calibrate`: thresholds from the user's own people, what to expect of them, and putting them into use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import asking, print_json

if TYPE_CHECKING:
    from facewatchd.operations.client import Client
    from facewatchd.operations.grouping import Calibrated

_RATES = {
    "strangers": "strangers taken for a known person",
    "mixed_up": "known people taken for another one",
    "missed": "known people not recognised",
    "wrong_links": "pairs of faces of two people in one group",
    "missed_links": "pairs of faces of one person in two groups",
}


@click.command()
@click.option("--apply", "is_applied", is_flag=True, help="Put the calibrated thresholds into use.")
@click.option("--reset", "is_reset", is_flag=True, help="Go back to the thresholds that come with the models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def calibrate(client: Client, *, is_applied: bool, is_reset: bool, as_json: bool) -> None:
    """Choose thresholds that fit your own people, from the faces that you confirmed, and say what errors to expect."""
    from facewatchd.operations import grouping  # noqa: PLC0415

    if is_applied and is_reset:
        raise click.UsageError("Use --apply or --reset, not both.")
    if is_reset:
        used = client.call(grouping.USE)
        print_json(used) if as_json else click.echo("The thresholds that come with the models are in use again.")
        return
    found = client.call(grouping.CALIBRATE)
    if is_applied:
        client.call(grouping.USE, found.to_use())
        found = found.model_copy(update={"applied": True})
    print_json(found) if as_json else _show(found)


def _show(found: Calibrated) -> None:
    """The same for people."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for column in ("present", "calibrated"):
        table.add_column(column, justify="right")
    for key, words in (
        ("assign", "similarity from which a new face is assigned"),
        ("link", "similarity from which faces are grouped"),
    ):
        table.add_row(words, *(f"{getattr(one, key):.4f}" for one in (found.present, found.calibrated)))
    for key, words in _RATES.items():
        table.add_row(words, *(f"{getattr(one, key):.1%}" for one in (found.rates.present, found.rates.calibrated)))
    console = Console(highlight=False)
    console.print(
        f"From {found.faces} confirmed faces of {found.people} people; {found.known} people are known",
        soft_wrap=True,
    )
    console.print(table)
    for key in found.overridden:
        console.print(f"{key} is set in the configuration, and stays as it is there.", soft_wrap=True)
    console.print(
        "The calibrated thresholds are in use now. 'facewatchd recluster' groups all faces with them; 'facewatchd "
        "calibrate --reset' goes back to the usual ones."
        if found.applied
        else "Nothing was changed: 'facewatchd calibrate --apply' puts the calibrated thresholds into use.",
        soft_wrap=True,
    )
