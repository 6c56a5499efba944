"""
The commands `people` and `faces`: who is known, and whose the faces are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from facewatchd.command import FILE, PERSON, configured, print_json
from facewatchd.config import Config


def _faces(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Face ids, with commas between them."""
    return () if value is None else tuple(PERSON(part.strip(), parameter, context) for part in value.split(","))


@click.group()
def people() -> None:
    """Who is known, and what they are called."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def people_list(config: Config, *, as_json: bool) -> None:
    """List all people, those with most faces first."""
    from facewatchd import tables  # noqa: PLC0415
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
@click.argument("person_id", metavar="ID", type=PERSON)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def people_show(config: Config, person_id: int, *, as_json: bool) -> None:
    """Show one person's photos."""
    from facewatchd import tables  # noqa: PLC0415
    from facewatchd.pipeline.correct import person_of  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        person = person_of(store, person_id)
        photos = store.people.photos(person.person_id)
        faces = store.faces.of_person(person.person_id)
    if as_json:
        print_json(
            {
                "id": person.person_id,
                "name": person.name,
                "title": person.title,
                "faces": len(faces),
                "photos": [os.fsdecode(photo.path) for photo in photos],
                "face_ids": sorted(face.face_id for face in faces),
            }
        )
    else:
        tables.show_person(person, photos, faces)


@people.command("rename")
@click.argument("person_id", metavar="ID", type=PERSON)
@click.argument("name")
@configured
def people_rename(config: Config, person_id: int, name: str) -> None:
    """Give a person a name."""
    _say(config, "rename", person=person_id, name=name)
    click.echo(f"Person {person_id} is {name} now.")


@people.command("merge")
@click.argument("person_id", metavar="ID", type=PERSON)
@click.argument("into", type=PERSON)
@configured
def people_merge(config: Config, person_id: int, into: int) -> None:
    """Say that two people are one; the second keeps name and folder."""
    _say(config, "merge", person=person_id, into=into)
    click.echo(f"Person {person_id} is person {into} now.")


@people.command("split")
@click.argument("person_id", metavar="ID", type=PERSON)
@click.option(
    "--faces", "face_ids", callback=_faces, metavar="FACE,...", help="These of their faces are somebody else's."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def people_split(config: Config, person_id: int, *, face_ids: tuple[int, ...], as_json: bool) -> None:
    """
    Say that a person is several: those whom they were put together from, or the two groups that are most unlike. The
    largest keeps name and folder; the others are new people.
    """
    said = _say(config, "split", person=person_id, faces=list(face_ids))
    if as_json:
        print_json({"people": said["people"]})
    for new in () if as_json else said["people"]:
        click.echo(f"{new['faces']} faces of person {person_id} are {new['title']} now.")


@people.command("hide")
@click.argument("person_id", metavar="ID", type=PERSON)
@configured
def people_hide(config: Config, person_id: int) -> None:
    """Stop showing a person: the folder goes; who they are stays known."""
    said = _say(config, "hide", person=person_id)
    click.echo(f"{_title(said)} is hidden.")


@people.command("unhide")
@click.argument("person_id", metavar="ID", type=PERSON)
@configured
def people_unhide(config: Config, person_id: int) -> None:
    """Show a hidden person again."""
    said = _say(config, "unhide", person=person_id)
    click.echo(f"{_title(said)} is shown again.")


@click.group()
def faces() -> None:
    """The faces themselves."""


@faces.command("export")
@click.option("--csv", "csv_file", type=FILE, required=True, metavar="FILE", help="Where to write the table.")
@click.option("--embeddings", type=FILE, metavar="FILE.npy", help="Where to write the embeddings, in the same order.")
@configured
def faces_export(config: Config, csv_file: Path, embeddings: Path | None) -> None:
    """Write a table of all faces."""
    from facewatchd.export import export_faces  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        count = export_faces(store, csv_file, embeddings)
    click.echo(f"{count} faces written to {csv_file}.", err=True)


@faces.command("confirm")
@click.argument("face_id", metavar="FACE", type=PERSON)
@click.argument("person_id", metavar="[PERSON]", type=PERSON, required=False)
@configured
def faces_confirm(config: Config, face_id: int, person_id: int | None) -> None:
    """Say for good whose face it is: this person's, or the one's whose it is believed to be."""
    said = _say(config, "confirm", face=face_id, person=person_id)
    click.echo(f"Face {face_id} is {_title(said)}.")


@faces.command("reject")
@click.argument("face_id", metavar="FACE", type=PERSON)
@click.argument("person_id", metavar="[PERSON]", type=PERSON, required=False)
@configured
def faces_reject(config: Config, face_id: int, person_id: int | None) -> None:
    """Say for good whose face it is not: this person's, or the one's whose it is believed to be."""
    said = _say(config, "reject", face=face_id, person=person_id)
    click.echo(f"Face {face_id} is not {_title(said)}.")


def _say(config: Config, command: str, **arguments: Any) -> Mapping[str, Any]:
    from facewatchd import offline  # noqa: PLC0415

    return offline.command(config, command, arguments)


def _title(said: Mapping[str, Any]) -> str:
    """The first person whom a command was about."""
    title: str = said["people"][0]["title"]
    return title
