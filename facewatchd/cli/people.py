"""
The commands `people` and `faces`: who is known, and whose the faces are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from facewatchd.cli.command import FACE, FILE, configured, print_json
from facewatchd.config import Config
from facewatchd.errors import displayable


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
@configured
def people_list(config: Config, *, as_json: bool) -> None:
    """List all people, those with most faces first."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        summaries = store.people.summaries()
        hidden = store.people.hidden()
    if as_json:
        print_json(
            {
                "people": [
                    {
                        "id": s.person.person_id,
                        "name": s.person.name,
                        "title": s.person.title,
                        "faces": s.faces,
                        "photos": s.photos,
                        "confirmed": s.confirmed,
                        "hidden": s.person.person_id in hidden,
                    }
                    for s in summaries
                ]
            }
        )
    else:
        tables.show_people(summaries, hidden)


@people.command("show")
@click.argument("typed", metavar="PERSON...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def people_show(config: Config, typed: tuple[str, ...], *, as_json: bool) -> None:
    """Show a person's photos, or those that several people are in together."""
    from facewatchd.cli import tables  # noqa: PLC0415
    from facewatchd.pipeline.corrections.whom import person_meant  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        people = list(dict.fromkeys(person_meant(store, one) for one in typed))
        photos = store.people.photos_of_all([person.person_id for person in people])
        theirs = [store.faces.of_person(person.person_id) for person in people]
    if len(people) > 1:
        # of several people only what is in the photos of all
        common = {photo.photo_id for photo in photos}
        theirs = [[face for face in faces if face.photo_id in common] for faces in theirs]
    if not as_json:
        tables.show_photos_of(people, photos, theirs)
        return
    paths = [os.fsdecode(photo.path) for photo in photos]
    entries = [
        {
            "id": person.person_id,
            "name": person.name,
            "title": person.title,
            "faces": len(faces),
            "face_ids": sorted(face.face_id for face in faces),
        }
        for person, faces in zip(people, theirs, strict=True)
    ]
    print_json({**entries[0], "photos": paths} if len(typed) == 1 else {"people": entries, "photos": paths})


@people.command("rename")
@click.argument("person", metavar="PERSON")
@click.argument("name")
@configured
def people_rename(config: Config, person: str, name: str) -> None:
    """Give a person a name."""
    said = _say(config, "rename", person=person, name=name)
    click.echo(f"{said['was']} is {_title(said)} now.{_folder(said)}")


@people.command("merge")
@click.argument("person", metavar="PERSON")
@click.argument("into", metavar="INTO")
@configured
def people_merge(config: Config, person: str, into: str) -> None:
    """Say that two people are one; the second keeps name and folder."""
    said = _say(config, "merge", person=person, into=into)
    click.echo(f"{said['was']} is {_title(said)} now.")


@people.command("split")
@click.argument("person", metavar="PERSON")
@click.option("--faces", "face_ids", callback=_faces, metavar="FACE,...", help="These faces are another person.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def people_split(config: Config, person: str, *, face_ids: tuple[int, ...], as_json: bool) -> None:
    """
    Say that a person is several people. Without --faces the person is divided into the groups that were joined before, or
    into the two groups that differ most: the largest keeps the name and the folder, the others become new people.
    """
    said = _say(config, "split", person=person, faces=list(face_ids))
    if as_json:
        print_json({"people": said["people"]})
    for new in () if as_json else said["people"]:
        click.echo(f"{new['faces']} faces of {said['was']} are {new['title']} now.")


@people.command("hide")
@click.argument("person", metavar="PERSON")
@configured
def people_hide(config: Config, person: str) -> None:
    """Stop showing a person: the folder goes into _ignored, and the faces stay known."""
    said = _say(config, "hide", person=person)
    click.echo(f"{_title(said)} is hidden.")


@people.command("unhide")
@click.argument("person", metavar="PERSON")
@configured
def people_unhide(config: Config, person: str) -> None:
    """Show a hidden person again."""
    said = _say(config, "unhide", person=person)
    click.echo(f"{_title(said)} is shown again.{_folder(said)}")


@click.group()
def faces() -> None:
    """Single faces: export, confirm, reject."""


@faces.command("export")
@click.option(
    "--csv",
    "csv_file",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Where to write the table; '-' for standard output.",
)
@click.option("--embeddings", type=FILE, metavar="FILE.npy", help="Where to write the embeddings, in the same order.")
@configured
def faces_export(config: Config, csv_file: Path, embeddings: Path | None) -> None:
    """Write all faces into a CSV table."""
    from facewatchd.export import STANDARD_OUTPUT, export_faces  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        count = export_faces(store, csv_file, embeddings)
    where = csv_file if csv_file != STANDARD_OUTPUT else "standard output"
    click.echo(f"{count} faces written to {where}.", err=True)


@faces.command("confirm")
@click.argument("face_id", metavar="FACE", type=FACE)
@click.argument("person", metavar="[PERSON]", required=False)
@configured
def faces_confirm(config: Config, face_id: int, person: str | None) -> None:
    """Confirm for good that a face is a person: this one (a name or an id), or the one that it is assigned to."""
    said = _say(config, "confirm", face=face_id, person=person)
    click.echo(f"Face {face_id} is {_title(said)}.")


@faces.command("reject")
@click.argument("face_id", metavar="FACE", type=FACE)
@click.argument("person", metavar="[PERSON]", required=False)
@configured
def faces_reject(config: Config, face_id: int, person: str | None) -> None:
    """Say for good that a face is not a person: this one (a name or an id), or the one that it is assigned to."""
    said = _say(config, "reject", face=face_id, person=person)
    click.echo(f"Face {face_id} is not {_title(said)}.")


def _say(config: Config, command: str, **arguments: Any) -> Mapping[str, Any]:
    from facewatchd import offline  # noqa: PLC0415

    return offline.command(config, command, arguments)


def _title(said: Mapping[str, Any]) -> str:
    """The first person whom a command was about."""
    title: str = said["people"][0]["title"]
    return title


def _folder(said: Mapping[str, Any]) -> str:
    """What the first person's folder is called, where it has another name than the person; begins with a space."""
    from facewatchd.core.tree.folder_names import folder_difference  # noqa: PLC0415

    (folder, *_) = said["folders"]
    why = folder_difference(_title(said), folder) if folder else ""
    return f" The folder is called {displayable(folder)}, {why}." if why else ""
