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
from typing import Any

import click

from facewatchd import __version__
from facewatchd.cli.calibrate import calibrate
from facewatchd.cli.command import FILE, OneLineErrors, configured, end_when_told, print_json
from facewatchd.cli.people import faces, people
from facewatchd.cli.roots import roots
from facewatchd.config import Config
from facewatchd.errors import FacewatchError, displayable


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facewatchd")
def main() -> None:
    """Group the faces of a photo archive into a folder of links per person."""


main.add_command(people)
main.add_command(faces)
main.add_command(calibrate)
main.add_command(roots)


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
@configured
def status(config: Config, *, verbose: bool, watch: bool, check: bool, as_json: bool) -> None:
    """Say how things are, what waits, and what would clear it."""
    from facewatchd.cli import status as status_cli  # noqa: PLC0415
    from facewatchd.report import status as report  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    if watch and (as_json or check):
        raise click.UsageError("--watch goes with neither --json nor --check.")

    def ask() -> dict[str, Any]:
        with Store(config.state.dir, read_only=True) as store:
            return report(config, store)

    if watch:
        status_cli.watch(ask, verbose=verbose)
        return
    document = ask()
    if as_json:
        print_json(document)
    elif check:
        click.echo(status_cli.first_line(document, time.time()))
    else:
        status_cli.show(document, verbose=verbose)
    if check and not document["well"]:
        sys.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def doctor(config: Config, *, as_json: bool) -> None:
    """Check the machine, the models and the configuration. Exit code 1 if something has to be done."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.doctor import Verdict, examine  # noqa: PLC0415

    findings = examine(config)
    if as_json:
        print_json(
            {
                "findings": [
                    {"what": f.what, "verdict": f.verdict, "found": f.found, "remedy": f.remedy} for f in findings
                ]
            }
        )
    else:
        tables.show_findings(findings)
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        sys.exit(1)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--force", is_flag=True, help="Apply it, however many faces it reassigns.")
@configured
def recluster(config: Config, *, dry_run: bool, force: bool) -> None:
    """Group all faces again, now."""
    from facewatchd import offline  # noqa: PLC0415

    figures = offline.recluster(config, dry_run=dry_run, force=force)
    if figures["held"] and not dry_run:
        raise FacewatchError("The faces were not grouped", figures["held"])
    would = "would be " if dry_run else ""
    click.echo(
        f"{figures['faces']} faces {would}grouped into {figures['people']} people, {figures['new_people']} of them new; "
        f"{figures['moved']} faces {would}moved, {figures['unknown']} unassigned."
    )
    if figures["incoherent"]:
        click.echo(f"Groups without a folder, as their faces are not alike enough: {figures['incoherent']}.")
    if dry_run:
        click.echo(f"It would be held. {figures['held']}" if figures["held"] else "It would be applied.")


@main.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@configured
def tree(config: Config, *, dry_run: bool) -> None:
    """Bring the people tree up to date, now."""
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    if dry_run:
        tables.show_plan(offline.plan_tree(config))
    else:
        count = offline.command(config, "tree", {})["actions"]
        click.echo(f"{count} {'change' if count == 1 else 'changes'} made in {displayable(config.people.dir)}.")


@main.command()
@configured
def retry(config: Config) -> None:
    """Try again to take in the photos that failed."""
    from facewatchd import offline  # noqa: PLC0415

    click.echo(f"{offline.retry(config)} photos are tried again.")


@main.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--list", "as_list", is_flag=True, help="List your corrections with their numbers, the last first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def undo(config: Config, number: int | None, *, as_list: bool, as_json: bool) -> None:
    """
    Take back your last correction: a renamed folder, moved links, a merge. With a NUMBER from the list: that correction. To
    take back an undo, which is in the list, too: its number.
    """
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    if not as_list:
        undone = offline.undo(config, number)
        if as_json:
            print_json(dict(undone))
        else:
            click.echo(undone["sentence"])
        return
    if number is not None:
        raise click.UsageError("--list shows all corrections: leave the number out.")
    with Store(config.state.dir, read_only=True) as store:
        entries = store.journal.entries(50)
    if as_json:
        print_json({"entries": [tables.journal_entry(entry) for entry in entries]})
    else:
        tables.show_journal(entries)


@main.command()
@click.argument("file", type=FILE)
@configured
def backup(config: Config, file: Path) -> None:
    """Copy the state into a file, also while the daemon runs."""
    from facewatchd.store.backup import back_up  # noqa: PLC0415

    back_up(config.state.dir, file)
    click.echo(f"The state is copied to {file}.")


@main.command()
@click.argument("file", type=FILE)
@configured
def restore(config: Config, file: Path) -> None:
    """Put a copy back in place of the state, which is kept beside it."""
    from facewatchd.processes.lock import single_instance  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415
    from facewatchd.store.backup import restore as put_back  # noqa: PLC0415

    with single_instance(config.state.dir):
        kept = put_back(config.state.dir, file)
    click.echo(f"The state was restored from {file}." + (f" The one before is kept as {kept}." if kept else ""))
    with Store(config.state.dir) as store:
        folders = store.folders()
    for name, path in (*(("photo", path) for path in folders.photos), ("people", folders.people)):
        if path is not None and not path.is_dir():
            click.echo(
                f"The {name} folder {displayable(path)} is not on this machine. If it is under another path here, start "
                f"'facewatchd run' once with --{'photos' if name == 'photo' else 'people'} and that path."
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
@configured
def evaluate(config: Config, *, algorithms: tuple[str, ...], portraits: Path | None, as_json: bool) -> None:
    """Measure how well faces are grouped, compared with the faces that you confirmed."""
    from facewatchd import evaluate as evaluation  # noqa: PLC0415

    document = evaluation.evaluate(config, algorithms, portraits)
    print_json(document) if as_json else evaluation.show_scores(document)


@main.group()
def dates() -> None:
    """Capture dates."""


@dates.command("report")
@click.option("--all", "everything", is_flag=True, help="Show folders without problems, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, everything.")
@configured
def dates_report(config: Config, *, everything: bool, as_json: bool) -> None:
    """Say which photos are dated wrong or not at all, and what would be done about it and why."""
    from facewatchd.cli import dates as dates_cli  # noqa: PLC0415

    document = dates_cli.dates_report(config)
    print_json(document) if as_json else dates_cli.show_report(document, everything=everything)


@dates.command("fix")
@click.argument("photo", metavar="[PHOTO]...", type=FILE, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@configured
def dates_fix(config: Config, *, photo: tuple[Path, ...], dry_run: bool) -> None:
    """Put dates right, of all photos or of these, as dates.mode says."""
    from facewatchd.cli import dates as dates_cli  # noqa: PLC0415

    if dry_run:
        dates_cli.show_plan(dates_cli.dates_report(config), photo)
    else:
        dates_cli.show_done(dates_cli.fix(config, photo, click.echo))


@dates.command("undo")
@click.argument("photo", metavar="[PHOTO]...", type=FILE, nargs=-1)
@configured
def dates_undo(config: Config, *, photo: tuple[Path, ...]) -> None:
    """Take back the dates that were written, of all photos or of these."""
    from facewatchd.cli import dates as dates_cli  # noqa: PLC0415

    dates_cli.show_done(dates_cli.undo(config, photo, click.echo))


@main.group()
def models() -> None:
    """The face models."""


@models.command("list")
@configured
def models_list(config: Config) -> None:
    """List the packs that are installed or can be downloaded."""
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    tables.show_packs(offline.list_packs(config))


@models.command("fetch")
@click.argument("pack")
@configured
def models_fetch(config: Config, pack: str) -> None:
    """Download a pack from insightface."""
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    with tables.download(pack) as progress:
        path = offline.fetch_models(config, pack, progress)
    click.echo(f"{pack} is in {path}.")


@models.command("use")
@click.argument("pack")
@configured
def models_use(config: Config, pack: str) -> None:
    """Process every photo with other models; people keep their names."""
    end_when_told(1)
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    if offline.is_to_fetch(config, pack):
        with tables.download(pack) as progress:
            offline.fetch_models(config, pack, progress)
    offline.use_models(config, pack)
    click.echo(f"Every photo was processed with {pack}; people keep their names.")
    if config.models.pack not in {"auto", pack}:
        click.echo(f"Set models.pack to {pack} in the configuration, which still says {config.models.pack}.")


@models.command("verify")
@configured
def models_verify(config: Config) -> None:
    """Check the installed packs. Exit code 1 if one cannot be used."""
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    reports = offline.verify_models(config)
    tables.show_pack_reports(reports)
    if any(report.problem for report in reports):
        sys.exit(1)


@main.command()
@click.argument("photo", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def identify(config: Config, photo: Path, *, as_json: bool) -> None:
    """Say who is in a photo, without taking it in."""
    from facewatchd import questions  # noqa: PLC0415
    from facewatchd.cli import tables  # noqa: PLC0415

    found = questions.identify(config, photo)
    print_json(found) if as_json else tables.show_identified(found)


@main.command()
@click.argument("photo_a", type=FILE)
@click.argument("photo_b", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def verify(config: Config, photo_a: Path, photo_b: Path, *, as_json: bool) -> None:
    """Say whether the largest faces of two photos are the same person's."""
    from facewatchd import questions  # noqa: PLC0415

    answer = questions.compare(config, photo_a, photo_b)
    if as_json:
        print_json(answer)
    else:
        word = "the same person" if answer["same"] else "different people"
        click.echo(f"{word} (similarity {answer['similarity']:.3f}, the same from {answer['threshold']:.2f})")
