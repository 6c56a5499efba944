"""
The commands `people` and `faces`: who is known, and whose the faces are.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from facewatchd.command import FILE, PERSON, configured, print_json
from facewatchd.config import Config


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
                    }
                    for s in summaries
                ]
            }
        )
    else:
        tables.show_people(summaries)


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
    from facewatchd import offline  # noqa: PLC0415

    offline.command(config, "rename", {"person": person_id, "name": name})
    click.echo(f"Person {person_id} is {name} now.")


@people.command("merge")
@click.argument("person_id", metavar="ID", type=PERSON)
@click.argument("into", type=PERSON)
@configured
def people_merge(config: Config, person_id: int, into: int) -> None:
    """Say that two people are one; the second keeps name and folder."""
    from facewatchd import offline  # noqa: PLC0415

    offline.command(config, "merge", {"person": person_id, "into": into})
    click.echo(f"Person {person_id} is person {into} now.")


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
