"""
The user's words in their order, each with what was before it, so that it can be taken back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from facewatchd.domain import FaceId, PersonId

Before = dict[str, list[list[Any]]]
"""Table -> the rows that a word changed, as they were before it."""

# where the face is in each row
_FACE_AT = {"faces": 0, "constraints": 0, "medoids": 1}


@dataclass(frozen=True, slots=True)
class Entry:
    """One word; `at` is seconds since 1970."""

    entry_id: int
    at: float
    title: str
    undone: bool


class Journal:
    """Rows of `journal`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def remember(self, at: float, title: str, faces: Collection[FaceId], people: Collection[PersonId]) -> int:
        """
        To be called before a change, in its transaction.

        Args:
            at: Seconds since 1970.
            title: What the user did, as a sentence.
            faces: The faces that it changes.
            people: The people whose rows or medoids it changes.

        Returns:
            The entry's id.
        """
        cursor = self._db.execute(
            "INSERT INTO journal (at, title, before) VALUES (?, ?, ?)",
            (at, title, json.dumps(self._now(faces, people))),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _now(self, faces: Collection[FaceId], people: Collection[PersonId]) -> Before:
        return {
            "people": self._rows("SELECT person_id, name, merged_into, hidden FROM people WHERE person_id = ?", people),
            "medoids": self._rows("SELECT person_id, face_id FROM medoids WHERE person_id = ?", people),
            "faces": self._rows("SELECT face_id, person_id, ignored, review_of FROM faces WHERE face_id = ?", faces),
            "constraints": self._rows("SELECT face_id, person_id, kind FROM constraints WHERE face_id = ?", faces),
        }

    def take_out(self, entry_id: int, faces: Collection[FaceId]) -> bool:
        """
        Make these faces as they were before a word, which says nothing of them any more; it is struck out by
        `strike_out` if it says nothing at all by that.

        Returns:
            Whether it was done: not where the word was taken back, or a later one is about these faces.
        """
        rows = self._db.execute("SELECT before, undone FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        later = self._db.execute("SELECT before FROM journal WHERE entry_id > ? AND NOT undone", (entry_id,))
        if rows is None or rows[1] or any(self._is_about(text, faces) for (text,) in later):
            return False
        before: Before = json.loads(rows[0])
        own = {table: [row for row in before[table] if row[_FACE_AT[table]] in faces] for table in _FACE_AT}
        for table, face_at in _FACE_AT.items():
            before[table] = [row for row in before[table] if row[face_at] not in faces]
        known = [(row[0], face) for row in before["people"] for face in faces]
        self._db.executemany("DELETE FROM medoids WHERE person_id = ? AND face_id = ?", known)
        self._restore_faces(own)
        self._db.execute("UPDATE journal SET before = ? WHERE entry_id = ?", (json.dumps(before), entry_id))
        return True

    def strike_out(self, entry_id: int) -> None:
        """Remove a word that says nothing of any face any more; one that does stays."""
        (text,) = self._db.execute("SELECT before FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        if not json.loads(text)["faces"]:
            self._db.execute("DELETE FROM journal WHERE entry_id = ?", (entry_id,))

    def extend(self, entry_id: int, title: str | None, faces: Collection[FaceId], people: Collection[PersonId]) -> None:
        """
        A word says more. To be called before the change, in its transaction.

        Args:
            entry_id: The word.
            title: What it says now, where it says nothing of other faces; None to keep its title.
            faces: The faces that it changes too.
            people: The people whose rows or medoids it changes too.
        """
        (text,) = self._db.execute("SELECT before FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        before: Before = json.loads(text)
        others = {row[0] for row in before["faces"]}
        more = self._now({*faces} - others, {*people} - {row[0] for row in before["people"]})
        whole = {table: [*before[table], *rows] for table, rows in more.items()}
        # what `take_out` struck out of the medoids of people who are in it already
        known = {row[0] for row in before["people"]}
        lost = self._rows("SELECT person_id, face_id FROM medoids WHERE face_id = ?", faces)
        whole["medoids"] += [row for row in lost if row[0] in known and row not in whole["medoids"]]
        self._db.execute("UPDATE journal SET before = ? WHERE entry_id = ?", (json.dumps(whole), entry_id))
        if title is not None and not others:
            self._db.execute("UPDATE journal SET title = ? WHERE entry_id = ?", (title, entry_id))

    @staticmethod
    def _is_about(text: str, faces: Collection[FaceId]) -> bool:
        return any(row[0] in faces for row in json.loads(text)["faces"])

    def entries(self, limit: int) -> list[Entry]:
        """The last words, the newest first."""
        rows = self._db.execute(
            "SELECT entry_id, at, title, undone FROM journal ORDER BY entry_id DESC LIMIT ?", (limit,)
        )
        return [Entry(entry_id, at, title, bool(undone)) for entry_id, at, title, undone in rows]

    def last(self) -> Entry | None:
        """The newest word that was not taken back."""
        row = self._db.execute(
            "SELECT entry_id, at, title, undone FROM journal WHERE NOT undone ORDER BY entry_id DESC LIMIT 1"
        ).fetchone()
        return Entry(row[0], row[1], row[2], bool(row[3])) if row else None

    def take_back(self, entry_id: int) -> set[PersonId]:
        """
        Make everything that the word changed as it was before it. Faces that are gone since are left out.

        Returns:
            The people whose folders change.
        """
        (text,) = self._db.execute("SELECT before FROM journal WHERE entry_id = ?", (entry_id,)).fetchone()
        before: Before = json.loads(text)
        concerned: set[PersonId] = {row[0] for row in before["people"]}
        faces = [row[0] for row in before["faces"]]
        for face in faces:
            row = self._db.execute("SELECT person_id FROM faces WHERE face_id = ?", (face,)).fetchone()
            concerned |= {row[0]} if row and row[0] is not None else set()
        self._db.executemany(
            "UPDATE people SET name = ?2, merged_into = ?3, hidden = ?4 WHERE person_id = ?1", before["people"]
        )
        self._db.executemany("DELETE FROM medoids WHERE person_id = ?", [(row[0],) for row in before["people"]])
        self._restore_faces(before)
        self._db.execute("UPDATE journal SET undone = 1 WHERE entry_id = ?", (entry_id,))
        return concerned | {row[1] for row in before["faces"] if row[1] is not None}

    def _restore_faces(self, before: Before) -> None:
        # older entries know nothing of reviews
        rows = [(*row, None)[:4] for row in before["faces"]]
        self._db.executemany("UPDATE faces SET person_id = ?2, ignored = ?3, review_of = ?4 WHERE face_id = ?1", rows)
        self._db.executemany("DELETE FROM constraints WHERE face_id = ?", [(row[0],) for row in before["faces"]])
        self._restore("constraints", "face_id, person_id, kind", before["constraints"], 0)
        self._restore("medoids", "person_id, face_id", before["medoids"], 1)

    def _rows(self, query: str, ids: Collection[int]) -> list[list[Any]]:
        return [list(row) for each in sorted(ids) for row in self._db.execute(query, (each,))]

    def _restore(self, table: str, columns: str, rows: list[list[Any]], face_at: int) -> None:
        for row in rows:
            if self._db.execute("SELECT 1 FROM faces WHERE face_id = ?", (row[face_at],)).fetchone():
                marks = ",".join("?" * len(row))
                self._db.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", row)
