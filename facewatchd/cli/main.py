"""
The command line: arguments, exit codes, tables. No decisions.

Heavy imports happen inside the commands: `--help` and `status` must come at once.
"""

from __future__ import annotations

from facewatchd.linux import require_linux

# before anything is imported that only Linux has
require_linux()

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd import __version__
from facewatchd.cli.calibrate import calibrate
from facewatchd.cli.command import FILE, OneLineErrors, asking, configured, end_when_told, print_json
from facewatchd.cli.dates import dates
from facewatchd.cli.embeddings import validate
from facewatchd.cli.models import models
from facewatchd.cli.people import faces, people
from facewatchd.cli.photos import identify, verify
from facewatchd.cli.roots import roots
from facewatchd.cli.sort import sort
from facewatchd.config import Config
from facewatchd.errors import FacewatchError, displayable

if TYPE_CHECKING:
    from facewatchd.operations.client import Client
    from facewatchd.operations.context import Reclustered


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facewatchd")
def main() -> None:
    """Group the faces of a photo archive into a folder of links per person."""


main.add_command(people)
main.add_command(faces)
main.add_command(calibrate)
main.add_command(roots)
main.add_command(dates)
main.add_command(models)
main.add_command(identify)
main.add_command(verify)
main.add_command(validate)
main.add_command(sort)


@main.command()
@click.option("--photos", type=FILE, multiple=True, metavar="DIR", help="Folder to watch; may be repeated.")
@click.option("--people", type=FILE, metavar="DIR", help="Where the folders of links go (people.dir).")
@click.option("--once", is_flag=True, help="Take in all photos, group the faces, and end.")
@configured
def run(config: Config, *, once: bool) -> None:
    """Run the daemon in the foreground."""
    end_when_told(1 if once else 0)
    from facewatchd.daemon.process.start import run as start  # noqa: PLC0415

    start(config, once=once, read=click.get_current_context().obj)


@main.command()
@click.option("-v", "--verbose", is_flag=True, help="Show all figures.")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--check", is_flag=True, help="Print the first line only; exit code 0 if all is well, else 1.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, everything.")
@asking
def status(client: Client, *, verbose: bool, watch: bool, check: bool, as_json: bool) -> None:
    """Say how things are, what waits, and what would clear it."""
    from facewatchd.cli import status as status_cli  # noqa: PLC0415
    from facewatchd.operations.status import STATUS  # noqa: PLC0415

    if watch and (as_json or check):
        raise click.UsageError("--watch goes with neither --json nor --check.")
    if watch:
        status_cli.watch(lambda: client.call(STATUS), verbose=verbose)
        return
    found = client.call(STATUS)
    if as_json:
        print_json(found)
    elif check:
        click.echo(status_cli.first_line(found, time.time()))
    else:
        status_cli.show(found, verbose=verbose)
    if check and not found.well:
        sys.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def doctor(client: Client, *, as_json: bool) -> None:
    """Check the machine, the models and the configuration. Exit code 1 if something has to be done."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations.health import DOCTOR, Verdict  # noqa: PLC0415

    found = client.call(DOCTOR)
    print_json(found) if as_json else tables.show_findings(found)
    if any(finding.verdict is Verdict.PROBLEM for finding in found.findings):
        sys.exit(1)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--force", is_flag=True, help="Apply it, however many faces it reassigns.")
@asking
def recluster(client: Client, *, dry_run: bool, force: bool) -> None:
    """Group all faces again, now."""
    from facewatchd.operations import grouping  # noqa: PLC0415

    if dry_run:
        found = client.call(grouping.PLAN)
        _show_grouping(found, "would be ")
        click.echo(f"It would be held. {found.held}" if found.held else "It would be applied.")
        return
    done = client.call(grouping.RECLUSTER, grouping.ReclusterParameters(force=force))
    if done.held:
        raise FacewatchError("The faces were not grouped", done.held)
    _show_grouping(done, "")


def _show_grouping(found: Reclustered, would: str) -> None:
    click.echo(
        f"{found.faces} faces {would}grouped into {found.people} people, {found.new_people} of them new; "
        f"{found.moved} faces {would}moved, {found.unknown} unassigned."
    )
    if found.incoherent:
        click.echo(f"Groups without a folder, as their faces are not alike enough: {found.incoherent}.")


@main.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@asking
def tree(client: Client, *, dry_run: bool) -> None:
    """Bring the people tree up to date, now."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations.tree import PLAN, TREE  # noqa: PLC0415

    if dry_run:
        tables.show_plan(client.call(PLAN))
    else:
        count = client.call(TREE).actions
        click.echo(f"{count} {'change' if count == 1 else 'changes'} made in {displayable(client.config.people.dir)}.")


