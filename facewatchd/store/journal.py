"""
The journal: the corrections in their order, each with what was before it, so that it can be undone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from facewatchd.core.tree.undoing import JournalledChange, Rows, change, depending_on
from facewatchd.domain import FaceId, PersonId
from facewatchd.store.medoids import Medoids

# where the face is in each row
_FACE_AT = {"faces": 0, "constraints": 0, "medoids": 1}


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """
    One correction, or the undo of one.

    Attributes:
        at: Seconds since 1970.
        undone: Whether it was undone.
        undoes: The entry that this one undoes.
        undone_by: The entry that undoes this one.
        kind: What several gestures have in common that make one entry; empty for an entry that stands alone.
        photos: The number of photos that it is about.
    """

    entry_id: int
    at: float
    title: str
    undone: bool
    undoes: int | None = None
    undone_by: int | None = None
    kind: str = ""
    photos: int = 0


_COLUMNS = (
    "entry_id, at, title, undone, undoes,"
    " (SELECT u.entry_id FROM journal u WHERE u.undoes = j.entry_id AND NOT u.undone), kind, photos"
)


class Journal:
    """Rows of `journal`."""

    def __init__(self, connection: sqlite3.Connection, medoids: Medoids) -> None:
        self._db = connection
        self._medoids = medoids
        # entries of changes that are being made, with the faces and people that they are about
        self._open: dict[int, tuple[set[FaceId], set[PersonId]]] = {}

    def remember(
        self,
        at: float,
        title: str,
        faces: Collection[FaceId],
        people: Collection[PersonId],
        *,
        made: Collection[PersonId] = (),
        undoes: int | None = None,
        kind: str = "",
        photos: int = 0,
    ) -> int:
        """
        To be called before a change, in its transaction.

        Args:
            at: Seconds since 1970.
            title: What the user did, as a sentence.
            faces: The faces that it changes.
            people: The people with rows or medoids that it changes.
            made: Of these, those who come into being by it.
            undoes: The entry that it undoes.
            kind: See `JournalEntry`.
            photos: See `JournalEntry`.

        Returns:
            The entry's id.
        """
        self.finish()
        before = {**self._now(faces, people), "made": [[person] for person in sorted(made)]}
        cursor = self._db.execute(
            "INSERT INTO journal (at, title, before, undoes, kind, photos) VALUES (?, ?, ?, ?, ?, ?)",
            (at, title, json.dumps(before), undoes, kind, photos),
        )
        assert cursor.lastrowid is not None
        self._open[cursor.lastrowid] = ({*faces}, {*people})
        return cursor.lastrowid

    def finish(self) -> None:
        """The changes of all entries so far are made: the rows after them are stored, each in its transaction."""
        for entry_id, (faces, people) in self._open.items():
            row = self._db.execute("SELECT after FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
            if row is None:
                continue
            now = self._now(faces, people)
            if row[0] is not None:
                before: Rows = json.loads(row[0])
                known = {person[0] for person in before["people"]}
                now["people"] = [person for person in now["people"] if person[0] not in known]
                mine = {"faces": (0, faces), "constraints": (0, faces), "people": (0, ()), "medoids": (0, people)}
                for table, (at, ids) in mine.items():
                    now[table] += [one for one in before[table] if one[at] not in ids]
            self._db.execute("UPDATE journal SET after = ? WHERE entry_id = ?", (json.dumps(now), entry_id))
        self._open.clear()

    def give_up(self) -> None:
        """The transaction of the entries so far was rolled back."""
        self._open.clear()

    def _now(self, faces: Collection[FaceId], people: Collection[PersonId]) -> Rows:
        return {
            "people": self._rows("SELECT person_id, name, merged_into, hidden FROM people WHERE person_id = ?", people),
            "medoids": self._rows("SELECT person_id, face_id FROM medoids WHERE person_id = ?", people),
            "faces": self._rows("SELECT face_id, person_id, ignored, review_of FROM faces WHERE face_id = ?", faces),
            "constraints": self._rows("SELECT face_id, person_id, kind FROM constraints WHERE face_id = ?", faces),
        }

    def take_out(self, entry_id: int, faces: Collection[FaceId]) -> bool:
        """
        Make these faces as they were before an entry, which is not about them any more. Where it is about nothing then,
        `strike_out` removes it.

        Returns:
            Whether it was done: not where the entry was undone, or a later one is about these faces.
        """
        self.finish()
        rows = self._db.execute("SELECT before, undone, after FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        later = self._db.execute("SELECT before FROM journal WHERE entry_id > ? AND NOT undone", (entry_id,))
        if rows is None or rows[1] or any(self._is_about(text, faces) for (text,) in later):
            return False
        before: Rows = json.loads(rows[0])
        own = {table: [row for row in before[table] if row[_FACE_AT[table]] in faces] for table in _FACE_AT}
        for table, face_at in _FACE_AT.items():
            before[table] = [row for row in before[table] if row[face_at] not in faces]
        self._medoids.remove((row[0], face) for row in before["people"] for face in faces)
        self._restore_faces(own)
        after: Rows | None = json.loads(rows[2]) if rows[2] is not None else None
        for table, face_at in _FACE_AT.items() if after is not None else ():
            assert after is not None
            after[table] = [row for row in after[table] if row[face_at] not in faces]
        self._db.execute(
            "UPDATE journal SET before = ?, after = ?, photos = max(0, photos - 1) WHERE entry_id = ?",
            (json.dumps(before), json.dumps(after) if after is not None else None, entry_id),
        )
        return True

    def strike_out(self, entry_id: int) -> None:
        """Remove an entry that is about no face any more; another one stays."""
        (text,) = self._db.execute("SELECT before FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        if not json.loads(text)["faces"]:
            self._db.execute("DELETE FROM journal WHERE entry_id = ?", (entry_id,))

    def extend(
        self,
        entry_id: int,
        title: str | None,
        faces: Collection[FaceId],
        people: Collection[PersonId],
        *,
        photos: int = 0,
        whole: bool = False,
        at: float | None = None,
    ) -> None:
        """
        An entry goes on. To be called before the change, in its transaction.

        Args:
            entry_id: The entry.
            title: Its title from now on, where it is about no other faces; None to keep its title.
            faces: The faces that it changes too.
            people: Further people with rows or medoids that it changes.
            photos: The number of photos more that it is about.
            whole: Whether the title is about all of the entry.
            at: When the user did the last of it, seconds since 1970; None to keep that.
        """
        self.finish()
        (text,) = self._db.execute("SELECT before FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        before: Rows = json.loads(text)
        others = {row[0] for row in before["faces"]}
        more = self._now({*faces} - others, {*people} - {row[0] for row in before["people"]})
        rows = {**before, **{table: [*before[table], *added] for table, added in more.items()}}
        # what `take_out` struck out of the medoids of people who are in it already
        known = {row[0] for row in before["people"]}
        lost = self._rows("SELECT person_id, face_id FROM medoids WHERE face_id = ?", faces)
        rows["medoids"] += [row for row in lost if row[0] in known and row not in rows["medoids"]]
        self._db.execute(
            "UPDATE journal SET before = ?, photos = photos + ?, at = coalesce(?, at) WHERE entry_id = ?",
            (json.dumps(rows), photos, at, entry_id),
        )
        self._open[entry_id] = ({*faces}, {*people})
        if title is not None and (whole or not others):
            self._db.execute("UPDATE journal SET title = ? WHERE entry_id = ?", (title, entry_id))

    @staticmethod
    def _is_about(text: str, faces: Collection[FaceId]) -> bool:
        return any(row[0] in faces for row in json.loads(text)["faces"])

    def entries(self, limit: int) -> list[JournalEntry]:
        """The last entries, the newest first."""
        return self._entries("TRUE ORDER BY entry_id DESC LIMIT ?", (limit,))

    def get(self, entry_id: int) -> JournalEntry | None:
        """The entry of this number."""
        return next(iter(self._entries("entry_id = ?", (entry_id,))), None)

    def last(self) -> JournalEntry | None:
        """The newest correction that was not undone."""
        return next(iter(self._entries("NOT undone AND undoes IS NULL ORDER BY entry_id DESC LIMIT 1", ())), None)

    def newest(self) -> JournalEntry | None:
        """The newest entry of all."""
        return next(iter(self.entries(1)), None)

    def _entries(self, condition: str, arguments: Sequence[int]) -> list[JournalEntry]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM journal j WHERE {condition}", arguments)
        return [
            JournalEntry(number, at, title, bool(undone), undoes, undone_by, kind, photos)
            for number, at, title, undone, undoes, undone_by, kind, photos in rows
        ]

    def depending_on(self, entry_id: int) -> list[JournalEntry]:
        """The entries that depend on one, the last first; while there are any, it cannot be undone."""
        self.finish()
        rows = self._db.execute(
            "SELECT entry_id, before, after, undone, undoes FROM journal WHERE entry_id >= ? AND (NOT undone OR entry_id = ?)"
            " ORDER BY entry_id",
            (entry_id, entry_id),
        )
        changes: list[JournalledChange] = []
        for each, before, after, undone, undoes in rows:
            then = json.loads(after) if after is not None else None
            changes.append(change(each, json.loads(before), then, undone=bool(undone), undoes=undoes))
        one, *later = changes
        return [entry for entry in map(self.get, depending_on(one, later)) if entry is not None]

    def take_back(self, entry_id: int, at: float) -> set[PersonId]:
        """
        Make everything that an entry changed as it was before it. Faces that are gone since are left out. The undo is an
        entry itself, which can be undone; where the entry is an undo, the correction that it undid holds again.

        Args:
            entry_id: The entry.
            at: Seconds since 1970.

        Returns:
            The people with folders that change.
        """
        self.finish()
        title, text, later, undoes = self._db.execute(
            "SELECT title, before, after, undoes FROM journal WHERE entry_id = ?", (entry_id,)
        ).fetchone()
        before: Rows = json.loads(text)
        after: Rows | None = json.loads(later) if later is not None else None
        people, faces = [row[0] for row in before["people"]], [row[0] for row in before["faces"]]
        concerned: set[PersonId] = {*people}
        for face in faces:
            row = self._db.execute("SELECT person_id FROM faces WHERE face_id = ?", (face,)).fetchone()
            concerned |= {row[0]} if row and row[0] is not None else set()
        if undoes is None:
            self.remember(at, f"Taken back: {title}", faces, people, undoes=entry_id)
        else:
            self._db.execute("UPDATE journal SET undone = 0 WHERE entry_id = ?", (undoes,))
        self._restore_rows("people", ("name", "merged_into", "hidden"), before, after)
        if after is None:
            self._restore_faces(before)
        else:
            self._restore_rows("faces", ("person_id", "ignored", "review_of"), before, after)
            self._restore_constraints(before, after)
        self._medoids.remove_people(people)
        self._restore_medoids(before)
        # a later correction may have given such a face to another person
        self._medoids.remove_others(people)
        self._db.execute("UPDATE journal SET undone = 1 WHERE entry_id = ?", (entry_id,))
        return concerned | {row[1] for row in before["faces"] if row[1] is not None}

    def _restore_rows(self, table: str, columns: Sequence[str], before: Rows, after: Rows | None) -> None:
        """Make the columns that changed as they were."""
        now = {row[0]: row for row in after[table]} if after is not None else {}
        key = "person_id" if table == "people" else "face_id"
        for row in before[table]:
            other = now.get(row[0])
            for at, column in enumerate(columns, 1):
                # older entries have no reviews
                value = row[at] if at < len(row) else None
                if other is None or other[at] != value:
                    self._db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, row[0]))

    def _restore_constraints(self, before: Rows, after: Rows) -> None:
        was = [tuple(row) for row in before["constraints"]]
        new = [row for row in map(tuple, after["constraints"]) if row not in was]
        self._db.executemany("DELETE FROM constraints WHERE face_id = ? AND person_id = ?", [row[:2] for row in new])
        gone = [row for row in was if row not in {*map(tuple, after["constraints"])}]
        self._restore_constraint_rows(gone)

    def _restore_faces(self, before: Rows) -> None:
        # older entries have no reviews
        rows = [(*row, None)[:4] for row in before["faces"]]
        self._db.executemany("UPDATE faces SET person_id = ?2, ignored = ?3, review_of = ?4 WHERE face_id = ?1", rows)
        self._db.executemany("DELETE FROM constraints WHERE face_id = ?", [(row[0],) for row in before["faces"]])
        self._restore_constraint_rows(before["constraints"])
        self._restore_medoids(before)

    def _rows(self, query: str, ids: Collection[int]) -> list[list[Any]]:
        return [list(row) for each in sorted(ids) for row in self._db.execute(query, (each,))]

    def _restore_constraint_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO constraints (face_id, person_id, kind) VALUES (?, ?, ?)",
            [row for row in rows if self._is_there(row[0])],
        )

    def _restore_medoids(self, before: Rows) -> None:
        self._medoids.add((person, face) for person, face in before["medoids"] if self._is_there(face))

    def _is_there(self, face_id: FaceId) -> bool:
        """Whether the face is in the state still."""
        return self._db.execute("SELECT 1 FROM faces WHERE face_id = ?", (face_id,)).fetchone() is not None
