"""
The commands `models`: the face models.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import asking, configured, end_when_told

if TYPE_CHECKING:
    from facewatchd.config import Config
    from facewatchd.operations.client import Client


@click.group()
def models() -> None:
    """The face models."""


@models.command("list")
@asking
def models_list(client: Client) -> None:
    """List the packs that are installed or can be downloaded."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import models as operations  # noqa: PLC0415

    tables.show_packs(client.call(operations.LIST))


@models.command("fetch")
@click.argument("pack")
@asking
def models_fetch(client: Client, pack: str) -> None:
    """Download a pack from insightface."""
    click.echo(f"{pack} is in {_fetch(client, pack, if_missing=False)}.")


@models.command("use")
@click.argument("pack")
@configured
def models_use(config: Config, pack: str) -> None:
    """Process every photo with other models; people keep their names."""
    end_when_told(1)
    from facewatchd.daemon.process.start import process_all  # noqa: PLC0415
    from facewatchd.operations import models as operations  # noqa: PLC0415
    from facewatchd.operations.client import Client  # noqa: PLC0415

    client = Client(config, process_all)
    _fetch(client, pack, if_missing=True)
    client.call(operations.USE, operations.UseParameters(pack=pack))
    click.echo(f"Every photo was processed with {pack}; people keep their names.")
    if config.models.pack not in {"auto", pack}:
        click.echo(f"Set models.pack to {pack} in the configuration, which still says {config.models.pack}.")


@models.command("verify")
@asking
def models_verify(client: Client) -> None:
    """Check the installed packs. Exit code 1 if one cannot be used."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import models as operations  # noqa: PLC0415

    reports = client.call(operations.VERIFY)
    tables.show_pack_reports(reports)
    if any(report.problem for report in reports.packs):
        sys.exit(1)


def _fetch(client: Client, pack: str, *, if_missing: bool) -> str:
    """Download a pack, with a progress bar; returns the folder."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import models as operations  # noqa: PLC0415

    with tables.download(pack) as progress:
        parameters = operations.FetchParameters(pack=pack, if_missing=if_missing)
        return client.call(operations.FETCH, parameters, progress).folder
