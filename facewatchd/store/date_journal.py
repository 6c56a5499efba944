"""
What was written into and beside photos, and how to undo it (R15). An entry is on the disk before the photo is changed.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from facewatchd.domain import DateSource, PhotoId, Precision

_HEAD = struct.Struct(">QII")


class WriteState(StrEnum):
    """The state of a write. `PLANNED` and `UNDOING` are seen only after a crash, and are then checked."""

    PLANNED = "planned"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    # the user undid the write for this photo: no date is written for it until the user asks for it
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Change:
    """A change in the bytes of a file: at `at`, `old` became `new`."""

    at: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class DateWrite:
    """
    One write.

    Attributes:
        write_id: Its number.
        photo_id: The photo of the date. It may have moved since.
        sidecar: Name of the sidecar that was written, in the photo's folder. Empty if the photo itself was written.
        state: How far the write has come.
        created: Whether there was no such file before.
        changes: The changes, in the order of their places.
        old_hash: BLAKE2b of the file before, empty where `created`.
        new_hash: BLAKE2b of the file afterwards.
        old_mtime_ns: The mtime of the file before, nanoseconds since 1970.
        value: The date that was written.
        precision: Finest part of it that is known.
        source: Where the date came from.
        at: When it was written, seconds since 1970.
        order_id: The user's order that it belongs to. None if the program wrote by itself.
        had: The date that the order found, and its precision. None if there was none.
        is_part: Whether another file of the same photo is written after this one, for the same order.
    """

    write_id: int
    photo_id: PhotoId
    sidecar: bytes
    state: WriteState
    created: bool
    changes: tuple[Change, ...]
    old_hash: bytes
    new_hash: bytes
    old_mtime_ns: int
    value: datetime
    precision: Precision
    source: DateSource
    at: float
    order_id: int | None = None
    had: tuple[datetime, Precision] | None = None
    is_part: bool = False


_COLUMNS = (
    "write_id, photo_id, sidecar, state, created, changes, old_hash, new_hash, old_mtime_ns, value, precision,"
    " source, at, order_id, had_value, had_precision, is_part"
)


class DateJournal:
    """Rows of `date_writes`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def plan(self, write: DateWrite) -> int:
        """
        Store a planned write. This sets `write_id` and `state`. Commit before the file is written.

        Returns:
            The number.
        """
        cursor = self._db.execute(
            f"INSERT INTO date_writes ({_COLUMNS}) VALUES (NULL, ?, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                write.photo_id,
                write.sidecar,
                write.created,
                _packed(write.changes),
                write.old_hash,
                write.new_hash,
                write.old_mtime_ns,
                write.value.isoformat(),
                write.precision,
                write.source,
                write.at,
                write.order_id,
                *(None if write.had is None else write.had[0].isoformat(), None if write.had is None else write.had[1]),
                write.is_part,
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def set_state(self, write_id: int, state: WriteState) -> None:
        self._db.execute("UPDATE date_writes SET state = ? WHERE write_id = ?", (state, write_id))

    def drop(self, write_id: int) -> None:
        """Remove a write that was not made."""
        self._db.execute("DELETE FROM date_writes WHERE write_id = ?", (write_id,))

    def under_way(self) -> list[DateWrite]:
        """The writes that had begun and not ended when the program last ended. Empty if it ended normally."""
        return self._select("state IN ('planned', 'undoing') ORDER BY write_id")

    def done(self, photo_ids: Iterable[PhotoId] | None = None) -> list[DateWrite]:
        """The writes that hold, the latest first: of these photos, or of all."""
        if photo_ids is None:
            return self._select("state = 'done' ORDER BY write_id DESC")
        found = [write for photo in set(photo_ids) for write in self._select("state = 'done' AND photo_id = ?", photo)]
        return sorted(found, key=lambda write: -write.write_id)

    def last(self, photo_id: PhotoId) -> DateWrite | None:
        """The latest write about a photo."""
        found = self._select("photo_id = ? ORDER BY write_id DESC LIMIT 1", photo_id)
        return found[0] if found else None

    def latest(self) -> int:
        """The number of the last write, 0 where there was none."""
        return int(self._db.execute("SELECT coalesce(max(write_id), 0) FROM date_writes").fetchone()[0])

    def written_since(self, write_id: int) -> tuple[int, int]:
        """Of the writes with higher numbers that hold: how many photos were written, and how many sidecars."""
        photos, sidecars = self._db.execute(
            "SELECT count(DISTINCT photo_id) FILTER (WHERE sidecar = x''), count(DISTINCT photo_id) FILTER (WHERE sidecar != x'')"
            " FROM date_writes WHERE write_id > ? AND state = 'done'",
            (write_id,),
        ).fetchone()
        return int(photos), int(sidecars)

    def written(self) -> set[PhotoId]:
        """The photos with a write that holds."""
        return {
            photo for (photo,) in self._db.execute("SELECT DISTINCT photo_id FROM date_writes WHERE state = 'done'")
        }

    def forgive(self, photo_id: PhotoId) -> None:
        """The user wants the date of this photo to be written again."""
        self._db.execute(
            "UPDATE date_writes SET state = 'undone' WHERE photo_id = ? AND state = 'refused'", (photo_id,)
        )

    # --- orders

    def open_order(self, words: str) -> int | None:
        """The order with these words that was not carried out to its end."""
        row = self._db.execute("SELECT order_id FROM date_orders WHERE words = ? AND ended = 0", (words,)).fetchone()
        return None if row is None else int(row[0])

    def begin_order(self, words: str, at: float) -> int:
        """
        Store an order, before its first write.

        Args:
            words: What the user ordered, and for which paths. Equal for the same order.
            at: Seconds since 1970.

        Returns:
            Its number.
        """
        cursor = self._db.execute("INSERT INTO date_orders (words, at) VALUES (?, ?)", (words, at))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def end_order(self, order_id: int) -> None:
        """An order was carried out for all photos."""
        self._db.execute("UPDATE date_orders SET ended = 1 WHERE order_id = ?", (order_id,))

    def of_order(self, order_id: int) -> dict[PhotoId, DateWrite]:
        """The writes of an order that hold, the last one of each photo, without photos that were written again since."""
        found = self._select(
            "state = 'done' AND order_id = ? AND NOT EXISTS (SELECT 1 FROM date_writes later WHERE later.photo_id ="
            " date_writes.photo_id AND later.write_id > date_writes.write_id AND later.order_id IS NOT date_writes.order_id"
            " AND later.state = 'done') ORDER BY write_id",
            order_id,
        )
        return {write.photo_id: write for write in found}

    def ordered(self) -> set[PhotoId]:
        """The photos with a date that the user gave by an order, and that holds."""
        rows = self._db.execute(
            "SELECT photo_id FROM date_writes w WHERE order_id IS NOT NULL AND state = 'done' AND NOT EXISTS"
            " (SELECT 1 FROM date_writes later WHERE later.photo_id = w.photo_id AND later.write_id > w.write_id)"
        )
        return {photo for (photo,) in rows}

    def _select(self, where: str, *arguments: Any) -> list[DateWrite]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM date_writes WHERE {where}", arguments)
        return [_write(row) for row in rows]


def _write(row: Sequence[Any]) -> DateWrite:
    write_id, photo_id, sidecar, state, created, changes, old, new, mtime_ns, value, precision, *more = row
    source, at, order_id, had_value, had_precision, is_part = more
    return DateWrite(
        write_id,
        photo_id,
        sidecar,
        WriteState(state),
        bool(created),
        _unpacked(changes),
        old,
        new,
        mtime_ns,
        datetime.fromisoformat(value),
        Precision(precision),
        DateSource(source),
        at,
        order_id,
        None if had_value is None else (datetime.fromisoformat(had_value), Precision(had_precision)),
        bool(is_part),
    )


def _packed(changes: Iterable[Change]) -> bytes:
    return b"".join(
        _HEAD.pack(change.at, len(change.old), len(change.new)) + change.old + change.new for change in changes
    )


def _unpacked(packed: bytes) -> tuple[Change, ...]:
    changes = []
    at = 0
    while at < len(packed):
        place, old, new = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        changes.append(Change(place, packed[at : at + old], packed[at + old : at + old + new]))
        at += old + new
    return tuple(changes)
