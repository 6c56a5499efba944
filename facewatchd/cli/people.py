"""
The commands `people` and `faces`: who is known, and which faces are assigned to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.cli.command import FACE, FILE, asking, print_json
from facewatchd.errors import displayable

if TYPE_CHECKING:
    from facewatchd.operations.client import Client
    from facewatchd.operations.corrections import Corrected


def _faces(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Face ids, with commas between them."""
    return () if value is None else tuple(FACE(part.strip(), parameter, context) for part in value.split(","))


@click.group()
def people() -> None:
    """
    Who is known, and what they are called. A PERSON is a name, an id, or 'Person 12'; id:12 is the id, also where
    somebody is called 12.
    """


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def people_list(client: Client, *, as_json: bool) -> None:
    """List all people, those with most faces first."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import people as operations  # noqa: PLC0415

    found = client.call(operations.LIST)
    print_json(found) if as_json else tables.show_people(found)


@people.command("show")
@click.argument("typed", metavar="PERSON...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def people_show(client: Client, typed: tuple[str, ...], *, as_json: bool) -> None:
    """Show a person's photos, or those that several people are in together."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.operations import people as operations  # noqa: PLC0415

    if len(typed) == 1:
        shown = client.call(operations.SHOW, operations.ShowParameters(person=typed[0]))
        print_json(shown) if as_json else tables.show_person(shown)
    else:
        together = client.call(operations.TOGETHER, operations.TogetherParameters(people=typed))
        print_json(together) if as_json else tables.show_together(together)


@people.command("rename")
@click.argument("person", metavar="PERSON")
@click.argument("name")
@asking
def people_rename(client: Client, person: str, name: str) -> None:
    """Give a person a name."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.RENAME, corrections.RenameParameters(person=person, name=name))
    click.echo(f"{done.was} is {_title(done)} now.{_folder(done)}")


@people.command("merge")
@click.argument("person", metavar="PERSON")
@click.argument("into", metavar="INTO")
@asking
def people_merge(client: Client, person: str, into: str) -> None:
    """Say that two people are one; the second keeps name and folder."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.MERGE, corrections.MergeParameters(person=person, into=into))
    click.echo(f"{done.was} is {_title(done)} now.")


@people.command("split")
@click.argument("person", metavar="PERSON")
@click.option("--faces", "face_ids", callback=_faces, metavar="FACE,...", help="These faces are another person.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asking
def people_split(client: Client, person: str, *, face_ids: tuple[int, ...], as_json: bool) -> None:
    """
    Say that a person is several people. Without --faces the person is divided into the groups that were joined before, or
    into the two groups that differ most: the largest keeps the name and the folder, the others become new people.
    """
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.SPLIT, corrections.SplitParameters(person=person, faces=face_ids))
    if as_json:
        print_json(done)
    for new in () if as_json else done.people:
        click.echo(f"{new.faces} faces of {done.was} are {new.title} now.")


@people.command("hide")
@click.argument("person", metavar="PERSON")
@asking
def people_hide(client: Client, person: str) -> None:
    """Stop showing a person: the folder goes into _ignored, and the faces stay known."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.HIDE, corrections.PersonParameters(person=person))
    click.echo(f"{_title(done)} is hidden.")


@people.command("unhide")
@click.argument("person", metavar="PERSON")
@asking
def people_unhide(client: Client, person: str) -> None:
    """Show a hidden person again."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.UNHIDE, corrections.PersonParameters(person=person))
    click.echo(f"{_title(done)} is shown again.{_folder(done)}")


@people.command("medoids")
@click.option("--csv", "csv_file", required=True, metavar="FILE", help="Where to write them; '-' for standard output.")
@click.option("--from", "source", metavar="EMBEDDINGS.csv", help="Of the labels of this file, without any state.")
@asking
def people_medoids(client: Client, csv_file: str, source: str | None) -> None:
    """Write the medoid of each person: the face with the smallest sum of distances to the person's other faces."""
    from facewatchd.operations.embeddings import MEDOIDS, MedoidsParameters  # noqa: PLC0415

    done = client.call(MEDOIDS, MedoidsParameters(csv=csv_file, source=source))
    click.echo(f"{done.medoids} medoids of {done.faces} faces written to {_written_to(csv_file)}.", err=True)


@click.group()
def faces() -> None:
    """Single faces: export, confirm, reject."""


@faces.command("export")
@click.option(
    "--csv",
    "csv_file",
    required=True,
    metavar="FILE",
    help="Where to write the table; '-' for standard output.",
)
@click.option("--embeddings", type=FILE, metavar="FILE.npy", help="Where to write the embeddings, in the same order.")
@click.option(
    "--layout",
    type=click.Choice(["faces", "embeddings"]),
    default="faces",
    show_default=True,
    help="What a line has: what is known of the face, or a path, a label and the embedding.",
)
@asking
def faces_export(client: Client, csv_file: str, embeddings: Path | None, layout: str) -> None:
    """Write all faces into a CSV table."""
    from facewatchd.operations import faces as operations  # noqa: PLC0415

    if layout == "embeddings" and embeddings is not None:
        raise click.UsageError("--layout embeddings writes the embeddings into the table: leave --embeddings out.")
    file = None if embeddings is None else str(embeddings)
    parameters = operations.ExportParameters.model_validate({"csv": csv_file, "embeddings": file, "layout": layout})
    exported = client.call(operations.EXPORT, parameters)
    left_out = f" {exported.left_out} have no embedding by the present models." if exported.left_out else ""
    click.echo(f"{exported.faces} faces written to {_written_to(csv_file)}.{left_out}", err=True)


@faces.command("confirm")
@click.argument("face_id", metavar="FACE", type=FACE)
@click.argument("person", metavar="[PERSON]", required=False)
@asking
def faces_confirm(client: Client, face_id: int, person: str | None) -> None:
    """Confirm for good that a face is a person: this one (a name or an id), or the one that it is assigned to."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.CONFIRM, corrections.FaceParameters(face=face_id, person=person))
    click.echo(f"Face {face_id} is {_title(done)}.")


@faces.command("reject")
@click.argument("face_id", metavar="FACE", type=FACE)
@click.argument("person", metavar="[PERSON]", required=False)
@asking
def faces_reject(client: Client, face_id: int, person: str | None) -> None:
    """Say for good that a face is not a person: this one (a name or an id), or the one that it is assigned to."""
    from facewatchd.operations import corrections  # noqa: PLC0415

    done = client.call(corrections.REJECT, corrections.FaceParameters(face=face_id, person=person))
    click.echo(f"Face {face_id} is not {_title(done)}.")


def _written_to(csv_file: str) -> str:
    return displayable(csv_file) if csv_file != "-" else "standard output"


def _title(done: Corrected) -> str:
    """The first person that a correction concerns."""
    return done.people[0].title


def _folder(done: Corrected) -> str:
    """What the first person's folder is called, where it has another name than the person; begins with a space."""
    from facewatchd.core.tree.folder_names import folder_difference  # noqa: PLC0415

    (folder, *_) = done.folders
    why = folder_difference(_title(done), folder) if folder else ""
    return f" The folder is called {displayable(folder)}, {why}." if why else ""