@main.command()
@asking
def retry(client: Client) -> None:
    """Try again to take in the photos that failed."""
    from facewatchd.operations.state import RETRY  # noqa: PLC0415

    click.echo(f"{client.call(RETRY).photos} photos are tried again.")


@main.command()
@click.argument("number", type=click.IntRange(1, (1 << 63) - 1), required=False)
@click.option("--list", "as_list", is_flag=True, help="List your corrections with their numbers, the last first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def undo(client: Client, number: int | None, *, as_list: bool, as_json: bool) -> None:
    """
    Take back your last correction: a renamed folder, moved links, a merge. With a NUMBER from the list: that correction. To
    take back an undo, which is in the list, too: its number.
    """
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import corrections  # noqa: PLC0415

    if as_list:
        if number is not None:
            raise click.UsageError("--list shows all corrections: leave the number out.")
        journal = client.call(corrections.UNDO_LIST)
        print_json(journal) if as_json else tables.show_journal(journal)
    else:
        undone = client.call(corrections.UNDO, corrections.UndoParameters(entry=number))
        print_json(undone) if as_json else click.echo(undone.sentence)


@main.command()
@click.argument("file", type=FILE)
@asking
def backup(client: Client, file: Path) -> None:
    """Copy the state into a file, also while the daemon runs."""
    from facewatchd.operations.state import BACKUP, FileParameters  # noqa: PLC0415

    client.call(BACKUP, FileParameters(file=str(file)))
    click.echo(f"The state is copied to {file}.")


@main.command()
@click.argument("file", type=FILE)
@asking
def restore(client: Client, file: Path) -> None:
    """Put a copy back in place of the state, which is kept beside it."""
    from facewatchd.operations.state import RESTORE, FileParameters  # noqa: PLC0415

    restored = client.call(RESTORE, FileParameters(file=str(file)))
    kept = f" The one before is kept as {restored.kept}." if restored.kept else ""
    click.echo(f"The state was restored from {file}.{kept}")
    missing = [("photo", "photos", path) for path in restored.photos]
    missing += [("people", "people", path) for path in (restored.people,) if path]
    for name, option, path in missing:
        click.echo(
            f"The {name} folder {displayable(path)} is not on this machine. If it is under another path here, start "
            f"'facewatchd run' once with --{option} and that path."
        )


@main.command()
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    type=click.Choice(["ours", "average_linkage", "hdbscan", "dbscan", "chinese_whispers"]),
    help="Score this algorithm, too; may be repeated.",
)
@click.option(
    "--portraits", type=FILE, metavar="DIR", help="Compare with a folder that has a folder of portraits per person."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def evaluate(client: Client, *, algorithms: tuple[str, ...], portraits: Path | None, as_json: bool) -> None:
    """Measure how well faces are grouped, compared with the faces that you confirmed."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations.grouping import EVALUATE, EvaluateParameters  # noqa: PLC0415

    folder = None if portraits is None else str(portraits)
    found = client.call(EVALUATE, EvaluateParameters(algorithms=algorithms, portraits=folder))
    print_json(found) if as_json else tables.show_scores(found)
